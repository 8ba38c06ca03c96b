"""What must be proved of a form, and of a step: built from their data alone, never by the rule.

    preconditions  some sizes satisfy them; a step's imply those before, and restrict only sizes that it adds
    sound          the new terms are the old ones: same weight through the embedding, same input, same output
    stated         the constraint reads free old parameters only, so it is one on layers
    restricted     every value of the new parameters satisfies the stated constraint
    complete       every old parameter that satisfies the constraint comes from new ones
    once           ... from exactly one value of each new parameter
    free           exactly the entries called free are read by some live term
    in bounds      every read is inside its array
    injective      no two terms of an output read one input

By induction over the steps, free entries and layers correspond one to one: the first form's coefficients
are its free entries, every step's parameters are determined by those before ('once'), and the layers that
a restriction keeps are those that satisfy its clauses ('restricted', 'complete').
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sympy import Eq, Expr, Implies, Le, Not, Or, Sum, Symbol, true

from derive.forms.branches import branches
from derive.forms.expr import Read, Where, index, reads, rename_arrays
from derive.forms.form import Array, Form, Param, Table, equal_places
from derive.forms.products import sums
from derive.forms.text import show
from derive.proof.admitted import admitted
from derive.proof.everywhere import Everywhere, at_every_point
from derive.proof.factorisation import factored
from derive.proof.goal import Goal, Obligation
from derive.proof.linear import Linear
from derive.proof.spanned import SUMMED, summed
from derive.proof.step import ArrayMap, Clause, Kind, Step, View, substitute
from derive.proof.transform import transformed
from derive.proof.wellformed import check_first, check_form, check_step, form_sizes
from derive.remembered import both, built, replaced

__all__ = ["any_form_obligations", "form_obligations", "step_obligations"]


def form_obligations(form: Form) -> tuple[Obligation, ...]:
    """What holds of a form that begins a derivation. Raises ObligationFailed where it is not well formed."""
    check_first(form)
    return any_form_obligations(form)


def any_form_obligations(form: Form) -> tuple[Obligation, ...]:
    """What holds of every form, also of one that ends a derivation. Raises ObligationFailed where it is not well formed."""
    check_form(form)
    return _everywhere((_admits(form), *_of_form(form)), form.tables, _numbers(form), _learned(form))


def _admits(form: Form) -> Obligation:
    goal, witness = admitted(true, form.given, form_sizes(form))
    return Obligation("preconditions", "Some sizes satisfy the preconditions.", (goal,), witness)


def _of_form(form: Form) -> tuple[Obligation, ...]:
    free = tuple(goal for param in form.params if not param.data for goal in _free(form, param))
    of_all = (
        Obligation("in bounds", "Every read of every term is inside its array.", _in_bounds(form)),
        Obligation("free", "An entry is called free exactly when some live term reads it.", free),
    )
    says = f"Two terms of one output never read the same entry of {form.input.name}."
    return of_all if form.shared else (*of_all, Obligation("injective", says, (_injective(form),)))


def _in_bounds(form: Form) -> tuple[Goal, ...]:
    boxes = {p.name: p.array for p in form.params} | {t.name: t.array for t in form.tables}
    boxes[form.input.name] = form.input
    weights = both(*(boxes[r.array].holds(r.subscripts) for r in reads(form.weight)))
    biases = both(*(boxes[r.array].holds(r.subscripts) for r in reads(form.bias)))
    return (
        Goal((form.given, form.live), both(form.input.holds(form.read), weights)),
        Goal((form.given, form.output.holds(), *(a.holds() for a in sums(form.bias))), biases),
    )


def _free(form: Form, param: Param) -> Iterable[Goal]:
    source, inside = (form.weight, form.live) if param in form.weights else (form.bias, form.output.holds())
    found = [(conditions, read) for conditions, read in _guarded(source) if read.array == param.name]
    for conditions, read in found:
        yield Goal((form.given, inside, *conditions), param.domain_at(read.subscripts))
    for facts, term in branches(dict(param.reader)):
        hits = (both(*(replaced(c, term) for c in conditions), _hit(param, read, term)) for conditions, read in found)
        yield Goal((form.given, param.domain, *facts), both(replaced(inside, term), Or(*hits)))


def _hit(param: Param, read: Read, term: Mapping[Symbol, Expr]) -> Any:
    """The condition that the term reads the entry called by its own letters."""
    return equal_places((replaced(s, term) for s in read.subscripts), param.array.symbols)


def _injective(form: Form) -> Goal:
    taken = {s.name for s in (*form.output.symbols, *form.reduction_symbols, *form_sizes(form))}
    twin = {s: index(_fresh(s.name, taken)) for s in form.reduction_symbols}
    same_read = equal_places(form.read, (replaced(e, twin) for e in form.read))
    same_term = both(*(built(Eq, s, t) for s, t in twin.items()))
    return Goal((form.given, form.live, replaced(form.live, twin), same_read), same_term)


def _fresh(name: str, taken: set[str]) -> str:
    """The name with as many `_` behind it as make it new."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def step_obligations(step: Step) -> tuple[Obligation, ...]:
    """What holds of a step, its result included. Raises ObligationFailed for one that is not well formed."""
    check_step(step)
    named = _Named(step)
    tables = step.before.tables + step.after.tables + step.tables
    return _everywhere(
        _of_step(step, named), tables, _numbers(step.before) + _numbers(step.after), named.arrays, named.laws
    )


