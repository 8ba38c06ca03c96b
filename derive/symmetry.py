"""When a layer at some of its places still has a symmetry of its window: a condition on sizes, derived from its reads.

A layer that reads X[s·o + a + c] with a window kept by g has H(gX)[g·o] = H(X)[o] for the symmetries g of the whole grid exactly if
g carries the places that are read for o to those for g·o. Along one axis that is an equation between sizes, such as
n - 1 = s·(n' - 1) for a reflection: the last window ends where the first one, mirrored, begins. A diagonal exchanges axes and
asks nothing of windows that lie alike along them. Edges are mirrored with the grid, and weights that repeat along it as well.
An adjoint is told by the layer that it is of, which commutes where it does. A gradient by weights has two arguments, and is the
same for X and G that an element carries together exactly where the layer commutes: ⟨dV(X, G), V⟩ = ⟨G, H(X)⟩ for all V, whatever
other factors are. One by biases that places share is the same for G exactly where the biases are: ⟨du(G), u⟩ = ⟨G, U⟩ for all u.

On few places a window may see the same all the same, as an even one does on a single place; for windows of numbers these grids are
found and named too, so that the condition is what decides: that the layer breaks the symmetry at all other sizes is proved as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sympy import And, Eq, Integer, Not, Or, Symbol, false, true

from derive.derivation import Derivation
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.arguments import said
from derive.forms.evaluate import evaluate
from derive.forms.expr import Where, index, reads
from derive.forms.form import Form, Role
from derive.forms.text import show
from derive.groups._matrices import NAMED, Matrix, closure, named
from derive.groups.point import PointGroup
from derive.proof.claim import check_claim
from derive.proof.correspondence import proved_by_terms, with_numbers
from derive.proof.counterexample import Box, Counterexample
from derive.proof.goal import Obligation, Status, Verdict
from derive.proof.necessary import necessary
from derive.proof.small import dense_like, refute_at_small_sizes
from derive.proof.stated import NOTHING, Stated, Statement
from derive.proof.step import Clause, Kind, View
from derive.rules._even import conditions, steps
from derive.rules._stepping import Learned, layer_of_gradient, same_sum, stepping
from derive.rules.equivariant import equivariant

__all__ = ["Symmetry", "stated_symmetry", "symmetry"]

_MOST_GRIDS = 64


@dataclass(frozen=True, slots=True)
class Symmetry(Stated):
    """`condition` on the sizes under which a layer commutes with the group, proved; `counterexample` where it fails.

    `exact` says that it is proved too that the layer doesn't at any other size: for each of them a place, an entry of the window
    and one of X that show it. Else that is what small sizes say. `python` is the counterexample as text to be pasted.
    """

    group: str
    condition: Any
    verdicts: tuple[Verdict, ...]
    counterexample: str
    exact: bool = True
    python: str = ""
    statement: Statement = NOTHING
    together: str = ""  # the arguments of a gradient

    def __str__(self) -> str:
        from derive.forms.notation import UNICODE

        exactly = "exactly " if self.exact else ""
        where = "always" if self.condition is true else f"{exactly}where {UNICODE(self.condition)}"
        carried = f"{self.together} carried{' together' if ' and ' in self.together else ''}"
        does = f"is the same for {carried} by" if self.together else "commutes with"
        return f"{does} {self.group} about the grid's centre {where}"


def symmetry(layer: Derivation | Form, group: str | PointGroup = "D1") -> Symmetry:
    """The condition for a point group about the centre of the grid: proved under it, and refuted where it doesn't hold.

    Raises ObligationFailed where the layer doesn't commute with the group even then, RuleRefused for a layer whose reads
    don't step evenly along every axis that the group moves.
    """
    form = layer.form if isinstance(layer, Derivation) else layer
    asked = PointGroup(group) if isinstance(group, str) else group
    if not isinstance(form, Form) or not isinstance(asked, PointGroup):
        raise RuleRefused(
            f"A symmetry is of a derivation or a form, by a point group; {said(layer)} by {said(group)} is none."
        )
    learned = layer_of_gradient(form)
    if learned is None:
        return _certified(_decided(form, asked)[0], form, asked)
    try:
        found, failed = _decided(learned.own, asked)
    except ObligationFailed as refused:
        raise _of_gradient(form, learned, asked, false, refused) from None
    if failed is not None:
        found = _with_failure(found, _of_gradient(form, learned, asked, found.condition, failed))
    return _certified(replace(found, together=" and ".join((*learned.carried, form.input.name))), form, asked)


def _decided(form: Form, asked: PointGroup) -> tuple[Symmetry, ObligationFailed | None]:
    """The symmetry, and what is false where its condition doesn't hold."""
    about = replace(asked, about="grid")
    clauses = _stated(form, about)
    parts = conditions(stepping(form), about)
    condition = And(*parts.values())
    verdicts = _proved(form, tuple(_under(c, condition) for c in clauses))
    few, checked = _on_few_places(form, about, parts)
    whole = Or(condition, *few)
    if whole == false:
        raise _failure(form, clauses, false)
    if whole is true:
        return Symmetry(_said(asked), whole, verdicts + checked, ""), None
    found = _failure(form, clauses, whole)
    rest = _only_then(form, about, whole)
    proved = Symmetry(_said(asked), whole, (*verdicts, *checked, *rest), "", bool(rest))
    return _with_failure(proved, found), found


