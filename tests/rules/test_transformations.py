"""Edges, compositions, factorisations, fixed weights and views, each held against its defining identity on exact integers."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from sympy import Matrix, symbols

from derive.derivation import Derivation, dense
from derive.errors import RuleRefused
from derive.forms.denote import denote
from derive.forms.support import Box, Diamond
from derive.groups.point import PointGroup
from derive.groups.symmetric import Symmetric
from derive.groups.translations import Translations
from derive.proof.certificate import dumps, verify
from derive.proof.solver import decide_with_cvc5
from derive.proof.step import Kind
from derive.proof.wellformed import check_form
from derive.rules.adjoint import adjoint
from derive.rules.boundary import boundary
from derive.rules.channels import channels
from derive.rules.compose import compose
from derive.rules.depthwise import depthwise
from derive.rules.dilated import dilated
from derive.rules.equivariant import equivariant
from derive.rules.fixed import fixed
from derive.rules.gradient import gradient
from derive.rules.local import local
from derive.rules.pointwise import pointwise
from derive.rules.reindex import reindex
from derive.rules.separable import separable
from derive.rules.strided import strided
from derive.rules.unbiased import unbiased
from tests.lazily import Lazily
from tests.rules.exact import arrays_of, flat_matrix, sizes_of

MODES = {"periodic": "wrap", "reflect": "reflect", "symmetric": "symmetric", "nearest": "edge"}
SIZES = {"n": (1, 2, 3, 5), "m": (1, 4), "Delta": (0, 1, 2, 4), "Gamma": (0, 1), "C": (1, 2), "D": (2,), "R": (1, 2)}


def tied(rank: int = 1) -> Derivation:
    return dense(rank=rank).then(reindex()).then(equivariant(Translations()))


@cache
def line():
    return tied(1)


@cache
def grid():
    return tied(2)


def windows(padded: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cross-correlation with whole windows, term by term."""
    shape = tuple(p - w + 1 for p, w in zip(padded.shape, weights.shape, strict=True))
    out = np.zeros(shape, dtype=object)
    for at in np.ndindex(*weights.shape):
        part = tuple(slice(p, p + extent) for p, extent in zip(at, shape, strict=True))
        out = out + weights[at] * padded[part]
    return out


@pytest.mark.parametrize("edge", [*MODES, "valid", "zero"])
@pytest.mark.parametrize("base", [line, grid], ids=["line", "grid"])
def test_an_edge_is_numpys_padding(base, edge):
    form = base().then(local("Delta")).then(boundary(edge)).form
    seen = 0
    for sizes in sizes_of(form, SIZES):
        arrays = arrays_of(form, sizes)
        radius = arrays["V"].shape[0] // 2
        pad = {"zero": {"mode": "constant"}}.get(edge) or {"mode": MODES.get(edge, "constant")}
        padded = arrays["X"] if edge == "valid" else np.pad(arrays["X"], radius, **pad)
        assert np.array_equal(denote(form, arrays, sizes), windows(padded, arrays["V"]) + arrays["u"])
        seen += 1
    assert seen > 5


