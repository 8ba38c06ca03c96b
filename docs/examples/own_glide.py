"""Footprints: every place o goes one place down and is mirrored from left to right, and so on, wherever that stays on the grid.

Neither a shift by one place nor a reflection keeps such a pattern; a glide, which is both at once, does. Two are a shift by two.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import true

import derive
from derive.forms.expr import index
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie
from derive.groups._orbits import tie_finite

__all__ = ["Glides", "footprints2d"]


@dataclass(frozen=True, slots=True)
class Glides:
    """All glides along the first axis, by odd shifts, each with the reflection in any line along it."""

    def __str__(self) -> str:
        return "Glides()"

    def elements(self, form: Form) -> tuple[Element, ...]:
        """One case: (i, j) ⟶ (i + 2s + 1, t - j), and the input's places likewise."""
        s, t = index("s"), index("t")
        out, source = (
            {array.symbols[i]: array.symbols[i] + 2 * s + 1, array.symbols[j]: t - array.symbols[j]}
            for array in (form.output, form.input)
            for i, j in [form.grid(array)]
        )
        return (Element((s, t), true, out, source, "G_{s,t}", "a glide"),)

    def tie(self, action: Action) -> Tie:
        """After shifts by 2 a glide exchanges even rows with odd ones, whatever s and t are."""
        return tie_finite(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """No part of the glides has a name of its own."""
        return "every glide" if elements else "no glide"


footprints2d = (
    derive.dense(rank=2)
    .then(derive.reindex())
    .then(derive.equivariant(derive.Translations(step=(2, 1))))
    .then(derive.equivariant(Glides()))
    .then(derive.local("Delta"))
    .then(derive.boundary("zero"))
)
