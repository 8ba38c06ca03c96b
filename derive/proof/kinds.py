"""Functions on a window along an axis, in kinds, of which some are seen behind an edge: what `orbits` counts products of.

Axes that a group exchanges have one basis. Where they are read alike: even functions that are seen, and those that are not, the
same of odd ones, and where an even function shows what an odd one does, their sum and their difference, which isn't seen and is the
sum reflected. Where they are read in two ways: functions seen along both kinds of axes, along the ones, along the others, and along
none. Such a basis there is of any two subspaces, here those of what isn't seen; and of both together, as many are seen along both
as along the one and the other, less those along one or the other.

On a box all even functions must be seen along every axis for all orbits to be, as products of one such function along all axes are
orbits. Then the period along an axis is at least 2Δ, and where it is that one odd function is not seen: 1 at Δ, -1 at -Δ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from typing import Any

from sympy import And, Dummy, Expr, Integer, Le, Or, expand

from derive.proof.halves import Half, at_most, halves_of, joined_halves, written
from derive.proof.lines import Line, cases_of
from derive.proof.orbits import Kind

__all__ = ["Kinds", "all_seen", "kinds_of"]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds whose letters are `letters` of other letters, and these the `values`."""

    kinds: tuple[Kind, ...]
    letters: Mapping[Any, Expr]
    values: Mapping[Any, Expr]


def kinds_of(lines: Mapping[int, Line], turned: bool, alone: int, split: int) -> Kinds | None:
    """Those of axes that are exchanged, by position; None where they have no expression.

    `turned`: elements of the group reflect the axes; `alone`: each by itself, with this sign, so that no product counts with an odd
    function, or with an even one. The function at the place alone is a kind of its own where it is `split` off.
    """
    (line, *others) = lines.values()
    if any(other != line for other in others):
        return _joined(lines, turned, alone, split)
    if not turned:
        return _all(line, split)
    even, odd = halves_of(line)
    many, seen = Dummy("i"), Dummy("e")
    if alone < 0:
        lost = Kind(Dummy("h"), odd.all_but, sign=-1, seen=False)
        return Kinds((Kind(seen, odd.at_most, sign=-1), lost), {seen: many}, {many: odd.apart})
    if alone:
        kinds = [Kind(seen, lambda few: even.at_most(few + split)), Kind(Dummy("f"), even.all_but, seen=False)]
        return Kinds((*kinds, *_central(split)), {seen: many - split}, {many: even.apart})
    pairs = line.stride > 1 and line.edge == "symmetric"
    return _in_pairs(line, even, odd, split) if pairs else _by_sign(even, odd, split)


def _central(split: int) -> Iterator[Kind]:
    if split:
        yield Kind(Integer(1), lambda few: few >= 1, central=True)


def _all(line: Line, split: int) -> Kinds:
    cases = cases_of(line)
    many, seen, lost = Dummy("r"), Dummy("s"), Dummy("f")
    apart = written([(case.apart, case.given) for case in cases])
    kinds = [
        Kind(seen, lambda few: at_most(apart - split, few)),
        Kind(
            lost, lambda few: at_most(line.size - apart, few) if few else Or(*(case.full for case in cases)), seen=False
        ),
    ]
    return Kinds((*kinds, *_central(split)), {seen: many - split}, {many: apart})


def _by_sign(even: Half, odd: Half, split: int) -> Kinds:
    i, j = Dummy("i"), Dummy("j")
    letters = [Dummy(name) for name in "efgh"]
    kinds = [
        Kind(letters[0], lambda few: even.at_most(few + split)),
        Kind(letters[1], even.all_but, seen=False),
        Kind(letters[2], odd.at_most, sign=-1),
        Kind(letters[3], odd.all_but, sign=-1, seen=False),
    ]
    written_in = {letters[0]: i - split, letters[2]: j}
    return Kinds((*kinds, *_central(split)), written_in, {i: even.apart, j: odd.apart})


def _in_pairs(line: Line, even: Half, odd: Half, split: int) -> Kinds | None:
    """What even and odd functions both show is seen of one of each pair of functions that a reflection exchanges."""
    if split:
        return None
    i, j, p = Dummy("i"), Dummy("j"), Dummy("p")
    pairs = even.apart + odd.apart - written([(case.apart, case.given) for case in cases_of(line)])
    e, f, g, h, both = (Dummy(name) for name in "efghb")
    kinds = (
        Kind(e, lambda few: at_most(even.apart - pairs, few)),
        Kind(f, even.all_but, seen=False),
        Kind(g, lambda few: at_most(odd.apart - pairs, few), sign=-1),
        Kind(h, odd.all_but, sign=-1, seen=False),
        Kind(both, lambda few: at_most(pairs, few), other=5),
        Kind(both, lambda few: at_most(pairs, few), other=4, seen=False),
    )
    return Kinds(kinds, {e: i - p, g: j - p, both: p}, {i: even.apart, j: odd.apart, p: pairs})


