"""Shifts along a slanted line, by (t, 2t): orbits, where the places that a line meets are not all of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from sympy import true

import derive
from derive.forms.expr import index
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie
from derive.groups.translations import Translations


@dataclass(frozen=True, slots=True)
class Slanted:
    """All shifts by (t, rate·t)."""

    rate: int

    def elements(self, form: Form) -> tuple[Element, ...]:
        t = index("t")
        out, source = (
            {
                array.symbols[p]: array.symbols[p] + by * t
                for p, by in zip(form.grid(array), (1, self.rate), strict=True)
            }
            for array in (form.output, form.input)
        )
        return (Element((t,), true, out, source, "S_t", "a slanted move"),)

    def tie(self, action: Action) -> Tie:
        return Translations().tie(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        return "every slanted move" if elements else "no slanted move"


def tied(rate: int):
    return derive.dense(rank=2).then(derive.reindex()).then(derive.equivariant(Slanted(rate)))


@pytest.mark.parametrize("rate", [2, pytest.param(-3, marks=pytest.mark.nightly)])
def test_orbits_are_those_of_the_pairs_that_moves_carry_to_each_other(rate):
    layer = tied(rate)
    assert all(verdict.proved for verdict in layer.verdicts)
    weights = layer.free_parameters["weight"]
    for rows, columns in product(range(1, 4), range(1, 6)):
        cells = [*product(range(rows), range(columns))]

        def moved(pair, t):
            return tuple((i + t, j + rate * t) for i, j in pair)

        pairs = [*product(cells, cells)]
        orbits = {min(p for t in range(-rows, rows + 1) if (p := moved(pair, t)) in set(pairs)) for pair in pairs}
        assert weights.subs({s: {"n": rows, "m": columns}[s.name] for s in weights.free_symbols}) == len(orbits)