LAYERS = Lazily(
    {
        **{
            f"line {edge}": lambda edge=edge: line().then(local("Delta")).then(boundary(edge))
            for edge in (*MODES, "valid")
        },
        "grid reflect, channels": lambda: grid().then(local("Delta")).then(boundary("reflect")).then(channels()),
        "grid periodic, stride 2": lambda: grid().then(local(1)).then(boundary("periodic")).then(strided(2)),
        "stride (2, 3) valid": lambda: grid().then(local(Box(1, 2))).then(boundary("valid")).then(strided((2, 3))),
        "dilated": lambda: grid().then(local("2*Delta")).then(dilated(2)).then(boundary("zero")),
        "dilated, nearest": lambda: line().then(local(4)).then(dilated(2)).then(boundary("nearest")),
        "dilated (1, 3)": lambda: grid().then(local(3)).then(dilated((1, 3))).then(boundary("valid")),
        "pointwise": lambda: grid().then(pointwise()).then(channels()),
        "depthwise symmetric": lambda: (
            line().then(local("Delta")).then(channels("C", "C")).then(depthwise()).then(boundary("symmetric"))
        ),
        "without bias": lambda: grid().then(local("Delta")).then(unbiased()).then(boundary("zero")),
        "separable": lambda: grid().then(local("Delta")).then(separable("R")).then(boundary("zero")),
        "separable, reflect": lambda: grid().then(local(1)).then(boundary("reflect")).then(separable(2)),
        "local places, stride 2": lambda: dense(rank=1).then(reindex()).then(local("Delta")).then(strided(2)),
        "laplacian": lambda: (
            grid().then(local(Diamond(1))).then(boundary("zero")).then(fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]]))
        ),
        "average": lambda: (
            grid()
            .then(local(Box(0, 1)))
            .then(channels("C", "C"))
            .then(depthwise())
            .then(boundary("valid"))
            .then(strided(2))
            .then(fixed([[1, 1], [1, 1]], scale="1/4"))
        ),
        "composition, zero": lambda: (
            line()
            .then(local("Delta"))
            .then(boundary("zero"))
            .then(compose(line().then(unbiased()).then(local("Gamma")).then(boundary("zero"))))
        ),
        "composition, valid": lambda: (
            line()
            .then(local("Delta"))
            .then(boundary("valid"))
            .then(compose(line().then(unbiased()).then(local("Gamma")).then(boundary("valid"))))
        ),
        "composition, reflect": lambda: (
            line()
            .then(local("Delta"))
            .then(boundary("reflect"))
            .then(compose(line().then(unbiased()).then(local("Gamma")).then(boundary("nearest"))))
        ),
    }
)


@pytest.mark.parametrize("name", LAYERS)
def test_everything_is_proved_and_the_second_solver_agrees(name):
    layer = LAYERS[name]
    assert all(v.proved for v in layer.verdicts)
    last = layer.steps[-1]
    for verdict in last.verdicts:
        for goal in verdict.obligation.goals:
            assert decide_with_cvc5(goal.smt).value.startswith("proved")


@pytest.mark.parametrize("name", LAYERS)
def test_a_certificate_carries_it(name, tmp_path):
    file = tmp_path / "layer.json"
    file.write_text(dumps(LAYERS[name].certificate()))
    assert verify(file).theorem == LAYERS[name].theorem


@pytest.mark.parametrize("name", LAYERS)
def test_the_adjoint_is_the_transposed_matrix_and_twice_is_the_layer(name):
    layer = LAYERS[name].form
    turned = LAYERS[name].then(adjoint())
    for sizes in sizes_of(layer, SIZES | {"n": (2, 3), "m": (3,), "Delta": (0, 2)}):
        arrays = arrays_of(layer, sizes)
        there = flat_matrix(layer, arrays, sizes)
        back = {k: v for k, v in arrays.items() if k != "X"} | {"H": arrays_of(turned.form, sizes)["H"]}
        assert np.array_equal(flat_matrix(turned.form, back, sizes), there.T)
    again = turned.then(adjoint()).form
    for sizes in sizes_of(layer, SIZES | {"n": (2, 3), "m": (3,), "Delta": (0, 2)}):
        arrays = arrays_of(layer, sizes)
        assert np.array_equal(flat_matrix(again, arrays, sizes), flat_matrix(layer, arrays, sizes))


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_the_factors_of_each_entry(name):
    """⟨G, H⟩ is linear in each array, so the gradient's entry is what one more in the parameter's entry adds."""
    layer = LAYERS[name]
    for param in layer.form.params:
        if param.data:
            continue
        slope = layer.then(gradient(param.name)).form
        for sizes in sizes_of(layer.form, SIZES | {"n": (2, 3), "m": (3,), "Delta": (0, 2)}):
            arrays = arrays_of(layer.form, sizes)
            seed = arrays_of(slope, sizes, seed=1)["G"]
            found = denote(slope, {**arrays, "G": seed}, sizes)
            base = (seed * denote(layer.form, arrays, sizes)).sum()
            for at in np.ndindex(*arrays[param.name].shape):
                more = arrays[param.name].copy()
                more[at] += 1
                raised = (seed * denote(layer.form, arrays | {param.name: more}, sizes)).sum()
                assert found[at] == raised - base


