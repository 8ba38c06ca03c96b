"""Claims about layers as they stand: that one has a structure, that two are the same, that two commute.

Nothing is imposed by a claim. One that is false gives the smallest counterexample.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from operator import add

from sympy import And, Eq, Expr, Integer, Sum, Symbol, expand, pycode

from derive.derivation import Derivation
from derive.errors import ObligationFailed, RuleRefused, TextError
from derive.forms.arguments import said
from derive.forms.expr import index
from derive.forms.form import Form, Table
from derive.proof.claim import check_claim, check_linear
from derive.proof.correspondence import proved_by_terms, with_numbers
from derive.proof.counterexample import Box, Counterexample, counterexample, smallest_model
from derive.proof.equality import convolved, equal_layers
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.small import LARGEST, dense_like, refute_at_small_sizes
from derive.proof.solver import discharge
from derive.proof.stated import Claimed, Claims, Derived, Statement
from derive.proof.step import Clause, Kind
from derive.rules._entries import Entrywise, entrywise
from derive.rules._names import Names
from derive.rules._plain import plain
from derive.rules._renamed import renamed
from derive.rules._rule import Application
from derive.rules.compose import compose

__all__ = ["additive", "claim", "commute", "one_window", "same_layer"]


def claim(layer: Derivation | Form, structure: Application) -> Claims:
    """Prove that a layer has a structure already, for all sizes; nothing is imposed.

    Raises ObligationFailed, with the smallest counterexample in `.counterexample`, where it is false. Where several terms
    share an input, as behind a reflecting edge, a claim is proved by a bijection between terms; one for which none is found is
    refuted at small sizes or not decided, and the sentence says at which sizes it holds.
    """
    if not isinstance(structure, Application):
        raise RuleRefused(f"A claim is a rule with its arguments, such as derive.local(1); {said(structure)} is none.")
    form = layer.form if isinstance(layer, Derivation) else layer
    if not isinstance(form, Form):
        raise RuleRefused(f"A claim is about a derivation or a form; {said(layer)} is neither.")
    seen = entrywise(form)
    by_meaning = form.shared or bool(form.tables)
    whole = seen.form if seen is not None else dense_like(form) if by_meaning else form
    tables = structure.tables(whole)
    if seen is not None or (tables and not by_meaning):
        entries = _of_entries(form, seen, structure)
        found = check_linear(form, entries, tables)
        if tables or all(v.proved for v in found):
            return _claims("entries", structure, form, entries, tables, _proved(form, structure, found))
    if not by_meaning and not tables:
        clauses = structure.clauses(with_numbers(form, str(structure)))
        return _claims("coefficients", structure, form, clauses, (), check_claim(form, clauses))
    clauses = structure.clauses(dense_like(form))
    if tables:
        return _claims("meaning", structure, form, clauses, tables, _at_its_sizes(form, structure, clauses, tables))
    verdicts = by_terms(form, clauses)
    if verdicts is not None:
        return _claims("terms", structure, form, clauses, (), verdicts)
    if (exhausted := by_meaning_at_its_sizes(form, clauses)) is not None:
        return _claims("meaning", structure, form, clauses, (), exhausted)
    raise ObligationFailed(
        f"{structure} is not decided: several terms may read one entry of {form.input.name}, no bijection between terms was found "
        f"that proves it, and that the claim holds at all sizes whose sum is at most {LARGEST}, and at some larger ones, is no "
        "proof."
    )


def _claims(
    kind: str,
    structure: Application,
    form: Form,
    clauses: tuple[Clause, ...],
    tables: tuple[Table, ...],
    verdicts: Iterable[Verdict],
) -> Claims:
    """The verdicts with what they are of: clauses about the parameters, or about W and U of the dense layer."""
    about = (("layer", form), ("clauses", clauses), *((("tables", tables),) if tables else ()))
    return Claims.of(verdicts, Statement(kind, str(structure), about))


def by_terms(form: Form, clauses: tuple[Clause, ...]) -> tuple[Verdict, ...] | None:
    """The verdicts on clauses about W and U of `dense_like(form)` by bijections between terms; None where one has none."""
    verdicts = [v for v in (proved_by_terms(form, clause) for clause in clauses) if v is not None]
    return tuple(verdicts) if len(verdicts) == len(clauses) else None


def by_meaning_at_its_sizes(
    form: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...] = ()
) -> tuple[Verdict, ...] | None:
    """The verdicts on such clauses of a form whose sizes are numbers, from what it means; None for another one."""
    if not refute_at_small_sizes(form, clauses, tables):
        return None
    return tuple(Verdict(Obligation("claim", clause.says, ()), Status.EXHAUSTIVE) for clause in clauses)


def _of_entries(form: Form, seen: Entrywise | None, structure: Application) -> tuple[Clause, ...]:
    """Of weights in a vector space, or of matrices or tables: what each clause says of the parameters."""
    whole = form if seen is None else seen.form
    clauses = tuple(plain(c, form) for c in structure.clauses(whole))
    letter = index(Names(form, *(s.name for c in clauses for s in c.binders), *_bound(clauses)).fresh("r"))
    return clauses if seen is None else tuple(seen.of(c, letter) for c in clauses)


def _proved(form: Form, structure: Application, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """The verdicts, all of them proved. Raises ObligationFailed, with the smallest counterexample where there is one."""
    wrong = [v for v in verdicts if not v.proved]
    if wrong:
        dense = dense_like(form)
        refute_at_small_sizes(form, structure.clauses(dense), structure.tables(dense))
        raise ObligationFailed(f"{wrong[0].obligation.says} could not be decided.")
    return verdicts


def _bound(clauses: Iterable[Clause]) -> list[str]:
    return [limits[0].name for c in clauses for e in (c.left, c.right) for s in e.atoms(Sum) for limits in s.limits]


def _at_its_sizes(
    form: Form, structure: Application, clauses: tuple[Clause, ...], tables: tuple[Table, ...]
) -> tuple[Verdict, ...]:
    """A claim by matrices or tables about a form whose terms share inputs: by what the form means, where its sizes are numbers."""
    if (found := by_meaning_at_its_sizes(form, clauses, tables)) is not None:
        return found
    raise ObligationFailed(
        f"{structure} is not decided: it holds at all sizes whose sum is at most {LARGEST}, which is no proof."
    )


def same_layer(one: Derivation, other: Derivation) -> Claimed:
    """Prove that two derivations end in the same layer, for equal parameters and all sizes.

    That is so where their dense weights and biases are equal; behind an edge, a stride or another transformation, where the terms
    are. Raises RuleRefused where parameters have different boxes, ObligationFailed with a counterexample where layers differ.
    """
    _check_derivations(one, other)
    transformed = any(s.kind is Kind.TRANSFORMATION for d in (one, other) for s in d.steps)
    if [(p.array, p.values) for p in one.form.params] != [(p.array, p.values) for p in other.form.params] or (
        one.dense != other.dense and not transformed
    ):
        raise RuleRefused("Two layers can be compared when their parameters have the same names and boxes.")
    about = (("one", _derived(one)), ("other", _derived(other)))
    statement = Statement("same layer", "Both derivations end in the same layer.", about)
    if transformed:
        return Claimed.of(_same_terms(one.form, other.form), statement)
    left, right = one.reference_maps, other.reference_maps
    given = And(one.form.given, other.form.given)
    clauses = [
        Clause("one layer", p.array.symbols, And(given, p.array.holds()), left[p.name], right[p.name])
        for p in one.dense.params
    ]
    return Claimed.of(_equal(one.form, clauses, statement.says), statement)


def _derived(layer: Derivation) -> Derived:
    return Derived(layer.start, tuple(s.step for s in layer.steps))


def _equal(form: Form, clauses: Iterable[Clause], says: str) -> Verdict:
    """The verdict that clauses hold which say that two layers are one. Raises ObligationFailed with a counterexample."""
    by_goal = {Goal((clause.given,), Eq(clause.left, clause.right)): clause for clause in clauses}
    verdict = discharge(Obligation("same layer", says, tuple(by_goal)))
    if verdict.status is Status.REFUTED and verdict.goal is not None:
        found = counterexample(form, verdict.goal, by_goal[verdict.goal])
        raise ObligationFailed(f"The two layers differ at {found}.", found)
    if not verdict.proved:
        raise ObligationFailed("Whether the two layers are the same is not decided.")
    return verdict


def _same_terms(one: Form, other: Form) -> Verdict:
    """The verdict that two forms with the same parameters have the same terms, and biases."""
    letters = {s: s for s in other.reduction_symbols}
    axes = [[(a.symbol, a.role) for a in (*f.output.axes, *f.input.axes)] for f in (one, other)]
    if {*letters} != {*one.reduction_symbols} or axes[0] != axes[1]:
        raise RuleRefused(
            "Two layers behind edges, strides or other transformations are compared by terms with the same letters."
        )
    says = "Both derivations end in the same layer."
    terms = equal_layers(one, other, letters, says)
    given = And(one.given, other.given, one.output.holds())
    biases = _equal(one, [Clause("one bias", one.output.symbols, given, one.bias, other.bias)], says)
    goals = (*terms.obligation.goals, *biases.obligation.goals)
    return Verdict(Obligation("same layer", says, goals, terms.obligation.witness), terms.status)


def commute(one: Derivation, other: Derivation) -> Claimed:
    """Prove f∘g = g∘f for two layers without bias on one grid: every product of two weights meets the same input.

    Raises ObligationFailed with the smallest counterexample where they don't commute.
    """
    _check_derivations(one, other)
    return commuting(one.form, other.form)


def commuting(one: Form, other: Form) -> Claimed:
    """The same of two forms."""
    _check_unbiased(one, other)
    name = _inner_name(one, other)
    first = compose(other, weights=name).apply(one).after
    turned = renamed(other, one, name)
    second = compose(one).apply(turned).after
    count = len(turned.reduction)
    letters = {s: s for s in turned.reduction_symbols}
    letters |= dict(zip(second.reduction_symbols[count:], one.reduction_symbols, strict=True))
    statement = Statement("commuting", "The two layers commute.", (("one", one), ("other", other)))
    return Claimed.of(equal_layers(first, second, letters, statement.says), statement)


def one_window(outer: Derivation, inner: Derivation, whole: Derivation) -> Claimed:
    """Prove that a layer after another one is `whole`, with the weights V * T: V'[c] = Σ_a V[a]·T[c - s·a], s the inner stride.

    A window of k₁ followed by one of k₂ is then one of k₁ + k₂ - 1. Raises ObligationFailed with a counterexample.
    """
    _check_derivations(outer, inner, whole)
    return in_one_window(outer.form, inner.form, whole.form)


def in_one_window(outer: Form, inner: Form, whole: Form) -> Claimed:
    """The same of three forms."""
    _check_unbiased(outer, inner, whole)
    name = _inner_name(outer, inner)
    first = compose(inner, weights=name).apply(outer).after
    window = convolved(outer, renamed(inner, outer, name), whole)
    about = (("outer", outer), ("inner", inner), ("whole", whole))
    statement = Statement("one window", "The two layers are one, with one window.", about)
    return Claimed.of(equal_layers(first, whole, window.letters, statement.says, window), statement)


def _inner_name(*forms: Form) -> str:
    """What the weights of the inner one of two layers are called: no array of theirs."""
    taken = {t.name for f in forms for t in f.tables} | {p.name for f in forms for p in f.params}
    return next(name for name in "TQSPRNMLKJ" if name not in taken)


def _check_unbiased(*layers: Form) -> None:
    if any(layer.bias != 0 for layer in layers):
        raise RuleRefused("Layers are compared without their biases; drop them with 'unbiased'.")


def additive(function: Expr, letters: Iterable[Symbol]) -> Claimed:
    """Prove that a function of some inputs, with Max, Min and whole multiples, adds up: f(x + y) = f(x) + f(y).

    Raises ObligationFailed with two inputs for which it doesn't: then no linear layer computes it.
    """
    letters = tuple(letters) if isinstance(letters, Iterable) else (letters,)
    if not isinstance(function, Expr) or not all(isinstance(s, Symbol) for s in letters):
        raise RuleRefused("A function is a SymPy expression, such as Max(x, y), and its letters are symbols.")
    if strange := sorted(s.name for s in function.free_symbols - set(letters)):
        raise RuleRefused(f"The function {function} has the letter {strange[0]} too, which isn't among its inputs.")
    one, other = ({s: Symbol(f"{s.name}{mark}", integer=True) for s in letters} for mark in ("0", "1"))
    both = {s: one[s] + other[s] for s in one}
    goal = Goal((), Eq(function.xreplace(both), function.xreplace(one) + function.xreplace(other)))
    says = "The function of a sum is the sum of the function's values."
    try:
        verdict = discharge(Obligation("additive", says, (goal,)))
    except TextError as cause:
        _refute_by_hand(function, letters)
        raise RuleRefused(
            f"Of a function it is decided whether it adds up by Max, Min and whole multiples; {function} has more."
        ) from cause
    if not verdict.proved:
        names = [s.name for part in (one, other) for s in part.values()]
        model = smallest_model(goal, [], names)
        raise _no_sum(function, letters, *([model[s.name] for s in part.values()] for part in (one, other)))
    return Claimed.of(verdict, Statement("additive", says, (("function", function), ("letters", letters))))


def _refute_by_hand(function: Expr, letters: tuple[Symbol, ...]) -> None:
    """Raise ObligationFailed for the smallest two inputs for which the function doesn't add up; very many letters aren't tried."""
    pairs = product((0, 1, -1, 2, -2), repeat=2 * len(letters)) if len(letters) <= 3 else iter(())
    for values in sorted(pairs, key=lambda v: (sum(map(abs, v)), tuple(-x for x in v))):
        x, y = list(values[: len(letters)]), list(values[len(letters) :])
        one, other, both = (_at(function, letters, v) for v in (x, y, map(add, x, y)))
        if expand(both - one - other) != 0:
            raise _no_sum(function, letters, x, y)


def _at(function: Expr, letters: tuple[Symbol, ...], values: Iterable[int]) -> Expr:
    return function.xreplace(dict(zip(letters, map(Integer, values), strict=True)))


def _no_sum(function: Expr, letters: tuple[Symbol, ...], x: list[int], y: list[int]) -> ObligationFailed:
    one, other, both = (_at(function, letters, v) for v in (x, y, map(add, x, y)))
    given = (Box("x", (len(letters),), (0,)), Box("y", (len(letters),), (0,)))
    entries = tuple((f"{name}[{p}]", v) for name, values in (("x", x), ("y", y)) for p, v in enumerate(values))
    sums = {s: Symbol(f"(x[{p}] + y[{p}])") for p, s in enumerate(letters)}
    each = ({s: Symbol(f"{name}[{p}]") for p, s in enumerate(letters)} for name in ("x", "y"))
    whole, *parts = (pycode(function.xreplace(at), fully_qualified_modules=False) for at in (sums, *each))
    sides = (whole, " + ".join(f"({part})" for part in parts))
    found = Counterexample((), (), expand(both - one - other), entries, "", given, sides)
    says = f"f(x + y) = f(x) + f(y) fails at x = {x}, y = {y}: {both} is not {one} + {other}."
    return ObligationFailed(says, found)


def _check_derivations(*layers: Derivation) -> None:
    if wrong := [layer for layer in layers if not isinstance(layer, Derivation)]:
        raise RuleRefused(f"Derivations are compared; {said(wrong[0])} is none.")
