"""Windows beyond the ends of an array that goes on there: the same windows inside of the continued array, copied tile by tile.

    H[i] = u + Σ_a V[a]·X[e(i + a)]       ⟶       H[i] = u + Σ_a V[a]·Z[i + a],     Z[p] = X[e(p)] for all p that are met

Z is never made: what an algorithm copies of it, tile by tile, is copied of X, and beyond its ends at e. The array may be the input
or the one that a gradient multiplies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Expr, Integer, Symbol, expand

from derive.algorithms._window import fresh, sources
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.extension import extended, places_beyond
from derive.forms.form import Array, Axis, Form
from derive.ir.nodes import Access, Storage
from derive.ir.stages import Beyond, Halo, Stage, Staged, Statement, reads_of
from derive.remembered import replaced

__all__ = ["continued", "goes_on"]

Algorithm = Callable[[Form, frozenset[str]], Staged]


def continued(algorithm: Algorithm, form: Form, batched: frozenset[str]) -> Staged:
    """What an algorithm makes of the continued array, as a program of the form.

    Raises NoLowering for a form that reads nothing beyond an end, or what the algorithm raises.
    """
    return _Continued(form).program(algorithm, batched)


def goes_on(form: Form) -> bool:
    """Whether the form reads an array beyond its ends, where that goes on."""
    try:
        _Continued(form)
    except NoLowering:
        return False
    return True


class _Continued:
    """The array that goes on, what is beyond its ends, and the form that reads it inside alone."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.array, read = self._source()
        found = places_beyond(self.array, read)
        if found is None:
            raise NoLowering("it needs reads of an array that goes on beyond its ends")
        edge, self.lines = found
        self.whole = Array(self.array.name, tuple(map(self._axis, self.array.axes, read, self.lines)))
        (letter,) = fresh("k", form)
        self.beyond = tuple(
            (axis, Beyond(axis, letter, extended(edge, replace(box, lower=Integer(0), upper=box.extent - 1), letter)))
            for axis, (box, one, two) in enumerate(zip(self.array.axes, read, self.lines, strict=True))
            if one != two
        )

    def _source(self) -> tuple[Array, tuple[Expr, ...]]:
        """What is read, and where: the data of a gradient by weights, or the input."""
        form, weight = self.form, self.form.weight
        data = [p.array for p in form.weights if p.data and isinstance(weight, Read) and weight.array == p.name]
        return (data[0], weight.subscripts) if data else (form.input, form.read)

    def _axis(self, axis: Axis, read: Expr, line: Expr) -> Axis:
        """All places that are read along an axis, inside or not."""
        if read == line:
            return axis
        ranges = {a.symbol: a for a in (*self.form.reduction, *self.form.output.axes)}
        ends = [
            {s: a.lower if bool(line.coeff(s) > 0) is low else a.upper for s, a in ranges.items()}
            for low in (True, False)
        ]
        lower, upper = (expand(replaced(line, end)) for end in ends)
        return replace(axis, lower=lower, upper=upper)

    def inner(self) -> Form:
        """The form that reads inside of the continued array."""
        form = self.form
        if self.array is form.input:
            return replace(form, input=self.whole, read=self.lines, shared=False)
        (param,) = (p for p in form.weights if p.array is self.array)
        weights = tuple(replace(p, array=self.whole) if p is param else p for p in form.weights)
        return replace(form, weights=weights, weight=Read(self.array.name, *self.lines))

    def program(self, algorithm: Algorithm, batched: frozenset[str]) -> Staged:
        form = self.form
        made = algorithm(self.inner(), batched)
        supposed = made.supposed
        if supposed is not None:
            outer = replace(supposed.form, input=form.input, read=form.read, shared=True)
            supposed = replace(supposed, form=outer)
        arrays = (form.input, *(p.array for p in form.params))
        told = {a.name: Storage(a.name, a.shape, a.name in batched) for a in arrays}
        return replace(
            made,
            arguments=tuple(told.get(s.name, s) for s in made.arguments),
            sources=sources(form),
            body=tuple(map(self._filled, made.body)),
            supposed=supposed,
        )

    def _filled(self, node: Stage) -> Stage:
        """A statement that copies of the array itself, at places that are counted from where the continued one begins."""
        inner: Any = getattr(node, "body", None)
        if inner is not None:
            return replace(node, body=tuple(map(self._filled, inner)))  # type: ignore[arg-type]
        if not isinstance(node, Statement) or self.array.name not in {a.array for a in reads_of(node)}:
            return node
        if not isinstance(node, Halo):
            raise NoLowering(f"it needs {self.array.name} to be copied in tiles, and reads it where it is")
        subscripts = list(node.source.subscripts)
        lead = len(subscripts) - len(self.array.axes)
        found = tuple(replace(b, axis=axis + lead) for axis, b in self.beyond)
        for axis, _ in self.beyond:
            start = self.whole.axes[axis].lower - self.array.axes[axis].lower
            subscripts[lead + axis] = expand(subscripts[lead + axis] + start)
        moved = {r.symbol for r in node.over}
        still = any(not self._tiled(subscripts[b.axis], moved) for b in found)
        source = Access(node.source.array, tuple(subscripts))
        says = node.says.replace(", 0 outside", ", continued beyond its ends")
        return replace(node, source=source, copied=node.copied or still, says=says, beyond=found)

    def _tiled(self, subscript: Expr, moved: set[Symbol]) -> bool:
        """Whether tiles follow each other along an axis, so that most of them are inside."""
        return bool(subscript.free_symbols - moved - {*self.form.sizes})