@pytest.mark.parametrize(
    "edges", [("zero", "zero"), ("valid", "valid"), ("periodic", "periodic"), ("reflect", "nearest")]
)
def test_a_composition_is_the_product_of_the_matrices(edges):
    outer = line().then(local("Delta")).then(boundary(edges[0]))
    inner = line().then(unbiased()).then(local("Gamma")).then(boundary(edges[1]))
    form = outer.then(compose(inner)).form
    for sizes in sizes_of(form, SIZES):
        arrays = arrays_of(form, sizes)
        inside = dict(sizes.items())
        first = flat_matrix(inner.form, {"V": arrays["T"], "X": arrays["X"]}, inside)
        between = {s: len(first) if s.name == "n" else v for s, v in sizes.items()}
        second = flat_matrix(outer.form, {**arrays, "X": np.zeros(len(first), dtype=object)}, between)
        assert np.array_equal(flat_matrix(form, arrays, sizes), second.dot(first))


def test_a_separable_window_is_the_sum_of_products():
    plain = grid().then(local("Delta")).then(boundary("zero"))
    layer = plain.then(separable("R"))
    for sizes in sizes_of(layer.form, SIZES):
        arrays = arrays_of(layer.form, sizes)
        window = np.einsum("ra,rb->ab", arrays["P"], arrays["Q"])
        known = {s: v for s, v in sizes.items() if s.name != "R"}
        wanted = denote(plain.form, {"X": arrays["X"], "V": window, "u": arrays["u"]}, known)
        assert np.array_equal(denote(layer.form, arrays, sizes), wanted)
        dense_weights, _ = layer.reference(shape=arrays["X"].shape, **{k: arrays[k] for k in ("P", "Q", "u")})
        assert np.array_equal(dense_weights.reshape(arrays["X"].size, -1), flat_matrix(layer.form, arrays, sizes))


