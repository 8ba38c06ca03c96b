"""How many numbers a form has to learn: exactly, and in short under a stated condition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sympy import (
    And,
    Eq,
    Expr,
    Ge,
    Le,
    Lt,
    Max,
    Min,
    Mod,
    Mul,
    Or,
    Piecewise,
    S,
    Sum,
    Symbol,
    expand,
    false,
    true,
)

from derive.errors import TextError
from derive.forms.conditions import regardless, simplified, split
from derive.forms.count import NotCountable, condition_for_full
from derive.forms.expr import Where, index
from derive.forms.form import Form, Param, Role, equal_places
from derive.forms.narrowed import narrowed
from derive.forms.piecewise import with_min
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.quotients import rounded
from derive.proof.beyond import layers_beyond
from derive.proof.columns import column_by_column, independent_columns
from derive.proof.ends import free_at_ends
from derive.proof.entries import free_number
from derive.proof.factorisation import dimension, unfactored
from derive.proof.goal import Goal, Status
from derive.proof.ranks import determined_when, rank_of_numbers
from derive.proof.reach import large_enough
from derive.proof.solver import decide
from derive.proof.windows import layers_of_numbers

__all__ = ["Counts"]

_MOST, _LONG = 12, 160  # how much larger a grid is asked to be; operations of a formula
_MOST_CASES, _MOST_RESIDUES = 9, 36
_LARGER = (16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact numbers of free parameters, and the short ones with their condition.

    The exact ones are None where the free entries are no union of polyhedra, as under a symbolic stride, or one with too
    many cases. Under a stride the short ones count whole arrays, all of whose entries are proved free under the condition.
    """

    exact_weight: Expr | None
    exact_bias: Expr | None
    weight: Expr
    bias: Expr
    when: Any
    dimension: Expr | None = None

    @property
    def is_long(self) -> bool:
        """Whether the exact number of weights is too long to be read, so that texts have the short one with its condition."""
        long = self.exact_weight is not None and self.exact_weight.count_ops() > _LONG
        return long and self.when not in (true, false)

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, form: Form) -> Counts:
        """Counted from the domains that the obligation 'free' is about; products of weights are counted as parameters.

        Raises NotCountable where terms share inputs and, of sizes by name, none are found at which W determines the weights.
        """
        found, given = cls._of_entries(form), Polyhedron.of(form.given)
        independent_columns(form.bias, form.biases)
        if not form.shared or all(p.data for p in form.weights) or _spans(form):
            return found._on_longer_grids(form, given)._shorter(form)
        if (beyond := layers_beyond(form)) is not None:
            return found._told(form, beyond[0], found.weight, beyond[1])
        if (known := rank_of_numbers(form)) is not None:
            return cls(known, found.bias, known, found.bias, true)
        if (cases := layers_of_numbers(form)) is not None:
            return found._told(form, *cases)
        stated, grid = _stated(form)
        if (column := independent_columns(form.weight, form.weights)) is not None:
            form = column_by_column(form, column)
        if isinstance(form.weight, Mul):
            reached, enough = dimension(form)
            if (
                reached is not None
                and any(e.has(Mod, Min, Max) for e in (*form.read, form.domain))
                and (window := unfactored(form)) is not None
            ):
                seen = determined_when(window, stated, grid)
                reached, enough = (None, enough) if seen is None else (reached, And(enough, seen))
            when = with_min(And(found.when, enough), given)
            return cls(None, None, found.weight, found.bias, when, reached)
        enough = determined_when(form, stated, grid)
        if enough is None:
            raise NotCountable("Terms share inputs, and no place was found that tells all weights apart.")
        when = with_min(simplified(And(found.when, enough), form.given), given)
        return cls(None, None, found.weight, found.bias, when)

    def _told(self, form: Form, number: Expr | None, short: Expr, when: Any) -> Counts:
        """With so many weights, which are as many as the short number exactly under the condition; at no size, it is not named."""
        given = Polyhedron.of(form.given)
        when = with_min(simplified(when, form.given), given)
        short, when = (number, true) if when == false and number is not None else (short, when)
        try:
            bias = free_number(form.biases, given)
        except (NotAffine, NotCountable, TextError):
            return replace(self, exact_weight=number, weight=short, when=And(self.when, when))
        return Counts(number, bias, short, bias, when)

    def _on_longer_grids(self, form: Form, given: Polyhedron) -> Counts:
        """The same under a wider condition, where a group turns what leaves a grid along its short side to its long one."""
        stated, grid = _stated(form)
        if len(stated) != 1 or len(grid) < 2 or not any(p.free.has(Or) for p in form.weights):
            return self
        full = tuple(replace(p, free=_without_grid(p, form)) for p in form.weights)
        pairs = [((form.given, f.domain), p.free) for p, f in zip(form.weights, full, strict=True)]
        for bounds in ((Max(*grid),), (Max(*grid), 2 * Min(*grid))):
            when = And(*(Lt(size, bound) for size in stated for bound in bounds))
            if all(decide(Goal((*facts, when), free).smt) is Status.PROVED for facts, free in pairs):
                numbers = free_number(full, given), free_number(form.biases, given)
                same = all(expand(a - b) == 0 for a, b in zip(numbers, (self.weight, self.bias), strict=True))
                return replace(self, when=when) if same else self
        return self

    def _shorter(self, form: Form) -> Counts:
        """The same, along the axes of a window one by one where that says it in less."""
        exact = self.exact_weight
        known = layers_beyond(form) if exact is None or exact.has(Piecewise, Mod) else None
        if known is None or known[0] is None or (exact is not None and exact.count_ops() <= known[0].count_ops()):
            return self
        return replace(self, exact_weight=known[0], exact_bias=free_number(form.biases, Polyhedron.of(form.given)))

    @classmethod
    def _of_entries(cls, form: Form) -> Counts:
        """How many entries are free: in all cases, else where all of the window is, else on a cube, else as the sum that it is."""
        given = Polyhedron.of(form.given)
        for find in (cls._in_cases, cls._of_whole, cls._of_cube):
            try:
                return find(form, given)
            except (NotAffine, NotCountable, TextError):
                continue
        return cls._in_brackets(form)

    @classmethod
    def _in_cases(cls, form: Form, given: Polyhedron) -> Counts:
        """The exact numbers, unless they have very many cases."""
        if any(_coupled(p) for p in form.params):
            return cls._on_large_grids(form, given)
        exact = free_number(form.weights, given), free_number(form.biases, given)
        if any(rounded(p.free) for p in form.params):
            return cls._of_rounded(form, given, exact)
        if _cases(exact) > _MOST_CASES:
            return cls._on_large_grids(form, given)
        return cls._in_short(form, given, exact)

    @classmethod
    def _in_short(cls, form: Form, given: Polyhedron, exact: tuple[Expr, Expr]) -> Counts:
        """The exact numbers, and what they are in a chamber where each is one polynomial."""
        when = true
        if any(e.has(Min, Max, Piecewise) for e in exact):
            when = next((c for c in _chambers(form, given) if _is_plain(sum(exact), form, c)), true)
            full = And(*(_full(p, given) for p in form.params))
            wider = decide(Goal((form.given, when), full).smt) is Status.PROVED and _is_plain(sum(exact), form, full)
            when = full if wider else when
        context = Polyhedron.of(And(form.given, when))
        return cls(*exact, free_number(form.weights, context), free_number(form.biases, context), with_min(when, given))

    @classmethod
    def _of_rounded(cls, form: Form, given: Polyhedron, exact: tuple[Expr, Expr]) -> Counts:
        """The exact numbers, as by a stride or a step of shifts, beside those of whole arrays where these are ever free."""
        try:
            short = cls._of_whole(form, given)
            if decide(Goal((form.given, short.when), false).smt) is Status.PROVED:
                return cls._in_short(form, given, exact)
            few = _cases(exact) <= _MOST_RESIDUES
            return replace(short, exact_weight=exact[0], exact_bias=exact[1]) if few else short
        except (NotAffine, NotCountable):
            return cls._in_short(form, given, exact)

    @classmethod
    def _on_large_grids(cls, form: Form, given: Polyhedron) -> Counts:
        stated, grid = _stated(form)
        when = And(*(Le(s, size - 1) for s in stated for size in grid))
        context = Polyhedron.of(And(form.given, when))
        params = tuple(replace(p, free=simplified(p.free, p.array.holds(), form.given, when)) for p in form.params)
        weight, bias = (free_number(params[part], context) for part in _parts(form))
        return cls(None, None, weight, bias, with_min(when, given))

    @classmethod
    def _of_whole(cls, form: Form, given: Polyhedron) -> Counts:
        full = tuple(replace(p, free=_without_grid(p, form)) for p in form.params)
        everything = tuple(Goal((form.given, f.domain), p.free) for p, f in zip(form.params, full, strict=True))

        def holds(when: Any) -> bool:
            admitted = with_min(when, given) != false
            return admitted and all(decide(Goal((*g.given, when), g.show).smt) is Status.PROVED for g in everything)

        when = next(filter(holds, _large_enough(form, full, given)), None)
        when = _far_smaller(form, holds) if when is None else when
        if when is None:
            raise NotCountable(
                "The free entries are no union of polyhedra, nor those of the whole window on a large grid."
            )
        weight, bias = (free_number(full[part], given) for part in _parts(form))
        return cls(None, None, weight, bias, with_min(when, given))

    @classmethod
    def _of_cube(cls, form: Form, given: Polyhedron) -> Counts:
        """The numbers on a grid of equal sides, where a group that mixes axes has very many cases on others."""
        _, grid = _stated(form)
        when = And(*(Eq(first, other) for first, other in pairwise(grid)))
        if when == true:
            raise NotCountable("There is one size.")
        context = given & Polyhedron.of(when)
        weight, bias = (free_number(form.params[part], context) for part in _parts(form))
        return cls(None, None, weight, bias, with_min(when, given))

    @classmethod
    def _in_brackets(cls, form: Form) -> Counts:
        """Σ [the entry is free], which holds at all sizes and is a number at each."""
        weight, bias = (sum(map(_brackets, form.params[part]), start=S.Zero) for part in _parts(form))
        return cls(None, None, weight, bias, true)


