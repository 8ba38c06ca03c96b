"""How many numbers a form has to learn: exactly, and in short under a stated condition."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sympy import (
    And,
    Eq,
    Expr,
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
    expand,
    false,
    true,
)

from derive.errors import TextError
from derive.forms.bounds import with_min
from derive.forms.conditions import regardless, simplified, split
from derive.forms.count import NotCountable
from derive.forms.expr import Where
from derive.forms.form import Form, Param
from derive.forms.narrowed import narrowed
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.quotients import rounded
from derive.proof.beyond import layers_beyond, layers_inside
from derive.proof.columns import column_by_column, independent_columns, spans_alone
from derive.proof.dimension import Dimension, everywhere
from derive.proof.enough import all_free, chambers, far_smaller, large_grids, stated_sizes
from derive.proof.entries import free_number
from derive.proof.factorisation import dimension, unfactored
from derive.proof.goal import Goal, Status
from derive.proof.ranks import determined_when, rank_of_numbers
from derive.proof.solver import decide
from derive.proof.windows import layers_of_numbers
from derive.remembered import text

__all__ = ["Counts"]

_LONG, _WIDE = 160, 240  # operations of a formula, letters of a sum
_MOST_CASES, _MOST_RESIDUES = 9, 36


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact numbers of free parameters, and the short ones with their condition.

    The exact ones are a `Dimension`, a number at each choice of the sizes, where no formula is known; of products of weights there
    may be none. Under a stride the short ones count whole arrays, all of whose entries are proved free under the condition.
    """

    exact_weight: Expr | None
    exact_bias: Expr | None
    weight: Expr
    bias: Expr
    when: Any
    dimension: Expr | None = None

    @property
    def is_long(self) -> bool:
        """Whether the exact number of weights is too long to be read, or no formula: texts have the short one and its condition."""
        exact = self.exact_weight
        if exact is None or exact.has(Dimension):
            return exact is not None and not self.weight.has(Dimension)
        return exact.count_ops() > _LONG and self.when not in (true, false)

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, form: Form) -> Counts:
        """Counted from the domains that the obligation 'free' is about; products of weights are counted as parameters.

        Raises NotCountable where terms share inputs on a grid of numbers and are too many to be gone through.
        """
        found = cls._of(form)
        if isinstance(form.weight, Mul) or not form.sizes:
            return found
        known = found.exact_bias
        if known is None:
            with suppress(NotAffine, NotCountable, TextError):
                known = free_number(form.biases, Polyhedron.of(form.given))
        weight = everywhere(form, "weights", found.exact_weight, found.weight, found.when)
        bias = everywhere(form, "biases", known, found.bias, found.when)
        found = replace(found, exact_weight=weight, exact_bias=bias)
        long = found.weight.has(Sum) and len(text(found.weight)) > _WIDE
        return replace(found, weight=weight, bias=bias, when=true) if long or found.when == false else found

    @classmethod
    def _of(cls, form: Form) -> Counts:
        given = Polyhedron.of(form.given)
        independent_columns(form.bias, form.biases)
        apart = not form.shared or all(p.data for p in form.weights) or spans_alone(form)
        if apart and (known := cls._of_reaches(form, given)) is not None:
            return known
        found = cls._of_entries(form)
        if apart:
            return found._on_longer_grids(form, given)._shorter(form)
        if (beyond := layers_beyond(form)) is not None:
            number, when = beyond
            return found._told(form, number, found.weight, Eq(number, found.weight) if when is None else when)
        if (column := independent_columns(form.weight, form.weights)) is not None:
            form = column_by_column(form, column)
        if (known := rank_of_numbers(form)) is not None:
            return cls(known, found.bias, known, found.bias, true)
        if (cases := layers_of_numbers(form)) is not None:
            return found._told(form, *cases)
        return found._of_shared(form, given)

    def _of_shared(self, form: Form, given: Polyhedron) -> Counts:
        """Those of terms that share inputs: parameters, and where W determines them, if that is known."""
        stated, grid = stated_sizes(form)
        if isinstance(form.weight, Mul):
            reached, enough = dimension(form)
            if (
                reached is not None
                and any(e.has(Mod, Min, Max) for e in (*form.read, form.domain))
                and (window := unfactored(form)) is not None
            ):
                seen = determined_when(window, stated, grid)
                reached, enough = (None, enough) if seen is None else (reached, And(enough, seen))
            when = with_min(And(self.when, enough), given)
            return Counts(None, None, self.weight, self.bias, when, reached)
        enough = determined_when(form, stated, grid)
        if enough is None and form.sizes:
            return replace(self, exact_weight=None, weight=Dimension.of(form, "weights"), when=true)
        if enough is None:
            raise NotCountable(
                "Several terms read one input, so that W may tell fewer weights than there are; they are more than are gone "
                "through."
            )
        when = with_min(simplified(And(self.when, enough), form.given), given)
        return Counts(None, None, self.weight, self.bias, when)

    def _told(self, form: Form, number: Expr | None, short: Expr, when: Any) -> Counts:
        """With so many weights, which are as many as the short number exactly under the condition; at no size, it is not named."""
        given = Polyhedron.of(form.given)
        short, when = _named(number, short, when, given)
        try:
            bias = free_number(form.biases, given)
        except (NotAffine, NotCountable, TextError):
            return replace(self, exact_weight=number, weight=short, when=And(self.when, when))
        return Counts(number, bias, short, bias, when)

    def _on_longer_grids(self, form: Form, given: Polyhedron) -> Counts:
        """The same under a wider condition, where a group turns what leaves a grid along its short side to its long one."""
        stated, grid = stated_sizes(form)
        if len(stated) != 1 or len(grid) < 2 or not any(p.free.has(Or) for p in form.weights):
            return self
        full = tuple(replace(p, free=_without_grid(p, form)) for p in form.weights)
        pairs = [((form.given, f.domain), p.free) for p, f in zip(form.weights, full, strict=True)]
        for bounds in ((Max(*grid),), (Max(*grid), 2 * Min(*grid))):
            when = And(*(Lt(size, bound) for size in stated for bound in bounds))
            if all(decide(Goal((*facts, when), free).smt) is Status.PROVED for facts, free in pairs):
                try:
                    numbers = free_number(full, given), free_number(form.biases, given)
                except (NotAffine, NotCountable, TextError):
                    return self
                same = all(expand(a - b) == 0 for a, b in zip(numbers, (self.weight, self.bias), strict=True))
                return replace(self, when=when) if same else self
        return self

    def _shorter(self, form: Form) -> Counts:
        """The same, along the axes of a window one by one where that says it in less, or for more sizes."""
        exact = self.exact_weight
        if exact is not None and not exact.has(Piecewise, Mod):
            return self
        inside = layers_inside(form)
        if inside is None:
            return self
        known = [e for e in (exact, inside.read) if e is not None]
        number = min(known, key=lambda e: int(e.count_ops()), default=None)
        if _follows((form.given, inside.when), self.when):
            bias = None if number is None else free_number(form.biases, Polyhedron.of(form.given))
            return replace(self, exact_weight=number, exact_bias=bias)
        return self._told(form, number, inside.orbits, inside.when)

    @classmethod
    def _of_reaches(cls, form: Form, given: Polyhedron) -> Counts | None:
        """Of orbits, faces and diamonds by how far is read along each axis, where that is rounded: their chambers are very many."""
        if not any(rounded(p.domain) for p in form.weights):
            return None
        inside = layers_inside(form)
        if inside is None or inside.plain:
            return None
        try:
            bias = free_number(form.biases, given)
        except (NotAffine, NotCountable):
            return None
        short, when = _named(inside.read, inside.orbits, inside.when, given)
        return cls(inside.read, None if inside.read is None else bias, short, bias, when)

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
            when = next((c for c in chambers(form, given) if _is_plain(sum(exact), form, c)), true)
            full = And(*(all_free(p, given) for p in form.params))
            wider = decide(Goal((form.given, when), full).smt) is Status.PROVED and _is_plain(sum(exact), form, full)
            when = full if wider else when
        context = Polyhedron.of(And(form.given, when))
        return cls(*exact, free_number(form.weights, context), free_number(form.biases, context), with_min(when, given))

    @classmethod
    def _of_rounded(cls, form: Form, given: Polyhedron, exact: tuple[Expr, Expr]) -> Counts:
        """The exact numbers, as by a stride or a step of shifts, beside those of whole arrays where these are ever free."""
        try:
            short = cls._of_whole(form, given)
            if _follows((form.given, short.when), false):
                return cls._in_short(form, given, exact)
            few = _cases(exact) <= _MOST_RESIDUES
            return replace(short, exact_weight=exact[0], exact_bias=exact[1]) if few else short
        except (NotAffine, NotCountable):
            return cls._in_short(form, given, exact)

    @classmethod
    def _on_large_grids(cls, form: Form, given: Polyhedron) -> Counts:
        stated, grid = stated_sizes(form)
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

        when = next(filter(holds, large_grids(form, full, given)), None)
        when = far_smaller(form, holds) if when is None else when
        if when is None:
            raise NotCountable(
                "The free entries are no union of polyhedra, nor those of the whole window on a large grid."
            )
        weight, bias = (free_number(full[part], given) for part in _parts(form))
        return cls(None, None, weight, bias, with_min(when, given))

    @classmethod
    def _of_cube(cls, form: Form, given: Polyhedron) -> Counts:
        """The numbers on a grid of equal sides, where a group that mixes axes has very many cases on others."""
        _, grid = stated_sizes(form)
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


