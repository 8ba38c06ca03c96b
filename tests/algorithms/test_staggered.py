"""Signs that the place tells: a field that a shift by one place turns over, as of spins that point up and down in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sympy import Integer, S, true

import derive
from derive.algorithms._obligations import program_obligations
from derive.checking import check_emitted, exact_arrays, interpreted, run_exactly
from derive.derivation import Derivation
from derive.forms.denote import denote
from derive.forms.dense import Channels
from derive.forms.equation import formula
from derive.forms.expr import index
from derive.forms.form import Form
from derive.groups._group import Action, Element, Tie
from derive.groups._orbits import tie_finite
from derive.ir.nodes import Gather
from derive.lowering import lower
from derive.pipeline import Layer
from derive.proof.solver import discharge


@dataclass(frozen=True, slots=True)
class Staggered:
    """Shifts by odd numbers along every axis, each of which turns the signs of the outputs."""

    rank: int

    def __str__(self) -> str:
        return f"Staggered({self.rank})"

    def elements(self, form: Form) -> tuple[Element, ...]:
        shifts = [index(name) for name in "st"[: self.rank]]
        arrays = [[array.symbols[p] for p in form.grid(array)] for array in (form.output, form.input)]

        def shifted(odd: tuple[int, ...]) -> Element:
            out, source = ({p: p + 2 * s + o for p, s, o in zip(a, shifts, odd, strict=True)} for a in arrays)
            signs = (Integer((-1) ** sum(odd)), Integer(1))
            return Element(tuple(shifts), true, out, source, "S", "a staggered shift", signs)

        return tuple(shifted(odd) for odd in np.ndindex(*(2,) * self.rank) if any(odd))

    def tie(self, action: Action) -> Tie:
        return tie_finite(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        return "a staggered shift"


def staggered(rank: int, channels: bool) -> Derivation:
    layer = derive.dense(rank, channels=Channels() if channels else None).then(derive.reindex())
    layer = layer.then(derive.equivariant(derive.Translations(step=2))).then(derive.equivariant(Staggered(rank)))
    return layer.then(derive.local("Delta")).then(derive.boundary("zero"))


@pytest.mark.parametrize(("rank", "channels"), [(1, False), (2, True)])
def test_the_bias_is_copied_with_the_sign_of_every_place(rank: int, channels: bool) -> None:
    form = staggered(rank, channels).form
    form = replace(form, weight=S.Zero, weights=(), domain=True)
    program = lower(form, "arrays")
    (copied,) = [node for node in program.body if isinstance(node, Gather)]
    assert copied.places == () and len(copied.over) == rank
    assert all(discharge(o).proved for o in program_obligations(program, form))
    wrong = replace(program, body=tuple(replace(m, times=S.One) if m is copied else m for m in program.body))
    assert not all(discharge(o).proved for o in program_obligations(wrong, form))


@pytest.mark.parametrize(("rank", "channels"), [(1, False), (2, True)])
def test_staggered_layers_have_kernels(rank: int, channels: bool) -> None:
    """There were none: a bias whose sign the place tells, along letters that move no subscript of it, was no slice."""
    layer = staggered(rank, channels)
    kernel = layer.compile()
    for size in (1, 2, 3, 4):
        sizes = {s: {"n": size, "m": 3, "Delta": 1, "C": 2, "D": 2}[s.name] for s in layer.form.sizes}
        arrays = exact_arrays(layer.form, sizes)
        wanted = denote(layer.form, arrays, sizes)
        assert (run_exactly(kernel.kernel, layer.form, arrays, sizes) == wanted).all()
        for target in ("arrays", "threads"):
            assert (interpreted(lower(layer.form, target), arrays, sizes) == wanted).all()


def test_it_is_checked_like_any_other_layer() -> None:
    layer = Layer("staggered", staggered(1, False), "Staggered.", "python -m derive emit", "docs")
    assert layer.backends == ("cupy", "numpy")
    check_emitted(layer)


def test_cases_in_a_sum_stand_in_parentheses() -> None:
    assert formula(staggered(1, False).form).startswith("H[i] = (u where i mod 2 = 0; -u otherwise) + Σ_a (V[a] where")