def _only_then(form: Form, about: PointGroup, condition: Any) -> tuple[Verdict, ...]:
    """That the condition is necessary, of the form or of its adjoint, which has the symmetry where it has."""
    only = necessary(form, equivariant(about).clauses(dense_like(form)), condition)
    even = stepping(form)
    if only is not None or even is form or form.bias != 0:
        return () if only is None else (only,)
    only = necessary(even, equivariant(about).clauses(dense_like(even)), condition)
    try:
        return () if only is None else (*same_sum(form, even), only)
    except ObligationFailed:
        return ()


def _with_failure(found: Symmetry, failed: ObligationFailed) -> Symmetry:
    shown = failed.counterexample if isinstance(failed.counterexample, Counterexample) else None
    return replace(found, counterexample=str(failed), python="" if shown is None else shown.python)


def _of_gradient(
    form: Form, learned: Learned, asked: PointGroup, condition: Any, failed: ObligationFailed
) -> ObligationFailed:
    """A layer's failure for one entry of what is learned and one of X as that of its gradient, for one of X and one of G.

    Of biases that of the law that they have themselves, where the condition doesn't hold.
    """
    own = learned.own
    if learned.shown is not own:
        failed = _failure(learned.shown, _stated(learned.shown, replace(asked, about="grid")), condition)
    shown = failed.counterexample
    if not isinstance(shown, Counterexample):
        return failed
    at = dict(shown.indices)
    given = show(form.input.entry([Integer(at[s.name]) for s in own.output.symbols]))
    entries = (*(e for e in shown.entries if not e[0].startswith(f"{learned.name}[")), (given, 1))
    of = ", ".join(f"d{name}" for name, value in shown.entries if name.startswith(f"{learned.name}[") and value)
    sizes = "".join(f", {name} = {value}" for name, value in shown.sizes).replace(",", ", at", 1)
    where = ", ".join(f"{name} = {value}" for name, value in entries)
    box = Box(form.input.name, *_box(own, dict(shown.sizes)))
    without = {learned.name, "U"} if learned.carried else {learned.name, own.input.name, "W"}
    model = replace(
        shown,
        entries=entries,
        boxes=(*(b for b in shown.boxes if b.name not in without), box),
        layers=tuple(e for e in shown.layers if e[0].partition("[")[0] not in without),
    )
    both = f"{_said(asked)} makes of {'both' if learned.carried else 'it'}"
    together = " and for ".join((" and ".join((*learned.carried, form.input.name)), f"what {both}"))
    return ObligationFailed(
        f"{of} isn't the same for {together}{sizes}: where {where} and 0 elsewhere, the two differ by {shown.residue}.",
        model,
    )


