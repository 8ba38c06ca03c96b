"""Moves along the diagonal of the grid: every place o goes to o + (t, t, ...), wherever that stays on the grid.

Fewer than all translations, so more layers commute with them: the weights may differ from one diagonal to the next, as for
brick walls, scans of woven cloth or a table whose rows begin one place later each. A group states its elements, general in
letters such as t, and how it ties entries; shifts of every kind are tied by one elimination, that of `Translations`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import true

from derive.errors import RuleRefused
from derive.forms.expr import index
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie
from derive.groups.translations import Translations

__all__ = ["DiagonalShifts"]


@dataclass(frozen=True, slots=True)
class DiagonalShifts:
    """All shifts by (t, t, ...)."""

    def __str__(self) -> str:
        return "DiagonalShifts()"

    def elements(self, form: Form) -> tuple[Element, ...]:
        """One case: the shift by t, with o ⟶ o + (t, t, ...) and k likewise."""
        if len(form.grid(form.output)) != len(form.grid(form.input)):
            raise RuleRefused(f"{self} acts on places; {form.output.name} and {form.input.name} have other grids.")
        t = index("t")
        out, source = (
            {array.symbols[place]: array.symbols[place] + t for place in form.grid(array)}
            for array in (form.output, form.input)
        )
        return (Element((t,), true, out, source, "D_t", "a move along the diagonal"),)

    def tie(self, action: Action) -> Tie:
        """Eliminate t: what is left of the places are differences between them."""
        return Translations().tie(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """No part of the moves has a name of its own."""
        return "every move along the diagonal" if elements else "no move along the diagonal"
