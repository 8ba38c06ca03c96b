"""The edge: what a read outside the input means, stated and visible.

    Σ_{r : ι(o, r) inside} V[p(o, r)]·X[ι(o, r)]   ⟶   Σ_r V[p(o, r)]·X⁺[ι(o, r)]        where X⁺ is X inside

With the edge zero X⁺ is 0 outside: an equivalence, since the terms that it adds read 0, and H keeps X's shape.

With valid no read is outside: a transformation that keeps the places whose whole window lies inside.

With periodic, reflect, symmetric and nearest X⁺[k] = X[e(k)] beyond the edge, as `numpy.pad` does it: a transformation.

The last four are equivariant layers of the unbounded extension of X, at the places of the input: no group that acts on the
box has tied their weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from sympy import And, Eq, Expr, Integer, Le, Max, Min, Mod, Symbol, expand

from derive.errors import RuleRefused
from derive.forms.conditions import regardless, split
from derive.forms.dense import dense_form
from derive.forms.expr import Read, index, reads
from derive.forms.extension import EXTENSIONS, extended
from derive.forms.form import Edge, Form, Param, Role
from derive.forms.polyhedron import Polyhedron
from derive.groups.translations import Translations
from derive.proof.step import Kind, Step, SubStep, View
from derive.rules._maps import same_entries, same_letters
from derive.rules._rule import Case, rule
from derive.rules._selected import read_by, selected, ties_remainders
from derive.rules._windows import first_case, in_window, whole_window
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["boundary"]

_VIEWS: Mapping[str, View] = {
    "nearest": View.NEAREST,
    "periodic": View.PERIODIC,
    "reflect": View.REFLECTED,
    "symmetric": View.SYMMETRIC,
}


@rule(Kind.EQUIVALENCE, Kind.TRANSFORMATION)
def boundary(form: Form, edge: str = "zero") -> Step:
    """State the edge: "zero", "valid", "periodic", "nearest", "reflect" (in the last place) or "symmetric" (behind it)."""
    known = ("zero", "valid", *EXTENSIONS)
    if edge not in known:
        raise RuleRefused(f"Rule 'boundary' knows the edges {', '.join(known)}; '{edge}' is another.")
    if form.edge is not Edge.INSIDE or any(e.has(Mod, Min, Max) for e in form.read):
        raise RuleRefused("Rule 'boundary' states an edge once, and this form has one already.")
    if edge == "zero":
        return _zero(form)
    return _valid(form) if edge == "valid" else _beyond(form, edge)


def _zero(form: Form) -> Step:
    same, maps = same_letters(form), same_entries(form.params)
    return Step(
        rule="",
        kind=Kind.EQUIVALENCE,
        statement=boundary.statement,
        reason="Terms that would read outside the input are added to the sum, and read 0.",
        before=form,
        after=replace(form, domain=whole_window(form), edge=Edge.ZERO),
        embeddings=maps,
        sections=maps,
        to_before=same,
        to_after=same,
        argument=(SubStep("Outside the input", form.input.entry(form.read), 0),),
    )


def _offsets(form: Form) -> dict[Symbol, tuple[Expr, Expr]]:
    """The lowest and highest offset of a read along each axis of places, over all the window."""
    body, _ = split(And(whole_window(form), form.given, *(axis.holds() for axis in form.reduction)))
    away = index("away_")
    found = {}
    for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True):
        place = form.output.symbols[p]
        offset = expand(form.read[q] - place)
        if not offset.free_symbols <= set(form.reduction_symbols):
            raise RuleRefused(
                f"Rule 'boundary' needs offsets, {place} + a, to know the window; it reads {form.read[q]}."
            )
        shadow = (body & Polyhedron.of(Eq(away, offset))).project(*form.reduction_symbols)
        lower, upper = shadow.bounds(away)
        grid = form.input.axes[q].upper.free_symbols
        ends = [[e for e in bounds if not e.free_symbols & grid] for bounds in (lower, upper)]
        if not all(ends):
            raise RuleRefused("Rule 'boundary' needs a window of a stated size for this edge: state locality first.")
        found[place] = (ends[0][0], ends[1][0])
    return found


def _around(low: Expr, high: Expr) -> tuple[Expr, Expr]:
    """The offsets of a window and of the place itself, which a mask may lie beside."""
    return (Min(low, 0) if low.is_Integer else low), (Max(high, 0) if high.is_Integer else high)


def _valid(form: Form) -> Step:
    if form.vanishes:
        raise RuleRefused(
            "Rule 'boundary' keeps the places whose whole window lies inside; without weights there is none."
        )
    axes, places, back = list(form.output.axes), {}, {}
    first: dict[Symbol, Expr] = {}
    given = form.given
    for p, (place, ends) in zip(form.grid(form.output), _offsets(form).items(), strict=True):
        axis, (low, high) = axes[p], _around(*ends)
        axes[p] = replace(axis, upper=expand(axis.upper + low - high))
        if axes[p].extent.is_Integer and axes[p].extent < 1:
            raise RuleRefused(
                f"Rule 'boundary' keeps the places whose whole window lies inside; one of {high - low + 1} places along {place} "
                f"has none in a grid of {axis.extent}."
            )
        places[place], back[place] = place - low, place + low
        first[place] = Max(Integer(0), place + low)
        given = And(given, axes[p].extent >= 1)
    whole = replace(form, domain=And(whole_window(form), form.input.holds(form.read)))
    after = selected(whole, places, first, tuple(axes), given)
    kept = And(*(axes[p].holds(back[axes[p].symbol]) for p in form.grid(form.output)))
    letters = same_letters(form)
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=boundary.statement,
        reason="The places are kept whose whole window lies inside the input.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=letters | places,
        to_after=letters | back,
        argument=tuple(SubStep("Read the layer at the place", s, e) for s, e in places.items()),
        view=View.SELECTED,
        selected=kept,
    )


def _beyond(form: Form, edge: str) -> Step:
    if not form.vanishes:
        _offsets(form)
        _check_places(form)
    elif any(a.extent.is_Integer for a in form.input.axes if a.role is Role.GRID):
        raise RuleRefused(
            "Rule 'boundary' continues the input for a window, and of this one no offset reads inside a grid of so few places."
        )
    places = tuple(
        extended(edge, axis, place) if axis.role is Role.GRID else place
        for axis, place in zip(form.input.axes, form.read, strict=True)
    )
    after = replace(form, domain=whole_window(form), read=places, shared=True)
    whole = partial(
        read_by, after=after, source=after.weight, inside=after.live, first={s: s for s in after.output.symbols}
    )
    tied = isinstance(form.weight, Read) and ties_remainders(form.weight)
    after = replace(after, weights=tuple(whole(p) if tied else _read_once(p, form) for p in form.weights))
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.TRANSFORMATION,
        statement=boundary.statement,
        reason=f"The input is continued beyond its edge ({edge}), so that every place has a whole window.",
        before=form,
        after=after,
        embeddings=(),
        sections=(),
        to_before=same,
        to_after=same,
        argument=(SubStep("Beyond the edge", form.input.entry(form.read), form.input.entry(places)),),
        view=_VIEWS[edge],
    )


def _check_places(form: Form) -> None:
    """Raises RuleRefused for weights of single places: those that would be read beyond the edge aren't there."""
    places = {form.output.symbols[p] for p in form.grid(form.output)}
    if own := [s for r in reads(form.weight) for s in r.subscripts if s in places]:
        raise RuleRefused(
            f"Rule 'boundary' continues the input for a window that is the same at every place, and this one has weights of its "
            f"own at each {own[0]}; state equivariance along that axis first."
        )


