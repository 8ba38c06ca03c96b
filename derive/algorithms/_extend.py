"""Working arrays for entries at places that no slice names: X[(i + a) mod n] is Z[i + a], where Z[p] = X[p mod n].

A read of such a place becomes a read of an extended copy, filled before the sum; a write becomes one to an extended array, which
is added back after the sum. A subscript qualifies where it depends on its letters through one affine expression alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import Eq, Expr, Max, Min, Symbol, expand

from derive.forms.expr import Read, Where, index
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.text import show
from derive.ir.nodes import Access, Gather, Range, Scatter, Storage
from derive.remembered import replaced

__all__ = ["Extended", "extended"]


@dataclass(frozen=True)
class Extended:
    """The accesses of a sum, the target first, with the working arrays that they are to, and the entries in formulas."""

    accesses: tuple[Access, ...]
    entries: tuple[Read, ...] = ()
    gathers: tuple[Gather, ...] = ()
    scatters: tuple[Scatter, ...] = ()
    working: tuple[Storage, ...] = ()


def extended(
    accesses: tuple[Access, ...],
    entries: tuple[Read, ...],
    letters: Mapping[Symbol, bool],
    terms: Polyhedron,
    stored: Mapping[str, Storage],
    lead: int,
) -> Extended:
    """The accesses with slices in the place of such subscripts, where a loop over one of their `letters` would be long.

    `lead` subscripts of a batched array are the item's.
    """
    state = Extended(())
    taken = {s.name for s in (*letters, *terms.symbols)}
    for number, (access, entry) in enumerate(zip(accesses, entries, strict=True)):
        found = _lines(access, letters, terms, lead if stored[access.array].batched else 0, taken)
        for axis, (symbol, line, start, stop, place) in found.items():
            here = next(s for s in (*stored.values(), *state.working) if s.name == access.array)
            name = _fresh({*stored, *(s.name for s in state.working)})
            shape = tuple(expand(stop - start) if p == axis else e for p, e in enumerate(here.shape))
            made = Storage(name, shape, here.batched)
            kind: Any = Scatter if number == 0 else Gather
            names = (access.array, name) if number == 0 else (name, access.array)
            says = _says(kind, names, here, axis, symbol, place)
            node = kind(*names, axis, len(shape), Range(symbol, start, stop), place, says)
            shift = lead if here.batched else 0
            places = tuple(expand(line - start) if p == axis + shift else e for p, e in enumerate(access.subscripts))
            access = Access(name, places)
            entry = Read(name, *(line if p == axis else e for p, e in enumerate(entry.subscripts)))
            state = replace(
                state,
                working=(*state.working, made),
                gathers=(*state.gathers, node) if number else state.gathers,
                scatters=state.scatters if number else (node, *state.scatters),
            )
            taken.add(symbol.name)
        state = replace(state, accesses=(*state.accesses, access), entries=(*state.entries, entry))
    return state


def _fresh(taken: set[str]) -> str:
    return next(name for name in ("Z", *(f"Z{k}" for k in range(1, 99))) if name not in taken)


def _says(kind: Any, names: tuple[str, str], stored: Storage, axis: int, symbol: Symbol, place: Expr) -> str:
    """The formula of the copy, with p for the place along the axis and dots for the other axes."""

    def at(e: Expr) -> str:
        return ", ".join(show(e) if p == axis else ":" for p in range(len(stored.shape)))

    if kind is Gather:
        return f"{names[0]}[{at(symbol)}] = {names[1]}[{at(place)}]"
    return f"{names[0]}[{at(place)}] += {names[1]}[{at(symbol)}]"


Found = tuple[Symbol, Expr, Expr, Expr, Expr]


def _lines(
    access: Access, letters: Mapping[Symbol, bool], terms: Polyhedron, skip: int, taken: set[str]
) -> dict[int, Found]:
    """For each axis with such a subscript: a letter for its affine part, that part, its least and last value, the place."""
    found: dict[int, Found] = {}
    for axis, subscript in enumerate(access.subscripts[skip:]):
        own = subscript.free_symbols & set(letters)
        line = _inner(subscript, own)
        if line is None or line == subscript or not any(letters[s] for s in own):
            continue
        symbol = next(index(c) for c in "pqrst" if c not in taken and index(c) not in {f[0] for f in found.values()})
        place = replaced(subscript, {line: symbol})
        if place.free_symbols & own:
            continue
        shadow = (terms & Polyhedron.of(Eq(symbol, line))).project(*letters)
        lower, upper = shadow.bounds(symbol)
        if lower and upper:
            found[axis] = (symbol, line, Max(*lower), Min(*upper) + 1, place)
    return found


def _inner(e: Expr, letters: set[Symbol]) -> Expr | None:
    """The affine expression in the letters through which alone an expression depends on them."""
    if e.has(Where) or not e.free_symbols & letters:
        return None
    try:
        Polyhedron.of(Eq(e, 0))
    except NotAffine:
        parts = {p for p in (_inner(a, letters) for a in e.args) if p is not None}
        return parts.pop() if len(parts) == 1 else None
    return e
