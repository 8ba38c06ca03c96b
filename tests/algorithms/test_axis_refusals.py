"""What no program along single axes is made for, each with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sympy import Integer

from derive.algorithms._bands import banded
from derive.algorithms._inlined import staged_obligations
from derive.algorithms._window import factored, single, window
from derive.algorithms.separable import separable
from derive.algorithms.toeplitz import toeplitz
from derive.backends._stages import staged_functions
from derive.errors import EmitError, NoLowering
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.stages import Store
from derive.lowering import batched
from derive.proof.solver import discharge_all
from tests.lazily import CATALOGUE


def _along_rows(shift: int) -> Form:
    """H[i, j] = u + Σ_b V[0, b]·X[i + shift, j + b]."""
    form = CATALOGUE["conv2d"].form
    i, a, b = (index(c) for c in "iab")
    (weight,) = form.weights
    return replace(
        form,
        reduction=tuple(axis for axis in form.reduction if axis.symbol == b),
        weight=form.weight.xreplace({a: Integer(0)}),
        read=(i + shift, form.read[1]),
        weights=(weight,),
    )


def test_a_window_along_rows_alone_fits() -> None:
    form = _along_rows(0)
    found = toeplitz(form, frozenset("XH"))
    assert all(v.proved for v in discharge_all(staged_obligations(found, form)))


def test_rows_outside() -> None:
    with pytest.raises(NoLowering, match=r"^it needs reads inside X along i, where the window has no taps$"):
        toeplitz(_along_rows(1), frozenset("XH"))


def test_a_result_without_items() -> None:
    with pytest.raises(NoLowering, match=r"^it needs a result for each item of a batch$"):
        single(window(CATALOGUE["conv1d"].form), frozenset("X"))


def test_a_band_without_taps() -> None:
    found = window(_along_rows(0))
    t, r = index("t"), index("r")
    with pytest.raises(NoLowering, match=r"^it needs taps along i$"):
        banded(found, found.moving[0], 0, (), ("B", t, r, Integer(4), Integer(4)))


def test_a_letter_that_no_weight_and_no_read_has() -> None:
    form = CATALOGUE["separable2d"].form
    axis = replace(form.reduction[0], symbol=index("q"))
    with pytest.raises(NoLowering, match=r"^it needs q to say which entry of X is read$"):
        factored(replace(form, reduction=(*form.reduction, axis)))


def test_a_store_that_sums_over_two_letters() -> None:
    program = separable(CATALOGUE["separable2d"].form, batched(CATALOGUE["separable2d"].form))

    def turn(node: object) -> object:
        if hasattr(node, "body"):
            return replace(node, body=tuple(map(turn, node.body)))  # type: ignore[type-var]
        if not isinstance(node, Store):
            return node
        return replace(node, over=(replace(node.over[0], symbol=index("q9")), *node.over))

    with pytest.raises(EmitError, match=r"^A store sums over one letter at most; H is summed over more\.$"):
        staged_functions(replace(program, body=tuple(map(turn, program.body))))  # type: ignore[arg-type]
