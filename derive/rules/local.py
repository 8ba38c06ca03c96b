"""Locality: an output depends only on inputs near its place.

    Σ_r V[p(o, r)]·X[ι(o, r)]   ⟶   Σ_{r : ι(o, r) - o ∈ S} V[p(o, r)]·X[ι(o, r)]        where c(o, k) = 0 unless k - o ∈ S

for a support S: |k - o| ≤ Δ along every grid axis, or any other. A restriction: it keeps exactly the layers that look nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sympy import Abs, And, Eq, Expr, Integer, Le, Max, Min, Not, Or, Symbol, expand, false

from derive.errors import OrbitCut, RuleRefused, StatedLate
from derive.forms.arguments import said
from derive.forms.conditions import simplified, simplified_inside
from derive.forms.dense import dense_form
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.support import Around, Radius, Support, support
from derive.groups._torus import wraps
from derive.groups.translations import Translations
from derive.proof.counterexample import smallest_model
from derive.proof.goal import Goal, Status
from derive.proof.smt import in_fixed_order
from derive.proof.solver import decide
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._known import implied
from derive.rules._maps import instance_at_reader, same_entries, same_letters
from derive.rules._masked import masked
from derive.rules._rule import Case, rule
from derive.rules._windows import simplified_terms, widened
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["local"]


@rule(Kind.RESTRICTION, after_tables=True)
def local(form: Form, radius: Radius | Support = "Delta", grid: str = "box") -> Step:
    """Drop every term that reads an input outside the support: within `radius` along every axis, or any `Support`.

    On `grid="torus"` it reaches around: k - o is then one of the differences that go around.
    """
    near = _support(form, radius, grid)
    extents = {s for axis in (*form.output.axes, *form.input.axes) for s in axis.upper.free_symbols}
    if shared := sorted(s.name for s in near.given.free_symbols & extents):
        raise RuleRefused(f"Rule 'local' needs a radius of its own; {shared[0]} is a size of the grid.")
    if form.tables:
        step = masked(
            form, And(_near(near, _distances(form)), near.given), _clauses(form, near, radius), _named(radius)
        )
        return replace(step, statement=local.statement)
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        raise RuleRefused("Rule 'local' drops free weights; this form's weight is not one free entry.")
    (param,) = form.weights
    distance = _distances(form)
    _check_ties(form, param, near, distance, radius)
    _check_room(form, near)
    given = And(form.given, near.given)
    at_entry = _at_entry(param, near, distance, given)
    entry, left = param.array.entry(), _param(param, near, at_entry, given)
    some = not implied(And(given, left.array.holds()), Not(left.free))
    kept = Where(_near(near, at_entry), entry, 0) if some else Integer(0)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=local.statement,
        reason=f"Inputs outside {_named(radius)} have coefficient 0, so their terms fall out of the sum.",
        before=form,
        after=_restricted(form, near, distance, left, given) if some else _without_terms(form, given),
        embeddings=(ArrayMap(param.name, param.array.symbols, kept), *same_entries(form.biases)),
        sections=(*(ArrayMap(p.name, p.array.symbols, entry) for p in (left,) if some), *same_entries(form.biases)),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=_clauses(form, near, radius),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("Outside the support a coefficient is 0", entry, kept),),
    )


@local.constraint
def clauses(form: Form, radius: Radius | Support = "Delta", grid: str = "box") -> tuple[Clause, ...]:
    """The coefficients of far inputs are 0."""
    return _clauses(form, _support(form, radius, grid), radius)


def _support(form: Form, radius: Radius | Support, grid: str) -> Support:
    """The support, on a torus with all that is a turn around it. Raises RuleRefused for an axis of two sizes."""
    if grid not in ("box", "torus"):
        raise RuleRefused(f"A window is one of a 'box' or of a 'torus'; grid={said(grid)} is neither.")
    if grid == "box":
        return support(radius)
    pairs = [
        (form.output.axes[p], form.input.axes[q])
        for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True)
    ]
    for o, k in pairs:
        if o.extent != k.extent:
            raise RuleRefused(
                f"On a torus the axes {o.symbol} and {k.symbol} have one size; they have {o.extent} and {k.extent}."
            )
    return Around(support(radius), tuple(o.extent for o, _ in pairs))


def _named(radius: Radius | Support) -> str:
    return f"radius {radius}" if isinstance(radius, (str, int)) else str(radius)


def _clauses(form: Form, near: Support, radius: Radius | Support) -> tuple[Clause, ...]:
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    distance = tuple(form.input.symbols[q] - form.output.symbols[p] for p, q in pairs)
    inside = And(form.output.holds(), form.input.holds(), Not(_near(near, distance)), near.given)
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 outside {_named(radius)}"
    coefficient = form.coefficient(form.input.symbols)
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


def _near(near: Support, distance: Sequence[Expr]) -> Any:
    ranges = zip(distance, near.ranges(len(distance)), strict=True)
    return And(*(And(Le(low, d), Le(d, high)) for d, (low, high) in ranges), near.condition(distance))


def _distances(form: Form) -> tuple[Expr, ...]:
    """Along each grid axis, how far the read is from the output's place."""
    pairs = zip(form.grid(form.output), form.grid(form.input), strict=True)
    return tuple(expand(form.read[q] - form.output.symbols[p]) for p, q in pairs)


