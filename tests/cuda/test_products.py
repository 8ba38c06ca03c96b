"""Programs in stages on a CPU that stands in for the device: products by the library, copies and stores by kernels."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from derive.algorithms._gathered import gathered_by_phases
from derive.algorithms._inlined import staged_obligations
from derive.algorithms._shifts import shifts
from derive.cuda_check import MERSENNE_61, CudaFault, run_mod_p, standing_in_for_cupy
from derive.ir.nodes import Access
from derive.ir.stages import Halo, Store, statements
from derive.lowering import slopes
from derive.pipeline import compile_layer
from derive.products import PRODUCTS
from derive.proof.solver import discharge_all
from derive.rules.strided import strided
from derive.runtime.gpu import DEVICE
from tests.ladder.checks import whole_numbers
from tests.ladder.floats import drawn
from tests.ladder.subjects import Sizes, Subject, mutant, subject
from tests.lazily import CATALOGUE

SIZES = {"n": 7, "m": 5, "C": 3, "D": 4, "F": 2, "K": 2, "N": 5}
# Layers with their programs in stages, of which the gradient by the input has those marked in the second place.
STAGED = (
    ("conv2d_channels", "im2col", True),
    ("conv2d_channels", "shifts", True),
    ("conv2d_channels", "winograd", True),
    ("dense2d", "product", True),
    ("grouped2d", "im2col", True),
    ("grouped2d", "shifts", True),
    ("p4_lifting2d", "winograd", True),
    ("pointwise2d", "product", True),
)


def sizes_of(of: Subject) -> Sizes:
    return {s: SIZES.get(s.name, 1) for s in of.form.sizes}


def by(of: Subject, name: str) -> Any:
    """The layer by one program in stages; its results are added up in its working arrays."""
    kernel = of.kernel.using(name)
    assert [a.name for a in kernel.algorithms] == [name]
    return kernel


def called(of: Subject, name: str, arrays: Any, sizes: Sizes, G: Any = None) -> list[np.ndarray]:
    """The result and the gradients, as host arrays."""
    kernel, told = by(of, name), of.stated(sizes)
    with standing_in_for_cupy() as cupy:
        given = [cupy.asarray(arrays[key]) for key in kernel.arguments]
        found = [kernel(*given, **told)]
        if G is not None:
            found += kernel.vjp(*given, cupy.asarray(G), **of.stated(sizes, gradient=True))
        return [a.get() for a in found]


@pytest.mark.parametrize(("name", "algorithm", "sloped"), STAGED)
def test_small_integers(cxx: None, name: str, algorithm: str, sloped: bool) -> None:
    of, plain = subject(name, "cupy"), subject(name)
    sizes = sizes_of(of)
    for dtype in ("float32", "float64", "float16"):
        arrays = whole_numbers(of, sizes, (dtype,) * 3, (2,), most=1)
        wanted = plain(arrays, sizes)
        G = (wanted % 3 - 1).astype(dtype)
        slopes = plain.kernel.vjp(*(arrays[k] for k in of.kernel.arguments), G, **of.stated(sizes, gradient=True))
        found = called(of, algorithm, arrays, sizes, G)
        for got, exact in zip(found, (wanted, *slopes), strict=True):
            assert got.dtype == dtype
            # Winograd's constants are rounded, within a bound that a test below holds: the nearest whole number is the result.
            assert np.array_equal(np.rint(got) if algorithm == "winograd" else got, exact)
    assert any(a.name == algorithm for a in of.kernel.gradients[of.data].algorithms) == sloped


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("name", "algorithm", "sloped"), STAGED)
def test_residues(cxx: None, name: str, algorithm: str, sloped: bool, dtype: Any) -> None:
    """Exact modulo primes, constants as the rationals that they were rounded from; the gradient by the input too."""
    of, plain = subject(name, "cupy"), subject(name)
    sizes, kernel = sizes_of(of), by(of, algorithm)
    arrays = whole_numbers(of, sizes, (np.int64,) * 3)
    wanted = plain(arrays, sizes)
    G = np.arange(wanted.size).reshape(wanted.shape) % 5
    slopes = plain.kernel.vjp(*(arrays[k] for k in of.kernel.arguments), G, **of.stated(sizes, gradient=True))
    numbers = [arrays[key].astype(object) for key in kernel.arguments]

    def program(cupy: Any, *operands: Any) -> Any:
        return kernel(*operands, **of.stated(sizes))

    def slope(cupy: Any, *operands: Any) -> Any:
        return kernel.vjp(*operands, **of.stated(sizes, gradient=True))[0]

    for run, given, exact in ((program, numbers, wanted), (slope, [*numbers, G.astype(object)], slopes[0])):
        for prime, found in run_mod_p(run, given, dtype=dtype).items():
            assert np.array_equal(np.array(found.tolist(), object), exact.astype(object) % prime)


@pytest.mark.parametrize("algorithm", ["im2col", "shifts", "winograd"])
def test_exact_by_day(cxx: None, algorithm: str) -> None:
    """The same, of one layer and one type."""
    test_residues(None, "conv2d_channels", algorithm, True, np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_errors_are_within_the_bound(cxx: None, dtype: str) -> None:
    """|error| ≤ γ_q·(α·Σ|w|·max|x| + |u|), and rounding to the stored type."""
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_of(of)
    kernel = by(of, "winograd")
    arrays = drawn(of, sizes, "uniform", dtype)
    (got,) = called(of, "winograd", arrays, sizes)
    exact = subject("conv2d_channels")({n: a.astype(np.float64) for n, a in arrays.items()}, sizes)
    q, above, below, *_ = kernel.algorithms[0].bound(**{s.name: v for s, v in sizes.items()}, S=4)
    gamma = q * 2.0**-24 / (1 - q * 2.0**-24)
    largest = float(np.abs(arrays["X"]).max())
    sums = np.abs(arrays["V"].astype(np.float64)).sum((0, 1, 2)) * largest
    bound = gamma * (above / below * sums + np.abs(arrays["u"].astype(np.float64)))
    bound = bound + (np.abs(exact) + bound) * (2.0**-11 if dtype == "float16" else 0) + 2.0**-25 * (dtype == "float16")
    assert np.all(np.abs(got - exact) <= bound)
    assert np.abs(got - exact).max() > 0


@pytest.fixture(scope="module")
def kernel() -> Any:
    return subject("conv2d_channels", "cupy").kernel


MANY = (32, 28, 28, 256)


def test_many_channels_go_by_the_library(kernel: Any) -> None:
    """Where the cost model says so: few channels stay in tiles, and so does whatever asks for strict sums."""
    plan = kernel.plan(MANY, np.ones((3, 3, 256, 256), np.float32))
    told = plan.explain()
    assert [c.choice.name for c in told.candidates] == ["winograd", "shifts", "im2col", "tiles", "direct"]
    assert all(c.room <= DEVICE.scratch for c in told.candidates)
    assert told.errors[0] > told.errors[1] == told.errors[-1]
    assert told.unfit["phased"] == "it needs a window that skips places, and whose taps are neighbours"
    assert "308 roundings, amplified 152.1 times" in " ".join(str(told).split())
    assert kernel.plan((8, 56, 56, 64), np.ones((3, 3, 64, 64), np.float32)).algorithm == "tiles"
    strict = kernel.plan(MANY, np.ones((3, 3, 256, 256), np.float32), accuracy="strict")
    assert strict.algorithm == "tiles"
    why = "it multiplies structural zeros, which 'strict' doesn't admit on a device"
    assert strict.explain().unfit["winograd"] == strict.explain().gradients["X"].unfit["winograd"] == why


def test_weights_that_are_not_finite_go_by_direct_sums(kernel: Any) -> None:
    window = np.ones((3, 3, 256, 256), np.float32)
    window[0, 0, 0, 0] = np.inf
    told = kernel.plan(MANY, window).explain()
    assert told.chosen == "tiles"
    assert told.unfit["im2col"] == "not all weights are finite, and it multiplies structural zeros"
    says = f"conv2d_channels: algorithm 'im2col' does not apply: {told.unfit['im2col']}."
    with pytest.raises(TypeError, match=f"^{re.escape(says)}$"):
        kernel.plan(MANY, window, algorithm="im2col")


def test_a_window_of_other_taps_has_no_transform(kernel: Any) -> None:
    told = kernel.plan((2, 14, 14, 16), np.ones((7, 7, 16, 16), np.float32)).explain()
    assert told.unfit["winograd"] == ("it is for S = 2, Delta = 1 or S = 2, Delta = 2 or S = 4, Delta = 1 alone")


def test_a_plan_tells_what_gradients_are_launched_by(kernel: Any) -> None:
    told = kernel.plan(MANY, np.ones((3, 3, 256, 256), np.float32)).explain()
    assert list(told.gradients) == ["X", "V", "u"]
    assert [told.gradients[by].chosen for by in told.gradients] == ["winograd", "direct", "parts"]
    assert [c.choice.name for c in told.gradients["X"].candidates] == [
        "winograd",
        "shifts",
        "im2col",
        "tiles",
        "direct",
    ]
    lines = str(told).splitlines()
    assert [line.split()[:2] for line in lines[-4:]] == [
        ["gradient", "algorithm"],
        ["dX", "winograd"],
        ["dV", "direct"],
        ["du", "parts"],
    ]
    assert "error" not in str(told.gradients["V"]).splitlines()[0]
    assert told._repr_html_().count("<table>") == 2


@pytest.mark.parametrize("algorithm", ["im2col", "shifts", "winograd"])
def test_a_plan_makes_what_it_needs_of_weights_once(cxx: None, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_of(of)
    arrays = whole_numbers(of, sizes, ("float32",) * 3, (2,), most=1)
    kernel = by(of, algorithm)
    with standing_in_for_cupy() as cupy:
        plan = kernel.plan(arrays["X"].shape, arrays["V"], arrays["u"], algorithm=algorithm)
        X = cupy.asarray(arrays["X"])
        first, made = plan(X).get(), dict(plan.made)
        G = cupy.asarray(np.ones_like(first))
        slopes = [a.get() for a in plan.vjp(X, G)]
        own = dict(plan.made)
        assert np.array_equal(plan(X).get(), first) and made["H"] is plan.made["H"] and set(own) == {"H", "X"}
        for again, once in zip(plan.vjp(X, G), slopes, strict=True):
            assert np.array_equal(again.get(), once)
        assert own["X"] is plan.made["X"]
    (wanted,) = called(of, algorithm, arrays, sizes)
    assert np.array_equal(first, wanted)


def test_a_call_with_weights_that_are_not_finite_goes_by_direct_sums(cxx: None) -> None:
    of = subject("conv2d_channels", "cupy")
    sizes = sizes_of(of)
    arrays = whole_numbers(of, sizes, ("float32",) * 3)
    arrays["V"][0, 0, 0, 0] = np.inf
    (got,) = called(of, "im2col", arrays, sizes)
    assert np.array_equal(got, of(arrays, sizes), equal_nan=True) and np.isfinite(got).any()


FAULTS = (
    ("a sign in a kernel", "low + pi - Delta < n && low + pi - Delta >= 0 && pj", "low + pi - Delta < n && pj"),
    ("an offset", "(real)X[(((q + first)*n + low + pi - Delta)", "(real)X[(((q + first)*n + low + pi - Delta + 1)"),
    ("a launch of too few", "_winograd_E(Ki*Kj*N*L*Tj*C", "_winograd_E(Ki*Kj*N*L*Tj*C - 256"),
    ("a store beyond a tile", "if (S*gj + sj < m && low", "if (low"),
    ("a product of other rows", "cp.matmul(A_left, Q_right, out=R_out)", "cp.matmul(A_left[::-1], Q_right, out=R_out)"),
    ("a product that isn't done", "cp.matmul(Y_left, W, out=Q_out)", "pass"),
    ("a view of other steps", "(Ki*Kj, C*L*N*Tj), ((1, 1), (5, 1))", "(Ki*Kj, C*L*N*Tj), ((0, 1), (5, 1))"),
)


@pytest.mark.parametrize(("old", "new"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_is_refused(cxx: None, old: str, new: str) -> None:
    of = subject("conv2d_channels", "cupy")
    assert old in of.text
    faulty = mutant(of, of.text.replace(old, new, 1))
    sizes = sizes_of(of)
    numbers = whole_numbers(of, sizes, (np.int64,) * 3)
    wanted = subject("conv2d_channels")(numbers, sizes)
    kernel = by(faulty, "winograd")

    def program(cupy: Any, *operands: Any) -> Any:
        return kernel(*operands)

    given = [numbers[key].astype(object) for key in kernel.arguments]
    try:
        (found,) = run_mod_p(program, given, dtype=np.float64).values()
    except (CudaFault, ValueError):
        return
    assert not np.array_equal(np.array(found.tolist(), object), wanted.astype(object) % MERSENNE_61)


@cache
def skipping(step: int) -> Any:
    """Channels at every so many places."""
    return CATALOGUE["conv2d_channels"].then(strided(step))


@pytest.mark.parametrize(("step", "n", "m", "radius"), [(2, 7, 9, 1), (2, 2, 3, 3), (3, 8, 5, 2), (3, 1, 4, 0)])
def test_what_strides_scatter_is_gathered_by_phases(cxx: None, step: int, n: int, m: int, radius: int) -> None:
    """The gradient by the input, in products that no two results share entries of."""
    with standing_in_for_cupy() as cupy:
        kernel = compile_layer(skipping(step), "cupy").kernel.using("shifts")
        assert [a.name for a in kernel.gradients["X"].algorithms] == ["shifts"] and not kernel.algorithms
        draw = np.random.default_rng(0)
        shapes = ((2, n, m, 3), (2 * radius + 1, 2 * radius + 1, 3, 4), (4,))
        given = [draw.integers(-2, 3, shape).astype(np.float32) for shape in shapes]
        plain = compile_layer(skipping(step)).kernel
        G = draw.integers(-2, 3, plain(*given).shape).astype(np.float32)
        found = kernel.vjp(*map(cupy.asarray, (*given, G)))
        for got, wanted in zip(found, plain.vjp(*given, G), strict=True):
            assert np.array_equal(got.get(), wanted)


def test_its_plan_prefers_phases() -> None:
    told = (
        compile_layer(skipping(2), "cupy")
        .kernel.plan((32, 56, 56, 128), np.ones((3, 3, 128, 256), np.float32))
        .explain()
    )
    assert told.gradients["X"].chosen == "shifts"
    assert "phased" in [c.choice.name for c in told.candidates]


MISTAKES = (
    (shifts, lambda e: e + 1),
    (shifts, lambda e: e - 1),
    (gathered_by_phases, lambda e: e + 1),
    (gathered_by_phases, lambda e: e - 1),
)


@pytest.mark.parametrize(("make", "moved"), MISTAKES)
@pytest.mark.parametrize("where", ["the position", "the tap", "the tile"])
def test_a_mistake_in_a_program_has_no_proof(make: Any, moved: Any, where: str) -> None:
    """Of what the last statement reads, and of where a tile begins."""
    form, items = skipping(1).form, frozenset({"X", "H"})
    if make is gathered_by_phases:
        (slope,) = (s for s in slopes(skipping(2).form) if s.by == "X")
        form, items = slope.form, slope.items
    program = make(form, items)
    nodes = {type(n): n for n in statements(program.body)}
    axis = {"the position": 1, "the tap": 3, "the tile": 1}[where]
    changed = nodes[Halo].source if where == "the tile" else nodes[Store].source
    wrong = Access(changed.array, tuple(moved(e) if k == axis else e for k, e in enumerate(changed.subscripts)))
    of = Halo if where == "the tile" else Store
    assert all(v.proved for o in staged_obligations(program, form) for v in discharge_all((o,)))
    faulty = _with(program, of, replace(nodes[of], source=wrong))
    assert not all(v.proved for o in staged_obligations(faulty, form) for v in discharge_all((o,)))


def _with(node: Any, kind: type, other: Any) -> Any:
    """The program with another statement of a kind."""
    if isinstance(node, kind):
        return other
    if hasattr(node, "body"):
        return replace(node, body=tuple(_with(part, kind, other) for part in node.body))
    return node


def test_what_other_layers_lack() -> None:
    """A window without channels is for strips; weights that all results share add up all items."""
    assert set(PRODUCTS) <= set(subject("conv2d", "cupy").kernel.unfit)
    reason = "it needs channels that are summed over, and filters"
    unfit = subject("conv2d", "cupy").kernel.unfit
    assert all(unfit[name] == reason for name in PRODUCTS if name != "shifts")
    assert unfit["shifts"] == "it needs filters, letters that are contracted, and taps"
    assert all(a.name not in PRODUCTS for a in subject("conv2d_channels", "cupy").kernel.gradients["V"].algorithms)
