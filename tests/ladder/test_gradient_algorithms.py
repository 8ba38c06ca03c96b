"""Gradients by their algorithms: the emitted text on exact numbers, on small integers, on floats, and around infinities."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product

import numpy as np
import pytest

import derive
import generated
from derive.checking import exact_arrays, run_stages
from derive.compiled import load_source
from derive.forms.denote import denote
from derive.lowering import slopes
from derive.pipeline import layer
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.numbers import as_fractions, same
from tests.ladder.slopes import BATCH, directions, exact_slope, slope_bounds
from tests.ladder.subjects import LAYERS, sizes_of, subject


def _shipped():
    """Every layer's algorithms for its gradients, by the shipped modules, which need no derivation."""
    kernels = [(name, getattr(generated, name).numpy) for name in LAYERS]
    return [(name, by, a) for name, kernel in kernels for by, g in kernel.gradients.items() for a in g.algorithms]


PAIRS = [(name, by, algorithm.name) for name, by, algorithm in _shipped()]
STRICT = [(name, by, algorithm.name) for name, by, algorithm in _shipped() if algorithm.strict]
WHOLE = [
    (name, by, algorithm.name)
    for name, by, algorithm in _shipped()
    if not algorithm.cases and algorithm.normwise is None
]
EACH = pytest.mark.parametrize(("name", "by", "algorithm"), PAIRS)


@lru_cache
def _kernel(name):
    return getattr(load_source(subject(name).text, "numpy"), name)


def _alone(name, by, algorithm):
    """The kernel with one algorithm for one gradient, and no direct sums to choose."""
    kernel = _kernel(name)
    gradient = kernel.gradients[by]
    only = tuple(a for a in gradient.algorithms if a.name == algorithm)
    return replace(
        kernel, gradients={**kernel.gradients, by: replace(gradient, algorithms=only, work=None, terms=None)}
    )


def _slope(name, by):
    return next(s for s in slopes(layer(name).derivation.form) if s.by == by)


def _given(name, arrays):
    """The arrays as the gradient has them, and in the order of the public entry."""
    kernel, result = _kernel(name), layer(name).derivation.form.output.name
    named = {kernel.cotangent if n == result else n: a for n, a in arrays.items()}
    return named, [named[n] for n in (*kernel.arguments, kernel.cotangent)]


def _got(kernel, by, given):
    return dict(zip(kernel.arguments, kernel.vjp(*given), strict=True))[by]


