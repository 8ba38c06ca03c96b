"""Gradients of emitted kernels: the derivative of the layer, exactly on integers and within derived bounds on floats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from sympy import Mod, Symbol

import derive
from derive.algorithms._obligations import program_obligations
from derive.checking import exact_arrays, run_body, run_exactly, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote, matrix
from derive.ir.nodes import Chart, Loop, walk
from derive.lowering import Gradient, gradients, lower, proof_of, slopes
from derive.pipeline import backends, layer
from derive.proof.solver import discharge_all
from tests.ladder.climbing import odd_sizes
from tests.ladder.mutants import program_plants
from tests.ladder.numbers import as_fractions, same
from tests.ladder.slopes import BATCH, directions, exact_slope, linear_part, pairing, slope_bounds
from tests.ladder.subjects import SUBJECTS, Sizes, Subject, entry_of, has_compiler, subject
from tests.rules.test_structures import LAYERS as STRUCTURES

needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
BOTH = ["numpy", pytest.param("cupy", marks=needs_compiler)]


def _slopes(name: str) -> dict[str, Gradient]:
    return {slope.by: slope for slope in slopes(entry_of(name).derivation.form)}


def _with(of: Subject, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with the one that pairs with the result under the name that gradients have for it."""
    (letter,) = {slope.form.input.name for slope in _slopes(of.name).values()}
    return {letter if n == of.form.output.name else n: a for n, a in arrays.items()}


def _vjp(of: Subject, arrays: dict[str, np.ndarray], sizes: Sizes) -> dict[str, np.ndarray]:
    with of.machine() as xp:
        given = [xp.asarray(arrays[n]) for n in (*of.kernel.arguments, of.kernel.cotangent)]
        found = of.kernel.vjp(*given, **of.stated(sizes, gradient=True))
        return {n: g if xp is np else g.get() for n, g in zip(of.kernel.arguments, found, strict=True)}


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_argument_has_a_gradient_on_every_backend(name: str) -> None:
    for backend in entry_of(name).backends:
        of = subject(name, backend)
        assert set(of.kernel.gradients) == set(of.kernel.arguments) == set(_slopes(name))


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_vjp_is_the_derivative_exactly_on_integers(name: str, backend: str, dtype: str) -> None:
    """⟨G, H(p + E) - H(p)⟩ = ⟨dp, E⟩ for each argument p: H is linear in it."""
    of, host = subject(name, backend), subject(name)
    if not all(constant.whole for constant in of.kernel.constants.values()):
        pytest.skip("its constants are no integers, so results are rounded; rung 3 bounds them")
    for seed, sizes in enumerate(odd_sizes(of)):
        for batch in ((), BATCH, (2, 1)):
            drawn = {n: a.astype(dtype) for n, a in directions(of.form, sizes, batch, seed).items()}
            changes = {n: a.astype(dtype) for n, a in directions(of.form, sizes, batch, seed + 50).items()}
            found = _vjp(of, _with(of, drawn), sizes)
            for by, slope in found.items():
                assert slope.shape == drawn[by].shape and slope.dtype == drawn[by].dtype
                gained = linear_part(host.kernel, drawn, by, changes[by], sizes)
                assert pairing(drawn[of.form.output.name], gained) == pairing(slope, changes[by]), (by, sizes, batch)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_adjoint_pairs_exactly(name: str) -> None:
    """⟨H x, y⟩ = ⟨x, Hᵀ y⟩ for the linear part, on the bodies themselves."""
    of = subject(name)
    slope = _slopes(name)[of.form.input.name]
    for seed, sizes in enumerate(odd_sizes(of)):
        arrays = exact_arrays(of.form, sizes, seed)
        still = arrays | {p.name: arrays[p.name] * 0 for p in of.form.biases}
        y = exact_arrays(slope.form, sizes, seed + 1)[slope.form.input.name]
        made = of.kernel.gradients[slope.by]
        turned = run_body(made.body, made.arrays, slope.form, {**arrays, slope.form.input.name: y}, sizes)
        assert pairing(run_exactly(of.kernel, of.form, still, sizes), y) == pairing(arrays[slope.by], turned)


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_errors_are_within_the_bound(name: str, dtype: str, backend: str) -> None:
    of, entry = subject(name, backend), entry_of(name)
    programs = entry.gradients(backend)
    draw = np.random.default_rng(0)
    for sizes in odd_sizes(of):
        shapes = {n: a.shape for n, a in _with(of, directions(of.form, sizes, BATCH, 0)).items()}
        arrays = {n: draw.uniform(-1, 1, s).astype(dtype) for n, s in shapes.items()}
        exact = {n: as_fractions(a) for n, a in arrays.items()}
        for by, got in _vjp(of, arrays, sizes).items():
            slope = _slopes(name)[by]
            wanted = exact_slope(slope, exact, sizes, BATCH)
            bounds = slope_bounds(programs[by], slope, arrays, sizes, BATCH, dtype)
            for value, true, bound in zip(got.ravel(), wanted.ravel(), bounds, strict=True):
                assert bound is not None and abs(Fraction(*value.as_integer_ratio()) - true) <= bound


