"""Which letters of a form tell places, which tell weights, and which are summed in chunks; and what is asked of a term in a tile.

H[i, j, d] = Σ_a Σ_b Σ_c V[a, b, c, d]·X[i + a, j + b, c]      places i, j: no weight; weights d: no entry of X; chunks of c
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Ge, Integer, Le, S, Sum, Symbol

from derive.algorithms._strips.reading import least
from derive.algorithms._terms import BATCH, ITEM, product_in
from derive.errors import NoLowering
from derive.forms.expr import index
from derive.forms.form import Axis, Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.products import Product
from derive.ir.tiles import Split
from derive.remembered import both, built, replaced, text

__all__ = ["COLUMNS", "ROWS", "Asked", "Names", "Reading", "reading"]

ROWS, COLUMNS = Integer(8), Integer(4)  # places and weights of a thread: so many results in registers


@dataclass(frozen=True, slots=True)
class Names:
    """Letters that the form doesn't have.

    Threads along places and weights, registers along both, a place of a chunk, a thread's place while cells are filled; how many
    threads there are, and how long a chunk is; registers of results, cells of the input and of the weights, and registers of both;
    how many results one access stores, the first of them, and one among them.
    """

    place: Symbol
    weight: Symbol
    row: Symbol
    column: Symbol
    step: Symbol
    filling: Symbol
    places: Symbol
    weights: Symbol
    chunk: Symbol
    results: Symbol
    inputs: Symbol
    factors: Symbol
    entry: Symbol
    factor: Symbol
    width: Symbol
    first: Symbol
    lane: Symbol


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a term: whatever its tile has, of the places, and of the weights."""

    always: Any
    places: Any
    weights: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """How a form is divided. `inside` says where a tile needs no test of places and weights, in starts of tiles.

    `edge` and `inner` are what is asked of a term at the edges and inside; `taps` are the letters of the sum without chunks.
    """

    form: Form
    product: Product
    names: Names
    places: tuple[Split, ...]
    weights: Split
    summed: Split
    end: Expr
    taps: tuple[Axis, ...]
    inside: Any
    edge: Asked
    inner: Asked

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those of the output's letters."""
        return (*self.places, self.weights)

    @property
    def at(self) -> dict[Symbol, Expr]:
        """The form's letters in tiles."""
        return {split.letter: split.place for split in (*self.splits, self.summed)}