def _cases(exact: tuple[Expr, Expr]) -> int:
    return sum(len(cases.args) for e in exact for cases in e.atoms(Piecewise))


def _brackets(param: Param) -> Expr:
    """The sum over an array's box of 1 for each free entry."""
    if param.data:
        return S.Zero
    one: Expr = Where(param.free, S.One, S.Zero)
    return Sum(one, *((a.symbol, a.lower, a.upper) for a in param.array.axes)) if param.array.axes else one


def _spans(form: Form) -> bool:
    """Whether the weights are coordinates in a basis that the form brings along, and terms share inputs along it alone."""
    column = independent_columns(form.weight, form.weights)
    if column is None:
        return False
    twin = {s: index(f"{s.name}_") for s in form.reduction_symbols}
    same = And(equal_places(form.read, (e.xreplace(twin) for e in form.read)), form.live, form.live.xreplace(twin))
    others = And(*(Eq(s, t) for s, t in twin.items() if s != column))
    return decide(Goal((form.given, same), others).smt) is Status.PROVED


def _without_grid(param: Param, form: Form) -> Any:
    """What makes an entry free on a large grid: the conditions that don't speak of its size."""
    _, grid = _stated(form)
    parts = And.make_args(regardless(param.free, grid))
    box = (form.given, param.array.holds())
    return And(*(part for part in parts if decide(Goal(box, part).smt) is not Status.PROVED))