def _check_ties(form: Form, param: Param, near: Support, distance: Sequence[Expr], radius: Radius | Support) -> None:
    """One weight's offsets are all inside the support or all outside.

    Raises OrbitCut, with two offsets of one weight, where a symmetry stated before is not the support's.
    """
    assert isinstance(form.weight, Read)
    if form.weight == param.array.entry():
        return
    entry = tuple(expand(d.xreplace(param.reading(form.weight.subscripts))) for d in distance)
    goal = Goal((form.given, near.given, form.live), Eq(_truth(_near(near, distance)), _truth(_near(near, entry))))
    if decide(goal.smt) is Status.PROVED:
        return
    sizes = sorted(
        {s for e in (form.live, near.given, goal.show) for s in e.free_symbols} - set(_letters(form)), key=str
    )
    model = smallest_model(goal, [s.name for s in sizes], [s.name for s in _letters(form)])
    at = {s: Integer(model[s.name]) for s in (*sizes, *_letters(form))}
    here, there = (tuple(int(e.xreplace(at).doit()) for e in offset) for offset in (distance, entry))
    inside = bool(_near(near, distance).xreplace(at))
    advice = _advice(form, near)
    raise OrbitCut(
        f"Rule 'local' refused: offsets {here} and {there} have one weight by a symmetry stated before, "
        f"and only {here if inside else there} is in {_named(radius)}; the support must be kept by the symmetry{advice}.",
        replace(form, domain=And(form.domain, _near(near, distance)), given=And(form.given, near.given)),
    )


def _check_room(form: Form, near: Support) -> None:
    """Raises StatedLate for a window wider than a grid of numbers, on which a symmetry has named no orbits that only leave it."""
    assert isinstance(form.weight, Read)
    if isinstance(near, Around) or not any(e.has(Abs, Max, Min, Where) for e in form.weight.subscripts):
        return
    axes = [form.input.axes[q] for q in form.grid(form.input)]
    for axis, (low, high) in zip(axes, near.ranges(len(axes)), strict=True):
        inside = And(Le(-axis.upper, low), Le(high, axis.upper))
        if axis.extent.is_Integer and not implied(near.given, inside):
            raise StatedLate(
                f"Rule 'local' states a window that may be wider than the {axis.extent} places along {axis.symbol}, and a symmetry "
                f"stated before has named the orbits of these alone; state it before the symmetry."
            )


def _advice(form: Form, near: Support) -> str:
    """What to state of weights that are called by differences which wrap around."""
    assert isinstance(form.weight, Read)
    around = any(wraps(form, e) is not None for e in form.weight.subscripts)
    return ', as by local(..., grid="torus")' if around and not isinstance(near, Around) else ""


def _at_entry(param: Param, near: Support, distance: Sequence[Expr], given: Any) -> tuple[Expr, ...]:
    """An entry's offset: that of the term that reads it, without its cases where these make no difference."""
    entry = tuple(expand(d.xreplace(dict(param.reader))) for d in distance)
    plain = tuple(_first_case(e) for e in entry)
    same = Eq(_truth(_near(near, plain)), _truth(_near(near, entry)))
    known = plain == entry or decide(Goal((given, param.domain), same).smt) is Status.PROVED
    return plain if known else entry


