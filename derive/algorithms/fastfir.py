"""Fast FIR algorithms: a block of s results of s taps along each axis from s·(s + 1)/2 products, instead of s².

    (a_i + a_j)·(b_i + b_j) - a_i·b_i - a_j·b_j         Karatsuba's products of polynomials, transposed: see `_bilinear`

The stages are those of `winograd`, with other matrices, whose entries are 0, 1 and -1: so nothing but sums is rounded, and errors
are smaller. Tiles of more than a few hundred products are refused, as their weights are read from memory for a few results each.
(Parker and Parhi, 1997.)
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sympy import Expr, Integer, floor

from derive.algorithms._bilinear import Bilinear, fast_fir, prove
from derive.algorithms._blocks import check_window
from derive.algorithms._window import window
from derive.algorithms.winograd import Winograd
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.stages import Cases, Staged

__all__ = ["fastfir"]

_TAPS = (2, 3, 5, 7)
_MOST = 256  # products of a tile


def fastfir(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window with channels that moves by one place."""
    found = window(form)
    check_window(found, batched)
    program = _FastFir(found).program(batched)
    return replace(program, name="fastfir", says="fast FIR algorithms")


@lru_cache
def _axis(taps: int) -> Bilinear:
    return prove(fast_fir(taps))


class _FastFir(Winograd):
    """The letters and extents of one program: as many results of a tile as taps."""

    @staticmethod
    def axis(outputs: int, taps: int) -> Bilinear:
        return _axis(taps)

    def products(self) -> tuple[Expr, ...]:
        count = floor(self.S * (self.S + 1) / Integer(2))
        return (count,) * len(self.axes)

    def _cases(self) -> tuple[Cases, tuple[tuple[tuple[int, int], ...], ...]]:
        """As many results as taps along each axis, which are as many along all of them."""
        told = sorted({s for m in self.axes for s in m.taps.free_symbols}, key=str)
        if len(told) > 1:
            raise NoLowering("it needs as many taps along all axes")
        values, keys = [], []
        for size in range(max(_TAPS)) if told else (0,):
            taps = {int(m.taps.xreplace({s: Integer(size) for s in told})) for m in self.axes}
            many = max(taps)
            if taps <= {many} & set(_TAPS) and _axis(many).products ** len(self.axes) <= _MOST:
                values.append((many, size) if told else (many,))
                keys.append(((many, many),) * len(self.axes))
        if not values:
            raise NoLowering("it needs as many taps along all axes, 2, 3, 5 or 7, and few in all")
        return Cases((self.S, *told), tuple(values)), tuple(keys)
