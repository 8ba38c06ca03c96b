"""Linear combinations of entries with rational coefficients, evaluated at every point at once as sparse rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm, prod
from typing import Any

import numpy as np
from sympy import Add, Expr, Integer, Mul, Rational, Sum

from derive.forms.expr import Read, Where
from derive.forms.form import Array, Param, Table
from derive.proof.exact import largest, times
from derive.proof.points import MOST, At, Points, Undecided

__all__ = ["Combination", "Combinations"]

_CHUNK, _TERMS = 1 << 20, 1 << 28


@dataclass(frozen=True, slots=True)
class Combination:
    """At point rows[e], the entry of number columns[e] has the coefficient values[e]/denominator; entry 0 is the number 1."""

    rows: Any
    columns: Any
    values: Any
    denominator: int

    def merged(self) -> Combination:
        """Each entry once at a point, without zeros."""
        order = np.lexsort((self.columns, self.rows))
        rows, columns, values = self.rows[order], self.columns[order], self.values[order]
        if not rows.size:
            return self
        starts = np.flatnonzero(np.r_[True, (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])])
        if largest(values) * len(values) >= 1 << 62:
            values = values.astype(object)
        totals = np.add.reduceat(values, starts)
        kept = totals != 0
        return Combination(rows[starts][kept], columns[starts][kept], totals[kept], self.denominator)


def _joined(parts: list[Combination]) -> Combination:
    """The sum of several."""
    if not parts:
        none = np.zeros(0, np.int64)
        return Combination(none, none, none, 1)
    denominator = lcm(*(p.denominator for p in parts))
    values = [times(p.values, np.array([denominator // p.denominator], object)) for p in parts]
    return Combination(
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.columns for p in parts]),
        np.concatenate(values),
        denominator,
    )


class Combinations(Points):
    """Evaluation with arrays of numbers besides tables; entries of other arrays are numbered as they come."""

    def __init__(self, tables: tuple[Table, ...], numbers: tuple[Param, ...], arrays: tuple[Array, ...]) -> None:
        super().__init__(tables)
        self.numbers = {p.name: _as_integers(p) for p in numbers}
        self.known = {a.name: a for a in arrays if a.name not in self.numbers}
        self.bases: dict[Any, int] = {}
        self.next = 1

    def reads_arrays(self, expression: Any) -> bool:
        return any(r.array not in self.tables and r.array not in self.numbers for r in expression.atoms(Read))

    def combination(self, e: Expr, at: At, size: int) -> Combination:
        """The expression at each of `size` points."""
        return self._combined(e, at, size).merged()

    def _combined(self, e: Expr, at: At, size: int) -> Combination:
        if isinstance(e, Sum):
            return self._summed(e, at, size)
        if not self.reads_arrays(e) and not e.has(Sum):
            values, denominator = self._number(e, at, size)
            return Combination(np.arange(size), np.zeros(size, np.int64), values, denominator)
        if isinstance(e, Read):
            return Combination(np.arange(size), self._column(e, at, size), np.ones(size, np.int64), 1)
        if isinstance(e, Add):
            return _joined([self._combined(part, at, size) for part in e.args])
        if isinstance(e, Mul):
            return self._scaled(e, at, size)
        if isinstance(e, Where):
            true = np.broadcast_to(self.whole(self._plain(e.condition, at), at), (size,))
            return _joined([self._at(e.args[1], at, true), self._at(e.args[2], at, ~true)])
        raise Undecided

    def _at(self, e: Expr, at: At, where: Any) -> Combination:
        """The expression at some of the points, under their own numbers."""
        rows = np.flatnonzero(where)
        found = self._combined(e, {s: v[rows] for s, v in at.items()}, len(rows))
        return Combination(rows[found.rows], found.columns, found.values, found.denominator)

    def _scaled(self, e: Expr, at: At, size: int) -> Combination:
        """Numbers times one combination, which is evaluated where the numbers aren't 0."""
        entries = [a for a in e.args if self.reads_arrays(a) or a.has(Sum)]
        if len(entries) != 1:
            raise Undecided
        values, denominator = self._number(Mul(*(a for a in e.args if a is not entries[0])), at, size)
        found = self._at(entries[0], at, values != 0)
        return Combination(
            found.rows, found.columns, times(found.values, values[found.rows]), denominator * found.denominator
        )

    def _summed(self, e: Sum, at: At, size: int) -> Combination:
        """The sum over the outermost letter, of a numeric range, some of the points at a time."""
        *inner, (letter, low, high) = e.limits
        summand = Sum(e.function, *inner) if inner else e.function
        if not (isinstance(low, Integer) and isinstance(high, Integer)) or letter in at:
            raise Undecided
        turns = int(high) - int(low) + 1
        if turns > MOST or size * turns > _TERMS:
            raise Undecided
        some = max(1, _CHUNK // max(turns, 1))
        found = []
        for start in range(0, size, some) if turns > 0 else ():
            count = min(some, size - start)
            here = {s: np.repeat(v[start : start + count], turns) for s, v in at.items()}
            here[letter] = np.tile(np.arange(int(low), int(high) + 1), count)
            part = self._combined(summand, here, count * turns)
            found.append(Combination(start + part.rows // turns, part.columns, part.values, part.denominator).merged())
        return _joined(found)

    def _number(self, e: Any, at: At, size: int) -> tuple[Any, int]:
        """A rational number at each point: whole numbers over one denominator."""
        if isinstance(e, Rational):
            return np.full(size, int(e.p), np.int64 if abs(int(e.p)) < 1 << 62 else object), int(e.q)
        if isinstance(e, Read) and e.array in self.numbers:
            values, lower, denominator = self.numbers[e.array]
            return values[self._inside(e, at, size, values.shape, lower)], denominator
        if isinstance(e, Mul):
            values, denominator = np.ones(size, np.int64), 1
            for part in e.args:
                other, more = self._number(part, at, size)
                values, denominator = times(values, other), denominator * more
            return values, denominator
        return np.broadcast_to(np.asarray(self.whole(self._plain(e, at), at), np.int64), (size,)), 1

    def _plain(self, e: Any, at: At) -> Any:
        """An expression in letters with numbers alone."""
        if not e.free_symbols <= set(at) or any(r.array not in self.tables for r in e.atoms(Read)):
            raise Undecided
        return e

    def _column(self, read: Read, at: At, size: int) -> Any:
        """The number of an array's entry; subscripts in other letters stand as they are."""
        if read.array not in self.known:
            raise Undecided
        axes = self.known[read.array].axes
        fixed = tuple((p, s) for p, s in enumerate(read.subscripts) if s.free_symbols - set(at))
        if any(s.free_symbols & set(at) or s.has(Read) for _, s in fixed):
            raise Undecided
        left = [p for p in range(len(axes)) if p not in dict(fixed)]
        if not all(isinstance(e, Integer) for p in left for e in (axes[p].lower, axes[p].upper)):
            raise Undecided
        shape = tuple(int(axes[p].extent) for p in left)
        lower = tuple(int(axes[p].lower) for p in left)
        places = self._inside(Read(read.array, *(read.subscripts[p] for p in left)), at, size, shape, lower)
        key = (read.array, fixed)
        if key not in self.bases:
            self.bases[key], self.next = self.next, self.next + prod(shape)
        flat = np.zeros(size, np.int64)
        for place, side in zip(places, shape, strict=True):
            flat = flat * side + place
        return self.bases[key] + flat

    def _inside(self, read: Read, at: At, size: int, shape: tuple[int, ...], lower: tuple[int, ...]) -> tuple[Any, ...]:
        """Positions in an array. Raises Undecided for one outside."""
        found = []
        for subscript, side, low in zip(read.subscripts, shape, lower, strict=True):
            place = np.broadcast_to(np.asarray(self.whole(self._plain(subscript, at), at), np.int64) - low, (size,))
            if np.any((place < 0) | (place >= side)):
                raise Undecided
            found.append(place)
        return tuple(found)


def _as_integers(param: Param) -> tuple[Any, tuple[int, ...], int]:
    """An array of numbers as whole ones over one denominator, with its lower ends."""
    if param.values is None or not all(isinstance(e, Integer) for a in param.array.axes for e in (a.lower, a.upper)):
        raise Undecided
    denominator = lcm(*(int(v.q) for v in param.values))
    values = [int(v.p) * (denominator // int(v.q)) for v in param.values]
    array = np.array(values, np.int64 if max(map(abs, values), default=0) < 1 << 62 else object)
    shape = tuple(int(e) for e in param.array.shape)
    return array.reshape(shape), tuple(int(a.lower) for a in param.array.axes), denominator
