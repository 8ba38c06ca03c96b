"""Translations of the grid: o ⟶ o + s along chosen axes, partial on a box.

An orbit of entries is named by what every shift leaves alone: the kernel of the transposed action,
found by elimination. Its representative is the entry nearest to the origin that is still inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd
from typing import Any

from sympy import Abs, And, Expr, Gt, Integer, Le, Max, Min, Mod, Symbol, ceiling, expand, floor, true

from derive.errors import RuleRefused, StatedLate
from derive.forms.arguments import explained, hold_tuples, said
from derive.forms.dense import fresh, offset_letters
from derive.forms.expr import Where, index
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.groups._group import Action, Element, Tie, chosen_axes, steps_along
from derive.groups._torus import tie_wrapped, wrapping

__all__ = ["Translations"]

_SHIFTS = "stwxyz"


@explained
@dataclass(frozen=True, slots=True)
class Translations:
    """All shifts along the given grid axes (all of them by default).

    On a box each is applied where it stays inside; on a torus it wraps around. By a `step`, one for all
    axes or for each, only its multiples count; on a torus it divides the size, as of `derive.dense(1, "2*n", "2*n")`.
    """

    axes: tuple[int, ...] | None = None
    grid: str = "box"
    step: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        hold_tuples(self)

    def __str__(self) -> str:
        said = [] if self.axes is None else [f"axes={self.axes}"]
        said += [] if self.grid == "box" else [f'grid="{self.grid}"']
        said += [] if self.step == 1 else [f"step={self.step}"]
        return f"Translations({', '.join(said)})"

    def elements(self, form: Form) -> tuple[Element, ...]:
        """The shift by s, with o ⟶ o + s and k ⟶ k + s: one case."""
        grid = form.grid(form.output)
        chosen = chosen_axes(self, self.axes, len(grid))
        if self.grid not in ("box", "torus"):
            raise RuleRefused(f"Translations act on a 'box' or a 'torus'; {said(self.grid)} is neither.")
        steps = steps_along(self.step, len(chosen))
        shifts = shift_letters(form, chosen)
        if self.grid == "torus":
            return (wrapping(form, chosen, shifts, steps),)
        moves = {p: step * s for p, s, step in zip(chosen, shifts, steps, strict=True)}
        out, source = (
            {s: s + moves.get(p, Integer(0)) for p, s in ((p, a.symbols[q]) for p, q in enumerate(form.grid(a)))}
            for a in (form.output, form.input)
        )
        return (Element(shifts, true, out, source, f"T_{{{','.join(s.name for s in shifts)}}}", "a shift"),)

    def tie(self, action: Action) -> Tie:
        """Eliminate one letter a shift; the others, less their share of the shift, name the orbit."""
        ((element,), (moved,)) = action.elements, action.moved
        steps = dict(zip(element.letters, steps_along(self.step, len(element.letters)), strict=True))
        if self.grid == "torus":
            return tie_wrapped(action, steps)
        rates = {p: {s: expand(value - p).coeff(s) / t for s, t in steps.items()} for p, value in moved.items()}
        if periods := {s: int(v.args[1]) for v in moved.values() if isinstance(v, Mod) for s in steps if v.has(s)}:
            self._refuse_periods(periods, steps)
        for p, value in moved.items():
            if value.has(Where, Max, Min, Abs):
                raise StatedLate(
                    f"Weights are called by cases, which a shift carries to others: {p} to {value}; "
                    f"state equivariant({self}) before the symmetry that they are of."
                )
            if expand(value - p - sum(rate * steps[s] * s for s, rate in rates[p].items())) != 0:
                raise StatedLate(f"A shift carries {p} to {value}, which is not {p} plus a multiple of the shift.")
        pivots = self._pivots(rates, element.letters)
        return self._complete(
            self._orbit(moved, rates, pivots), rates, pivots, {p: steps[s] for s, p in pivots.items()}, action
        )

    def _refuse_periods(self, periods: Mapping[Symbol, int], steps: Mapping[Symbol, int]) -> None:
        """Weights that repeat along the grid have fewer shifts than these."""
        together = tuple(gcd(step, periods.get(s, step)) for s, step in steps.items())
        both = Translations(self.axes, step=together[0] if len(set(together)) == 1 else together)
        first = next(iter(periods))
        raise StatedLate(
            f"Weights repeat by {periods[first]} along the grid, and shifts by {periods[first]} and by {steps[first]} are "
            f"together those by {gcd(periods[first], steps[first])}; state equivariant({both}) alone."
        )

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """No part of the shifts has a name of its own."""
        return "no shift"

    @staticmethod
    def _pivots(rates: Mapping[Symbol, Mapping[Symbol, Expr]], shifts: tuple[Symbol, ...]) -> dict[Symbol, Symbol]:
        """For each shift that acts, a letter that it moves by exactly itself, and no other shift moves.

        Raises StatedLate where there is none.
        """
        pivots: dict[Symbol, Symbol] = {}
        for s in shifts:
            if any(rate[s] != 0 for rate in rates.values()):
                alone = (p for p, rate in rates.items() if rate[s] == 1 and sum(map(abs, rate.values())) == 1)
                if (pivot := next(alone, None)) is None:
                    raise StatedLate(
                        f"A shift by {s} carries no letter of the weights just as far, as inputs move apart from outputs; "
                        f"state the symmetry before strides and compositions."
                    )
                pivots[s] = pivot
        return pivots

    @staticmethod
    def _orbit(
        moved: Mapping[Symbol, Expr],
        rates: Mapping[Symbol, Mapping[Symbol, Expr]],
        pivots: Mapping[Symbol, Symbol],
    ) -> tuple[tuple[Symbol, Expr], ...]:
        rest = [p for p in moved if p not in pivots.values()]
        shifted = [p for p in rest if any(rates[p].values())]
        own = offset_letters(max(1, len(shifted)))
        fresh = iter(
            dict.fromkeys(s for s in (*own, *offset_letters(3), *offset_letters(len(moved) + 3)) if s not in rest)
        )
        return tuple(
            (next(fresh), p - sum(rates[p][s] * pivot for s, pivot in pivots.items())) if p in shifted else (p, p)
            for p in rest
        )

    def _complete(
        self,
        orbit: tuple[tuple[Symbol, Expr], ...],
        rates: Mapping[Symbol, Mapping[Symbol, Expr]],
        pivots: Mapping[Symbol, Symbol],
        steps: Mapping[Symbol, int],
        action: Action,
    ) -> Tie:
        """The first entry of an orbit; by a step, the first one of its phase, for which the pivot's letter stands."""
        rest = [p for p in rates if p not in pivots.values()]
        lifted = {
            p: name + sum(rates[p][s] * pivot for s, pivot in pivots.items())
            for p, (name, _) in zip(rest, orbit, strict=True)
        }
        inside = action.entries.substitute(lifted)
        base: dict[Symbol, Expr] = {}
        ends: list[Any] = []
        for pivot, step in steps.items():
            lower, upper = inside.project(*(q for q in pivots.values() if q != pivot)).bounds(pivot)
            base[pivot] = Max(*lower)
            if step > 1:
                base[pivot] = pivot - step * floor((pivot - base[pivot]) / step)
                ends += _met(pivot, step, lower, upper)
            else:
                ends += _rounded(lower, upper)
        representative = base | {p: value.xreplace(base) for p, value in lifted.items()}
        shadow = inside.project(*pivots.values())
        phases = {pivot: Mod(pivot, step) for pivot, step in steps.items() if step > 1}
        named = dict(orbit) | phases
        order = [p for p in action.letters if p in phases] + [name for name, _ in orbit]
        return Tie(
            orbit=tuple((name, named[name]) for name in order),
            orbits=(shadow & Polyhedron.of(*(And(Le(0, p), Le(p, steps[p] - 1)) for p in phases)),),
            free=And(shadow.conditions, *ends, action.rest.xreplace(representative)),
            representative=representative,
            carries=((0, {s: expand((base[p].xreplace(dict(orbit)) - p) / steps[p]) for s, p in pivots.items()}),),
        )