def _first_case(expression: Expr) -> Expr:
    while cases := sorted(expression.atoms(Where), key=str):
        expression = expression.xreplace({cases[0]: cases[0].args[1]})
    return expand(expression)


def _letters(form: Form) -> tuple[Symbol, ...]:
    return (*form.output.symbols, *form.reduction_symbols)


def _truth(condition: Any) -> Expr:
    return Where(condition, 1, 0)


def _axes(axes: Iterable[Axis], near: Support, distance: Sequence[Expr]) -> tuple[Axis, ...]:
    """An axis that is a distance itself gets the support's range."""
    ranges = dict(zip(distance, near.ranges(len(distance)), strict=True))
    return tuple(
        replace(axis, lower=ranges[axis.symbol][0], upper=ranges[axis.symbol][1]) if axis.symbol in ranges else axis
        for axis in axes
    )


def _param(param: Param, near: Support, distance: Sequence[Expr], given: Any) -> Param:
    """The entries whose offset is near; a letter that an offset is, or is mirrored and moved, gets its range, within its own."""
    ranges = dict(_ends(d, *ends) for d, ends in zip(distance, near.ranges(len(distance)), strict=True))
    axes = tuple(_within(a, ranges[a.symbol], given) if a.symbol in ranges else a for a in param.array.axes)
    array = Array(param.name, axes)
    entries = And(param.domain, _near(near, distance))
    if isinstance(near, Around):
        entries = _fewest(simplified_inside(entries, array.holds(), given), array.holds(), given)
    return Param(array, _lean(entries, array.holds(), given), param.reader)


def _fewest(condition: Any, *known: Any) -> Any:
    """Without alternatives where another one holds anyway."""
    if not isinstance(condition, Or):
        return condition
    kept = list(in_fixed_order(condition.args))
    for part in tuple(kept):
        others = [other for other in kept if other != part]
        kept = others if any(implied(And(*known, part), other) for other in others) else kept
    return Or(*kept)


def _ends(offset: Expr, low: Expr, high: Expr) -> tuple[Expr, tuple[Expr, Expr]]:
    """The one letter of an offset ±a + c, with its ends where the offset has these; another offset as it is."""
    letter = next(iter(offset.free_symbols)) if len(offset.free_symbols) == 1 else offset
    sign, rest = offset.coeff(letter), expand(offset - offset.coeff(letter) * letter)
    if sign not in (1, -1) or rest.free_symbols:
        return offset, (low, high)
    ends = (expand(sign * (low - rest)), expand(sign * (high - rest)))
    return letter, ends if sign == 1 else ends[::-1]


def _within(axis: Axis, ends: tuple[Expr, Expr], given: Any) -> Axis:
    """The axis between these ends, unless its own say more for all sizes."""
    lower = axis.lower if implied(given, Le(ends[0], axis.lower)) else ends[0]
    upper = axis.upper if implied(given, Le(axis.upper, ends[1])) else ends[1]
    return replace(axis, lower=lower, upper=upper)


def _lean(condition: Any, *known: Any) -> Any:
    """Simplified, and without parts that aren't affine and that the others imply."""
    parts = list(And.make_args(simplified(condition, *known)))
    for part in in_fixed_order(p for p in parts if p.has(Max, Min)):
        others = [p for p in parts if p != part]
        parts = others if implied(And(*known, *others), part) else parts
    return And(*parts)


def _restricted(form: Form, near: Support, distance: Sequence[Expr], weight: Param, given: Any) -> Form:
    reduction = _axes(form.reduction, near, distance)
    domain = simplified_terms(And(form.terms, _near(near, distance)), form.output, reduction, given)
    after = replace(form, given=given, reduction=reduction, weights=(weight,), domain=domain)
    return replace(after, weights=(widened(weight, after),))


def _without_terms(form: Form, given: Any) -> Form:
    """The form of which the bias alone is left."""
    return replace(form, given=given, weight=Integer(0), weights=(), domain=false)


_OFFSETS = reindex().apply(dense_form(rank=1)).after
_TIED = equivariant(Translations()).apply(_OFFSETS).after
EXAMPLE = Case(_TIED, local("Delta"))
COUNTEREXAMPLE = Case(_TIED.with_weight("V[a]*V[a]"), local("Delta"), residue="V[1]**2")
