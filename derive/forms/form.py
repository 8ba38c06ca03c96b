"""One affine map between arrays, as mathematics.

    out[o] = bias[β(o)] + Σ_{r ∈ R(o)} weight(o, r)·in[ι(o, r)]

Sizes are symbols, so a form speaks of all their values at once. A term (o, r) is *live* when r is in
R(o) and the read lies inside the input; a read outside is 0 only under the edge rule 'zero'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from sympy import Eq, Expr, Le, Rational, Symbol, expand, false, floor, true

from derive.errors import RuleRefused
from derive.forms.expr import Read, Where, reads
from derive.forms.text import parse
from derive.remembered import both, built, replaced

__all__ = ["Array", "Axis", "Edge", "Form", "Param", "Role", "Table"]


class Role(Enum):
    """What an axis counts: places of the grid, or features without a place."""

    GRID = "grid"
    CHANNEL = "channel"


class Edge(Enum):
    """What a read outside the input means."""

    INSIDE = "inside"  # there is none: R(o) keeps every read inside
    ZERO = "zero"  # it is 0


@lru_cache(maxsize=1 << 14)
def _extent(lower: Expr, upper: Expr) -> Expr:
    return expand(upper - lower + 1)


@lru_cache(maxsize=1 << 16, typed=True)
def _less(place: Expr, lower: Expr) -> Expr:
    return expand(place - lower)


@dataclass(frozen=True, slots=True)
class Axis:
    """A letter and the integers it runs through, both ends included."""

    symbol: Symbol
    lower: Expr
    upper: Expr
    role: Role = Role.GRID

    @property
    def extent(self) -> Expr:
        """How many integers."""
        return _extent(self.lower, self.upper)

    def holds(self, at: Expr | None = None) -> Any:
        """The condition that an index lies on the axis."""
        value = self.symbol if at is None else at
        return both(built(Le, self.lower, value), built(Le, value, self.upper))

    def at(self, values: Mapping[Any, Any]) -> Axis:
        """The axis with sizes replaced."""
        return replace(self, lower=expand(replaced(self.lower, values)), upper=expand(replaced(self.upper, values)))


@dataclass(frozen=True, slots=True)
class Array:
    """A named box of entries."""

    name: str
    axes: tuple[Axis, ...]

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The axes' letters."""
        return tuple(axis.symbol for axis in self.axes)

    @property
    def shape(self) -> tuple[Expr, ...]:
        """How many entries along each axis."""
        return tuple(axis.extent for axis in self.axes)

    def holds(self, subscripts: Iterable[Expr] | None = None) -> Any:
        """The condition that subscripts lie in the box."""
        places = self.symbols if subscripts is None else tuple(subscripts)
        return both(*(axis.holds(place) for axis, place in zip(self.axes, places, strict=True)))

    def entry(self, subscripts: Iterable[Expr] | None = None) -> Read:
        """The array read at the subscripts, or at its own letters."""
        return Read(self.name, *(self.symbols if subscripts is None else subscripts))

    def storage(self, subscripts: Iterable[Expr]) -> tuple[Expr, ...]:
        """Positions from 0, as memory counts them."""
        return tuple(_less(place, axis.lower) for axis, place in zip(self.axes, subscripts, strict=True))

    def at(self, values: Mapping[Any, Any]) -> Array:
        """The array with sizes replaced."""
        return Array(self.name, tuple(axis.at(values) for axis in self.axes))


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter array: its box, which of its entries are free, and for a free entry one term that reads it.

    `data` says that it is no parameter but another array that the sum multiplies, such as X in a gradient by V.
    `values` are the entries of an array of numbers, such as a stencil's: data that the layer brings along, row by row.
    """

    array: Array
    free: Any
    reader: tuple[tuple[Symbol, Expr], ...]
    data: bool = False
    values: tuple[Rational, ...] | None = None

    @property
    def name(self) -> str:
        """The array's name."""
        return self.array.name

    @property
    def domain(self) -> Any:
        """The condition that subscripts name a free entry."""
        return both(self.array.holds(), self.free)

    def reading(self, subscripts: Iterable[Expr]) -> dict[Symbol, Expr]:
        """The term that reads the entry at these subscripts, as values of the form's letters."""
        places = dict(zip(self.array.symbols, subscripts, strict=True))
        return {symbol: replaced(value, places) for symbol, value in self.reader}

    def domain_at(self, subscripts: Iterable[Expr]) -> Any:
        """The condition that these subscripts name a free entry."""
        places = dict(zip(self.array.symbols, subscripts, strict=True))
        return both(self.array.holds(places.values()), replaced(self.free, places))


