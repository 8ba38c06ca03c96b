"""Fast FIR algorithms as programs in stages: proved, exact, within their bound, and refused where a constant is wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Symbol

from derive import convolution
from derive.algorithms._bilinear import amplification, fast_fir, nested, normwise, roundings
from derive.algorithms._inlined import staged_obligations
from derive.algorithms.fastfir import fastfir
from derive.derivation import Derivation
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.ir.stages import Staged
from derive.lowering import batched
from derive.pipeline import compile_layer, layer
from derive.proof.solver import discharge_all
from tests.algorithms.test_winograd import with_entry
from tests.algorithms.test_winograd_floats import REGIMES, absolute, signed

_MORE: Mapping[str, Mapping[str, Any]] = {
    "1-D, Delta": {"kernel": "Delta", "rank": 1},
    "1-D, 7": {"kernel": 7, "rank": 1},
    "2-D, 2": {"kernel": 2},
    "2-D, dilated": {"kernel": 3, "dilation": 2},
    "3-D, 3": {"kernel": 3, "rank": 3, "bias": False},
}
NAMES = ("conv2d_channels", "grouped2d", *_MORE)
EACH = pytest.mark.parametrize("name", NAMES)


@lru_cache
def derivation(name: str) -> Derivation:
    return convolution(**_MORE[name]) if name in _MORE else layer(name).derivation


@lru_cache
def kernel(name: str) -> Any:
    return compile_layer(derivation(name)).kernel


@lru_cache
def program(name: str) -> Staged:
    form = derivation(name).form
    return fastfir(form, batched(form))


@EACH
def test_it_is_proved_for_all_sizes(name: str) -> None:
    made = program(name)
    assert all(v.proved for v in discharge_all(staged_obligations(made, derivation(name).form)))
    assert not made.strict and all(
        abs(e) in (0, 1) for c in made.constants for _, m in c.table.entries for row in m for e in row
    )


def cases(name: str) -> list[dict[Symbol, int]]:
    made = program(name).cases
    assert made is not None
    return [dict(zip(made.symbols, values, strict=True)) for values in made.values]


def drawn(name: str, case: Mapping[Symbol, int], places: int, entry: Any) -> tuple[dict[str, Any], dict[Symbol, int]]:
    """Arrays of two items at sizes of the case, with so many places along each axis and two channels."""
    form = derivation(name).form
    grid = {s for k in form.grid(form.input) for s in form.input.axes[k].extent.free_symbols}
    sizes = {s: case.get(s, places + k if s in grid else 2) for k, s in enumerate(form.sizes)}
    shapes = {
        a.name: tuple(int(evaluate(e, sizes)) for e in a.shape) for a in (form.input, *(p.array for p in form.params))
    }
    return {n: entry((2, *s) if n == form.input.name else s) for n, s in shapes.items()}, sizes


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.nightly) if n == "3-D, 3" else n for n in NAMES])
def test_the_text_is_the_form_on_exact_numbers(name: str) -> None:
    form, of, draw = derivation(name).form, kernel(name), random.Random(1)

    def entry(shape: tuple[int, ...]) -> Any:
        made = np.empty(int(np.prod(shape)), object)
        made[:] = [Fraction(draw.randint(-9, 9), draw.randint(1, 5)) for _ in range(made.size)]
        return made.reshape(shape)

    for case, places in product(cases(name), (5, 8)):
        arrays, sizes = drawn(name, case, places, entry)
        wanted = [denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]]
        result = np.empty((2, *(int(evaluate(e, sizes)) for e in form.output.shape)), object)
        for more in ({}, {"L": 1, "N": 1}, {"L": 2, "N": 2}):
            knobs = {s.name: v for s, v in case.items() if s.name == "S"} | more
            by = of.using("fastfir", **knobs)
            by.body(*(arrays[key] for key in by.arrays), result, lambda extents: np.full(extents, None, object))
            assert (result == np.array(wanted)).all(), (sizes, knobs)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", ["conv2d_channels", "1-D, Delta"])
def test_errors_are_within_the_derived_bound(name: str, regime: str, dtype: Any) -> None:
    form, of = derivation(name).form, kernel(name)
    weight, bias = form.weights[0].name, form.biases[0].name
    for seed, case in enumerate(cases(name)):
        draw = np.random.default_rng(seed)
        arrays, sizes = drawn(name, case, 5, lambda shape, draw=draw: REGIMES[regime](draw, shape).astype(dtype))
        got = of.plan(arrays[form.input.name].shape, *(arrays[key] for key in of.arguments[1:]), algorithm="fastfir")(
            arrays[form.input.name]
        )
        exact = {key: signed(a) for key, a in arrays.items()}
        many = case[next(s for s in case if s.name == "S")]
        whole = reduce(nested, [fast_fir(many)] * len(form.grid(form.input)))
        for item, values in enumerate(got):
            true = denote(form, {**exact, form.input.name: exact[form.input.name][item]}, sizes)
            for d in range(values.shape[-1]):
                total = absolute(arrays[weight])[..., d].sum()
                found = normwise([whole], total, absolute(arrays[form.input.name][item]).max(), 2, dtype)
                found = replace(found, q=found.q + 1, magnitude=found.magnitude + absolute(arrays[bias])[d])
                limit = found.bound().max()
                assert found.in_range()
                for value, exactly in zip(values[..., d].ravel(), true[..., d].ravel(), strict=True):
                    assert abs(Fraction(*value.as_integer_ratio()) - exactly) <= limit


def test_the_bound_is_the_algorithms_own() -> None:
    made = program("conv2d_channels")
    assert made.amplified is not None and made.cases is not None
    for case, q, factor in zip(made.cases.values, made.amplified.roundings, made.amplified.factors, strict=True):
        whole = nested(fast_fir(case[0]), fast_fir(case[0]))
        assert q + 64 == roundings(whole, channels=64) + 1 and factor == amplification(whole)


@pytest.mark.parametrize(("name", "which"), tuple(product("AGB", range(2))))
def test_a_changed_constant_is_refused(name: str, which: int) -> None:
    made, form = program("conv2d_channels"), derivation("conv2d_channels").form
    assert made.cases is not None
    made = replace(made, cases=replace(made.cases, values=made.cases.values[which : which + 1]))
    (constants,) = [c for c in made.constants if c.name == name]
    _, matrix = constants.table.entries[which]
    for row, column in random.Random(which).sample(list(product(range(len(matrix)), range(len(matrix[0])))), 3):
        with pytest.raises(NoLowering, match=r"The constants of a term sum to .*, neither to 0 nor to 1\."):
            staged_obligations(with_entry(made, name, (which, row, column), Fraction(1, 7)), form)


def test_a_program_of_too_few_products_is_refused() -> None:
    made, form = program("conv2d_channels"), derivation("conv2d_channels").form
    (room,) = [r for r in made.rooms if r.name == "Q"]
    fewer = replace(room, shape=(room.shape[0] - 1, *room.shape[1:]))
    wrong = replace(made, rooms=tuple(fewer if r is room else r for r in made.rooms))
    assert not all(v.proved for v in discharge_all(staged_obligations(wrong, form)))
    assert all(e != Integer(0) for e in room.shape)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": False}, "it needs channels in or filters out"),
        ({"kernel": 7}, "it needs as many taps along all axes, 2, 3, 5 or 7, and few in all"),
        ({"kernel": (3, 5)}, "it needs as many taps along all axes, 2, 3, 5 or 7, and few in all"),
        ({"stride": 2}, "it needs a window that moves by one place"),
    ],
)
def test_what_is_refused_says_why(options: Mapping[str, Any], says: str) -> None:
    form = convolution(**options).form
    with pytest.raises(NoLowering, match=f"^{re.escape(says)}$"):
        fastfir(form, batched(form))
