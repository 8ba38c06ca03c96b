"""Sums that strides scatter, such as a gradient by the input of a layer that skips places, as windows that make a phase each.

    H[k, c] = Σ_i Σ_d V[k - σ·i + β, c, d]·X[i, d]                     k = σ·m + f,  i = m - h

    F[h, f, c, d] = V[σ·h + f + β, c, d]                               once, 0 where V has no such tap
    R[m, f, c] = Σ_h Σ_d F[h, f, c, d]·X[m - h, d]                     a window that moves by one place, with phases as filters
    H[σ·m + f, c] = R[m, f, c]                                         phases side by side

R is a form as others are: what an algorithm makes of it becomes a program of H, whose last statement stores phases side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sympy import And, Expr, Integer, Le, Lt, Min, Symbol, expand, floor, true
from sympy.core.relational import Relational

from derive.algorithms._entries import entry
from derive.algorithms._window import fresh, sources
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.ir.nodes import Access, Chart, Copy, Guard, Loop, Range, Storage
from derive.ir.stages import Room, Stage, Staged, Store, Tiles
from derive.remembered import built

__all__ = ["has_phases", "interleaved"]

ZERO = Integer(0)
_LEAST = (8, 3, 2)  # taps along each of one, two and more axes
Algorithm = Callable[[Form, frozenset[str]], Staged]


def interleaved(algorithm: Algorithm, form: Form, batched: frozenset[str]) -> Staged:
    """What an algorithm makes of the phases, as a program of the form. Raises NoLowering for a form without, or what it raises."""
    return _Interleaved(form).program(algorithm, batched)


def has_phases(form: Form) -> bool:
    """Whether some place of the form is one of a few phases."""
    try:
        _Interleaved(form)
    except NoLowering:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Skipped:
    """A place of the result and a position of the input: the weight's subscript is place - stride·position + base, from 0 to taps.

    In phases it is stride·tap + phase + base. The letter of the place is that of its quotient.
    """

    place: Axis
    position: Axis
    stride: int
    base: Expr
    taps: Expr
    tap: Symbol
    phase: Symbol

    @property
    def quotients(self) -> Axis:
        """The places of a phase."""
        return replace(self.place, lower=ZERO, upper=floor(expand(self.place.extent - 1) / self.stride))

    @property
    def steps(self) -> Axis:
        """The taps of a phase."""
        low = -floor(expand(self.base + self.stride - 1) / self.stride)
        return Axis(self.tap, low, floor(expand(self.taps - 1 - self.base) / self.stride))

    @property
    def phases(self) -> Axis:
        """The phases."""
        return Axis(self.phase, ZERO, Integer(self.stride - 1), Role.CHANNEL)

    @property
    def subscript(self) -> Expr:
        """The weight's subscript, counted from 0."""
        return expand(self.stride * self.tap + self.phase + self.base)

    def down(self) -> dict[Symbol, Expr]:
        """The form's letters in those of phases."""
        m = self.place.symbol
        return {m: self.stride * m + self.phase, self.position.symbol: m - self.tap}

    def up(self) -> dict[Symbol, Expr]:
        """The letters of phases in the form's."""
        k = self.place.symbol
        quotient = floor(k / Integer(self.stride))
        return {k: quotient, self.phase: k - self.stride * quotient, self.tap: quotient - self.position.symbol}