def _numbers(form: Form) -> tuple[Param, ...]:
    """The arrays of numbers that a form brings along."""
    return tuple(p for p in form.params if p.values is not None)


def _learned(form: Form) -> tuple[Array, ...]:
    """The arrays of the other parameters."""
    return tuple(p.array for p in form.params if p.values is None)


def _everywhere(
    obligations: Iterable[Obligation],
    tables: Iterable[Table],
    numbers: Iterable[Param],
    arrays: tuple[Array, ...],
    laws: tuple[Clause, ...] = (),
) -> tuple[Obligation, ...]:
    """The obligations, with every goal that depends on what tables hold, or on sums, one that is decided at every point.

    `laws` is what 'complete' may use where no instance settles it: all consequences of the clauses among entries.
    """
    held, fixed = tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(numbers))
    names = {t.name for t in held}

    def of(goal: Goal, known: tuple[Clause, ...]) -> tuple[Goal, ...]:
        parts = (*goal.given, goal.show, *(side for law in known for side in (law.left, law.right)))
        if any(part.has(Sum) for part in parts):
            return (Linear(goal.given, goal.show, held, arrays, known, fixed),)
        read = {r.array for part in (*goal.given, goal.show) for r in reads(part)}
        if not known and not read & names:
            return (goal,)
        whole = Everywhere(goal.given, goal.show, held, arrays, known)
        return (whole,) if whole.numeric else at_every_point(goal, held, arrays, known)

    def each(o: Obligation) -> Obligation:
        known = laws if o.name == "complete" else ()
        return replace(o, goals=tuple(part for goal in o.goals for part in of(goal, known)))

    return tuple(map(each, obligations)) if held or fixed else tuple(obligations)


def _of_step(step: Step, named: _Named) -> tuple[Obligation, ...]:
    if step.kind is Kind.TRANSFORMATION:
        return (_defined(step), *transformed(step), *_of_form(step.after))
    if step.kind is Kind.FACTORISATION:
        return (_preconditions(step), *factored(step), *_of_form(step.after))
    kept = [_preconditions(step)]
    if step.view is View.SPANNED:
        kept.append(
            Obligation("sound", SUMMED, summed(step, named.embeddings, named.before, named.after, named.biases()))
        )
    else:
        kept.append(Obligation("sound", "Old and new terms correspond, with equal weight and input.", named.sound()))
    if step.kind is Kind.RESTRICTION:
        kept.append(Obligation("stated", "The constraint speaks of free old parameters alone.", named.stated()))
        kept.append(Obligation("restricted", "Whatever the new parameters, the constraint holds.", named.restricted()))
    kept += [
        Obligation("complete", "Old parameters under the constraint come from new ones.", *named.complete()),
        Obligation("once", "The new parameters are determined, each by one old entry.", named.once()),
    ]
    return (*kept, *_of_form(step.after))