def _joined(lines: Mapping[int, Line], turned: bool, alone: int, split: int) -> Kinds | None:
    """Axes that are read in two ways: functions seen along both kinds of axes, along the ones, along the others, and not."""
    distinct = list(dict.fromkeys(lines.values()))
    if len(distinct) != 2 or (distinct[0].edge == "symmetric" and distinct[0].stride > 1 and not alone):
        return None
    one, other = distinct
    if not one.is_even:
        return _joined_roots(lines, one, other, split) if one.stride == 1 or one.edge == "periodic" else None
    kinds: list[Kind] = []
    letters: dict[Any, Expr] = {}
    values: dict[Any, Expr] = {}
    for sign, first, second, both in zip(
        (1, -1), halves_of(one), halves_of(other), joined_halves(one, other), strict=True
    ):
        if not alone or sign == alone:
            found = _seen_along(lines, (first, second, both), sign, split if sign > 0 else 0)
            kinds += found.kinds
            letters, values = {**letters, **found.letters}, {**values, **found.values}
    return Kinds((*kinds, *_central(split if alone >= 0 else 0)), letters, values)


def _joined_roots(lines: Mapping[int, Line], one: Line, other: Line, split: int) -> Kinds:
    """The same of all functions on a window with ends of its own, which are told apart at all roots."""

    def all_told(even: Half, odd: Half) -> Half:
        pairs = zip(even.cases, odd.cases, strict=True)
        return Half(expand(one.size - 1), tuple((given, last + sines) for (given, last), (_, sines) in pairs), 1)

    ones, others, joined = (
        all_told(*halves) for halves in (halves_of(one), halves_of(other), joined_halves(one, other))
    )
    found = _seen_along(lines, (ones, others, joined), 1, split)
    return Kinds((*found.kinds, *_central(split)), found.letters, found.values)


def _seen_along(lines: Mapping[int, Line], halves: tuple[Half, Half, Half], sign: int, split: int) -> Kinds:
    """Four kinds of functions: those seen along both kinds of axes, along the ones, along the others, and along none.

    Those seen along the ones alone are few if few are seen there, or few are not along the others. Where all orbits are seen, the
    converse holds: either all are seen along some axes, or a function that isn't could take the place of one of these.
    """
    one, other, joined = halves
    first = next(iter(lines.values()))
    ones = frozenset(k for k, line in lines.items() if line == first)
    i, j, shared = (Dummy(name) for name in "ijs")
    named = [Dummy(name) for name in "bcdf"]
    kinds = (
        Kind(named[0], lambda few: one.at_most(few + split), sign),
        Kind(named[1], lambda few: Or(one.at_most(few + split), other.all_but(few)), sign, seen=ones),
        Kind(
            named[2], lambda few: Or(other.at_most(few + split), one.all_but(few)), sign, seen=frozenset(lines) - ones
        ),
        Kind(named[3], joined.all_but, sign, seen=False),
    )
    letters = dict(zip(named, (shared - split, i - shared, j - shared), strict=False))
    return Kinds(kinds, letters, {i: one.apart, j: other.apart, shared: one.apart + other.apart - joined.apart})


def _subsets(lines: Mapping[int, Line]) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(lines, size) for size in range(len(lines) + 1))


def all_seen(lines: Mapping[int, Line], alone: bool, clauses: Callable[[tuple[Kind, ...]], list[Any]]) -> list[Any]:
    """Conditions that all hold where all orbits are seen, of which `clauses` says some for the kinds along these axes.

    Odd functions are seen along all axes, or along some only, which is enough where nothing else follows from the kinds.
    """
    (high,) = {line.high for line in lines.values()}
    given = [half.all_but(0) for half in dict.fromkeys(halves_of(line)[0] for line in lines.values())]
    even = Kind(Dummy("e"), partial(Le, high + 1))
    if alone:
        return [*given, *clauses((even,))]
    enough: list[set[int]] = []
    options = []
    for some in _subsets(lines):
        if any(known <= set(some) for known in enough):
            continue
        odd, last = (
            Kind(Dummy("g"), partial(Le, high - 1), sign=-1),
            Kind(Integer(1), partial(Le, 1), -1, seen=frozenset(some)),
        )
        further = clauses((even, odd, last))
        options.append(And(*(halves_of(lines[k])[1].all_but(0) for k in some), *further))
        enough += [] if further else [set(some)]
    return [*given, Or(*options)]