def _read_once(param: Param, form: Form) -> Param:
    """Every entry of the window is read, at the first place for one: also where no place has it inside."""
    grid = {s for q in form.grid(form.input) for s in form.input.axes[q].upper.free_symbols}
    first = {a.symbol: a.lower for a in form.output.axes if a.role is Role.GRID and a.symbol not in param.array.symbols}
    named = list(And.make_args(in_window(regardless(param.free, grid), param, form)))
    phases = dict(_phases(param, form))
    named += [Le(phases[a.symbol], a.upper) for a in form.output.axes if a.symbol in phases]
    reader = tuple((s, (first | phases).get(s, first_case(e) if phases else e)) for s, e in param.reader)
    return replace(param, free=And(*sorted(named, key=str)), reader=reader)


def _phases(param: Param, form: Form) -> Iterator[tuple[Symbol, Symbol]]:
    """Places that a weight is read at the remainder of, each with the letter of the weight that says which."""
    for read in (r for r in reads(form.weight) if r.array == param.name):
        for letter, subscript in zip(param.array.symbols, read.subscripts, strict=True):
            if isinstance(subscript, Mod) and subscript.args[0] in form.output.symbols:
                yield subscript.args[0], letter


_TIED = equivariant(Translations()).apply(reindex().apply(dense_form(rank=1)).after).after
EXAMPLE = Case(local("Delta").apply(_TIED).after, boundary("reflect"))
COUNTEREXAMPLE = Case(boundary("zero").apply(_TIED).after, boundary("zero"), residue="has one already")
