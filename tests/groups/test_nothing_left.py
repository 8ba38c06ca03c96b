"""Layers of which a constraint leaves no weight: they count 0, are proved, and have kernels that say H = u, or H = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import derive
from derive import Channels, Mask, Matrices, MatrixGroup, Permutations, PointGroup, Translations
from derive.algorithms._obligations import program_obligations
from derive.algorithms.direct import direct
from derive.checking import check_emitted
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.derivation import Derivation
from derive.errors import DeriveError, NoLowering
from derive.finite import monomial
from derive.forms.equation import latex_formula
from derive.making import coq_theorems, make
from derive.pipeline import Layer
from derive.proof.certificate import dumps, verify
from derive.proof.solver import discharge_all

NOTHING = Mask([0, 0, 0])
ONE = Channels((("c", "C"),), (("d", 1),))
FLIP = monomial([[[-1, 0], [0, -1]]])
TURN = Matrices([[[0, -1], [1, 0]]])


def window(rank: int = 1, radius: object = NOTHING, **options: object) -> Derivation:
    """A layer that sees the window alone, before its edge is stated."""
    return (
        derive.dense(rank, **options)
        .then(derive.reindex())
        .then(derive.equivariant(Translations()))
        .then(derive.local(radius))
    )


# how to derive the layer, its free biases, and the formula
CASES: dict[str, tuple[Callable[[], Derivation], object, str]] = {
    "an odd sign": (
        lambda: derive.dense(outputs=(2, 2), inputs=2).then(derive.equivariant(Permutations(FLIP, axes=(0, 1)))),
        4, "H[i, j] = u[T_u[i, j]]",
    ),
    "no fixed vector": (
        lambda: derive.dense(outputs=2, inputs=1).then(derive.equivariant(MatrixGroup(TURN, Matrices.trivial(1)))),
        0, "H[i] = 0",
    ),
    "pixels that a reflection negates": (
        lambda: window(2, 0, channels=ONE).then(derive.equivariant(PointGroup("D4", channels={"d": "determinant"}))),
        0, "H[i, j, d] = 0",
    ),
    "an empty mask": (lambda: window().then(derive.boundary("zero")), 1, "H[i] = u"),
    "disjoint masks": (lambda: window(1, Mask([1, 0, 0])).then(derive.local(Mask([0, 1, 1]))), 1, "H[i] = u"),
    "behind an edge": (lambda: window().then(derive.boundary("reflect")), 1, "H[i] = u"),
    "with a stride": (lambda: window(2, Mask([[0]]), channels=Channels()).then(derive.strided(2)), None, "H[i, j, d] = u[d]"),
    "of places": (lambda: derive.dense(1).then(derive.reindex()).then(derive.local(NOTHING)), None, "H[i] = U[i]"),
    "transposed": (lambda: window().then(derive.adjoint()), 0, "X[k] = 0"),
    "without bias": (lambda: window().then(derive.unbiased()), 0, "H[i] = 0"),
}  # fmt: skip


def layer_of(layer: Derivation) -> Layer:
    return Layer("nothing", layer, "Nothing is left.", "python -m derive emit", "docs")


def arguments(layer: Derivation, size: int = 4) -> list[np.ndarray]:
    """X of two items, and biases, with different entries; sizes that are no numbers are the same."""
    draw, found = np.random.default_rng(0), []
    for number, array in enumerate((layer.form.input, *(p.array for p in layer.form.params))):
        shape = [int(e.subs(dict.fromkeys(e.free_symbols, size))) for e in array.shape]
        found.append(draw.integers(1, 9, size=(*([2] if number == 0 else []), *shape)).astype(float))
    return found


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_counted_and_all_is_proved(name: str) -> None:
    make_layer, biases, formula = CASES[name]
    layer = make_layer()
    assert layer.free_parameters["weight"] == 0 and all(v.proved for v in layer.verdicts)
    assert biases is None or layer.free_parameters["bias"] == biases
    assert layer.form.vanishes and layer.form.weights == ()
    assert str(layer_of(layer).header("numpy").formula[0]) == formula
    assert not layer.equation.rhs.has(
        *(s for s in (layer.equation.lhs.free_symbols) if s.name == layer.form.input.name)
    )
    assert r"\sum" not in latex_formula(layer.form)


@pytest.mark.parametrize("name", CASES)
def test_kernels_equal_the_form_and_its_gradients(name: str) -> None:
    layer = layer_of(CASES[name][0]())
    assert layer.backends == ("cupy", "numpy")
    check_emitted(layer)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("transposed", "with a stride")])
def test_results_and_gradients(name: str) -> None:
    layer = CASES[name][0]()
    kernel, (X, *biases) = (
        layer.compile(C=4) if "C" in map(str, layer.form.sizes) else layer.compile(),
        arguments(layer),
    )
    H = kernel(X, *biases)
    entries = {p.name: a for p, a in zip(layer.form.params, biases, strict=True)}
    shape = X.shape[1:][: len(layer.dense.grid(layer.dense.input))]
    W, U = layer.reference(shape=shape, **entries, **({"C": 4} if X.ndim > 3 else {}))
    assert not W.any() and np.array_equal(H, np.broadcast_to(U, H.shape))
    G = np.random.default_rng(1).integers(-9, 9, size=H.shape).astype(float)
    dX, *slopes = kernel.vjp(X, *biases, G)
    assert dX.shape == X.shape and not dX.any()
    assert sum(float((b * d).sum()) for b, d in zip(biases, slopes, strict=True)) == float((G * H).sum())
    assert kernel(X.astype(np.float32), *(b.astype(np.float32) for b in biases)).dtype == np.float32
    assert kernel(X.astype(int), *(b.astype(int) for b in biases)).dtype == np.int64


@pytest.mark.parametrize("name", ["an odd sign", "an empty mask", "without bias"])
def test_a_plan_says_that_nothing_is_rounded(name: str) -> None:
    layer = CASES[name][0]()
    X, *biases = arguments(layer)
    plan = layer.compile().kernel.plan(X.shape, *biases)
    assert np.array_equal(plan(X), layer.compile()(X, *biases))
    assert "Each result is its bias, or 0, exactly." in str(plan.explain()).replace("\n", " ")
    assert "the weight is 0" in str(plan.explain()).replace("\n", " ")
    assert float(np.max(plan.error_bound(X))) < 1e-300


@pytest.mark.parametrize("name", ["an odd sign", "no fixed vector", "an empty mask"])
def test_pages_certificates_and_coq(name: str, tmp_path: Path) -> None:
    layer = layer_of(CASES[name][0]())
    files = make(layer).files
    page = next(text for file, text in files.items() if file.endswith(".md"))
    assert "0 free weights" in page
    (tmp_path / "nothing.json").write_text(dumps(layer.derivation.certificate()))
    verify(tmp_path / "nothing.json")
    assert "Theorem" in coq_theorems(layer).text
    assert "Weights      0" in str(layer.derivation.theorem)


@pytest.mark.parametrize("name", ["an odd sign", "no fixed vector", "an empty mask", "with a stride"])
def test_text_for_gpus_computes_the_same(name: str) -> None:
    try:
        find_compiler()
    except NoCompiler as cause:
        pytest.skip(str(cause))
    layer = CASES[name][0]()
    sizes = {"C": 4} if "C" in map(str, layer.form.sizes) else {}
    X, *biases = arguments(layer)
    with standing_in_for_cupy() as module:
        kernel, given = layer.compile("cupy", **sizes), [module.asarray(a) for a in (X, *biases)]
        H = kernel(*given)
        G = module.asarray(np.ones(H.shape))
        wanted = layer.compile(**sizes)
        assert np.array_equal(module.asnumpy(H), wanted(X, *biases))
        slopes = zip(kernel.vjp(*given, G), wanted.vjp(X, *biases, np.ones(H.shape)), strict=True)
        assert all(np.array_equal(module.asnumpy(one), other) for one, other in slopes)


def test_compile_takes_an_empty_mask() -> None:
    kernel = derive.compile(Mask([[0]]), channels=False)
    X = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(kernel(X, np.float64(7)), np.full((3, 4), 7.0))
    assert not kernel.vjp(X, np.float64(7), np.ones((3, 4)))[0].any()


@pytest.mark.parametrize(
    "application",
    [
        derive.equivariant(Translations()),
        derive.equivariant(PointGroup("D1")),
        derive.local(1),
        derive.pointwise(),
        derive.grouped("d", "c"),
        derive.dilated(2),
        derive.invariant(Translations()),
    ],
    ids=str,
)  # fmt: skip
def test_constraints_on_weights_alone_leave_it_as_it_is(application: object) -> None:
    channels = Channels((("c", "C"),), (("d", "C"),))
    before = window(channels=channels)
    after = before.then(application)
    assert after.form.params == before.form.params and all(v.proved for v in after.verdicts)
    check_emitted(layer_of(after))


def test_orders_commute_where_nothing_is_left() -> None:
    first = derive.dense(1).then(derive.reindex()).then(derive.local(NOTHING)).then(derive.equivariant(Translations()))
    then = window()
    assert first.form.params == then.form.params
    assert first.free_parameters == then.free_parameters == {"weight": 0, "bias": 1, "when": True}


def test_a_program_that_forgets_its_sum_is_no_program_of_a_layer_with_terms() -> None:
    empty, full = window().form, window(1, 1).form
    program = direct(full, "arrays")
    sums = replace(program, body=program.body[:1])
    with pytest.raises(NoLowering, match="copies the bias, sums"):
        program_obligations(sums, full)
    assert all(v.proved for v in discharge_all(program_obligations(direct(empty, "arrays"), empty)))


def test_a_sum_where_no_term_is_left_is_refuted() -> None:
    empty, full = window().form, window(1, 1).form
    wrong = replace(direct(empty, "arrays"), body=direct(full, "arrays").body)
    with pytest.raises((NoLowering, AssertionError, ValueError)):
        assert all(v.proved for v in discharge_all(program_obligations(wrong, empty)))


@pytest.mark.parametrize(
    ("make_layer", "says"),
    [
        (lambda: window().then(derive.boundary("valid")),
         "keeps the places whose whole window lies inside; without weights there is none"),
        (lambda: window().then(derive.boundary("zero")).then(derive.compose(window(1, 1).then(derive.unbiased()))),
         "takes two layers with weights; no weight of the outer one is left"),
        (lambda: window(1, 1).then(derive.compose(window().then(derive.unbiased()))),
         "takes two layers with weights; no weight of the inner one is left"),
        (lambda: window().then(derive.separable(1)), "factors one array of free weights; this form has another coefficient"),
        (lambda: window().then(derive.gradient("weight")), "an array of the layer; it has u and X, and no 'weight'"),
        (lambda: derive.dense(outputs=(2, 2), inputs=2).then(derive.equivariant(Permutations(FLIP, axes=(0, 1)))).then(
            derive.equivariant(Permutations(derive.symmetric(2), axes=(0,)))), "read by a table"),
    ],
)  # fmt: skip
def test_refusals(make_layer: Callable[[], object], says: str) -> None:
    with pytest.raises(DeriveError, match=says):
        make_layer()
