"""Layers that nobody ships: any support, rank, grouping and stride goes the same way as the textbook chain."""

from __future__ import annotations

from functools import cache
from itertools import islice

import numpy as np
import pytest
from sympy import Symbol

import derive
from derive.algorithms._obligations import program_obligations
from derive.algorithms.direct import direct
from derive.checking import exact_arrays, run_exactly, small_sizes
from derive.forms.denote import denote, matrix
from derive.forms.expr import index
from derive.proof.solver import discharge_all
from tests.lazily import Lazily


@cache
def image():
    return derive.dense(rank=2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def conv2d():
    return image().then(derive.local("Delta")).then(derive.boundary("zero"))


@cache
def signal():
    return derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def volume():
    return derive.dense(rank=3).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


def by(step: int, rank: int, axes: tuple[int, ...] | None = None) -> derive.Derivation:
    """Tied by every `step`-th shift only: a checkerboard of filters."""
    shifts = derive.Translations(axes, step=step)
    return derive.dense(rank=rank).then(derive.reindex()).then(derive.equivariant(shifts))


def near(layer: derive.Derivation, support: object) -> derive.Derivation:
    return layer.then(derive.local(support)).then(derive.boundary("zero"))


LAYERS = Lazily(
    {
        "signal": lambda: near(signal(), "Delta"),
        "even signal": lambda: (
            signal()
            .then(derive.local("Delta"))
            .then(derive.equivariant(derive.PointGroup("D1")))
            .then(derive.boundary())
        ),
        "causal": lambda: near(signal(), derive.Causal("Delta")),
        "volume": lambda: near(volume(), 1),
        "diamond in a volume": lambda: near(volume(), derive.Diamond("Delta")),
        "pointwise": lambda: near(image(), 0).then(derive.channels()),
        "depthwise": lambda: conv2d().then(derive.channels("C", "C")).then(derive.grouped("d", "c")),
        "grouped": lambda: conv2d().then(derive.channels(groups="F")).then(derive.grouped()),
        "diamond": lambda: near(image(), derive.Diamond("Delta")),
        "cross": lambda: near(image(), derive.Cross("Delta")),
        "disk": lambda: near(image(), derive.Disk(2)),
        "even window": lambda: near(image(), derive.Box((1, 0), (0, 2))),
        "mask": lambda: near(image(), derive.Mask(((1, 0, 1), (0, 1, 0)), origin=(0, 1))),
        "locally connected": lambda: (
            derive.dense(2).then(derive.reindex()).then(derive.local("Delta")).then(derive.boundary())
        ),
        "strided": lambda: conv2d().then(derive.strided(2)),
        "strided unevenly": lambda: near(image(), derive.Diamond("Delta")).then(derive.strided((3, 1))),
        "every second place": lambda: near(by(2, 1), "Delta"),
        "every third place": lambda: near(by(3, 1), derive.Box((1,), (2,))),
        "checkerboard": lambda: near(by(2, 2), "Delta"),
        "checkerboard of channels": lambda: near(by(3, 2), derive.Diamond(1)).then(derive.channels()),
        "every second row": lambda: near(by(2, 2, (0,)), 1),
        "every second row, every third column": lambda: (
            by(2, 2, (0,))
            .then(derive.equivariant(derive.Translations((1,), step=3)))
            .then(derive.local(1))
            .then(derive.boundary())
        ),
        "strided channels": lambda: conv2d().then(derive.channels()).then(derive.strided(2)),
    }
)


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> derive.Derivation:
    return LAYERS[request.param]


def test_every_step_is_proved_for_all_sizes(layer):
    assert all(verdict.proved for verdict in layer.verdicts)


@pytest.mark.parametrize("target", ["arrays", "threads"])
def test_both_programs_denote_the_form_for_all_sizes(layer, target):
    program = direct(layer.form, target)
    assert all(verdict.proved for verdict in discharge_all(program_obligations(program, layer.form)))


def test_the_emitted_body_is_the_form_and_the_dense_layer_exactly(layer):
    kernel = layer.compile().kernel
    for sizes in islice(small_sizes(layer.form), 5):
        arrays = exact_arrays(layer.form, sizes)
        wanted = denote(layer.form, arrays, sizes)
        free = {name: value for name, value in by_name(sizes).items() if name in kernel_sizes(layer)}
        if not free:
            assert (run_exactly(kernel, layer.form, arrays, sizes) == wanted).all()
        assert (dense(layer, arrays, sizes) == wanted).all()


def by_name(sizes: dict[Symbol, int]) -> dict[str, int]:
    return {s.name: value for s, value in sizes.items()}


def kernel_sizes(layer: derive.Derivation) -> set[str]:
    """Sizes that no shape tells."""
    from derive.forms.sizes import size_sources

    return {s.name for s in layer.form.sizes} - {source.size.name for source in size_sources(layer.form)}


def dense(layer: derive.Derivation, arrays: dict[str, np.ndarray], sizes: dict[Symbol, int]) -> np.ndarray:
    grid = tuple(sizes[index(s)] for s in ("n", "m", "p")[: len(layer.form.grid(layer.form.input))])
    W, U = layer.reference(shape=grid, **{p.name: arrays[p.name] for p in layer.form.params})
    return U + np.tensordot(W, arrays["X"], axes=arrays["X"].ndim)


@pytest.mark.parametrize("name", LAYERS)
def test_the_adjoint_is_the_transposed_matrix_and_its_adjoint_the_layer(name):
    form = LAYERS[name].form
    turned = LAYERS[name].then(derive.adjoint())
    again = turned.then(derive.adjoint()).form
    assert (again.weight, again.read, again.domain, again.reduction) == (
        form.weight,
        form.read,
        form.domain,
        form.reduction,
    )
    for sizes in islice(small_sizes(form), 3):
        arrays = exact_arrays(form, sizes)
        there, back = matrix(form, arrays, sizes), matrix(turned.form, arrays | {"H": 0}, sizes)
        rank = len(form.output.axes)
        assert (np.transpose(there, (*range(rank, there.ndim), *range(rank))) == back).all()


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "locally connected"])
@pytest.mark.parametrize("by", ["weight", "bias"])
def test_the_gradient_pairs_with_the_parameter_exactly(name, by):
    layer = LAYERS[name]
    form, slope = layer.form, layer.then(derive.gradient(by)).form
    for sizes in islice(small_sizes(form), 3):
        arrays = exact_arrays(form, sizes)
        G = exact_arrays(slope, sizes, seed=1)["G"]
        kept = form.weights if by == "weight" else form.biases
        alone = {p.name: np.asarray(arrays[p.name] * (p in kept), dtype=object) for p in form.params}
        H = denote(form, arrays | alone, sizes)
        (param,) = form.weights if by == "weight" else form.biases
        d = denote(slope, {"G": G, "X": arrays["X"]}, sizes)
        assert np.sum(G * H) == np.sum(d * alone[param.name])


def test_a_compiled_layer_says_what_it_computes():
    """As modules in files do: its formula, and so which entries of V it reads, and how it was derived."""
    first, text = LAYERS["mask"].compile().source.split("import numpy")[0].split('"""')[:2]
    assert first == "# Generated by `layer.compile()`. Do not edit.\n"
    assert "    H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        0 ≤ a ≤ 1, " in text
    assert "(a, b) ∈ {(0, -1), (0, 1), (1, 0)}, X = 0 outside" in text
    assert "dense ⟶ reindex ⟶ equivariant(translations) ⟶ local(mask(" in text
    assert "obligations for all sizes\nCost          6·n·m operations" in text
