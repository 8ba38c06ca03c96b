"""Supports: the offsets a layer may look at. Each is a range along every axis, and a condition within the ranges.

Box      -lower ≤ a ≤ upper along each axis                Diamond  |a| + |b| + ... ≤ Δ
Cross    offsets along one axis at a time, ≤ Δ             Disk     a² + b² + ... ≤ r², r a number
Causal   0 ≤ -a ≤ Δ: the present and the past              Mask     any table of booleans
Hexagon  |a|, |b|, |a + b| ≤ Δ: on the hexagonal lattice, in axial coordinates
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import isqrt
from typing import Any, Protocol

import numpy as np
from sympy import Abs, And, Eq, Expr, Ge, Integer, Le, Or, true

from derive.errors import RuleRefused
from derive.forms.arguments import as_tuples, explained, hold_tuples, is_whole, said
from derive.forms.text import parse

__all__ = ["Around", "Box", "Causal", "Cross", "Diamond", "Disk", "Hexagon", "Mask", "Radius", "Support", "support"]

_MOST_RUNS = 10_000  # a larger disk's condition has more parts than a solver reads in an hour

Radius = str | int
Ranges = tuple[tuple[Expr, Expr], ...]


class Support(Protocol):
    """A set of offsets, for any number of axes."""

    def ranges(self, rank: int) -> Ranges:
        """The lowest and highest offset along each axis. Raises RuleRefused for another number of axes."""
        ...

    def condition(self, offset: Sequence[Expr]) -> Any:
        """Which offsets within the ranges belong to it."""
        ...

    @property
    def given(self) -> Any:
        """What its sizes must satisfy."""
        ...


def _size(value: Radius) -> Expr:
    if not isinstance(value, str) and not is_whole(value):
        raise RuleRefused(
            f"A radius is a name, a whole number or a sum of multiples such as 2*Delta; {said(value)} is none."
        )
    size = parse(value) if isinstance(value, str) else Integer(value)
    linear = isinstance(size, Expr) and all(v.is_Integer and v > 0 for v in size.as_coefficients_dict().values())
    if not linear and size != 0 and not size.is_Integer:
        raise RuleRefused(f"A radius is a name, a whole number or a sum of multiples such as 2*Delta; {value} is none.")
    if size.is_Integer and size < 0:
        raise RuleRefused(f"A radius is at least 0; {value} is not.")
    return size


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@explained
@dataclass(frozen=True, slots=True)
class Box:
    """`lower` before and `upper` after the place along every axis; a tuple gives each axis its own."""

    lower: Radius | tuple[Radius, ...]
    upper: Radius | tuple[Radius, ...] | None = None

    def __post_init__(self) -> None:
        hold_tuples(self)

    def __str__(self) -> str:
        lower, upper = _shown(self.lower), _shown(self.upper)
        return f"Box({lower})" if self.upper is None else f"Box({lower}, {upper})"

    def ranges(self, rank: int) -> Ranges:
        """-lower to upper."""
        upper = self.lower if self.upper is None else self.upper
        lows, highs = (v if isinstance(v, tuple) else (v,) * rank for v in (self.lower, upper))
        if len(lows) != rank or len(highs) != rank:
            raise RuleRefused(f"{self} states {max(len(lows), len(highs))} axes; the grid has {rank}.")
        return tuple((-_size(low), _size(high)) for low, high in zip(lows, highs, strict=True))

    def condition(self, offset: Sequence[Expr]) -> Any:
        """Every offset of the ranges."""
        return true

    @property
    def given(self) -> Any:
        """No side is negative."""
        sides = [v for v in (self.lower, self.upper) if v is not None]
        flat = [w for v in sides for w in (v if isinstance(v, tuple) else (v,))]
        return And(*(Ge(_size(v), 0) for v in flat))


@explained
@dataclass(frozen=True, slots=True)
class _Round:
    """What supports of one radius share."""

    radius: Radius

    def __str__(self) -> str:
        return f"{type(self).__name__}({_shown(self.radius)})"

    def ranges(self, rank: int) -> Ranges:
        """-radius to radius along each axis."""
        size = _size(self.radius)
        return ((-size, size),) * rank

    @property
    def given(self) -> Any:
        """The radius isn't negative."""
        return Ge(_size(self.radius), 0)


class Diamond(_Round):
    """|a| + |b| + ... ≤ radius."""

    __slots__ = ()

    def condition(self, offset: Sequence[Expr]) -> Any:
        """The sum of distances is at most the radius."""
        return Le(sum(map(Abs, offset), start=Integer(0)), _size(self.radius))


class Cross(_Round):
    """Offsets along one axis at a time."""

    __slots__ = ()

    def condition(self, offset: Sequence[Expr]) -> Any:
        """All offsets but one are 0."""
        return Or(*(And(*(Eq(e, 0) for q, e in enumerate(offset) if q != p)) for p in range(len(offset))))


class Hexagon(_Round):
    """|a|, |b| and |a + b| ≤ radius: what is at most so many steps away on the hexagonal lattice, in axial coordinates."""

    __slots__ = ()

    def ranges(self, rank: int) -> Ranges:
        """-radius to radius along two axes."""
        if rank != 2:
            raise RuleRefused(f"A hexagon lies in a grid of 2 axes; this one has {rank}.")
        return _Round.ranges(self, rank)

    def condition(self, offset: Sequence[Expr]) -> Any:
        """The third direction's distance."""
        return Le(Abs(sum(offset, start=Integer(0))), _size(self.radius))