@dataclass(frozen=True, slots=True)
class Table:
    """Whole numbers that subscripts and signs are read from, such as T in V[T[i, k]]: row by row, in a box of numeric sides."""

    array: Array
    values: tuple[int, ...]

    @property
    def name(self) -> str:
        """The array's name."""
        return self.array.name


@dataclass(frozen=True, slots=True)
class Form:
    """One affine map; see the module. `given` holds what the sizes must satisfy.

    `tables` are what its subscripts may be read from.

    `shared` says that several terms of one output may read the same entry of the input, so that a coefficient is a sum.
    """

    output: Array
    input: Array
    reduction: tuple[Axis, ...]
    domain: Any
    weight: Expr
    read: tuple[Expr, ...]
    bias: Expr
    weights: tuple[Param, ...]
    biases: tuple[Param, ...]
    given: Any
    edge: Edge = Edge.INSIDE
    shared: bool = False
    tables: tuple[Table, ...] = ()

    @property
    def reduction_symbols(self) -> tuple[Symbol, ...]:
        """The letters that are summed over."""
        return tuple(axis.symbol for axis in self.reduction)

    @property
    def params(self) -> tuple[Param, ...]:
        """Weights, then biases."""
        return self.weights + self.biases

    @property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbols that are not indices, in the order in which the arrays mention them."""
        return _sizes(self)

    @property
    def terms(self) -> Any:
        """The condition that (o, r) is a term of the sum."""
        return _terms(self)

    @property
    def live(self) -> Any:
        """The condition that (o, r) is a term whose read lies inside the input."""
        return _live(self)

    @property
    def vanishes(self) -> bool:
        """Whether no term is left at any size: a constraint forces every weight to be 0."""
        return bool(self.weight == 0 or self.domain == false)

    def grid(self, array: Array) -> tuple[int, ...]:
        """The positions of an array's grid axes."""
        return tuple(p for p, axis in enumerate(array.axes) if axis.role is Role.GRID)

    def solve_read(self, place: Iterable[Expr]) -> dict[Symbol, Expr]:
        """The reduction letters of the term that reads `in[place]`, in terms of o and the place.

        Where a letter takes steps of a number other than one, the term reads the place if any term does. Raises RuleRefused
        where the reads do not determine the term.
        """
        if self.shared:
            raise RuleRefused(
                f"Several terms may read one entry of {self.input.name}, so a coefficient is a sum of them; "
                f"state structure first, and edges, strides and compositions after it."
            )
        unknown = set(self.reduction_symbols)
        equations = list(zip(self.read, place, strict=True))
        solved: dict[Symbol, Expr] = {}
        while unknown and equations:
            for equation in equations:
                left, right = replaced(equation[0], solved), equation[1]
                here = [s for s in left.free_symbols if s in unknown]
                if len(here) == 1 and left.coeff(here[0]).is_Integer and left.coeff(here[0]) != 0:
                    step = left.coeff(here[0])
                    rest = expand(right - (left - step * here[0]))
                    solved[here[0]] = expand(step * rest) if step in (1, -1) else floor(rest / step)
                    unknown.discard(here[0])
                    equations.remove(equation)
                    break
            else:
                break
        if unknown:
            names = ", ".join(sorted(s.name for s in unknown))
            raise RuleRefused(
                f"The read {self.input.entry(self.read)} does not determine {names}, so the coefficient "
                f"of one input entry is a sum of several terms."
            )
        return solved

    def coefficient(self, place: tuple[Expr, ...]) -> Expr:
        """c(o, place): the factor of `in[place]` in `out[o]`, 0 where no term reads it."""
        term = self.solve_read(place)
        read = equal_places((expand(replaced(e, term)) for e in self.read), place)
        return Where(both(replaced(self.live, term), read), replaced(self.weight, term))

    def with_weight(self, weight: str | Expr) -> Form:
        """The same sum with another coefficient, for instance "V[i, j, a, b]*U[i]": a claim to be tested.

        Arrays that the coefficient reads and that the form lacks become parameters over the letters' own ranges.
        """
        value = parse(weight) if isinstance(weight, str) else weight
        known = {p.name: p for p in self.weights}
        axes = {axis.symbol: axis for axis in (*self.output.axes, *self.reduction)}
        params: dict[str, Param] = {}
        for read in reads(value):
            if unknown := [s for s in read.free_symbols if s not in axes]:
                raise RuleRefused(f"The weight '{weight}' uses {unknown[0]}, which is no index of this form.")
            if read.array in known and len(known[read.array].array.axes) == len(read.subscripts):
                params[read.array] = known[read.array]
                continue
            if any(not isinstance(s, Symbol) for s in read.subscripts):
                raise RuleRefused(f"The weight '{weight}' must read '{read.array}' at plain indices.")
            array = Array(read.array, tuple(axes[s] for s in read.subscripts))
            params[read.array] = Param(array, true, ())
        return replace(self, weight=value, weights=tuple(params.values()))

    def at(self, values: Mapping[Symbol, Expr]) -> Form:
        """The form with sizes replaced, by numbers or by other sizes."""
        table = dict(values)

        def param(p: Param) -> Param:
            reader = tuple((s, replaced(e, table)) for s, e in p.reader)
            return Param(p.array.at(table), replaced(p.free, table), reader, p.data, p.values)

        return Form(
            output=self.output.at(table),
            input=self.input.at(table),
            reduction=tuple(axis.at(table) for axis in self.reduction),
            domain=replaced(self.domain, table),
            weight=replaced(self.weight, table),
            read=tuple(replaced(e, table) for e in self.read),
            bias=replaced(self.bias, table),
            weights=tuple(map(param, self.weights)),
            biases=tuple(map(param, self.biases)),
            given=replaced(self.given, table),
            edge=self.edge,
            shared=self.shared,
            tables=self.tables,
        )

    def _repr_latex_(self) -> str:
        """What a notebook shows: the equation with its conditions."""
        from derive.forms.equation import latex_formula

        return rf"$\displaystyle {latex_formula(self)}$"

    def same_as(self, other: Form) -> bool:
        """Equal letter by letter."""
        return bool(self == other)


# These are asked for again and again, and a conjunction costs SymPy a millisecond.
@lru_cache(maxsize=1024)
def _sizes(form: Form) -> tuple[Symbol, ...]:
    found: dict[Symbol, None] = {}
    for array in (form.input, form.output, *(p.array for p in form.params)):
        for axis in array.axes:
            for bound in (axis.upper, axis.lower):
                found.update(dict.fromkeys(sorted(bound.free_symbols, key=str)))
    for symbol in sorted(form.given.free_symbols, key=str):
        found.setdefault(symbol)
    return tuple(found)


@lru_cache(maxsize=1024)
def _terms(form: Form) -> Any:
    ranges = both(*(axis.holds() for axis in form.reduction))
    return both(form.output.holds(), ranges, form.domain)


@lru_cache(maxsize=1024)
def _live(form: Form) -> Any:
    inside = form.input.holds(form.read) if form.edge is Edge.ZERO else true
    return both(form.terms, inside)


def equal_places(left: Iterable[Expr], right: Iterable[Expr]) -> Any:
    """The condition that two index tuples agree."""
    return both(*(built(Eq, x, y) for x, y in zip(left, right, strict=True)))