def _defined(step: Step) -> Obligation:
    """A transformation may need more of the sizes than the form before, since it is another layer."""
    goal, witness = admitted(true, step.after.given, form_sizes(step.after))
    says = "The preconditions imply those before, and some sizes satisfy them."
    return Obligation("preconditions", says, (Goal((step.after.given,), step.before.given), goal), witness)


def _preconditions(step: Step) -> Obligation:
    added = form_sizes(step.after) - form_sizes(step.before)
    goal, witness = admitted(step.before.given, both(step.after.given, step.assume), added)
    says = "The preconditions imply those before, and restrict only the sizes that the step adds."
    return Obligation("preconditions", says, (Goal((step.after.given,), step.before.given), goal), witness)


class _Named:
    """A step with the arrays of its two sides told apart: V before is V0, V after is V1."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.facts = (step.after.given, step.before.given, step.assume)
        self.old = {p.name: f"{p.name}0" for p in step.before.params if p.values is None}
        self.new = {p.name: f"{p.name}1" for p in step.after.params if p.values is None}
        self.embeddings = self._maps(step.embeddings, self.old, self.new)
        self.sections = self._maps(step.sections, self.new, self.old)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The parameters of both sides, by their own names and told apart."""
        sides = ((self.step.before, self.old), (self.step.after, self.new))
        apart = tuple(replace(a, name=names[a.name]) for form, names in sides for a in _learned(form))
        return apart + tuple(dict.fromkeys(a for form, _ in sides for a in _learned(form)))

    @property
    def laws(self) -> tuple[Clause, ...]:
        """The clauses, about the parameters before."""

        def old(e: Expr) -> Any:
            return rename_arrays(e, self.old)

        facts = both(*self.facts)
        return tuple(
            replace(c, given=both(facts, c.given), left=old(c.left), right=old(c.right)) for c in self.step.clauses
        )

    @staticmethod
    def _maps(maps: tuple[ArrayMap, ...], source: Mapping[str, str], target: Mapping[str, str]) -> tuple[ArrayMap, ...]:
        return tuple(ArrayMap(source[m.array], m.binders, rename_arrays(m.value, target)) for m in maps)

    def before(self, expression: Any) -> Any:
        """An expression of the old form, through the embedding."""
        return substitute(rename_arrays(expression, self.old), self.embeddings)

    def after(self, expression: Any) -> Any:
        """An expression of the new form."""
        return rename_arrays(expression, self.new)

    def sound(self) -> tuple[Goal, ...]:
        """The two sets of live terms correspond through the step's maps, and so do the biases."""
        step, old, new = self.step, self.step.before, self.step.after
        down, up = dict(step.to_before), dict(step.to_after)
        old_weight = self.before(old.weight)
        back = both(*(built(Eq, s, replaced(step.to_after[s], down)) for s in up))
        forth = both(*(built(Eq, s, replaced(step.to_before[s], up)) for s in down))
        same_read = equal_places((replaced(e, down) for e in old.read), new.read[: len(old.read)])
        forward = both(
            replaced(old.live, down), same_read, built(Eq, replaced(old_weight, down), self.after(new.weight)), back
        )
        backward = Or(built(Eq, old_weight, 0), both(replaced(new.live, up), forth))
        goals = (Goal((*self.facts, new.live), forward), Goal((*self.facts, old.live), backward), self.biases())
        return (*goals, self._thin()) if step.kind is Kind.EXTENSION else goals

    def biases(self) -> Goal:
        """The outputs correspond, with equal biases."""
        old, new, down = self.step.before, self.step.after, dict(self.step.to_before)
        bias = built(Eq, self.before(old.bias).xreplace(down), self.after(new.bias))
        return Goal((*self.facts, new.output.holds()), both(old.output.holds().xreplace(down), bias))

    def _thin(self) -> Goal:
        """In the special case the axes that an extension adds have one place each."""
        pairs = (
            (self.step.before.output, self.step.after.output),
            (self.step.before.input, self.step.after.input),
        )
        added = [axis for old, new in pairs for axis in new.axes[len(old.axes) :]]
        return Goal(self.facts, both(*(built(Eq, axis.lower, axis.upper) for axis in added)))

    def stated(self) -> tuple[Goal, ...]:
        """Where a clause reads an entry, the entry is free."""
        old = {p.name: p for p in self.step.before.params}
        return tuple(
            Goal((*self.facts, clause.given, *conditions), old[read.array].domain_at(read.subscripts))
            for clause in self.step.clauses
            for side in (clause.left, clause.right)
            for conditions, read in _guarded(side)
            if read.array in old
        )

    def restricted(self) -> tuple[Goal, ...]:
        """Each clause of the constraint, through the embedding."""
        return tuple(
            Goal((*self.facts, clause.given), built(Eq, self.before(clause.left), self.before(clause.right)))
            for clause in self.step.clauses
        )

    def complete(self) -> tuple[tuple[Goal, ...], str]:
        """E(S(old)) = old on every free old entry, by the named instances of the constraint."""
        goals, witnesses = [], []
        for param in (p for p in self.step.before.params if p.values is None):
            facts = []
            for instance in self.step.instances:
                if instance.array == param.name:
                    given, left, right = instance.apply(self.step.clauses[instance.clause])
                    facts.append(Implies(given, built(Eq, *(rename_arrays(e, self.old) for e in (left, right)))))
                    witnesses.append(_witness(param, instance.values))
            entry = rename_arrays(param.array.entry(), self.old)
            rebuilt = substitute(substitute(entry, self.embeddings), self.sections)
            goals.append(Goal((*self.facts, param.domain, *facts), built(Eq, rebuilt, entry)))
        return tuple(goals), "; ".join(dict.fromkeys(witnesses))

    def once(self) -> tuple[Goal, ...]:
        """S(E(new)) = new on every free new entry, and S reads free old entries only."""
        goals = []
        old = {self.old[p.name]: p for p in self.step.before.params if p.name in self.old}
        for param in (p for p in self.step.after.params if p.values is None):
            entry = rename_arrays(param.array.entry(), self.new)
            pulled = substitute(entry, self.sections)
            inside = both(*(old[r.array].domain_at(r.subscripts) for r in reads(pulled) if r.array in old))
            rebuilt = substitute(pulled, self.embeddings)
            goals.append(Goal((*self.facts, param.domain), both(inside, built(Eq, rebuilt, entry))))
        return tuple(goals)


def _guarded(expression: Any, conditions: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Read]]:
    """Every read, with the conditions of the cases that it stands in."""
    if isinstance(expression, Read):
        yield conditions, expression
    elif isinstance(expression, Where):
        condition, value, other = expression.args
        yield from _guarded(value, (*conditions, condition))
        yield from _guarded(other, (*conditions, Not(condition)))
    elif isinstance(expression, Sum):
        ranges = (
            bound
            for letter, low, high in expression.limits
            for bound in (built(Le, low, letter), built(Le, letter, high))
        )
        yield from _guarded(expression.function, (*conditions, *ranges))
    else:
        for part in sorted(expression.args, key=str):
            yield from _guarded(part, conditions)


def _witness(param: Param, values: tuple[tuple[Symbol, Expr], ...]) -> str:
    chosen = ", ".join(f"{s.name} := {show(e)}" for s, e in values if s != e)
    return f"for {show(param.array.entry())}: {chosen}"