def _coupled(param: Param) -> bool:
    """Whether three letters are tied by one inequality: the chambers of such counts are too many to list."""
    letters = set(param.array.symbols)
    affine, _ = split(param.domain)
    return any(len(e.free_symbols & letters) > 2 for e in affine.expressions)


def _parts(form: Form) -> tuple[slice, slice]:
    """Weights and biases among the parameters."""
    return slice(0, len(form.weights)), slice(len(form.weights), None)


def _large_enough(form: Form, full: tuple[Param, ...], given: Polyhedron) -> Iterator[Any]:
    """None; that the window's ends are free; that the grid exceeds stated sizes by 1, 2, ...; that it is at least 2, 3, ..."""
    yield true
    yield from free_at_ends(((p, whole.free) for p, whole in zip(form.params, full, strict=True)), given)
    yield from (_smaller_by(form, slack) for slack in range(1, _MOST))
    yield from large_enough(form, _MOST)


def _smaller_by(form: Form, slack: int) -> Any:
    """That the grid exceeds each stated size, or 0, by as much."""
    stated, sizes = _stated(form)
    return And(*(Le(s, size - slack) for s in stated or [S.Zero] for size in sizes))


def _far_smaller(form: Form, holds: Callable[[Any], bool]) -> Any:
    """The same by the least number that it takes, of larger ones; None where none is found."""
    reached = next((slack for slack in _LARGER if holds(_smaller_by(form, slack))), None)
    if reached is None:
        return None
    least = bisect_left(range(reached), True, lo=_MOST, key=lambda slack: holds(_smaller_by(form, slack)))
    return _smaller_by(form, least)


def _is_plain(number: Expr, form: Form, when: Any) -> bool:
    """Whether the number is one polynomial under the condition, which must be affine."""
    try:
        context = Polyhedron.of(And(form.given, when))
    except NotAffine:
        return False
    return not context.is_empty() and not narrowed(number, context).has(Min, Max, Piecewise)


def _chambers(form: Form, given: Polyhedron) -> Iterator[Any]:
    """Conditions to count under: stated sizes, or the window's sides, are less than the grid's; whole arrays free; large grids."""
    stated, grid = _stated(form)
    yield And(*(Le(s, size - 1) for s in stated for size in grid))
    ends = {end for p in form.params for a in p.array.axes for end in (a.upper, -a.lower) if end.free_symbols}
    sides = sorted((e for e in ends if e.free_symbols <= set(stated)), key=str)
    if not set(sides) <= set(stated):
        yield And(*(Le(side, size - 1) for side in sides for size in grid))
    yield And(*(_full(p, given) for p in form.params))
    for least in range(2, _MOST):
        yield And(*(Ge(size, least) for size in grid))
        yield And(*(Le(s, size - least) for s in stated for size in grid))


def _stated(form: Form) -> tuple[list[Symbol], list[Symbol]]:
    """Sizes that are no extent of a grid or of channels, such as a radius; and the sizes of the grid."""
    axes = (*form.input.axes, *form.output.axes)
    features = [a for p in form.params for a in p.array.axes if a.role is Role.CHANNEL]
    extents = {s for axis in (*axes, *features) for s in axis.upper.free_symbols}
    grid = {s for axis in axes if axis.role is Role.GRID for s in axis.upper.free_symbols}
    return [s for s in form.sizes if s not in extents], sorted(grid, key=str)


def _full(param: Param, given: Polyhedron) -> Any:
    """When every entry of the array is free; true where the array's box alone isn't the count anyway."""
    if param.free is true:
        return true
    (box, _), (inside, _) = split(param.array.holds()), split(param.free)
    return condition_for_full(box, inside, given, param.array.symbols)