def _rounded(lower: Sequence[Expr], upper: Sequence[Expr]) -> Iterator[Any]:
    """That a whole number is between all of these ends, where shifts by (t, 2t) and the like leave some that are none."""
    return (Le(low, high) for low, high in product(lower, upper) if low.has(ceiling) or high.has(floor))


def _met(pivot: Symbol, step: int, lower: Sequence[Expr], upper: Sequence[Expr]) -> Iterator[Any]:
    """That a place of the pivot's phase is between all of these ends, which is so if one is between each two.

    For i ≡ p between 0 and n - 1, and between -a and n - 1 - a, that is p ≤ n - 1 - a and -a ≤ p + s·⌊(n - 1 - p)/s⌋.
    """
    for low, high in product(lower, upper):
        less = [other for other in lower if other != low and not (low - other).is_Integer]
        more = [other for other in upper if other != high and not (high - other).is_Integer]
        if any(Polyhedron.of(Gt(low, x), Gt(y, high)).is_empty() for x, y in product(less, more)):
            continue
        if low == 0:
            yield Le(pivot, high)
        elif len(low.free_symbols) >= len(high.free_symbols):
            yield Le(low, pivot + step * floor((high - pivot) / step))
        else:
            yield Le(pivot - step * floor((pivot - low) / step), high)


def shift_letters(form: Form, axes: tuple[int, ...], least: int = 1) -> tuple[Symbol, ...]:
    """A letter for the shift along each of these axes of the grid, none of which the form uses, as a size neither."""
    rank = max(least, len(form.grid(form.output)))
    taken = {*form.output.symbols, *form.input.symbols, *form.reduction_symbols, *form.sizes}
    usual = [letter for letter in map(index, _SHIFTS) if letter not in taken]
    return tuple(usual[p] if rank <= len(usual) else fresh(index(f"s{p}"), taken) for p in axes)
