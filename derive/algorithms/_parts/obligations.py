"""What a program in parts must satisfy to be the plain one: proved for chunks of any length, as many as there are.

    parts   each term of the plain sum is one of one part: the loops that are cut run through the plain places that lie in the chunk
            and on the lane, whatever the ends of the plain loop; all else is the plain program's, node for node
    added   each part is added once, and every access of that is inside its array

A place is below the extent of an axis, as it alone is a subscript there: the plain program is proved to stay in bounds. It lies in
the chunk number ⌊place/length⌋ alone, and there are as many as cover the extent: that is division with remainder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from sympy import Eq, Ge, Integer, Le, Lt, Max, Mod, S, Symbol, floor

from derive.algorithms._obligations import program_obligations
from derive.algorithms._parts.making import chunk_of, fold_form
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.ir.nodes import Access, Copy, Fill, Guard, Launch, Let, Loop, MultiplyAdd, Node, Program, Range, walk
from derive.ir.parts import FOLD, LANES, Chunk, Parted
from derive.proof.goal import Goal, Obligation
from derive.remembered import both, built

__all__ = ["part_obligations"]


def part_obligations(parted: Parted, plain: Program) -> tuple[Obligation, ...]:
    """Proved of each program in parts, beside what is proved of the plain one. Raises NoLowering for one of another shape."""
    _check_parts(parted, plain)
    laned = {c.letter == parted.along for c in parted.chunks}
    name = parted.program.name
    goals = [goal for lane in sorted(laned) for goal in _chunk_goals(lane)]
    return (
        Obligation(
            "parts", f"The parts of the program '{name}' are the terms of '{plain.name}', each once.", tuple(goals)
        ),
        Obligation(
            "added", f"Each part of the program '{name}' is added once, {FOLD} of them at a time.", _added(parted.fold)
        ),
    )


@lru_cache(maxsize=2)
def _chunk_goals(laned: bool) -> tuple[Goal, ...]:
    """A place is met in the cut loop if and only if it is in the plain one and in the chunk.

    Of loops from 0, of those from anywhere, and of those that start below 0 where nothing is.
    """
    place, first, stop, low, length, lane = map(index, ("place", "first", "stop", "low", "length", "lane"))
    chunk = Chunk(place, index("number"), index("count"), length, low, index("extent"))
    goals: list[Goal] = []
    for start in (S.Zero, first, built(Max, first, 0)):
        plain = Loop(Range(place, start, stop), (Fill(Access("acc", ()), ()),))
        made = chunk_of(plain, chunk, lane if laned else None, plain.body)
        span = made.range
        met = both(
            built(Le, span.start, place), built(Lt, place, span.stop), built(Eq, Mod(place - span.start, span.step), 0)
        )
        own = both(
            built(Le, start, place), built(Lt, place, stop), built(Le, low, place), built(Lt, place, low + length)
        )
        own = both(own, built(Eq, Mod(place - low, LANES), lane)) if laned else own
        given = (built(Ge, low, 0), built(Ge, length, 1), built(Le, 0, lane), built(Lt, lane, LANES))
        goals += [Goal((*given, met), own), Goal((*given, own), met)]
    return tuple(goals)


@lru_cache(maxsize=2)
def _added(fold: Program) -> tuple[Goal, ...]:
    """The sums are those of the form, and a part is in one of them where there are enough."""
    found = [goal for o in program_obligations(fold, fold_form()) for goal in o.goals]
    part, parts, sums = map(index, ("part", "parts", "sums"))
    known = (built(Le, 0, part), built(Lt, part, parts), built(Le, parts, FOLD * sums))
    at, rest = floor(part / FOLD), Mod(part, FOLD)
    inside = both(
        built(Le, 0, at),
        built(Lt, at, sums),
        built(Le, 0, rest),
        built(Lt, rest, FOLD),
        built(Eq, FOLD * at + rest, part),
    )
    return (*found, Goal(known, inside))


def _check_parts(parted: Parted, plain: Program) -> None:
    (launch,), program, made = plain.body, parted.program, parted.launch
    assert isinstance(launch, Launch)
    lane = () if parted.along is None else (parted.lane,)
    numbers = tuple(c.number for c in parted.chunks)
    extents = (*(c.count for c in parted.chunks), *(Integer(LANES) for _ in lane), *plain.result.shape)
    if program.arguments != plain.arguments or (program.result.shape, program.result.batched) != (extents, False):
        raise NoLowering(
            "A program in parts takes what the plain one takes, and has a part for each chunk, lane and result."
        )
    threads = (*(Range(n, S.Zero, e) for n, e in zip(numbers, extents, strict=False)), *launch.threads)
    if made.threads != (*threads, *(Range(s, S.Zero, Integer(LANES)) for s in lane)):
        raise NoLowering("A program in parts has a thread for each chunk, result and lane.")
    lets, body, store = made.body[: len(numbers)], made.body[len(numbers) : -1], made.body[-1]
    if lets != tuple(Let(c.low, c.number * c.length) for c in parted.chunks):
        raise NoLowering("A chunk starts where those before it end.")
    last = launch.body[-1]
    assert isinstance(last, Copy)
    place = Access(program.result.name, (*numbers, *lane, *last.target.subscripts))
    if not isinstance(store, Copy) or replace(store, says="") != replace(last, target=place, says=""):
        raise NoLowering("A part is stored at the place of its chunk, lane and result.")
    _check_letters(parted, plain)
    met = list(_check_body(body, launch.body[:-1], parted))
    if sorted(map(str, met)) != sorted(str(c.letter) for c in parted.chunks):
        raise NoLowering("A program in parts cuts each of its loops once.")


def _check_letters(parted: Parted, plain: Program) -> None:
    """New letters are new; those of loops that are cut are places of an argument wherever a term is added."""
    own = [s for c in parted.chunks for s in (c.number, c.count, c.length, c.low)]
    own += [] if parted.along is None else [parted.lane]
    known = {*plain.sizes, plain.batch, *(n.range.symbol for n in walk(plain.body) if isinstance(n, Loop))}
    known |= {r.symbol for n in walk(plain.body) if isinstance(n, Launch) for r in n.threads}
    if len({*own, *known}) < len(own) + len(known):
        raise NoLowering("A program in parts counts its parts by letters of their own.")
    arguments = {s.name for s in plain.arguments}
    sums = [[f for f in n.factors if f.array in arguments] for n in walk(plain.body) if isinstance(n, MultiplyAdd)]
    for chunk in parted.chunks:
        places = [[*zip(f.subscripts, plain.extents(f.array), strict=True)] for factors in sums for f in factors]
        if len(sums) != 1 or not any((chunk.letter, chunk.extent) in found for found in places):
            raise NoLowering("A loop that is cut runs through places of an argument.")


def _check_body(made: tuple[Node, ...], plain: tuple[Node, ...], parted: Parted) -> Iterator[Symbol]:
    """The letters of the loops that are cut; all else is the same."""
    if len(made) != len(plain):
        raise NoLowering("A program in parts has other statements than the plain one.")
    chunks = {c.letter: c for c in parted.chunks}
    for node, other in zip(made, plain, strict=True):
        match node, other:
            case Loop(body=inner), Loop(body=wanted) if other.range.symbol in chunks:
                lane = parted.lane if other.range.symbol == parted.along else None
                if node != chunk_of(other, chunks[other.range.symbol], lane, inner):
                    raise NoLowering(f"The loop over {other.range.symbol} is no chunk of the plain one.")
                yield other.range.symbol
                yield from _check_body(inner, wanted, parted)
            case (Loop(body=inner), Loop(body=wanted)) | (Guard(body=inner), Guard(body=wanted)):
                if node != replace(other, body=inner):  # type: ignore[arg-type]
                    raise NoLowering("A program in parts has other loops than the plain one.")
                yield from _check_body(inner, wanted, parted)
            case _:
                if node != other:
                    raise NoLowering("A program in parts has other statements than the plain one.")