def reading(form: Form) -> Reading:
    """Raises NoLowering with what the form has that no product of tiles has."""
    if form.tables or isinstance(form.bias, Sum):
        raise NoLowering("it needs subscripts without tables and a bias that is no sum")
    product = product_in(form, form.weight)
    if len(product.factors) != 1:
        raise NoLowering("it needs one array of weights")
    taken = {s.name for s in (*form.sizes, *form.output.symbols, *form.reduction_symbols, ITEM, BATCH)}
    taken |= {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    moved = {s for e in form.read for s in e.free_symbols}
    weighed = form.weight.free_symbols
    axes = form.output.axes
    places = [a for a in axes if a.symbol in moved - weighed][-2:]
    weights = [a for a in axes if a.symbol in weighed - moved and not isinstance(a.extent, Integer)][-1:]
    chunked = _chunked(form, moved & weighed)
    if not weights:
        raise NoLowering(
            f"it needs results of which many have one entry of {form.input.name}, with weights of their own"
        )
    if any(a.lower != 0 for a in (*places, *weights)):
        raise NoLowering("it needs results at places that count from 0")
    starts = {s: _fresh(f"{s.name}0", taken) for s in (*(a.symbol for a in axes), ITEM, chunked.symbol)}
    names = Names(
        *(
            _fresh(n, taken)
            for n in ("p", "q", "r", "s", "k", "e", "P", "Q", "K", "acc", "x", "v", "y", "w", "W", "t", "h")
        )
    )
    letters = [a.symbol for a in places] or [ITEM]
    split = _places(letters, starts, names)
    weight = _split(weights[0].symbol, starts, (names.column, COLUMNS), (names.weight, names.weights))
    summed = _split(chunked.symbol, starts, (names.step, names.chunk))
    taps = tuple(a for a in form.reduction if a is not chunked)
    found = _Conditions(form, split, weight, summed, taps)
    end = chunked.upper + 1
    return Reading(form, product, names, split, weight, summed, end, taps, found.inside(), found.edge(), found.inner())


def _fresh(name: str, taken: set[str]) -> Symbol:
    while name in taken:
        name += "_"
    taken.add(name)
    return index(name)


def _split(letter: Symbol, starts: Mapping[Symbol, Symbol], *digits: tuple[Symbol, Expr]) -> Split:
    return Split(letter, starts[letter], digits)


def _places(letters: list[Symbol], starts: Mapping[Symbol, Symbol], names: Names) -> tuple[Split, ...]:
    """Registers along the last letter, threads along the one before, or along the last too where there is no other."""
    rows, threads = (names.row, ROWS), (names.place, names.places)
    if len(letters) == 1:
        return (_split(letters[0], starts, rows, threads),)
    return (_split(letters[0], starts, threads), _split(letters[1], starts, rows))


def _chunked(form: Form, both_move: set[Symbol]) -> Axis:
    """The letter of the sum that is taken in chunks: one that stands alone, the last one of the input's if there are several."""
    tied = {s for e in form.read if e.free_symbols & {*form.output.symbols} for s in e.free_symbols}
    found = [a for a in form.reduction if a.lower == 0 and a.symbol in both_move - tied]
    found = [a for a in found if not isinstance(a.extent, Integer)]
    if not found:
        raise NoLowering(f"it needs a letter that is summed, and that tells weights and entries of {form.input.name}")
    order = [e.free_symbols for e in form.read]
    return max(found, key=lambda a: max(n for n, e in enumerate(order) if a.symbol in e))


class _Conditions:
    """What is asked of a term, divided by what it speaks of."""

    def __init__(self, form: Form, places: tuple[Split, ...], weights: Split, summed: Split, taps: tuple[Axis, ...]):
        self.form, self.splits = form, (*places, weights, summed)
        at = {split.letter: split.place for split in self.splits}
        place = {s for split in places for s in replaced(split.letter, at).free_symbols}
        self.letters = {*(s for split in places for s in split.place.free_symbols), *weights.place.free_symbols}
        self.own, self.chunk = (
            (place & self.letters, weights.place.free_symbols & self.letters),
            summed.place.free_symbols,
        )
        items = [built(Le, split.place, BATCH - 1) for split in places if split.letter == ITEM]
        self.parts = And.make_args(both(replaced(form.live, at), *items))
        box = {s: (S.Zero, extent - 1) for split in (*places, weights) for s, extent in split.digits}
        self.taps = {a.symbol for a in taps}
        self.box = box | {a.symbol: (a.lower, a.upper) for a in taps}
        self.known = [form.given, *(a.holds() for a in taps), built(Ge, BATCH, 1), built(Ge, summed.start, 0)]
        self.known += [built(Le, 0, ITEM), built(Le, ITEM, BATCH - 1)]
        self.known += [built(Le, 0, s) for split in self.splits for s, _ in split.digits]
        self.known += [built(Le, s, e - 1) for split in self.splits for s, e in split.digits]
        self.known += [built(Ge, e, 1) for split in self.splits for _, e in split.digits]
        self.known += [a.holds() for a in form.output.axes if a.symbol not in at]
        self.known += [replaced(a.holds(), {a.symbol: split.start}) for split in self.splits for a in self._axes(split)]

    def _axes(self, split: Split) -> Iterable[Axis]:
        return (a for a in (*self.form.output.axes, *self.form.reduction) if a.symbol == split.letter)

    def edge(self) -> Asked:
        """What a tile at the edges asks."""
        return self._asked(self.parts, self.known)

    def inner(self) -> Asked:
        """What a tile inside still asks: what no inequality says, and what isn't of places or weights."""
        return self._asked(tuple(p for p in self.parts if not self._met(p)), self.known)

    def inside(self) -> Any:
        """The worst corner of each inequality of places or weights."""
        met = [
            built(Ge, least(e, self.box), 0) for p in self.parts if self._met(p) for e in Polyhedron.of(p).expressions
        ]
        given = [self.form.given, *(built(Ge, e, 1) for split in self.splits for _, e in split.digits)]
        given += [built(Ge, split.start, 0) for split in self.splits]
        return Polyhedron.of(*met).simplify(Polyhedron.of(*given)).conditions

    def _met(self, part: Any) -> bool:
        """Whether a part is an inequality of places or weights alone."""
        return _affine(part) and bool(part.free_symbols & self.letters) and not part.free_symbols & self.chunk

    def _asked(self, parts: Iterable[Any], known: list[Any]) -> Asked:
        groups: list[list[Any]] = [[], [], []]
        place, weight = self.own
        summed = self.chunk | self.taps
        mixed = []
        for part in parts:
            here = (bool(part.free_symbols & place), bool(part.free_symbols & weight))
            if all(here) or (here[1] and part.free_symbols & summed) or (here[0] and part.free_symbols & self.chunk):
                mixed.append(text(part))
            groups[here.index(True) + 1 if any(here) else 0].append(part)
        if mixed:
            raise NoLowering(f"it needs a product of weights and places that is full; '{min(mixed)}' leaves terms out")
        return Asked(*(_simplified(group, known) for group in groups))


def _affine(part: Any) -> bool:
    try:
        Polyhedron.of(part)
    except NotAffine:
        return False
    return True


def _simplified(parts: Iterable[Any], known: list[Any]) -> Any:
    """The conjunction without what is known."""
    affine = [p for p in parts if _affine(p)]
    rest = [p for p in parts if not _affine(p)]
    return both(Polyhedron.of(*affine).simplify(Polyhedron.of(*known)).conditions, *rest)