@EACH
@pytest.mark.parametrize("number", [None, 1, 3])
def test_the_text_is_the_form_on_exact_numbers(name, by, algorithm, number):
    made, slope = _kernel(name).gradients[by], _slope(name, by)
    found = next(a for a in made.algorithms if a.name == algorithm)
    served = [s for s in sizes_of(name) if found.serves({k.name: v for k, v in s.items()})]
    free = [knob for knob, values in found.knobs.items() if not values]
    for sizes in served[:: max(1, len(served) // (2 if "fft" in algorithm or found.cases else 6))]:
        arrays = {**exact_arrays(layer(name).derivation.form, sizes), **exact_arrays(slope.form, sizes, seed=1)}
        knobs = {} if number is None else dict.fromkeys(free, number)
        got = run_stages(made, algorithm, slope, arrays, sizes, **knobs)
        assert same(got, denote(slope.form, arrays, sizes)), (sizes, knobs)


@pytest.mark.parametrize(("name", "by", "algorithm"), WHOLE)
def test_vjp_is_the_same_by_every_algorithm_on_small_integers(name, by, algorithm):
    kernel, of = _alone(name, by, algorithm), subject(name)
    for seed, sizes in enumerate(odd_sizes(of)):
        for batch in ((), (3,), (2, 2)):
            for dtype in ("float16", "float32", "float64"):
                drawn = {n: a.astype(dtype) for n, a in directions(of.form, sizes, batch, seed).items()}
                _, given = _given(name, drawn)
                got, wanted = _got(kernel, by, given), _got(of.kernel, by, [a.astype(int) for a in given])
                assert got.dtype == dtype and np.array_equal(got, wanted), (sizes, batch)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(("name", "by", "algorithm"), STRICT)
def test_errors_are_within_the_bound_of_direct_sums(name, by, algorithm, regime):
    kernel, of, slope = _alone(name, by, algorithm), subject(name), _slope(name, by)
    program = layer(name).gradients("numpy")[by]
    for seed, sizes in enumerate(odd_sizes(of, most=2)):
        arrays = drawn(of, sizes, regime, "float32", seed)
        G = np.asarray(np.random.default_rng(seed).standard_normal(of(arrays, sizes).shape), np.float32)
        lifted = {n: np.stack([a] * 2) if n in (of.form.input.name,) else a for n, a in arrays.items()}
        named, given = _given(name, {**lifted, of.form.output.name: np.stack([G, -3 * G])})
        exact = {n: as_fractions(a) for n, a in named.items()}
        wanted = exact_slope(slope, exact, sizes, BATCH)
        bounds = slope_bounds(program, slope, named, sizes, BATCH, "float32")
        for value, true, bound in zip(_got(kernel, by, given).ravel(), wanted.ravel(), bounds, strict=True):
            assert bound is None or abs(Fraction(*value.as_integer_ratio()) - true) <= bound


@pytest.mark.parametrize(("name", "by", "algorithm"), sorted(set(PAIRS) - set(STRICT)))
def test_errors_are_within_the_bound_that_the_algorithm_states(name, by, algorithm):
    """γ_q·α·Σ|w|·max|g|, with the largest q·α of all settings, and the sum over all weights."""
    kernel, of = _alone(name, by, algorithm), subject(name)
    (found,) = kernel.gradients[by].algorithms
    served = [s for s in sizes_of(name) if found.serves({k.name: v for k, v in s.items()})]
    for seed, sizes in enumerate(served[-3:]):
        draw = np.random.default_rng(seed)
        arrays = {n: draw.uniform(-1, 1, a.shape) for n, a in directions(of.form, sizes, BATCH, 0).items()}
        named, given = _given(name, arrays)
        exact = exact_slope(_slope(name, by), {n: as_fractions(a) for n, a in named.items()}, sizes, BATCH)
        weights = sum(as_fractions(named[n], absolute=True).sum() for n in kernel.weights)
        bound = _largest(found, {k.name: v for k, v in sizes.items()}) * weights
        bound *= as_fractions(named[kernel.cotangent], absolute=True).max()
        for value, true in zip(_got(kernel, by, given).ravel(), exact.ravel(), strict=True):
            assert abs(Fraction(float(value)) - true) <= bound


def _largest(found, sizes):
    """The largest γ_q·α of any knobs, in float64."""
    unit, largest = Fraction(1, 2**53), Fraction(0)
    for values in product(*(v or (1, 4096) for v in found.knobs.values())):
        every = {**sizes, "batch": 2, **dict(zip(found.knobs, values, strict=True))}
        if found.fits(every):
            q, above, below, *_ = found.bound(**every)
            largest = max(largest, q * unit / (1 - q * unit) * Fraction(above, below))
    return largest


def test_an_infinity_reaches_those_gradients_by_weights_alone_that_read_it():
    kernel = _alone("conv2d_channels", "V", "correlation_dV")
    draw = np.random.default_rng(0)
    X, V = draw.standard_normal((2, 6, 7, 3)), draw.standard_normal((3, 3, 3, 2))
    u, G = draw.standard_normal(2), draw.standard_normal((2, 6, 7, 2))
    for which, place in ((X, (1, 0, 3, 1)), (G, (0, 5, 6, 1))):
        kept, which[place] = which[place], np.inf
        got, wanted = kernel.vjp(X, V, u, G)[1], subject("conv2d_channels").kernel.vjp(X, V, u, G)[1]
        which[place] = kept
        assert np.array_equal(np.isfinite(got), np.isfinite(wanted)) and 0 < np.isfinite(got).sum() < got.size


def test_weights_that_are_not_finite_are_not_multiplied_by_structural_zeros():
    kernel, direct = _alone("conv2d", "X", "rows_dX"), subject("conv2d").kernel
    V = np.zeros((3, 3))
    V[2, 1] = np.nan
    for got, wanted in zip(
        kernel.vjp(*(given := (np.ones((4, 5)), V, 0.0, np.ones((4, 5))))), direct.vjp(*given), strict=True
    ):
        assert np.array_equal(got, wanted, equal_nan=True)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_each_factor_of_a_window_reaches_its_own_pass(rank):
    """⟨Hx, g⟩ = ⟨x, Hᵀg⟩ on integers: factors that change places give another layer."""
    volume = derive.convolution(kernel=3, rank=rank, edges="zero", channels=False, factors=1).compile()
    draw, shape = np.random.default_rng(rank), (6, 7, 8, 5)[:rank]
    X, G = (draw.integers(-3, 4, shape).astype(float) for _ in range(2))
    factors = [draw.integers(-3, 4, (1, 3)).astype(float) for _ in range(rank)]
    plan = volume.plan(shape, *factors)
    slope = plan.vjp(X, G)[0]
    assert (plan.algorithm, plan.gradients["X"].choice.name) == ("separable", "separable_dX")
    assert (volume(X, *factors, 0.0) * G).sum() == (X * slope).sum()


def test_an_algorithm_that_a_gradient_lacks_is_refused():
    gradient = _kernel("conv2d").gradients["X"]
    with pytest.raises(TypeError, match=r"^There is no algorithm 'im2col' of this gradient for these sizes\.$"):
        gradient.using("im2col", {"n": 3, "m": 3, "Delta": 1, "batch": 1})


def test_there_are_algorithms():
    wanted = {
        ("conv2d", "X", "rows_dX"),
        ("conv2d_channels", "X", "im2col_dX"),
        ("conv2d_channels", "X", "winograd_dX"),
        ("conv2d_channels", "V", "correlation_dV"),
        ("depthwise2d", "X", "shifted_dX"),
    }
    assert wanted <= set(PAIRS)
