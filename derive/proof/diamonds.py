"""How many entries of a diamond are told apart behind an edge, at every size and radius, and when all of them are.

    Σ_{|a| + |b| ≤ Δ} V[a, b]·X[(i + a) mod n, (j + b) mod m]     ⟶     Σ_{k + l ≤ Δ} δ_k·ε_l

Along an axis P makes of functions on a window what is seen of them. Those on |a| ≤ k are F_0 ⊂ F_1 ⊂ ..., and some basis contains
bases of all of these and of P's kernel, as there is one for a flag and one more subspace. At level k are those of F_k that are not
in F_(k-1), and seen are those outside the kernel, whose images are independent. Functions on the diamond are the sum of F_k ⊗ F_l
with k + l ≤ Δ. So products of functions of such levels are a basis, of which those count all of whose factors are seen. At level k
so many are seen, δ_k, as the ranks of the windows |a| ≤ k and |a| ≤ k - 1 differ by: a sum of ±1 from some starts on, see `levels`.

A group that ties entries permutes the products up to signs, if along the axes that it turns the basis consists of even and of odd
functions, which it does where the reflection keeps P's kernel, and if axes that it exchanges are read alike. By Burnside's lemma an
element counts by its cycles of axes: one function for each cycle, at w times its length, less the odd ones where the cycle turns.
Where an axis is turned by itself no product with an odd function counts, so that even ones are enough, whatever the kernel is.

All orbits are seen if no function that isn't is part of a product that counts. An even one is, beside functions at the place alone;
an odd one after the last that is seen beside those that no element of the group makes the negative with it: the least such others
have levels that differ, and are found by going through these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import gcd
from typing import Any

from sympy import And, Eq, Expr, Integer, Le, Max, Not, Or, Rational, Symbol, expand, false, floor

from derive.forms.conditions import split
from derive.proof.goal import Goal, Status
from derive.proof.halves import Half, halves_of, written
from derive.proof.levels import Levels, Terms, summed, times
from derive.proof.lines import Line, cases_of
from derive.proof.orbits import Element, cycles
from derive.proof.solver import decide

__all__ = ["Diamond", "diamond_of", "seen_of_diamond"]


@dataclass(frozen=True, slots=True)
class Diamond:
    """Offsets whose distances, each with its weight, add up to `radius` at most; the weights have no common divisor."""

    weights: tuple[int, ...]
    radius: Expr


def diamond_of(
    given: Any, ends: Mapping[Symbol, tuple[Expr, Expr]], domain: Any, forced: Any = false
) -> Diamond | None:
    """The diamond that a window is, but for entries that are `forced` to be 0, as is proved; None for another one."""
    affine, _ = split(domain, given)
    box = And(*(part for s, (low, high) in ends.items() for part in (Le(low, s), Le(s, high))))
    for bound in affine.expressions:
        weights = [-expand(bound).coeff(s) for s in ends]
        if not all(w.is_Integer and w > 0 for w in weights):
            continue
        common = gcd(*map(int, weights))
        radius = expand(bound + sum(w * s for w, s in zip(weights, ends, strict=True)))
        inside = Le(sum(w * Max(s, -s) for w, s in zip(weights, ends, strict=True)), radius)
        same = (Goal((given, box, domain), inside), Goal((given, inside, Not(forced)), And(box, domain)))
        if not radius.free_symbols & set(ends) and all(decide(goal.smt) is Status.PROVED for goal in same):
            return Diamond(tuple(int(w) // common for w in weights), floor(radius / common))
    return None


def seen_of_diamond(
    group: Mapping[Element, int], lines: Sequence[Line], diamond: Diamond
) -> tuple[Expr, list[Any] | None] | None:
    """How many orbits of the diamond's entries are told apart, and conditions that all hold where all are.

    The group says which sign each element gives an entry; no conditions are known where some change it. None where it exchanges
    axes that are read differently, as a flag and two kernels need not have one basis; and where it turns axes only together whose
    kernel the reflection doesn't keep: of every so many places behind symmetric edges.
    """
    same = tuple(range(len(lines)))
    turned = [any(signs[k] < 0 for _, signs in group) for k in same]
    alone = [group.get((same, tuple(-1 if k == axis else 1 for k in same)), 0) for axis in same]
    if any(lines[k] != lines[place] for places, _ in group for k, place in enumerate(places)):
        return None
    kept = (line.stride == 1 or line.edge in ("periodic", "reflect") for line in lines)
    if not all(a or b or not turn for a, b, turn in zip(kept, alone, turned, strict=True)):
        return None
    axes = list(zip(lines, turned, strict=True))
    kinds = list(dict.fromkeys(axes))
    pairs: list[tuple[Expr, Any]] = []
    for cases in product(*(list(_levels(*kind)) for kind in kinds)):
        found = {kind: levels for kind, (_, levels) in zip(kinds, cases, strict=True)}
        number, given = _number(group, [found[kind] for kind in axes], diamond), And(*(given for given, _ in cases))
        if pairs and pairs[-1][0] == number:
            given = Or(pairs.pop()[1], given)
        pairs.append((number, given))
    if min(group.values()) < 0:
        return written(pairs), None
    return written(pairs), [clause for k, kind in enumerate(axes) for clause in _whole(tuple(group), k, *kind, diamond)]


def _levels(line: Line, turned: bool) -> Iterator[tuple[Any, Levels]]:
    """Case by case from which levels on one function more is seen along a line, or one less."""
    if not turned:
        yield from ((case.given, ((1, case.starts),)) for case in cases_of(line))
        return
    even, odd = halves_of(line)
    for (given, cosines), (_, sines) in zip(even.cases, odd.cases, strict=True):
        seen = ((1, ((1, Integer(0)), (-1, cosines + 1))), (-1, ((1, Integer(1)), (-1, sines + 1))))
        yield given, seen


def _number(group: Mapping[Element, int], levels: Sequence[Levels], diamond: Diamond) -> Expr:
    """The mean over the group of the products that stay with an element's sign, less those that turn over."""
    terms: Terms = {}
    for element, character in group.items():
        steps: list[int] = []
        series: dict[Expr, Rational] = {Integer(0): Rational(character, len(group))}
        for axes, sign in cycles(element):
            step = diamond.weights[axes[0]] * len(axes)
            steps.append(step)
            series = times(series, step, levels[axes[0]], sign)
        for start, many in series.items():
            key = (tuple(sorted(steps)), start)
            terms[key] = terms.get(key, Integer(0)) + many
    return summed(terms, diamond.radius, sum(diamond.weights))


