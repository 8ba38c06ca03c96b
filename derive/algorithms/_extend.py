"""Working arrays for entries at places that no slice names: X[(i + a) mod n] is Z[i + a], where Z[p] = X[p mod n].

A read of such a place becomes a read of an extended copy, filled before the sum; a write becomes one to an extended array, which
is added back after the sum. A subscript qualifies where it depends on its letters through one affine expression alone, or where a
table gives it: V[T[i, k]] is Z[i, k], and where a table gives a sign at the same place, Z holds it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, count

from sympy import Eq, Expr, Max, Min, Mul, S, Symbol, expand

from derive.algorithms._entries import multiplied, spelled
from derive.forms.expr import Read, Where, index
from derive.forms.form import Array
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.ir.nodes import Access, Accumulate, Gather, Range, Scatter, Storage
from derive.remembered import built

__all__ = ["Extended", "copy_text", "extended", "fresh_name"]


@dataclass(frozen=True)
class Extended:
    """The accesses of a sum, the target first, with the working arrays that they are to, and the entries in formulas.

    `times` is the number that is left to multiply by: signs that a table gives are in the copies.
    """

    accesses: tuple[Access, ...]
    entries: tuple[Read, ...] = ()
    gathers: tuple[Gather | Accumulate, ...] = ()
    scatters: tuple[Scatter, ...] = ()
    working: tuple[Storage, ...] = ()
    times: Expr = S.One


@dataclass(frozen=True)
class _Copied:
    """What a subscript becomes: those of a working array with an axis for each letter of a box, in memory and in formulas."""

    over: tuple[Range, ...]
    stored: tuple[Expr, ...]
    named: tuple[Expr, ...]
    place: Expr


def extended(
    accesses: tuple[Access, ...],
    entries: tuple[Read, ...],
    times: Expr,
    letters: Mapping[Symbol, bool],
    terms: Polyhedron,
    stored: Mapping[str, Storage],
    lead: int,
    tables: Mapping[str, Array],
) -> Extended:
    """The accesses with slices in the place of such subscripts, where a loop over one of their `letters` would be long.

    So with those that are entries of tables, whole tables at once. `lead` subscripts of a batched array are the item's.
    """
    state = Extended((), times=times)
    taken = {s.name for s in (*letters, *terms.symbols)}
    for number, (access, entry) in enumerate(zip(accesses, entries, strict=True)):
        skip = lead if stored[access.array].batched else 0
        added = 0
        for axis, copied in _copied(access, entry, letters, terms, skip, taken, tables).items():
            here = next(s for s in (*stored.values(), *state.working) if s.name == access.array)
            name = fresh_name({*stored, *tables, *(s.name for s in state.working)})
            position = axis + added
            made = Storage(name, _spread(here.shape, position, _extents(copied.over)), here.batched)
            signs, left = _signs(state.times, copied, tables)
            names = (access.array, name) if number == 0 else (name, access.array)
            node = _copy(names, len(here.shape), position, copied, signs, adds=number == 0)
            access = Access(name, _spread(access.subscripts, position + skip, copied.stored))
            entry = Read(name, *_spread(entry.subscripts, position, copied.named))
            state = replace(
                state,
                working=(*state.working, made),
                gathers=(*state.gathers, node) if isinstance(node, Gather) else state.gathers,
                scatters=(node, *state.scatters) if isinstance(node, Scatter) else state.scatters,
                times=left,
            )
            taken |= {r.symbol.name for r in copied.over}
            added += len(copied.over) - 1
        state = replace(state, accesses=(*state.accesses, access), entries=(*state.entries, entry))
    return state


def _copy(names: tuple[str, str], rank: int, axis: int, copied: _Copied, signs: Expr, adds: bool) -> Gather | Scatter:
    """A copy that is made before the sum, or one that is added back after it."""
    says = copy_text(names, rank, axis, copied.over, (copied.place,), signs, adds)
    kind = Scatter if adds else Gather
    place = (copied.place,) if kind is Gather else copied.place
    return kind(*names, axis, rank, copied.over, place, says, signs)


def _spread(places: tuple[Expr, ...], axis: int, instead: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return (*places[:axis], *instead, *places[axis + 1 :])


def _extents(over: tuple[Range, ...]) -> tuple[Expr, ...]:
    return tuple(expand(r.stop - r.start) for r in over)


def _signs(times: Expr, copied: _Copied, tables: Mapping[str, Array]) -> tuple[Expr, Expr]:
    """Of a number those factors that a table gives at the very places where a copy is made, and the others."""
    if not isinstance(copied.place, Read):
        return S.One, times
    inside, left = S.One, S.One
    for factor in Mul.make_args(times):
        own = isinstance(factor, Read) and factor.subscripts == copied.named
        if own and _box(tables[factor.array]) == copied.over:
            inside = inside * Read(factor.array, *copied.place.subscripts)
        else:
            left = left * factor
    return inside, left


def fresh_name(taken: set[str]) -> str:
    """The first name for a working array that nothing else has."""
    return next(name for name in chain(("Z",), (f"Z{k}" for k in count(1))) if name not in taken)


def copy_text(
    names: tuple[str, str],
    rank: int,
    axis: int,
    over: tuple[Range, ...],
    places: tuple[Expr, ...],
    times: Expr,
    adds: bool,
) -> str:
    """The formula of a copy, `names` its target and its source, with letters for places along the axes, dots for others."""
    letters, shown = ", ".join(r.symbol.name for r in over), ", ".join(map(spelled, places))

    def at(inside: str) -> str:
        return ", ".join([*[":"] * axis, *([inside] if inside else []), *[":"] * (rank - axis - len(places))])

    if adds:
        return f"{names[0]}[{at(shown)}] += {multiplied(times)}{names[1]}[{at(letters)}]"
    return f"{names[0]}[{at(letters)}] = {multiplied(times)}{names[1]}[{at(shown)}]"


def _copied(
    access: Access,
    entry: Read,
    letters: Mapping[Symbol, bool],
    terms: Polyhedron,
    skip: int,
    taken: set[str],
    tables: Mapping[str, Array],
) -> dict[int, _Copied]:
    """For each axis whose subscript is no slice, what becomes of it."""
    found: dict[int, _Copied] = {}
    for axis, subscript in enumerate(access.subscripts[skip:]):
        if isinstance(subscript, Read) and subscript.array in tables:
            box = _box(tables[subscript.array])
            place = Read(subscript.array, *(r.symbol for r in box))
            found[axis] = _Copied(box, subscript.subscripts, subscript.subscripts, place)
            continue
        used = taken | {r.symbol.name for c in found.values() for r in c.over}
        line = _line(subscript, letters, terms, used)
        if line is not None:
            found[axis] = line
    return found


def _box(table: Array) -> tuple[Range, ...]:
    """All places of a table, which starts at 0."""
    return tuple(Range(a.symbol, a.lower, a.upper + 1) for a in table.axes)


def _line(subscript: Expr, letters: Mapping[Symbol, bool], terms: Polyhedron, taken: set[str]) -> _Copied | None:
    """A subscript that depends on its letters through one affine expression: that, with a letter for it and all its values."""
    own = subscript.free_symbols & set(letters)
    line = _inner(subscript, own)
    if line is None or line == subscript or not any(letters[s] for s in own):
        return None
    symbol = next(index(c) for c in chain("pqrst", (f"p{n}" for n in count())) if c not in taken)
    place = subscript.xreplace({line: symbol})
    shadow = (terms & Polyhedron.of(built(Eq, symbol, line))).project(*letters)
    lower, upper = shadow.bounds(symbol)
    if place.free_symbols & own or not lower or not upper:
        return None
    start, stop = built(Max, *lower), built(Min, *upper) + 1
    return _Copied((Range(symbol, start, stop),), (expand(line - start),), (line,), place)


def _inner(e: Expr, letters: set[Symbol]) -> Expr | None:
    """The affine expression in the letters through which alone an expression depends on them."""
    if e.has(Where) or not e.free_symbols & letters:
        return None
    try:
        Polyhedron.of(built(Eq, e, 0))
    except NotAffine:
        parts = {p for p in (_inner(a, letters) for a in e.args) if p is not None}
        return parts.pop() if len(parts) == 1 else None
    return e
