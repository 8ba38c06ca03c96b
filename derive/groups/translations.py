"""Translations of the grid: o ⟶ o + s along chosen axes, partial on a box.

An orbit of entries is named by what every shift leaves alone: the kernel of the transposed action,
found by elimination. Its representative is the entry nearest to the origin that is still inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sympy import And, Expr, Integer, Max, Symbol, expand, true

from derive.errors import RuleRefused
from derive.forms.dense import offset_letters
from derive.forms.expr import index
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie

__all__ = ["Translations"]

_SHIFTS = "stwxyz"


@dataclass(frozen=True, slots=True)
class Translations:
    """All shifts along the given grid axes (all of them by default), each applied where it stays inside."""

    axes: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return "Translations()" if self.axes is None else f"Translations(axes={self.axes})"

    def elements(self, form: Form) -> tuple[Element, ...]:
        """The shift by s, with o ⟶ o + s and k ⟶ k + s: one case."""
        grid = form.grid(form.output)
        chosen = tuple(range(len(grid))) if self.axes is None else self.axes
        if not chosen or any(axis not in range(len(grid)) for axis in chosen):
            raise RuleRefused(f"{self} names an axis that a grid of {len(grid)} axes doesn't have.")
        shifts = shift_letters(len(grid), chosen)
        moves = dict(zip(chosen, shifts, strict=True))
        out, source = (
            {s: s + moves.get(p, Integer(0)) for p, s in ((p, a.symbols[q]) for p, q in enumerate(form.grid(a)))}
            for a in (form.output, form.input)
        )
        return (Element(shifts, true, out, source, f"T_{{{','.join(s.name for s in shifts)}}}", "a shift"),)

    def tie(self, action: Action) -> Tie:
        """Eliminate one letter a shift; the others, less their share of the shift, name the orbit."""
        ((element,), (moved,)) = action.elements, action.moved
        rates = {p: {s: expand(value - p).coeff(s) for s in element.letters} for p, value in moved.items()}
        for p, value in moved.items():
            if expand(value - p - sum(rate * s for s, rate in rates[p].items())) != 0:
                raise RuleRefused(f"A shift carries {p} to {value}, which is not {p} plus a multiple of the shift.")
        pivots = self._pivots(rates, element.letters)
        orbit = self._orbit(moved, rates, pivots)
        return self._complete(orbit, rates, pivots, action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """No part of the shifts has a name of its own."""
        return "no shift"

    @staticmethod
    def _pivots(rates: Mapping[Symbol, Mapping[Symbol, Expr]], shifts: tuple[Symbol, ...]) -> dict[Symbol, Symbol]:
        """For each shift that acts, a letter that it moves by exactly itself, and no other shift moves."""
        pivots: dict[Symbol, Symbol] = {}
        for s in shifts:
            if any(rate[s] != 0 for rate in rates.values()):
                pivots[s] = next(p for p, rate in rates.items() if rate[s] == 1 and sum(map(abs, rate.values())) == 1)
        return pivots

    @staticmethod
    def _orbit(
        moved: Mapping[Symbol, Expr],
        rates: Mapping[Symbol, Mapping[Symbol, Expr]],
        pivots: Mapping[Symbol, Symbol],
    ) -> tuple[tuple[Symbol, Expr], ...]:
        rest = [p for p in moved if p not in pivots.values()]
        fresh = iter(offset_letters(max(1, sum(any(rates[p].values()) for p in rest))))
        return tuple(
            (next(fresh), p - sum(rates[p][s] * pivot for s, pivot in pivots.items()))
            if any(rates[p].values())
            else (p, p)
            for p in rest
        )

    @staticmethod
    def _complete(
        orbit: tuple[tuple[Symbol, Expr], ...],
        rates: Mapping[Symbol, Mapping[Symbol, Expr]],
        pivots: Mapping[Symbol, Symbol],
        action: Action,
    ) -> Tie:
        rest = [p for p in rates if p not in pivots.values()]
        lifted = {
            p: name + sum(rates[p][s] * pivot for s, pivot in pivots.items())
            for p, (name, _) in zip(rest, orbit, strict=True)
        }
        inside = action.entries.substitute(lifted)
        base: dict[Symbol, Expr] = {}
        for pivot in pivots.values():
            others = [q for q in pivots.values() if q != pivot]
            base[pivot] = Max(*inside.project(*others).bounds(pivot)[0])
        representative = base | {p: value.xreplace(base) for p, value in lifted.items()}
        at_p = dict(orbit)
        carry = {s: base[pivot].xreplace(at_p) - pivot for s, pivot in pivots.items()}
        shadow = inside.project(*pivots.values())
        free = And(shadow.conditions, action.rest.xreplace(representative))
        return Tie(orbit, (shadow,), free, representative, (carry,))


def shift_letters(rank: int, axes: tuple[int, ...]) -> tuple[Symbol, ...]:
    """A letter for the shift along each of these axes of a grid."""
    return tuple(index(_SHIFTS[p]) if rank <= len(_SHIFTS) else index(f"s{p}") for p in axes)