@pytest.mark.parametrize("name", SUBJECTS)
def test_unread_entries_get_0_whatever_stands_there(name: str) -> None:
    """NaN in a weight that never meets the image reaches no gradient; its own gradient is 0."""
    from tests.ladder.laws import unread_entries

    of = subject(name)
    for sizes in odd_sizes(of):
        arrays = _with(of, {n: a / 7 for n, a in directions(of.form, sizes, BATCH, 0).items()})
        learned = {p.name for p in of.form.weights if not p.data}
        hidden = {n: mask for n, mask in unread_entries(of, sizes).items() if n in learned}
        spoilt = arrays | {n: np.where(mask, np.nan, arrays[n]) for n, mask in hidden.items()}
        for by, got in _vjp(of, spoilt, sizes).items():
            assert np.array_equal(got, _vjp(of, arrays, sizes)[by])
            assert not got[hidden[by]].any() if by in hidden else True


def _faults(name: str, backend: str) -> Iterator[tuple[str, str, bool]]:
    """Each fault planted in a gradient's program, and whether its obligations refuse it."""
    for by, program in entry_of(name).gradients(backend).items():
        form = _slopes(name)[by].form
        for plant in program_plants(program):
            try:
                kept = all(v.proved for v in discharge_all(program_obligations(plant.made, form)))
            except NoLowering:
                kept = False
            yield by, plant.fault, not kept


@pytest.mark.parametrize("backend", backends())
@pytest.mark.parametrize("name", ["conv2d", "dense2d"])
def test_every_fault_in_a_gradient_is_refused_by_its_obligations(name: str, backend: str) -> None:
    found = list(_faults(name, backend))
    assert len(found) > 30
    assert [(by, fault) for by, fault, refused in found if not refused] == []


def test_a_wrong_chart_is_refused() -> None:
    """A change of letters that isn't inverted, leaves a letter out, or names another term."""
    entry = layer("conv2d")
    program, form = entry.gradients("numpy")["X"], _slopes("conv2d")["X"].form
    (chart,) = program.charts
    k, a = (Symbol(s, integer=True) for s in "ka")
    moved = Chart(tuple((s, e + 1 if s == k else e) for s, e in chart.down), chart.up)
    turned = Chart(chart.down, tuple((s, -e if s == a else e) for s, e in chart.up))
    for wrong in (moved, turned):
        verdicts = discharge_all(program_obligations(replace(program, charts=(wrong,)), form))
        assert [v.obligation.name for v in verdicts if not v.proved] == ["denotes"]
    for wrong, says in (
        (Chart(chart.down[1:], chart.up), "takes the form's letters to its own and back"),
        (Chart(chart.down, chart.up[:-1]), "takes the form's letters to its own and back"),
        (Chart(chart.down, (*chart.up, (Symbol("t", integer=True), k))), "runs through other letters"),
    ):
        with pytest.raises(NoLowering, match=says):
            program_obligations(replace(program, charts=(wrong,)), form)
    with pytest.raises(NoLowering, match="a chart for each sum, or none"):
        program_obligations(replace(program, charts=(chart, chart)), form)


