"""Winograd's algorithm in floats: within the derived bound, chosen where it fits, and what its primitives do."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Integer

from derive.algorithms._bilinear import amplification, nested, normwise, roundings, toom_cook
from derive.compiled import load_source
from derive.forms.evaluate import evaluate
from derive.ir.stages import at_knobs
from derive.pipeline import layer
from derive.runtime import primitives
from derive.runtime.constants import Constant
from tests.algorithms.winograd_forms import Sizes, cases, exact, forms, knobs_of, program, run, sizes_of


def within_bound(name: str, case: Sizes, arrays: Mapping[str, np.ndarray], got: np.ndarray, wanted: np.ndarray) -> None:
    """Every |error| is at most the bound from Σ|w| of its filter and the largest |x| of its item."""
    form = forms()[name]
    axes = [reduce(nested, (toom_cook(*key) for key in keys_of(name, case)))]
    data, weights = absolute(arrays[form.input.name]), absolute(arrays[form.weights[0].name])
    bias = absolute(arrays["u"])
    for item, (values, true) in enumerate(zip(got, wanted, strict=True)):
        for d, total in enumerate(weights.reshape(-1, weights.shape[-1]).sum(axis=0)):
            found = normwise(axes, total, data[item].max(), weights.shape[-2], got.dtype)
            found = replace(found, q=found.q + 1, magnitude=found.magnitude + bias[d])
            limit = found.bound().max()
            assert found.in_range()
            for value, exactly in zip(values[..., d].ravel(), true[..., d].ravel(), strict=True):
                assert abs(Fraction(*value.as_integer_ratio()) - exactly) <= limit


def keys_of(name: str, case: Sizes) -> list[tuple[int, int]]:
    made = at_knobs(program(name), {s: Integer(v) for s, v in case.items()})
    return [(int(m), int(r)) for m, r in made.constants[0].keys]


def absolute(array: np.ndarray) -> np.ndarray:
    """The absolute values, exactly."""
    made = np.empty(array.size, object)
    made[:] = [abs(Fraction(*value.as_integer_ratio())) for value in array.ravel()]
    return made.reshape(array.shape)


REGIMES: Mapping[str, Any] = {
    "normal": lambda draw, shape: draw.standard_normal(shape),
    "signs": lambda draw, shape: draw.choice([-1.0, 1.0], shape),
    "one magnitude": lambda draw, shape: draw.uniform(0.999, 1.0, shape) * draw.choice([-1.0, 1.0], shape),
    "spread": lambda draw, shape: draw.standard_normal(shape) * 2.0 ** draw.integers(-12, 12, shape),
    "tiny": lambda draw, shape: draw.standard_normal(shape) * 2.0**-70,
    "subnormal": lambda draw, shape: draw.standard_normal(shape) * 2.0**-74,
    "huge": lambda draw, shape: draw.standard_normal(shape) * 2.0**55,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", ["conv2d_channels", "1-D, 3"])
def test_errors_are_within_the_derived_bound(name: str, regime: str, dtype: str) -> None:
    form = forms()[name]
    for seed, case in enumerate(cases(name)):
        sizes = sizes_of(name, case, (5, 4))
        draw = np.random.default_rng(seed)
        shapes = {
            a.name: tuple(int(evaluate(e, sizes)) for e in a.shape)
            for a in (form.input, *(p.array for p in form.params))
        }
        shapes[form.input.name] = (2, *shapes[form.input.name])
        arrays = {key: REGIMES[regime](draw, shape).astype(dtype) for key, shape in shapes.items()}
        exactly = {key: signed(array) for key, array in arrays.items()}
        got = run(name, arrays, sizes, knobs_of(program(name), case, 1, 2))
        within_bound(name, case, arrays, got, exact(name, exactly, sizes))


def signed(array: np.ndarray) -> np.ndarray:
    made = np.empty(array.size, object)
    made[:] = [Fraction(*value.as_integer_ratio()) for value in array.ravel()]
    return made.reshape(array.shape)


def test_the_bound_is_the_algorithms_own() -> None:
    """What the module states is q and α of the nested algorithm, with a rounding for the bias."""
    made = program("conv2d_channels")
    assert made.amplified is not None and made.cases is not None
    for case, q, factor in zip(made.cases.values, made.amplified.roundings, made.amplified.factors, strict=True):
        axis = toom_cook(case[0], 2 * case[1] + 1)
        assert q + 64 == roundings(nested(axis, axis), channels=64) + 1
        assert factor == amplification(nested(axis, axis)) <= amplification(toom_cook(4, 3), toom_cook(4, 3))


@pytest.mark.parametrize(("dtype", "most"), [("float32", 2e-5), ("float64", 1e-12)])
def test_errors_on_normal_numbers_at_64_channels(dtype: str, most: float) -> None:
    """As a part of the largest result: what the default accuracy admits is F(4×4, 3×3)."""
    name, draw = "conv2d_channels", np.random.default_rng(0)
    sizes = {s: {"n": 16, "m": 16, "C": 64, "D": 64, "Delta": 1}[s.name] for s in forms()[name].sizes}
    arrays = {
        "X": draw.standard_normal((1, 16, 16, 64)),
        "V": draw.standard_normal((3, 3, 64, 64)),
        "u": draw.standard_normal(64),
    }
    given = {key: array.astype(dtype) for key, array in arrays.items()}
    got = run(name, given, sizes, {"S": 4, "L": 2, "N": 1})
    padded = np.pad(given["X"][0].astype("longdouble"), ((1, 1), (1, 1), (0, 0)))
    wanted = sum(
        padded[a : a + 16, b : b + 16] @ given["V"][a, b].astype("longdouble") for a, b in product(range(3), repeat=2)
    ) + given["u"].astype("longdouble")
    assert abs(got[0] - wanted).max() <= most * abs(wanted).max()


@lru_cache
def kernel() -> Any:
    return load_source(layer("conv2d_channels").source("numpy"), "numpy").conv2d_channels


def test_it_is_chosen_where_it_fits() -> None:
    weights = np.ones((3, 3, 64, 64), np.float32), np.ones(64, np.float32)
    plan = kernel().plan((56, 56, 64), *weights)
    assert plan.choice.name == "winograd"
    words = " ".join(str(plan.explain()).split())
    assert "·Σ|V|·max|X| + " in words and "116 roundings, amplified 152.1 times." in words
    X = np.random.default_rng(0).standard_normal((56, 56, 64), np.float32)
    assert abs(plan(X) - kernel().plan((56, 56, 64), *weights, algorithm="direct")(X)).max() < 1e-3
    assert kernel().plan((56, 56, 64), *weights, accuracy="strict").choice.name != "winograd"


def test_it_is_no_candidate_for_other_windows() -> None:
    weights = np.ones((9, 9, 4, 4)), np.ones(4)
    assert "winograd" not in {c.choice.name for c in kernel().plan((20, 20, 4), *weights).explain().candidates}
    says = r"'winograd' is for S = 2, Delta = 1 or S = 2, Delta = 2 or S = 4, Delta = 1 alone\."
    with pytest.raises(TypeError, match=says):
        kernel().plan((20, 20, 4), *weights, algorithm="winograd")
    with pytest.raises(TypeError, match=says):
        kernel().using("winograd")(np.ones((20, 20, 4)), *weights)
    with pytest.raises(TypeError, match=says):
        kernel().using("winograd", S=4)(np.ones((20, 20, 4)), np.ones((5, 5, 4, 4)), np.ones(4))


def test_put_splits_several_axes_and_drops_what_is_left() -> None:
    source = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    for rows, columns in product(range(1, 7), range(1, 5)):
        target = np.full((rows, columns), -1)
        primitives.put(target, source, np.array(5), split=(0, 1))
        assert (target == source.reshape(6, 4)[:rows, :columns] + 5).all()


def test_kronecker_products_are_rounded_once() -> None:
    thirds, fifths = Constant(((1, 2),), 3), Constant(((1,), (4,)), 5)
    made = primitives.kronecker((thirds, fifths), lambda shape: np.empty(shape, np.float32))
    assert made.shape == (1, 2, 2, 1) and made[0, 1, 1, 0] == np.float32(8 / 15)
    whole = primitives.kronecker((thirds, fifths), lambda shape: np.empty(shape, object))
    assert whole[0, 1, 1, 0] == Fraction(8, 15)