def _whole(group: Sequence[Element], axis: int, line: Line, turned: bool, diamond: Diamond) -> Iterator[Any]:
    """When no function that isn't seen along the axis is part of a product that counts."""
    if not turned:
        yield Or(*(case.full for case in cases_of(line)))
        return
    even, odd = halves_of(line)
    yield even.all_but(0)
    if (least := _least(tuple(group), axis, diamond.weights)) is not None:
        yield _odd_seen(odd, diamond.weights[axis], least, diamond.radius)


def _odd_seen(odd: Half, weight: int, least: Sequence[int], radius: Expr) -> Any:
    """That the radius is less than the least sum, which is said for 0, 1, ... odd functions seen, and grows evenly from then on."""
    beside = least[-1] - weight * len(least)
    options = [And(given, Le(radius, weight * (last + 1) + beside - 1)) for given, last in odd.cases]
    for many, most in enumerate(least):
        if most > weight * (many + 1) + beside:
            options += [And(given, Eq(last, many), Le(radius, most - 1)) for given, last in odd.cases]
    return Or(*options)


@lru_cache(maxsize=256)
def _least(group: tuple[Element, ...], axis: int, weights: tuple[int, ...]) -> tuple[int, ...] | None:
    """The least sum of levels of a product that counts and has an odd function along the axis that isn't among the first 0, 1, ...

    None where there is none. Where as many are first as there are other axes, these have odd functions enough among them.
    """
    count = len(weights)
    some = [(sign, level) for level in range(2 * count) for sign in ((1, -1) if level else (1,))]
    found: list[int] = []
    for first in range(count):
        sums = [
            sum(w * level for w, (_, level) in zip(weights, functions, strict=True))
            for functions in product(*([(-1, first + 1)] if k == axis else some for k in range(count)))
            if not _turns_over(group, functions)
        ]
        if not sums:
            return None
        found.append(min(sums))
    return tuple(found)


def _turns_over(group: Sequence[Element], functions: Sequence[tuple[int, int]]) -> bool:
    """Whether an element of the group makes the product of these, each its sign and its level, the negative."""
    for places, signs in group:
        same = all(functions[place] == functions[k] for k, place in enumerate(places))
        if same and sum(function[0] < 0 and sign < 0 for function, sign in zip(functions, signs, strict=True)) % 2:
            return True
    return False
