"""Where offsets may be carried by a symmetry: mirrored and exchanged, or as the cases of a reader carry them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product

from sympy import Expr, Poly, Symbol, expand

from derive.remembered import replaced

__all__ = ["mirrored", "repeated"]

Letters = Mapping[Symbol, Expr]
_MOST_IMAGES = 48


def mirrored(offsets: list[Symbol]) -> Iterator[Letters]:
    """Signed permutations of offsets, about a pixel or about a corner, but the identity."""
    for order in permutations(offsets):
        for signs in product((1, -1), repeat=len(offsets)):
            for shift in (0, 1) if -1 in signs else (0,):
                moved = zip(offsets, signs, order, strict=True)
                found = {s: sign * other + shift * (sign < 0) for s, sign, other in moved}
                if any(s != e for s, e in found.items()):
                    yield found


def repeated(cases: Sequence[Letters], offsets: list[Symbol]) -> list[Letters]:
    """The offsets that the cases carry offsets to, one after the other, where these are few."""
    images = [{s: case[s] for s in offsets} for case in cases if all(s in case for s in offsets)]
    steps: list[Letters] = [at for at in images if all(_is_affine(e, offsets) for e in at.values())]
    found = list(steps)
    for at in found:
        further = ({s: expand(replaced(e, at)) for s, e in step.items()} for step in steps)
        found += [other for other in further if other not in found]
        if len(found) > _MOST_IMAGES:
            return steps
    return found


def _is_affine(e: Expr, letters: list[Symbol]) -> bool:
    return bool(e.free_symbols <= {*letters} and e.is_polynomial(*letters) and Poly(e, *letters).total_degree() <= 1)
