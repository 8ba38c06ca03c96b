"""What a form is like as a window that moves over its input: the terms that fast algorithms are stated in.

    H[z, i, .., g, d] = u + Σ_{a, .., c} V[a, .., g, c, d]·X[z, σ·i + δ·a + β, .., g, c]

Places i and taps a are counted from 0 here; a window that is read backwards (δ < 0) is turned round. Letters g are shared
by input, weight and output; letters c are contracted, d are filters. What a form has besides is refused, with its reason.

A weight may be a product of entries, such as P[r, a]·Q[r, b], that is summed over ranks r, or of entries and numbers that the
layer brings along, such as B[c, d, r]·V[a, b, r]: weights in a basis, of which the window is made once. An entry may have a sign
that taps and channels tell.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from sympy import And, Expr, Integer, Le, Lt, S, Symbol, expand, true

from derive.errors import NoLowering
from derive.forms.expr import Read, Where, index
from derive.forms.form import Axis, Form
from derive.forms.products import weighted
from derive.forms.sizes import size_sources
from derive.ir.nodes import Access, SizeFrom, Storage
from derive.proof.goal import Goal, Status
from derive.proof.smt import in_fixed_order
from derive.proof.solver import decide
from derive.remembered import built, replaced

__all__ = [
    "BATCH",
    "ITEM",
    "Moving",
    "Window",
    "factored",
    "fresh",
    "single",
    "sources",
    "window",
]

BATCH, ITEM = index("batch"), index("z")


@dataclass(frozen=True, slots=True)
class Moving:
    """One axis of the input along which places and taps move: position stride·place + reach·tap + base, both from 0.

    `place` and `tap` are the letters of the form, the tap None where there is none; `places` and `taps` say how many, `extent` how
    long the axis is. `first` and `turn` give the form's tap: first + turn·tap.
    """

    place: Symbol
    tap: Symbol | None
    stride: int
    reach: int
    base: Expr
    places: Expr
    taps: Expr
    extent: Expr
    low: Expr
    first: Expr
    turn: int

    @property
    def span(self) -> Expr:
        """How many positions all windows together meet, from the base on."""
        return expand(self.stride * (self.places - 1) + self.reach * (self.taps - 1) + 1)

    def down(self) -> dict[Symbol, Expr]:
        """The form's letters, in the same letters counted from 0."""
        found: dict[Symbol, Expr] = {self.place: self.place + self.low}
        return found if self.tap is None else {**found, self.tap: self.first + self.turn * self.tap}

    def up(self) -> dict[Symbol, Expr]:
        """The letters counted from 0, in the form's."""
        found: dict[Symbol, Expr] = {self.place: self.place - self.low}
        return found if self.tap is None else {**found, self.tap: self.turn * (self.tap - self.first)}


@dataclass(frozen=True)
class Window:
    """A form as a moving window. `factors`, whose product is the weight, and `bias` are entries in memory, in letters from 0.

    `mask` is a condition on taps; letters of `ranks` are summed over and say nothing of the input. Numbers that the layer brings
    along and the weight is multiplied with are the last of the factors, `based` says so. `sign` is 1 or -1 at every tap.
    """

    form: Form
    moving: tuple[Moving, ...]
    shared: tuple[Axis, ...]
    contracted: tuple[Axis, ...]
    filters: tuple[Axis, ...]
    ranks: tuple[Axis, ...]
    factors: tuple[Access, ...]
    bias: Access | None
    mask: Any
    based: bool = False
    sign: Expr = S.One

    @property
    def plain(self) -> bool:
        """Whether each weight of a term is an entry as it is."""
        return not self.based and self.sign == 1

    @property
    def weight(self) -> Access:
        """The one factor of a weight that is no product."""
        (factor,) = self.factors
        return factor

    @property
    def taps(self) -> tuple[Moving, ...]:
        """The axes that have taps."""
        return tuple(m for m in self.moving if m.tap is not None)

    def down(self) -> dict[Symbol, Expr]:
        """Every letter of the form in the letters counted from 0."""
        plain = (*self.shared, *self.contracted, *self.filters, *self.ranks)
        return {
            **{a.symbol: a.symbol + a.lower for a in plain},
            **{s: e for m in self.moving for s, e in m.down().items()},
        }

    def up(self) -> dict[Symbol, Expr]:
        """The letters counted from 0, in the form's."""
        plain = (*self.shared, *self.contracted, *self.filters, *self.ranks)
        return {
            **{a.symbol: a.symbol - a.lower for a in plain},
            **{s: e for m in self.moving for s, e in m.up().items()},
        }

    def storage(self, batched: frozenset[str]) -> tuple[tuple[Storage, ...], Storage]:
        """The arguments and the result."""
        arrays = (self.form.input, *(p.array for p in self.form.params))
        output = self.form.output
        return (
            tuple(Storage(a.name, a.shape, a.name in batched) for a in arrays),
            Storage(output.name, output.shape, output.name in batched),
        )