class _Interleaved:
    """The phases of a form, and the way back."""

    def __init__(self, form: Form) -> None:
        self.form, weight = form, form.weight
        if form.tables or form.shared or not isinstance(weight, Read):
            raise NoLowering("it needs one array of weights that is read once in a term")
        (self.param,) = (p for p in form.weights if p.name == weight.array)
        if self.param.data or self.param.values is not None or len(form.weights) != 1:
            raise NoLowering("it needs weights that are parameters, and these are given")
        axes = tuple(zip(self.param.array.storage(weight.subscripts), self.param.array.shape, strict=True))
        self.reduction = {a.symbol: a for a in form.reduction}
        self.places = {a.symbol: a for a in form.output.axes}
        letters = iter(fresh(" ".join(f"h{k} f{k}" for k in range(len(axes))), form))
        found = [self._skipped(e, extent, next(letters), next(letters)) for e, extent in axes]
        self.skipped = tuple(s for s in found if s is not None)
        self.kept = tuple(e for (e, _), s in zip(axes, found, strict=True) if s is None)
        if not self.skipped:
            raise NoLowering("it needs weights whose taps are apart from the places that they reach")
        self.plain = tuple(a for a in (*form.reduction, *form.output.axes) if a.symbol in self.kept)
        if len(self.plain) != len(self.kept):
            raise NoLowering("it needs weights that are read at letters of their own besides")
        self.own = {s: e for k in self.skipped for s, e in k.down().items()}
        (self.F,) = fresh("F", form)

    def _skipped(self, subscript: Expr, taps: Expr, tap: Symbol, phase: Symbol) -> _Skipped | None:
        met = [s for s in self.places if s in subscript.free_symbols]
        summed = [s for s in self.reduction if s in subscript.free_symbols]
        if len(met) != 1 or len(summed) != 1:
            return None
        place, position = self.places[met[0]], self.reduction[summed[0]]
        step = subscript.coeff(position.symbol)
        base = expand(subscript - place.symbol - step * position.symbol)
        plain = isinstance(step, Integer) and step < -1 and not base.free_symbols & {*self.places, *self.reduction}
        if not plain or position.symbol not in self.form.read or place.lower != 0:
            return None
        return _Skipped(place, position, -int(step), base, taps, tap, phase)

    def phases(self) -> tuple[Form, Any]:
        """The form of R, and where F has an entry of V."""
        form, own, by = self.form, self.own, {s.place.symbol: s for s in self.skipped}
        taps = {s.position.symbol: s.steps for s in self.skipped}
        mine, asked = [], []
        for part in And.make_args(form.domain):
            if not part.free_symbols & set(own):
                mine.append(part)
                continue
            told = part.xreplace({r: _moved(r, own) for r in part.atoms(Relational)})
            if told.free_symbols & (set(by) | set(taps)):
                raise NoLowering(f"it needs conditions on the window alone; there is {part}")
            asked.append(told)
        if form.bias != 0 and form.bias.free_symbols & set(own):
            raise NoLowering("it needs a bias that is the same at every place")
        split = (((by[a.symbol].quotients, by[a.symbol].phases) if a.symbol in by else (a,)) for a in form.output.axes)
        output = replace(form.output, name=fresh("R_", form)[0].name, axes=tuple(a for some in split for a in some))
        reduction = tuple(taps.get(a.symbol, a) for a in form.reduction)
        weights = Param(Array(self.F.name, self._axes()), true, ())
        phased = replace(
            form,
            output=output,
            reduction=reduction,
            domain=And(*mine),
            weight=Read(self.F.name, *(a.symbol for a in self._axes())),
            read=tuple(expand(e.xreplace(own)) for e in form.read),
            weights=(weights,),
        )
        inside = (And(built(Le, 0, s.subscript), built(Lt, s.subscript, s.taps)) for s in self.skipped)
        return phased, And(*asked, *inside)

    def _axes(self) -> tuple[Axis, ...]:
        """The axes of F: taps, what is contracted, phases and filters, as the columns of a matrix are."""
        inner = tuple(a for a in self.plain if a.symbol in self.reduction)
        outer = tuple(a for a in self.plain if a.symbol in self.places)
        return (*(s.steps for s in self.skipped), *inner, *(s.phases for s in self.skipped), *outer)

    def program(self, algorithm: Algorithm, batched: frozenset[str]) -> Staged:
        form, (phased, asked) = self.form, self.phases()
        items = frozenset({phased.output.name if n == form.output.name else n for n in batched})
        self._check_taps()
        made = algorithm(phased, items)
        if made.supposed is not None:
            raise NoLowering("it needs nothing to be supposed of the weights")
        return replace(
            made,
            says=f"{made.says}, phases side by side",
            arguments=tuple(
                Storage(a.name, a.shape, a.name in batched) for a in (form.input, *(p.array for p in form.params))
            ),
            result=Storage(form.output.name, form.output.shape, form.output.name in batched),
            sizes=form.sizes,
            sources=sources(form),
            made=(Room(self.F.name, tuple(a.extent for a in self._axes()), True), *made.made),
            fixed=(self._weights(asked), *made.fixed),
            body=self._stored(made.body, phased),
            chart=self._chart(made.chart),
        )

    def _check_taps(self) -> None:
        """Products of few numbers take longer than sums tap by tap."""
        least = _LEAST[min(len(self.skipped), len(_LEAST)) - 1]
        many = all(e.is_Integer and e >= least for e in (s.steps.extent for s in self.skipped))
        if not many and not any(a.symbol in self.reduction for a in self.plain):
            raise NoLowering(
                f"it needs letters that are contracted, or phases of {least} taps at least along each axis"
            )

    def _weights(self, asked: Any) -> Stage:
        """F, from V."""
        letters = [a.symbol - a.lower for a in self._axes()]
        counted = {a.symbol: a.symbol + a.lower for a in self._axes()}
        told = {s.place.symbol: s for s in self.skipped}
        reads = []
        for e in self.param.array.storage(self.form.weight.subscripts):
            met = next((s for p, s in told.items() if p in e.free_symbols), None)
            reads.append(expand((e if met is None else met.subscript).xreplace(counted)))
        target = Access(self.F.name, tuple(e.xreplace(counted) for e in letters))
        source = Access(self.param.name, tuple(reads))
        over = tuple(Range(a.symbol, ZERO, a.extent) for a in self.plain)
        order = [r for s in target.subscripts for r in over if r.symbol == s]
        body: Stage = Guard(asked.xreplace(counted), (Copy(target, tuple(order), source),))
        spans = [Range(a.symbol, ZERO, a.extent) for s in self.skipped for a in (s.steps, s.phases)]
        says = f"{entry(target)} = {entry(source)}, 0 where there is no such tap"
        for span in reversed(spans):
            body = Loop(span, (body,), says if span is spans[0] else "")
        return body

    def _stored(self, body: tuple[Stage, ...], phased: Form) -> tuple[Stage, ...]:
        """The statements with the last one storing phases side by side, and tiles of places of the form."""
        up = {s: e for k in self.skipped for s, e in k.up().items()}
        found: list[Any] = []
        for node in body:
            if isinstance(node, Store):
                found.append(self._store(node, phased))
            elif isinstance(node, Tiles):
                place = node.place.xreplace(up)
                found.append(replace(node, place=place, body=self._stored(node.body, phased)))
            elif isinstance(node, (Loop, Guard)):
                found.append(replace(node, body=self._stored(node.body, phased)))
            else:
                found.append(node)
        return tuple(found)

    def _store(self, node: Store, phased: Form) -> Store:
        if node.adds or node.summed:
            raise NoLowering("it needs results that are stored without a sum")
        item, *places = node.target.subscripts
        at = dict(zip(phased.output.symbols, places, strict=True))
        target, ends = [item], list(And.make_args(node.condition))
        for axis in self.form.output.axes:
            s = next((s for s in self.skipped if s.place is axis), None)
            if s is None:
                target.append(at[axis.symbol])
                continue
            place = expand(s.stride * at[axis.symbol] + at[s.phase])
            last = next((c for c in ends if isinstance(c, Lt) and expand(c.lhs - at[axis.symbol]) == 0), None)
            stop = axis.extent
            if last is not None:
                ends.remove(last)
                stop = stop if last.rhs == s.quotients.extent else built(Min, s.stride * last.rhs, stop)
            self._check_runs(place, node)
            target.append(place)
            ends.append(built(Lt, place, stop))
        access = Access(self.form.output.name, tuple(target))
        start = f"{entry(node.bias)} + " if node.bias else ""
        return replace(
            node,
            target=access,
            condition=And(*ends),
            held=False,
            says=f"{entry(access)} = {start}{entry(node.source)}",
        )

    def _check_runs(self, place: Expr, node: Store) -> None:
        """Places of a tile follow each other as its letters run."""
        step: Expr = Integer(1)
        for r in reversed([r for r in node.over if r.symbol in place.free_symbols]):
            if expand(place.coeff(r.symbol) - step) != 0:
                raise NoLowering("it needs results of a tile that are neighbours")
            step = expand(step * (r.stop - r.start))

    def _chart(self, chart: Chart) -> Chart:
        up = {s: e for k in self.skipped for s, e in k.up().items()}
        down = dict(chart.down)
        own = {s for k in self.skipped for s in (k.place.symbol, k.tap, k.phase)}
        told = {s: expand(e.xreplace(down)) for k in self.skipped for s, e in k.down().items()}
        kept = {s: e for s, e in down.items() if s not in own}
        return Chart((*{**kept, **told}.items(),), tuple((s, expand(e.xreplace(up))) for s, e in chart.up))


def _moved(part: Relational, own: dict[Symbol, Expr]) -> Any:
    """A condition in the letters of phases, from which the places go where they can."""
    return part.func(expand((part.lhs - part.rhs).xreplace(own)), 0)
