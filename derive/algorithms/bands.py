"""Small images by one product: a band of weights for all rows at once, on the input as it is.

    H[i, j] = Σ_a Σ_b V[a, b]·X[i + a, j + b]

    W[b, n - 1 + a] = V[a, b]                       once: each column of weights among zeros
    T[b, i, k] = W[b, n - 1 + k - i]                once: all rows of the result by all rows of X
    Z[b, i, y] = Σ_k T[b, i, k]·X[k, y]             one product
    A[i, q] = Σ_b Z[b, i, q + b]                    shifted sums, each one flat addition

That takes n multiplications a result for each tap along a row, and the fewest calls. Edges of zeros are ends of the band and
margins of Z, so X isn't padded. Strides and dilations are in the subscripts.
"""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand, floor

from derive.algorithms._entries import entry
from derive.algorithms._margins import columns, larger
from derive.algorithms._weights import gathered
from derive.algorithms._window import BATCH, ITEM, Window, fresh, single, sources, window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Chart, Copy, Let, Loop, Range
from derive.ir.stages import MatMul, Room, ShiftedSum, Stage, Staged, Store

__all__ = ["bands"]

_ALIGNED = 16  # entries of a row of Z are a multiple of so many: 64 bytes of float32
ZERO = Integer(0)


def bands(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window of two axes without channels."""
    found = window(form)
    single(found, batched)
    if len(found.moving) != 2 or found.moving[0].tap is None:
        raise NoLowering("it needs a window of two axes, with taps along the first")
    return _Bands(found).program(batched)


class _Bands:
    """The letters and extents of one program."""

    def __init__(self, found: Window) -> None:
        self.found, self.form = found, found.form
        self.down, self.along = found.moving
        letters = dict(zip("kyqCQWTZA", fresh("k y q C Q W T Z A", self.form), strict=True))
        self.k, self.y, self.q, self.C, self.Q = (letters[c] for c in "kyqCQ")
        self.W, self.T, self.Z, self.A = (letters[c].name for c in "WTZA")
        taps = fresh("a_ b_", self.form)
        self.a, self.b = self.down.tap or taps[0], self.along.tap or taps[1]

    def program(self, batched: frozenset[str]) -> Staged:
        down, along = self.down, self.along
        arguments, result = self.found.storage(batched)
        made, fixed = self._weights()
        middle = expand(down.stride * (down.places - 1) + larger(self.form, ZERO, down.base))
        return Staged(
            name="bands",
            says="bands of all rows",
            arguments=arguments,
            result=result,
            sizes=self.form.sizes,
            sources=sources(self.form),
            knobs=(),
            lets=(
                Let(self.C, middle),
                Let(self.Q, _ALIGNED * floor((along.span + _ALIGNED - 1) / Integer(_ALIGNED))),
            ),
            made=made,
            fixed=fixed,
            rooms=(
                Room(self.Z, (along.taps, down.places, self.Q), True),
                Room(self.A, (down.places, self.Q)),
            ),
            body=(Loop(Range(ITEM, ZERO, BATCH), (self._product(), self._sum(), self._store())),),
            batch=BATCH,
            item=ITEM,
            chart=self._chart(),
        )

    def _weights(self) -> tuple[tuple[Room, ...], tuple[Stage, ...]]:
        """T, from W, from the weights in the order of the axes."""
        down, along, i = self.down, self.along, self.down.place
        letters = tuple(m.tap for m in self.found.taps if m.tap is not None)
        name, made, fixed = gathered(self.found, letters, tuple(m.taps for m in self.found.taps))
        before = expand(down.extent - larger(self.form, -down.extent, down.base))
        width = expand(self.C + down.reach * (down.taps - 1) + larger(self.form, before, ZERO) + 1)
        column = Range(self.b, ZERO, along.taps)
        target, source = Access(self.W, (self.b, self.C + down.reach * self.a)), Access(name, letters)
        says = f"{entry(target)} = {entry(source)}"
        spread = Copy(target, (column, Range(self.a, ZERO, down.taps)), source, says)
        band = Access(self.T, (self.b, i, self.k))
        held = Access(self.W, (self.b, expand(self.C + self.k - down.stride * i - down.base)))
        over = (column, Range(i, ZERO, down.places), Range(self.k, ZERO, down.extent))
        copy = Copy(band, over, held, f"{entry(band)} = {entry(held)}")
        rooms = (Room(self.W, (along.taps, width), True), Room(self.T, tuple(r.stop for r in over)))
        return (*made, *rooms), (*fixed, spread, copy)

    def _product(self) -> MatMul:
        along, down, i = self.along, self.down, self.down.place
        left, right = (
            Access(self.T, (self.b, i, self.k)),
            Access(self.form.input.name, (ITEM, self.k, self.y + along.base)),
        )
        target = Access(self.Z, (self.b, i, self.y))
        says = f"{entry(target)} = Σ_{self.k} {entry(left)}·{entry(right)}"
        rows = (Range(self.b, ZERO, along.taps), Range(i, ZERO, down.places))
        inner, width = (Range(self.k, ZERO, down.extent),), (Range(self.y, *columns(self.form, along)),)
        return MatMul(target, left, right, (), rows, inner, width, says)

    def _sum(self) -> ShiftedSum:
        along, i = self.along, self.down.place
        source, target = Access(self.Z, (self.b, i, self.q + along.reach * self.b)), Access(self.A, (i, self.q))
        steps = Range(self.q, ZERO, expand(along.stride * (along.places - 1) + 1))
        over = (Range(self.b, ZERO, along.taps), Range(i, ZERO, self.down.places), steps)
        return ShiftedSum(target, over, source, f"{entry(target)} = Σ_{self.b} {entry(source)}")

    def _store(self) -> Store:
        i, j, bias = self.down.place, self.along.place, self.found.bias
        target, source = Access(self.form.output.name, (ITEM, i, j)), Access(self.A, (i, self.along.stride * j))
        over = (Range(i, ZERO, self.down.places), Range(j, ZERO, self.along.places))
        says = f"{entry(target)} = {entry(bias) + ' + ' if bias else ''}{entry(source)}"
        return Store(target, over, source, bias, says=says)

    def _chart(self) -> Chart:
        """k is the row of X that a term reads, and tells the tap."""
        up, down = self.found.up(), dict(self.found.down())
        if self.down.reach == 1:
            told = {self.a: expand(self.k - self.down.stride * self.down.place - self.down.base)}
            down = {s: e.xreplace(told) for s, e in down.items()}
        own: dict[Symbol, Expr] = {self.a: up[self.down.tap], self.b: up.get(self.along.tap, ZERO)}
        own[self.k] = expand(self.down.stride * up[self.down.place] + self.down.reach * own[self.a] + self.down.base)
        return Chart((*down.items(), (ITEM, ITEM)), tuple({**up, **own, ITEM: ITEM}.items()))