def _box(own: Form, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape of a layer's output at these sizes, and what its first entry is called."""
    at = dict.fromkeys(own.sizes, 1) | {index(name): v for name, v in sizes.items()}
    axes = own.output.axes
    return tuple(int(evaluate(a.extent, at)) for a in axes), tuple(int(evaluate(a.lower, at)) for a in axes)


def _certified(found: Symmetry, form: Form, asked: PointGroup) -> Symmetry:
    """The symmetry with what it says, of which layer and group."""
    return replace(found, statement=Statement("symmetry", str(found), (("layer", form), ("group", str(asked)))))


def _on_few_places(form: Form, about: PointGroup, parts: dict[int, Any]) -> tuple[list[Any], tuple[Verdict, ...]]:
    """Grids of few places of which windows of numbers see the same from both sides, though these aren't carried onto each other.

    A few places along one axis are enough whatever the others are, where these satisfy their part of the condition.
    """
    grid = {
        s for array in (form.input, form.output) for p in form.grid(array) for s in array.axes[p].upper.free_symbols
    }
    even = stepping(form)
    ends = [e for a in even.reduction if a.role is Role.GRID for e in (a.lower, a.upper)]
    condition = And(*parts.values())
    if condition is true or not all(e.is_Integer for e in ends):
        return [], ()
    reach = 1 + max((abs(int(e)) for e in ends), default=0) + max(int(c) for c in steps(even))
    sizes, others = sorted(grid, key=str), dict.fromkeys(set(form.sizes) - grid, Integer(1))
    if (reach + 1) ** len(sizes) > _MOST_GRIDS or not _alike(form, about, others):
        return [], ()
    found: list[Any] = []
    verdicts: list[Verdict] = []
    for s in sizes if len(sizes) > 1 else ():
        own = [q for q in parts if s in form.input.axes[q].upper.free_symbols]
        rest = And(*(part for q, part in parts.items() if q not in own))
        for n in range(1, reach + 2):
            few, known = form.at({s: Integer(n)}), And(*(parts[q] for q in own)).xreplace({s: Integer(n)})
            proved = () if known == True or rest == False else _so_far(few, about, rest)  # noqa: E712  SymPy's
            whatever = _so_far(few, about, true) if rest is not true and (proved or known == True) else ()  # noqa: E712
            if proved or whatever:
                found.append(Eq(s, n) if whatever else And(Eq(s, n), rest))
                verdicts += whatever or proved
    for numbers in product(range(1, reach + 2), repeat=len(sizes)):
        at = dict(zip(sizes, map(Integer, numbers), strict=True))
        known = Or(condition, *found).xreplace(at) == True  # noqa: E712  SymPy's
        if not known and (proved := _so_far(form.at(at | others), about, true)):
            found.append(And(*(Eq(s, n) for s, n in at.items())))
            verdicts += proved
    return found, tuple(verdicts)


def _alike(form: Form, about: PointGroup, sizes: Collection[Symbol]) -> bool:
    """Whether one value of each of these sizes tells of all: they count channels, which the group leaves as they are.

    A letter of such channels names an entry and a channel of X, as it is and alone, and means nothing else.
    """
    own = {a.symbol for a in (*form.output.axes, *form.reduction) if a.extent.free_symbols.intersection(sizes)}
    places = [e for e in (*form.read, *(s for r in reads(form.weight) for s in r.subscripts)) if e not in own]
    others = {s for e in (*places, form.domain) for s in e.free_symbols}
    conditions = {s for c in form.weight.atoms(Where) for s in c.condition.free_symbols}
    letters = {a.symbol for a in (*form.output.axes, *form.reduction) if a.role is Role.CHANNEL}
    return not sizes or (own <= letters and not about.channels and own.isdisjoint(others | conditions))


def _so_far(form: Form, about: PointGroup, condition: Any) -> tuple[Verdict, ...]:
    """The verdicts on the symmetry where it is proved of this form, or checked where its sizes are numbers; else none."""
    if form.given == False or any((a.extent < 1) == True for a in form.output.axes):  # noqa: E712  SymPy's
        return ()
    clauses = tuple(_under(c, condition) for c in _stated(form, about))
    try:
        if form.sizes:
            return _proved(form, clauses)
        if not refute_at_small_sizes(form, clauses):
            return ()
    except (ObligationFailed, RuleRefused):
        return ()
    return _checked(clauses)


def _checked(clauses: tuple[Clause, ...]) -> tuple[Verdict, ...]:
    """Of sizes that are numbers, at which all layers were looked at."""
    return tuple(Verdict(Obligation("claim", c.says, ()), Status.EXHAUSTIVE) for c in clauses)


def _stated(form: Form, about: PointGroup) -> tuple[Clause, ...]:
    """The symmetry said of coefficients; of what the form means, where these are sums or sizes are numbers."""
    by_meaning = _adds_terms(form) or not form.sizes
    return equivariant(about).clauses(dense_like(form) if by_meaning else with_numbers(form, f"equivariant({about})"))


def _adds_terms(form: Form) -> bool:
    """Whether no formula tells the one term of a coefficient, as where several may read one input."""
    try:
        form.solve_read(form.input.symbols)
    except RuleRefused:
        return True
    return False


def _said(group: PointGroup) -> str:
    """Its name, and the axes that it moves where these are stated."""
    name = group.group if isinstance(group.group, str) else named(group.matrices)
    axes = "" if group.axes is None else f" of axis {', '.join(map(str, group.axes))}"
    return f"{name or f'{len(group.matrices)} symmetries'}{axes}"


def _under(clause: Clause, condition: Any) -> Clause:
    return Clause(clause.says, clause.binders, And(clause.given, condition), clause.left, clause.right)


def _proved(form: Form, clauses: tuple[Clause, ...]) -> tuple[Verdict, ...]:
    """The verdicts; by a bijection between terms where several share an input. Raises ObligationFailed for what is false."""
    if not form.sizes:
        refute_at_small_sizes(form, clauses)
        return _checked(clauses)
    if not _adds_terms(form):
        return check_claim(form, clauses)
    found = [proved_by_terms(form, clause) for clause in clauses]
    verdicts = tuple(v for v in found if v is not None)
    if len(verdicts) < len(clauses):
        refute_at_small_sizes(form, clauses)
        raise RuleRefused(
            "The symmetry of a layer whose terms share inputs is proved by a bijection, and none was found."
        )
    return verdicts


def _failure(form: Form, clauses: tuple[Clause, ...], condition: Any) -> ObligationFailed:
    """What is false without the condition, at the smallest sizes."""
    try:
        _proved(form, tuple(_under(c, Not(condition)) for c in clauses))
    except ObligationFailed as found:
        return found
    raise RuleRefused("The layer has the symmetry also where its windows aren't carried onto each other.")


def stated_symmetry(layer: Derivation) -> Symmetry | None:
    """The symmetry that a derivation states of its window, where places were selected after it; None where it states none.

    Of a group that doesn't carry the grid onto itself, such as quarter turns where sizes differ, the part that does.
    """
    if not any(s.kind is Kind.TRANSFORMATION and s.step.view is View.SELECTED for s in layer.steps):
        return None
    stated = (
        a for by in layer.applications if by.rule.name == "equivariant" for a in (*by.args, *dict(by.options).values())
    )
    for group in (part for g in stated if isinstance(g, PointGroup) for part in _parts(g, layer.form)):
        try:
            return symmetry(layer, group)
        except (ObligationFailed, RuleRefused):
            continue
    return None


def _parts(group: PointGroup, form: Form) -> Iterator[PointGroup]:
    """The group, then what of it carries the grid onto itself."""
    yield group
    kept = tuple(m for m in group.matrices if _carries(m, group, form))
    if 1 < len(kept) < len(group.matrices) and not group.channels:
        name = named(kept) or ""
        yield replace(
            group, group=name if {*closure(NAMED.get(name, kept[1:]))} == {*kept} and name in NAMED else kept[1:]
        )


def _carries(m: Matrix, group: PointGroup, form: Form) -> bool:
    """Whether a matrix permutes axes of equal size, with signs."""
    grid = form.grid(form.input)
    sizes = [form.input.axes[grid[p]].extent for p in group.axes or range(len(grid))]
    used = [[q for q, x in enumerate(row) if x] for row in m]
    return all(len(u) == 1 and sizes[u[0]] == sizes[p] for p, u in enumerate(used))