class Disk(_Round):
    """a² + b² + ... ≤ radius², for a radius that is a number."""

    __slots__ = ()

    def condition(self, offset: Sequence[Expr]) -> Any:
        """Runs along the last axis, one for each offset along the others. Raises RuleRefused for a symbol."""
        if isinstance(self.radius, str):
            raise RuleRefused(
                f"A disk's radius is a number, since its boundary isn't affine; '{self.radius}' is a symbol."
            )
        radius, *others = self.radius, *offset[:-1]
        if (2 * radius + 1) ** len(others) > _MOST_RUNS:
            raise RuleRefused(f"A disk is a list of runs, at most {_MOST_RUNS}; one of radius {radius} has more.")
        runs = []
        for place in product(range(-radius, radius + 1), repeat=len(others)):
            left = radius**2 - sum(v * v for v in place)
            if left >= 0:
                fixed = (Eq(e, v) for e, v in zip(others, place, strict=True))
                runs.append(And(*fixed, Le(-isqrt(left), offset[-1]), Le(offset[-1], isqrt(left))))
        return Or(*runs)


class Causal(_Round):
    """The place itself and at most `radius` before it, along each axis."""

    __slots__ = ()

    def ranges(self, rank: int) -> Ranges:
        """-radius to 0."""
        return ((-_size(self.radius), Integer(0)),) * rank

    def condition(self, offset: Sequence[Expr]) -> Any:
        """Every offset of the ranges."""
        return true


@explained
@dataclass(frozen=True, slots=True)
class Mask:
    """The true entries of a table of booleans; `origin` is the entry at offset 0, the middle by default."""

    table: tuple[Any, ...]
    origin: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        hold_tuples(self)

    def __str__(self) -> str:
        rows = self._array.astype(int).tolist()
        return f"Mask({rows})" if self.origin is None else f"Mask({rows}, origin={self.origin})"

    @property
    def _array(self) -> np.ndarray:
        if not isinstance(self.table, (tuple, list, np.ndarray)):
            raise RuleRefused(f"A mask is a table of booleans, row by row; {said(self.table)} is none.")
        try:
            table = np.asarray(self.table)
        except ValueError:
            raise RuleRefused("A mask is a table whose rows are equally long; these are not.") from None
        if table.dtype.kind not in "biuf" or not np.isin(table, (0, 1)).all():
            raise RuleRefused(f"A mask is a table of booleans, or of 0 and 1; {said(self.table)} is none.")
        return table.astype(bool)

    @property
    def _start(self) -> tuple[int, ...]:
        if self.origin is not None:
            if not isinstance(self.origin, tuple) or not all(map(is_whole, self.origin)):
                raise RuleRefused(f"A mask's origin is a tuple of whole numbers; {said(self.origin)} is none.")
            return self.origin
        if any(side % 2 == 0 for side in self._array.shape):
            raise RuleRefused(f"A mask of shape {self._array.shape} has no middle; state its origin.")
        return tuple(side // 2 for side in self._array.shape)

    def ranges(self, rank: int) -> Ranges:
        """The table's sides, counted from its origin."""
        if self._array.ndim != rank:
            raise RuleRefused(f"A mask of {self._array.ndim} axes doesn't fit a grid of {rank}.")
        if len(self._start) != rank:
            raise RuleRefused(
                f"A mask's origin is one entry of it; {self.origin} has {len(self._start)} subscripts of {rank}."
            )
        sides = zip(self._start, self._array.shape, strict=True)
        return tuple((Integer(-start), Integer(side - 1 - start)) for start, side in sides)

    def condition(self, offset: Sequence[Expr]) -> Any:
        """One of the true entries."""
        places, start = np.argwhere(self._array), self._start
        return Or(
            *(And(*(Eq(e, int(p) - s) for e, p, s in zip(offset, place, start, strict=True))) for place in places)
        )

    @property
    def given(self) -> Any:
        """Nothing."""
        return true


@dataclass(frozen=True, slots=True)
class Around:
    """A support on a torus of these sizes: an offset belongs to it where that, or one a turn away along some axes, does."""

    inner: Support
    sizes: tuple[Expr, ...]

    def ranges(self, rank: int) -> Ranges:
        """All offsets between two places."""
        return tuple((1 - n, n - 1) for n in self.sizes)

    def condition(self, offset: Sequence[Expr]) -> Any:
        """Of the offset, or of one less or more by the size."""
        found = []
        for turns in product((0, -1, 1), repeat=len(self.sizes)):
            there = [d + t * n for d, t, n in zip(offset, turns, self.sizes, strict=True)]
            ends = zip(there, self.inner.ranges(len(there)), strict=True)
            found.append(And(*(And(Le(low, d), Le(d, high)) for d, (low, high) in ends), self.inner.condition(there)))
        return Or(*found)

    @property
    def given(self) -> Any:
        """What the support's own sizes must satisfy."""
        return self.inner.given


def support(value: Radius | Support) -> Support:
    """A radius as the box of that radius; a support as it is. Raises RuleRefused for anything else."""
    value = as_tuples(value)
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return Box(value)
    if isinstance(value, tuple) and value:
        return Box(value)
    if isinstance(value, (str, int, type)) or not hasattr(value, "ranges"):
        raise RuleRefused(
            f"A radius is a name or a whole number, one for each axis or for all, or a support such as Diamond(2) or Mask(table); "
            f"{said(value)} is neither."
        )
    return value
