"""Running sums: Σ_k V·X[k] over k < i is V·R[i], where R[p] = Σ_{k < p} X[k] is made once for all i.

A letter qualifies where it moves one entry that is read, one place a step, and where one side of its range moves with other letters
while the other stands still: no sum is taken from another, so that every term is still added, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Le, Max, Min, Symbol, ceiling, expand, floor

from derive.algorithms._entries import spelled
from derive.algorithms._extend import Extended, fresh_name
from derive.forms.expr import Read, index
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.ir.nodes import Access, Accumulate, Range, Storage
from derive.remembered import built

__all__ = ["Triangle", "accumulated", "distinct", "triangle"]


@dataclass(frozen=True)
class Triangle:
    """A letter that is summed up to a place, or from it on: which factor it moves, along which subscript, and all its values."""

    over: Range
    factor: int
    axis: int
    bound: Expr
    onwards: bool


def triangle(
    made: Extended, letters: Sequence[Symbol], costly: frozenset[Symbol], terms: Polyhedron, given: Polyhedron
) -> Triangle | None:
    """The first such letter of those whose loop would be long. Three factors or a number besides stay as they are."""
    if len(made.accesses) != 3 or made.times not in (1, -1):
        return None
    known = terms.simplify(given)
    for letter in letters:
        moved = [(f, a) for f, access in enumerate(made.accesses) for a in _moved(access, letter)]
        if letter not in costly or len(moved) != 1 or moved[0][0] == 0:
            continue
        ((factor, axis),) = moved
        rest = expand(made.accesses[factor].subscripts[axis] - letter)
        found = _bounded(known, letter, letters, given)
        if found is not None and not rest.free_symbols & set(letters):
            over, bound, onwards = found
            return Triangle(over, factor, axis, bound, onwards)
    return None


def _moved(access: Access, letter: Symbol) -> list[int]:
    return [axis for axis, e in enumerate(access.subscripts) if letter in e.free_symbols]


def _bounded(
    known: Polyhedron, letter: Symbol, letters: Sequence[Symbol], given: Polyhedron
) -> tuple[Range, Expr, bool] | None:
    """All values of the letter, the place that its range starts or stops at, and whether it goes on from there.

    Where some sizes leave no term, the range is empty there: no sum of two places exists on a grid of one.
    """
    lower, upper = known.bounds(letter)
    others = set(letters) - {letter}
    below, above = (any(e.free_symbols & others for e in side) for side in (lower, upper))
    moving = lower if below else upper
    if below == above or len(moving) != 1 or not lower or not upper or moving[0].has(floor, ceiling):
        return None
    low, high = known.project(*others).bounds(letter)
    if not low or not high:
        return None
    start, stop = built(Max, *low), built(Min, *high) + 1
    try:
        forwards = given.implies(built(Le, start, stop))
    except NotAffine:
        forwards = False
    span = Range(letter, start, stop if forwards else built(Max, start, stop))
    return span, moving[0] + (0 if below else 1), below


def accumulated(made: Extended, found: Triangle, form: Form, stored: Sequence[Storage], lead: int) -> Extended:
    """The accesses with a running sum in the place of what the letter moves."""
    access, entry = made.accesses[found.factor], made.entries[found.factor]
    here = next(s for s in (*stored, *made.working) if s.name == access.array)
    axis = found.axis - (lead if here.batched else 0)
    over, rank = found.over, len(here.shape)
    name = fresh_name({*(s.name for s in (*stored, *made.working)), *(t.name for t in form.tables)})
    shape = tuple(expand(over.stop - over.start + 1) if p == axis else e for p, e in enumerate(here.shape))
    says = _says(name, access.array, rank, axis, found, entry.subscripts[axis])
    node = Accumulate(name, access.array, axis, rank, over, access.subscripts[found.axis], found.onwards, says)
    place = expand(found.bound - over.start)
    read = Access(name, (*access.subscripts[: found.axis], place, *access.subscripts[found.axis + 1 :]))
    named = Read(name, *entry.subscripts[:axis], found.bound, *entry.subscripts[axis + 1 :])
    number = found.factor
    return replace(
        made,
        accesses=(*made.accesses[:number], read, *made.accesses[number + 1 :]),
        entries=(*made.entries[:number], named, *made.entries[number + 1 :]),
        gathers=(*made.gathers, node),
        working=(*made.working, Storage(name, shape, here.batched)),
    )


def _says(name: str, source: str, rank: int, axis: int, found: Triangle, read: Expr) -> str:
    letter, shown = found.over.symbol, spelled(read)
    end = next(index(c) for c in "pqrst" if c != letter.name)

    def at(inside: str) -> str:
        return ", ".join(inside if p == axis else ":" for p in range(rank))

    return (
        f"{name}[{at(str(end))}] = Σ_{letter} {source}[{at(shown)}] for {letter} {'≥' if found.onwards else '<'} {end}"
    )


def distinct(parts: Sequence[Extended], taken: set[str]) -> list[Extended]:
    """The same with names for working arrays that no other part has."""
    found = []
    for made in parts:
        names: dict[str, str] = {}
        for room in made.working:
            names[room.name] = room.name if room.name not in taken else fresh_name(taken | set(names.values()))
            taken = taken | {names[room.name]}
        found.append(_renamed(made, names) if any(old != new for old, new in names.items()) else made)
    return found


def _renamed(made: Extended, names: dict[str, str]) -> Extended:
    def new(name: str) -> str:
        return names.get(name, name)

    def said(text: str) -> str:
        head, *tail = (part.split("[", 1) for part in text.split(" = ", 1))
        return " = ".join("[".join([new(part[0]), *part[1:]]) for part in (head, *tail))

    return replace(
        made,
        accesses=tuple(replace(a, array=new(a.array)) for a in made.accesses),
        entries=tuple(Read(new(e.array), *e.subscripts) for e in made.entries),
        gathers=tuple(replace(n, target=new(n.target), source=new(n.source), says=said(n.says)) for n in made.gathers),
        working=tuple(replace(s, name=new(s.name)) for s in made.working),
    )
