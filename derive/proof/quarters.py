"""Which functions quarter turns alone leave unseen of a box of two lengths, where strides skip places behind symmetric edges.

    V turned by C4, n by m places, stride s   ⟶   as many as without the stride, less (h' - 1)(j - κ) + (h - 1)(i - ι) + ij - ικ

Along an axis of n places as many roots of 1 are seen, z^2n = 1, as functions z^x; but of those with z^2c = 1 of each pair z, 1/z
only the sum C about -1/2, and of its reflection C' nothing: see `lines`. There c = gcd(s, n), and c = n where one place is kept. -1
is not seen. With A, B the functions seen along the axes and A', B' reflected, A⊗B + B⊗A' + A'⊗B' + B'⊗A is seen of all. Without
the stride that is P⊗Q + Q⊗P, P and Q all functions of both sets of roots. Of C and C' of a root along either axis the sum has all
four products, if one root is seen whole along the one axis and the other along the other, or both sums in both orders. It lacks two
in either order where one is of those 2c roots and one of the 2b along the other axis, but not both of either are seen along both.
The group carries these in fours, so there are (c - 1)(b - 1) - (h - 1)(h' - 1), h = gcd(c, m) and h' = gcd(b, n).

So it is if all roots together are independent on the window. Else what is lacking may be the same there as other products: p⊗q as
q'⊗p' where p - q' and q - p' are 0 on it. Such sums of z^x have for the pair of z, of y = cos θ, an even part f(y) and an odd part
g(y), each times a number, where f and g are any polynomials of degree less than k = max(0, n + m - gcd(n, m) - 1 - Δ): f/W' is what
is orthogonal to powers of y at the zeros of W. About -1/2 they are f + g of C, f - g of C'. Let i = c - h, j = b - h' be how many
of these pairs are seen along one axis alone. On them f + g and f - g take any values at up to ι = min(i, k) and κ = min(j, k) of
them, so that (h' - 1)·ι, (h - 1)·κ and ι·κ aren't lacking. Sums with roots of one axis alone that are 0 on the window tell no more:
where there are some, k is at least i and j, or one of these is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Integer, Le, Max, Min, Mul, Piecewise, expand

from derive.forms.expr import Gcd
from derive.proof.halves import written
from derive.proof.lines import Line, cases_of
from derive.proof.orbits import Element
from derive.remembered import built

__all__ = ["without_stride"]

_QUARTERS = frozenset({((0, 1), (1, 1)), ((0, 1), (-1, -1)), ((1, 0), (1, -1)), ((1, 0), (-1, 1))})
_ALL_SEEN = 2  # the stride up to which it makes no difference


def without_stride(group: Mapping[Element, int], lines: Sequence[Line]) -> tuple[tuple[Line, ...], Expr] | None:
    """The axes of a box without strides, and how many orbits more are seen there.

    None of other groups than quarter turns of two axes of different lengths, and where windows that are dilated see other sums.
    """
    pair = [k for k in range(len(lines)) if any(places[k] != k for places, _ in group)]
    if len(pair) != 2 or not _are_quarters(group, pair):
        return None
    one, other = (lines[k] for k in pair)
    strides = (one.stride, other.stride)
    if one.edge != "symmetric" or one.step != other.step or max(strides) == 1 or one == other:
        return None
    unseen = Integer(0)
    if min(strides) > 1 and max(strides) > _ALL_SEEN and one.step % 2:
        if one.step > 1:
            return None
        unseen = _lacking(one, other)
    copies = (written([(case.apart, case.given) for case in cases_of(x)]) for k, x in enumerate(lines) if k not in pair)
    whole = tuple(replace(x, stride=1) if k in pair else x for k, x in enumerate(lines))
    return whole, Mul(unseen, *copies) if unseen != 0 else unseen


def _are_quarters(group: Iterable[Element], pair: Sequence[int]) -> bool:
    """Whether these are quarter turns of two axes, and leave the others alone."""
    found = set()
    for places, signs in group:
        if any(signs[k] < 0 for k in range(len(signs)) if k not in pair):
            return False
        found.add((tuple(pair.index(places[k]) for k in pair), tuple(signs[k] for k in pair)))
    return found == _QUARTERS


def _lacking(one: Line, other: Line) -> Expr:
    """How many orbits are seen less."""
    n, m = one.extent, other.extent
    (c, h), (b, g) = (_halved(*sides) for sides in ((one, other), (other, one)))
    more = built(Max, 0, expand(n + m - 1 - one.high) - Gcd(n, m))
    first, second = (built(Min, side - both, more) for side, both in ((c, h), (b, g)))
    return (g - 1) * (c - h - first) + (h - 1) * (b - g - second) + (c - h) * (b - g) - first * second


def _halved(line: Line, other: Line) -> tuple[Expr, Expr]:
    """Half as many as there are roots of which only sums are seen along an axis, and as there are seen along the other one too."""
    n, m = line.extent, other.extent
    few = Le(n, line.stride)
    pairs = ((n, Gcd(line.stride, n)), (Gcd(n, m), Gcd(line.stride, Gcd(n, m))))
    c, h = (Piecewise((alone, few), (most, True)) for alone, most in pairs)
    return c, h