def _named(number: Expr | None, short: Expr, when: Any, given: Polyhedron) -> tuple[Expr, Any]:
    """The short number and its condition in few words; the exact number itself where the condition is met at no size."""
    when = with_min(simplified(when, given.conditions), given)
    return (number, true) if when == false and number is not None else (short, when)


def _follows(known: tuple[Any, ...], condition: Any) -> bool:
    """Whether it is found to; what has no text for a solver is not."""
    try:
        return decide(Goal(known, condition).smt) is Status.PROVED
    except TextError:
        return False


def _cases(exact: tuple[Expr, Expr]) -> int:
    return sum(len(cases.args) for e in exact for cases in e.atoms(Piecewise))


def _brackets(param: Param) -> Expr:
    """The sum over an array's box of 1 for each free entry."""
    if param.data:
        return S.Zero
    one: Expr = Where(param.free, S.One, S.Zero)
    return Sum(one, *((a.symbol, a.lower, a.upper) for a in param.array.axes)) if param.array.axes else one


def _without_grid(param: Param, form: Form) -> Any:
    """What makes an entry free on a large grid: the conditions that don't speak of its size."""
    _, grid = stated_sizes(form)
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


def _is_plain(number: Expr, form: Form, when: Any) -> bool:
    """Whether the number is one polynomial under the condition, which must be affine."""
    try:
        context = Polyhedron.of(And(form.given, when))
    except NotAffine:
        return False
    return not context.is_empty() and not narrowed(number, context).has(Min, Max, Piecewise)
