"""Folded windows: rows on BLAS where a window is the same from left and right, so that two taps share one product.

    V[a, b] = V[a, k - 1 - b]                       of k taps along the last axis

    T[h, s, r] = V[r - s, h]                        once, for one half of the taps
    Z[h, s, g, y] = Σ_r T[h, s, r]·X[S·g + r, y]    matrix products on X in place
    H[S·g + s, j] = Σ_b Z[min(b, k - 1 - b), s, g, j + b]

That takes half of the multiplications of `rows`, as many additions, and half of the memory for Z. Derivations may say that a window
is so, such as the isotropic ones; else a plan finds out from its numbers.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Expr, Integer, Le, Lt, Min, Symbol, expand, floor, true

from derive.algorithms._entries import entry, spelled
from derive.algorithms._supposed import made_of
from derive.algorithms._weights import gathered
from derive.algorithms._window import Window, fresh, single, window
from derive.algorithms.rows import Rows
from derive.errors import NoLowering
from derive.forms.form import Form, equal_places
from derive.ir.nodes import Access, Copy, Loop, Range
from derive.ir.stages import MatMul, Room, ShiftedSum, Stage, Staged
from derive.ir.supposed import Supposed
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import built

__all__ = ["folded"]

ZERO = Integer(0)


def folded(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window of its own along its last axis, without channels."""
    found = window(form)
    single(found, batched)
    if not found.plain:
        raise NoLowering("it needs one array of weights, which no numbers are multiplied with")
    if len(found.moving) < 2 or found.moving[-1].tap is None:
        raise NoLowering("it needs a window of two axes at least, with taps along the last")
    supposed = None if _is_mirrored(found) else _supposed(found)
    program = _Folded(found if supposed is None else window(supposed.form), supposed).program(batched)
    return replace(program, name="folded", says="rows on BLAS of half a window", supposed=supposed)


def _mirror(found: Window) -> tuple[Symbol, Expr]:
    """The last tap, and the one that is as far from the other end."""
    last = found.moving[-1]
    assert last.tap is not None
    return last.tap, expand(last.taps - 1 - last.tap)


def _is_mirrored(found: Window) -> bool:
    """Whether the derivation says that weights are the same from both sides."""
    turned, weight = dict([_mirror(found)]), found.weight.subscripts
    ranges = (And(built(Le, 0, m.tap), built(Lt, m.tap, m.taps)) for m in found.taps)
    other = tuple(e.xreplace(turned) for e in weight)
    same = And(found.mask.xreplace(turned), equal_places(other, weight))
    return decide(Goal((found.form.given, *ranges, found.mask), same).smt) is Status.PROVED


def _supposed(found: Window) -> Supposed:
    """One half of the window in the place of the other."""
    (name,) = (s.name for s in fresh("M", found.form))
    tap, other = _mirror(found)
    half = floor((found.moving[-1].taps + 1) / Integer(2))
    axes = tuple((m.tap, m.taps, m.tap) for m in found.taps if m.tap is not None and m.tap != tap)
    says = f"its window is the same at {spelled(tap)} and {spelled(other)}"
    return made_of(found, ((name, (*axes, (tap, half, built(Min, tap, other)))),), says, "mirrored", (len(axes),))


class _Folded(Rows):
    """The letters and extents of one program; `h` is a tap of the first half."""

    def __init__(self, found: Window, supposed: Supposed | None) -> None:
        super().__init__(found)
        (self.h,) = fresh("h", self.form)
        self.half = floor((self.along.taps + 1) / Integer(2))
        weight, b = found.weight, self.b
        if supposed is not None:
            half = tuple(self.h if b in e.free_symbols else e for e in weight.subscripts)
        else:
            half = tuple(e.xreplace({b: self.h}) for e in weight.subscripts)
        mask = true if found.mask == true else found.mask.xreplace({b: self.h})
        self.first = replace(found, factors=(Access(weight.array, half),), mask=mask)

    def _weights(self) -> tuple[tuple[Stage, ...], tuple[Room, ...]]:
        """T, from the weights of the first half."""
        taps = [m for m in self.found.moving if m.tap is not None]
        letters = (*(m.tap for m in taps[:-1] if m.tap is not None), self.h)
        name, made, fixed = gathered(self.first, letters, (*(m.taps for m in taps[:-1]), self.half))
        steps = tuple(Range(m.tap, ZERO, m.taps) for m in self.inner if m.tap is not None)
        place = self.down.stride * self.s + self.down.reach * self.a
        target = Access(self.T, (self.h, self.s, place, *(r.symbol for r in steps)))
        over = (Range(self.h, ZERO, self.half), Range(self.a, ZERO, self.down.taps))
        says = f"{entry(target)} = {entry(Access(name, letters))}"
        copy = Copy(target, (*over, *steps), Access(name, letters))
        room = Room(self.T, (self.half, self.S, self.K, *(r.stop for r in steps)), True)
        return (*fixed, Loop(Range(self.s, ZERO, self.S), (copy,), says)), (*made, room)

    def _rooms(self) -> tuple[Room, ...]:
        held, whole, rest = super()._rooms()
        return held, replace(whole, shape=(self.half, *whole.shape[1:])), rest

    def _product(self) -> MatMul:
        whole, h = super()._product(), {self.b: self.h}

        def moved(access: Access) -> Access:
            return Access(access.array, tuple(e.xreplace(h) for e in access.subscripts))

        rows = (Range(self.h, ZERO, self.half), *whole.rows[1:])
        target, left = moved(whole.target), moved(whole.left)
        says = whole.says.replace(entry(whole.target), entry(target)).replace(entry(whole.left), entry(left))
        return replace(whole, target=target, left=left, rows=rows, says=says)

    def _sum(self) -> ShiftedSum:
        whole = super()._sum()
        other = expand(self.along.taps - 1 - self.b)
        source = Access(whole.source.array, (built(Min, self.b, other), *whole.source.subscripts[1:]))
        return replace(whole, source=source, says=whole.says.replace(entry(whole.source), entry(source)))