def fresh(names: str, form: Form) -> list[Symbol]:
    """One letter for each name that the form doesn't have; a name that is taken gets a stroke."""
    taken = {s.name for s in (*form.sizes, *form.output.symbols, *form.reduction_symbols)}
    taken |= {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    found: list[Symbol] = []
    for name in names.split():
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(index(name))
    return found


def sources(form: Form) -> tuple[SizeFrom, ...]:
    """Where the sizes are read."""
    arrays = (form.input, *(p.array for p in form.params))
    return tuple(SizeFrom(*astuple(s)) for s in size_sources(form, (*arrays, form.output)))


def window(form: Form) -> Window:
    """The form as a window whose weight is one entry, or one in a basis. Raises NoLowering with what it has that no window has."""
    numbers = [p.name for p in form.weights if p.values is not None]
    product = None if form.tables else weighted(form.weight)
    factors = [] if product is None else sorted(product.factors, key=lambda f: f.array in numbers)
    based = len(numbers) == 1 and len(factors) == 2
    if product is None or len(factors) != 1 + based or (form.shared and not based) or not _is_sign(product.times):
        raise NoLowering(f"it needs one array of weights that is read once in a term; the weight is {form.weight}")
    return _window(form, factors, based, product.times)


def _is_sign(times: Expr) -> bool:
    return all(map(_is_sign, times.args[1:])) if isinstance(times, Where) else times in (1, -1)


def factored(form: Form) -> Window:
    """The form as a window whose weight is a product of entries. Raises NoLowering with what it has that no window has."""
    factors = form.weight.as_ordered_factors()
    if form.tables or not all(isinstance(f, Read) for f in factors):
        raise NoLowering(f"it needs a product of entries of weights; the weight is {form.weight}")
    return _window(form, factors)


def _window(form: Form, factors: list[Any], based: bool = False, sign: Expr = S.One) -> Window:
    if any(p.data or p.values is not None for p in form.weights if not based or p.name == factors[0].array):
        raise NoLowering("it needs weights that are parameters, and these are given")
    reduction = {a.symbol: a for a in form.reduction}
    places = {a.symbol: a for a in form.output.axes}
    weighed = form.weight.free_symbols
    moving: list[Moving] = []
    shared: list[Axis] = []
    contracted: list[Axis] = []
    for axis, subscript in zip(form.input.axes, form.read, strict=True):
        met = subscript.free_symbols & {*reduction, *places}
        if met <= set(reduction) and subscript in reduction:
            contracted.append(reduction[subscript])
        elif met <= set(places) and subscript in places and subscript in weighed:
            shared.append(places[subscript])
        else:
            moving.append(_moving(axis, subscript, places, reduction, weighed))
    used = {s for m in moving for s in (m.place, m.tap)} | {a.symbol for a in (*shared, *contracted)}
    ranks = tuple(a for s, a in reduction.items() if s not in used and s in weighed)
    if lost := [s for s in reduction if s not in used and (s not in weighed or len(factors) == 1)]:
        raise NoLowering(f"it needs {lost[0]} to say which entry of {form.input.name} is read")
    filters = tuple(a for a in form.output.axes if a.symbol not in used)
    down = {s: e for m in moving for s, e in m.down().items()}
    down |= {a.symbol: a.symbol + a.lower for a in (*shared, *contracted, *filters, *ranks)}
    return Window(
        form,
        tuple(moving),
        tuple(shared),
        tuple(contracted),
        filters,
        ranks,
        tuple(_stored(form, f, down) for f in factors),
        None if form.bias == 0 else _bias(form, down),
        _mask(form, {m.tap for m in moving if m.tap is not None}, down),
        based,
        replaced(sign, down),
    )


def single(found: Window, batched: frozenset[str]) -> None:
    """Refuses a window with channels, axes in another order, a bias that varies, or an outer axis that is read outside."""
    form, places = found.form, tuple(m.place for m in found.moving)
    if found.shared or found.contracted or found.filters:
        raise NoLowering("it needs one channel in and one out")
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs a result for each item of a batch")
    if places != form.output.symbols:
        raise NoLowering("it needs the axes of input and output in the same order")
    if found.bias is not None and {s for e in found.bias.subscripts for s in e.free_symbols} & set(places):
        raise NoLowering("it needs a bias that is the same at every place")
    for m in found.moving[:-1]:
        last = m.stride * (m.places - 1) + m.base
        if (
            m.tap is None
            and decide(Goal((form.given,), And(built(Le, 0, m.base), built(Lt, last, m.extent))).smt)
            is not Status.PROVED
        ):
            raise NoLowering(f"it needs reads inside {form.input.name} along {m.place}, where the window has no taps")


def _moving(
    axis: Axis, subscript: Expr, places: dict[Symbol, Axis], reduction: dict[Symbol, Axis], weighed: set[Symbol]
) -> Moving:
    met = sorted(subscript.free_symbols & {*reduction, *places}, key=str)
    outer, inner = [s for s in met if s in places], [s for s in met if s in reduction]
    steps = {s: subscript.coeff(s) for s in met}
    rest = expand(subscript - sum(step * s for s, step in steps.items()))
    affine = all(isinstance(step, Integer) and step != 0 for step in steps.values()) and not rest.free_symbols & set(
        met
    )
    if len(outer) != 1 or len(inner) > 1 or not affine or steps[outer[0]] < 0 or rest.atoms() & {*places, *reduction}:
        raise NoLowering(f"it needs windows that move with one place along each axis; {subscript} is read")
    if outer[0] in weighed:
        raise NoLowering(f"it needs weights that are the same at every place; they depend on {outer[0]}")
    stride, place = int(steps[outer[0]]), places[outer[0]]
    reach, tap = (int(steps[inner[0]]), reduction[inner[0]]) if inner else (1, None)
    first, turn = (Integer(0), 1) if tap is None else (tap.lower, 1) if reach > 0 else (tap.upper, -1)
    start = Integer(0) if tap is None else reach * first
    return Moving(
        place=place.symbol,
        tap=None if tap is None else tap.symbol,
        stride=stride,
        reach=abs(reach),
        base=expand(rest + stride * place.lower + start - axis.lower),
        places=place.extent,
        taps=Integer(1) if tap is None else tap.extent,
        extent=axis.extent,
        low=place.lower,
        first=first,
        turn=turn,
    )


def _stored(form: Form, read: Read, down: dict[Symbol, Expr]) -> Access:
    box = next(p.array for p in form.params if p.name == read.array)
    return Access(read.array, tuple(expand(replaced(e, down)) for e in box.storage(read.subscripts)))


def _bias(form: Form, down: dict[Symbol, Expr]) -> Access:
    if not isinstance(form.bias, Read):
        raise NoLowering(f"it needs a bias that is one entry; the bias is {form.bias}")
    return _stored(form, form.bias, down)


def _mask(form: Form, taps: set[Symbol], down: dict[Symbol, Expr]) -> Any:
    """What the form asks of its terms besides the ranges of their letters and that they read inside.

    The window's shape is asked of its taps even where few places imply it: those that read nothing inside have no weight either.
    """
    letters = {*form.output.symbols, *form.reduction_symbols}
    ranges = (form.given, *(a.holds() for a in form.reduction))
    inside = (form.output.holds(), form.input.holds(form.read))
    asked = []
    for part in in_fixed_order(And.make_args(form.domain)):
        shape = part.free_symbols & letters <= taps
        if part is true or decide(Goal(ranges if shape else (*ranges, *inside), part).smt) is Status.PROVED:
            continue
        if not shape:
            raise NoLowering(f"it needs conditions on the window alone; there is {part}")
        asked.append(part.xreplace(down))
    return And(*asked)