@pytest.fixture(params=STRUCTURES)
def structure(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("backend", backends())
def test_gradients_of_structures_are_proved(structure: str, backend: str) -> None:
    form = STRUCTURES[structure].form
    found = slopes(form)
    assert [slope.by for slope in found] == [form.input.name, *(p.name for p in form.params)]
    target = {"numpy": "arrays", "cupy": "threads"}[backend]
    programs = gradients(form, target, found)
    assert set(programs) == {slope.by for slope in found}
    assert all(v.proved for _, verdicts in programs.values() for v in verdicts)


def test_gradients_of_structures_are_the_transposed_matrix_and_the_derivative(structure: str) -> None:
    made = STRUCTURES[structure]
    form, kernel = made.form, made.compile().kernel
    for seed, sizes in enumerate(islice(small_sizes(form), 4)):
        drawn = directions(form, sizes, BATCH, seed)
        changes = directions(form, sizes, BATCH, seed + 1)
        found = kernel.vjp(*(drawn[n] for n in kernel.arguments), drawn[form.output.name])
        for by, slope in zip(kernel.arguments, found, strict=True):
            gained = linear_part(kernel, drawn, by, changes[by], sizes)
            assert pairing(drawn[form.output.name], gained) == pairing(slope, changes[by])
        _check_matrix(
            form, sizes, {n: a[0] if n in (form.input.name, form.output.name) else a for n, a in drawn.items()}
        )


def _check_matrix(form, sizes, arrays) -> None:  # type: ignore[no-untyped-def]
    """dX = Wᵀ G, with W found by asking for the response to each unit input."""
    slope = slopes(form)[0]
    exact = {n: a.astype(object) for n, a in arrays.items()}
    W, G = matrix(form, exact, sizes), exact[form.output.name]
    turned = np.tensordot(G, W, axes=G.ndim)
    assert same(denote(slope.form, {**exact, slope.form.input.name: G}, sizes), turned)


@needs_compiler
def test_gradients_of_structures_in_cuda(structure: str) -> None:
    """The same text as for a device, on the CPU, against NumPy's."""
    from derive.cuda_check import standing_in_for_cupy

    made = STRUCTURES[structure]
    host = made.compile().kernel
    with standing_in_for_cupy() as cupy:
        kernel = made.compile("cupy").kernel
        for seed, sizes in enumerate(islice(small_sizes(made.form), 3)):
            drawn = {n: a.astype(np.float64) for n, a in directions(made.form, sizes, BATCH, seed).items()}
            given = [drawn[n] for n in (*kernel.arguments, made.form.output.name)]
            for got, wanted in zip(kernel.vjp(*map(cupy.asarray, given)), host.vjp(*given), strict=True):
                assert np.array_equal(got.get(), wanted)


@pytest.mark.parametrize("view", [derive.adjoint(), derive.gradient("weight"), derive.gradient("bias")], ids=str)
def test_a_view_of_a_structure_is_a_layer_of_its_own(structure: str, view: derive.Application) -> None:
    """Its kernel is its form, and steps through the places as the layer's does: no loop over more than a window.

    A gradient by what is read at a remainder knows the places of a phase only one by one.
    """
    made = STRUCTURES[structure].then(view)
    kernel = made.compile().kernel
    program = lower(made.form, "arrays")
    assert all(v.proved for target in ("arrays", "threads") for v in proof_of(made.form, target))
    windowed = {s for p in STRUCTURES[structure].form.weights for e in p.array.shape for s in e.free_symbols}
    grid = {s for a in (made.form.input, made.form.output) for e in a.shape for s in e.free_symbols} - windowed
    form = STRUCTURES[structure].form
    stepped = (form.weight.has(Mod) or form.bias.has(Mod)) and view.rule.name == "gradient"
    for node in walk(program.body) if not stepped else ():
        assert not (isinstance(node, Loop) and {node.range.start, node.range.stop} & grid)
    for sizes in islice(small_sizes(made.form), 3):
        arrays = exact_arrays(made.form, sizes)
        assert same(run_exactly(kernel, made.form, arrays, sizes), denote(made.form, arrays, sizes))