@pytest.mark.parametrize(("p", "q", "r"), [(3, 3, 1), (3, 3, 2), (3, 3, 3), (5, 3, 2), (1, 3, 1)])
def test_the_dimension_of_a_factorisation_is_the_rank_of_its_derivative(p, q, r):
    one, other = (np.array(symbols(f"{name}:{r * side}")).reshape(r, side) for name, side in (("p", p), ("q", q)))
    window = [sum(one[k, a] * other[k, b] for k in range(r)) for a in range(p) for b in range(q)]
    letters = [*one.ravel(), *other.ravel()]
    draw = np.random.default_rng(0)
    at = {s: int(v) for s, v in zip(letters, draw.integers(-9, 10, len(letters)), strict=True)}
    assert Matrix(window).jacobian(letters).subs(at).rank() == r * (p + q - r)
    found = grid().then(local(Box((p // 2, q // 2)))).then(separable(r)).free_parameters
    assert (found["weight"], found["dimension"]) == (r * (p + q), r * (p + q - r))


def test_fixed_weights_are_exact_and_fit_the_window():
    window = grid().then(local(Diamond(1))).then(boundary("zero"))
    with pytest.raises(RuleRefused, match="no weight at a = -1, b = -1"):
        window.then(fixed([[1, 1, 0], [1, -4, 1], [0, 1, 0]]))
    with pytest.raises(RuleRefused, match="exact"):
        window.then(fixed([[0, 0.5, 0], [1, -4, 1], [0, 1, 0]]))
    with pytest.raises(RuleRefused, match=r"shape \(3, 3\)"):
        window.then(fixed([1, 2, 3]))
    ninth = grid().then(local(1)).then(boundary("nearest")).then(fixed([[1] * 3] * 3, scale=Fraction(1, 9)))
    assert (
        set(ninth.form.weights[0].values) == {ninth.form.weights[0].values[0]} and ninth.free_parameters["weight"] == 0
    )


def test_a_constraint_comes_before_what_shares_inputs():
    reflecting = grid().then(local("Delta")).then(boundary("reflect"))
    with pytest.raises(RuleRefused, match="state structure first"):
        reflecting.then(local(0))
    assert [s.kind for s in reflecting.steps][-1] is Kind.TRANSFORMATION


def test_weights_of_single_places_are_not_continued_beyond_an_edge():
    own = dense(rank=2).then(reindex()).then(local(1))
    with pytest.raises(RuleRefused, match="weights of its own at each i; state equivariance along that axis first"):
        own.then(boundary("reflect"))
    rows = dense(rank=2).then(reindex()).then(equivariant(Translations((0,)))).then(local(1))
    with pytest.raises(RuleRefused, match="weights of its own at each j;"):
        rows.then(boundary("periodic"))


@pytest.mark.parametrize("edge", MODES)
@pytest.mark.parametrize("extent", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_free_weights_beyond_an_edge_are_the_rank_of_weights_to_matrix(edge, extent, radius):
    form = line().then(local("Delta")).then(boundary(edge))
    sizes = dict(zip(form.form.sizes, (extent, radius), strict=True))
    taps = 2 * radius + 1
    columns = []
    for tap in range(taps):
        weights = np.array([int(tap == t) for t in range(taps)], dtype=object)
        columns.append(
            flat_matrix(form.form, {"V": weights, "u": np.array(0), "X": np.zeros(extent, dtype=object)}, sizes).ravel()
        )
    rank = Matrix(np.stack(columns)).rank()
    if bool(form.free_parameters["when"].subs({s.name: v for s, v in sizes.items()}).subs(sizes)):
        assert rank == taps
    assert rank <= taps


def test_a_stride_within_a_dilation_reads_every_tap():
    """The first place that reads a tap is Max(0, -2a)/2, which is written without a fraction."""
    layer = line().then(local("2*Delta")).then(dilated(2)).then(boundary("zero")).then(strided(2))
    assert all(v.proved for v in layer.verdicts)
    assert str(layer.free_parameters["weight"]) == "2*Delta + 1"
    assert all("ceiling" not in str(e) and "/" not in str(e) for p in layer.form.weights for _, e in p.reader)


def test_a_strided_layer_of_another_is_counted():
    """Its bias has no letters to count over, and a condition with a quotient."""
    inner = line().then(local("Gamma")).then(boundary("valid")).then(unbiased())
    layer = line().then(local("Delta")).then(boundary("valid")).then(strided(2)).then(compose(inner))
    assert layer.free_parameters["bias"] == 1
    assert str(layer.free_parameters["weight"]) == "2*Delta + 2*Gamma + 2"


def test_an_inner_layer_s_places_and_input_are_named_apart_from_an_adjoint_s():
    turned = line().then(local("Delta")).then(boundary("zero")).then(adjoint()).form
    after = compose(line().then(local("Delta")).then(boundary("zero")).then(unbiased())).apply(turned).after
    assert (after.output.name, after.input.name) == ("X", "Y")
    assert not set(after.output.symbols) & set(after.input.symbols)
    check_form(after, "The composition")


def test_a_symmetry_that_keeps_the_cases_holds_already():
    sets = dense(rank=1).then(equivariant(Symmetric()))
    both = sets.then(equivariant(PointGroup("D1", about="grid")))
    assert both.form == sets.form and all(v.proved for v in both.verdicts)


def test_a_symmetry_that_moves_cases_is_refused_in_words():
    turned = dense(rank=2).then(equivariant(PointGroup("C4")))
    with pytest.raises(RuleRefused, match=r"Weights are called by cases, which the reflection .* moves; state this"):
        equivariant(PointGroup("D1", axes=(0,))).apply(turned.form)


@pytest.mark.parametrize("edge", MODES)
def test_a_bias_is_dropped_before_an_edge_that_adds_up_terms(edge):
    with pytest.raises(
        RuleRefused, match=r"'unbiased' refused: several terms may read one entry of X; state it before"
    ):
        line().then(local(1)).then(boundary(edge)).then(unbiased())
