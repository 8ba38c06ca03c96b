"""The known theorems of docs/theorems.md, each derived, proved, and refuted where it is false."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sympy import Max, prod

import derive
from derive.derivation import Derivation
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.expr import indices
from derive.forms.unbounded import unbounded
from derive.own import load_layer
from derive.pipeline import layer
from derive.symmetry import stated_symmetry, symmetry

PAGE = Path(__file__).parent.parent / "docs" / "theorems.md"


def signal(radius: str, edge: str) -> Derivation:
    tied = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    near = tied.then(derive.unbiased()).then(derive.local(radius))
    return Derivation.begin(unbounded(near.form)) if edge == "plane" else near.then(derive.boundary(edge))


@pytest.mark.parametrize("edge", ["plane", "periodic", "valid"])
def test_convolutions_commute_and_compose_to_one_window(edge):
    f, g = signal("Delta", edge), signal("Gamma", edge)
    assert derive.commute(f, g).proved
    assert derive.one_window(f, g, signal("Delta + Gamma", edge)).proved


def windowed(support, edge):
    near = derive.dense(rank=2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    near = near.then(derive.unbiased()).then(derive.local(support))
    return Derivation.begin(unbounded(near.form)) if edge == "plane" else near.then(derive.boundary(edge))


@pytest.mark.parametrize("shape", [derive.Diamond, derive.Hexagon, derive.Box])
@pytest.mark.parametrize("edge", ["plane", "periodic"])
def test_windows_of_other_shapes_add_up_too(shape, edge):
    """Of two, the places that both reach in turn are those of one whose radius is the sum; none of a smaller one's."""
    f, g, both, less = (windowed(shape(r), edge) for r in ("Delta", "Gamma", "Delta + Gamma", "Delta"))
    assert derive.one_window(f, g, both).proved and derive.commute(f, g).proved
    with pytest.raises(
        ObligationFailed, match=r"Delta = 0, Gamma = 1, .* give 1 in one layer and 0 in the other"
    ) as refused:
        derive.one_window(f, g, less)
    exec(refused.value.counterexample.python, {})


@pytest.mark.parametrize("shape", [derive.Diamond, derive.Hexagon])
def test_windows_of_other_shapes_add_up_where_they_are_whole(shape):
    f, g, both = (windowed(shape(r), "valid") for r in ("Delta", "Gamma", "Delta + Gamma"))
    assert derive.one_window(f, g, both).proved and derive.commute(f, g).proved


def test_with_zero_edges_they_do_neither():
    f, g = signal("Delta", "zero"), signal("Gamma", "zero")
    with pytest.raises(ObligationFailed, match=r"n = 2, Delta = 1, Gamma = 1, i = 0") as refused:
        derive.commute(f, g)
    assert refused.value.counterexample.python.splitlines()[2:6] == ["n = 2", "Delta = 1", "Gamma = 1", "i = 0"]
    with pytest.raises(ObligationFailed, match=r"n = 1, Delta = 1, Gamma = 1, i = 0"):
        derive.one_window(f, g, signal("Delta + Gamma", "zero"))


def read_at(n, offset, mode):
    """Which place each of n places reads at an offset, as a matrix."""
    return np.stack([np.pad(X, 2, mode=mode)[2 + offset : 2 + offset + n] for X in np.eye(n, dtype=int)], 1)


@pytest.mark.parametrize(("edge", "mode"), [("reflect", "reflect"), ("symmetric", "symmetric"), ("nearest", "edge")])
def test_the_counterexample_beyond_an_edge_is_on_the_fewest_places_of_all(edge, mode):
    pairs = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    products = [[(n, read_at(n, a, mode), read_at(n, b, mode)) for a, b in pairs] for n in (1, 2, 3)]
    least = next(part[0][0] for part in products if any((A @ B != B @ A).any() for _, A, B in part))
    with pytest.raises(ObligationFailed, match=rf"refused at n = {least}, Delta = 1, Gamma = 1,"):
        derive.commute(signal("Delta", edge), signal("Gamma", edge))


def test_the_counterexample_is_one():
    """T[-1] = V[1] = X[0] = 1 on two places, pasted: one order loses the product at the edge."""
    one, other = signal("Delta", "zero"), signal("Gamma", "zero")
    with pytest.raises(ObligationFailed) as refused:
        derive.commute(one, other)
    at = {}
    exec(refused.value.counterexample.python, at)
    assert (at["V"].tolist(), at["T"].tolist(), at["X"].tolist()) == ([0, 0, 1], [1, 0, 0], [1, 0])
    f, g = one.compile(), other.compile()
    assert f(g(at["X"], at["T"]), at["V"])[at["i"]] != g(f(at["X"], at["V"]), at["T"])[at["i"]]


def test_max_pooling_is_not_linear_and_a_sum_is():
    x, y = indices("x y")
    with pytest.raises(ObligationFailed, match=r"f\(x \+ y\) = f\(x\) \+ f\(y\) fails at x = \[0, 1\], y = \[0, -1\]"):
        derive.additive(Max(x, y), (x, y))
    assert derive.additive(x + y, (x, y)).proved


def test_powers_and_products_are_not_linear_either():
    x, y = indices("x y")
    with pytest.raises(ObligationFailed, match=r"fails at x = \[1\], y = \[1\]: 4 is not 1 \+ 1"):
        derive.additive(x**2, (x,))
    with pytest.raises(
        ObligationFailed, match=r"f\(x \+ y\) = f\(x\) \+ f\(y\) fails at x = \[0, 1\], y = \[1, 0\]: 1 is not 0 \+ 0"
    ):
        derive.additive(x * y, (x, y))
    says = r"^Of a function it is decided whether it adds up by Max, Min and whole multiples; .* has more\.$"
    with pytest.raises(RuleRefused, match=says):
        derive.additive(x + prod(indices("v w y")) ** 2, indices("v w x y"))


def test_radius_0_is_one_network_for_every_pixel():
    """Of a layer of radius 0 it is proved that it is pointwise, and what is left is the network in the network."""
    tied = derive.dense(rank=2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    pixel, network = tied.then(derive.local(0)).then(derive.channels()), layer("pointwise2d").derivation
    assert all(v.proved for v in derive.claim(pixel, derive.pointwise()))
    assert pixel.then(derive.pointwise()).form == network.form
    assert {str(s) for p in network.form.weights for s in p.array.symbols} == {"c", "d"}
    assert pixel.free_parameters == network.free_parameters


def test_one_dimension_is_audio():
    """The chain's own steps, a filter that knows no future among them."""
    audio, image = layer("conv1d").derivation, layer("conv2d").derivation
    assert [s.rule for s in audio.steps] == [s.rule for s in image.steps]
    assert all(v.proved for v in audio.verdicts) and audio.form.output.symbols == audio.form.output.symbols[:1]
    causal = layer("causal1d")
    assert all(v.proved for v in derive.claim(causal.derivation, derive.local(derive.Causal("Delta"))))
    X = [0.0, 0.0, 1.0, 0.0]
    assert causal.derivation.compile()(np.array(X), np.array([3.0, 2.0, 1.0]), 0.0).tolist() == [0, 0, 1, 2]


def test_average_pooling_is_depthwise_and_pooling_is_invariance():
    average, pool = layer("average_pool2d").derivation, layer("global_pool2d").derivation
    assert any(s.rule.startswith("depthwise") for s in average.steps)
    assert [s.rule for s in pool.steps if s.rule.startswith("invariant")] == ["invariant(Translations())"]
    assert not pool.form.grid(pool.form.output)


@pytest.mark.parametrize("name", ["conv2d", "conv2d_channels", "strided2d", "depthwise2d", "isotropic2d", "dilated2d"])
def test_the_adjoint_of_the_adjoint_is_the_layer_letter_by_letter(name):
    whole = layer(name).derivation
    again = whole.then(derive.adjoint()).then(derive.adjoint()).form
    assert (
        again.read == whole.form.read and again.weight == whole.form.weight and again.reduction == whole.form.reduction
    )
    assert again.output == whole.form.output and again.domain == whole.form.domain and again.edge == whole.form.edge


def test_a_transposed_convolution_is_the_adjoint_of_a_strided_one():
    assert [s.rule for s in layer("transposed2d").derivation.steps][-2:] == ["strided(2)", "adjoint()"]


def test_a_layer_that_commutes_with_every_permutation_has_two_weights():
    assert layer("deepsets1d").derivation.free_parameters["weight"] == 2


def test_not_every_window_factors():
    """Of nine dimensions, windows of rank 1 have five: the dimension says so, and a window with a minor that isn't 0."""
    window = derive.dense().then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(1))
    numbers = window.then(derive.separable(1)).free_parameters
    assert (numbers["dimension"], window.free_parameters["weight"]) == (5, 9)


def test_orders_of_independent_constraints_commute():
    tied = derive.dense().then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    first = tied.then(derive.local("Delta")).then(derive.unbiased())
    second = tied.then(derive.unbiased()).then(derive.local("Delta"))
    assert first.form == second.form and derive.same_layer(first, second).proved


@pytest.mark.parametrize(
    ("edge", "stride", "where"),
    [
        ("zero", 1, "always"),
        ("zero", 2, "(n + 1) mod 2 = 0"),
        ("zero", 3, "(n + 2) mod 3 = 0"),
        ("valid", 2, "(n + 1) mod 2 = 0"),
        ("periodic", 2, "(n + 1) mod 2 = 0"),
        ("reflect", 3, "(n + 2) mod 3 = 0"),
        ("nearest", 2, "(n + 1) mod 2 = 0"),
    ],
)
def test_a_strided_layer_keeps_a_reflection_under_a_condition(edge, stride, where):
    tied = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    even = (
        tied.then(derive.local("Delta")).then(derive.equivariant(derive.PointGroup("D1"))).then(derive.boundary(edge))
    )
    found = symmetry(even if stride == 1 else even.then(derive.strided(stride)), "D1")
    assert str(found).endswith(where) and all(v.proved for v in found.verdicts)
    assert bool(found.counterexample) == (stride > 1)


def strided_window(group, window, stride, sizes=()):
    start = derive.dense(group.axes[0] + 1 if group.axes else len(group.matrices[0]), *sizes)
    tied = start.then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(window))
    return tied.then(derive.equivariant(group)).then(derive.boundary("zero")).then(derive.strided(stride))


@pytest.mark.parametrize(
    ("group", "window", "stride", "sizes", "says"),
    [
        (
            derive.PointGroup("D1", "corner"),
            derive.Box(0, 1),
            2,
            (),
            "D1 about the grid's centre exactly where ((n + 1) mod 2 = 1) or (n = 1)",
        ),
        (derive.PointGroup((((-1,),),)), 1, 2, (), "D1 about the grid's centre exactly where (n + 1) mod 2 = 0"),
        (
            derive.PointGroup("D1", axes=(1,)),
            1,
            (1, 2),
            (),
            "D1 of axis 1 about the grid's centre exactly where (m + 1) mod 2 = 0",
        ),
        (derive.PointGroup("D4"), 1, (2, 1), (), "D2 about the grid's centre exactly where (n + 1) mod 2 = 0"),
        (
            derive.PointGroup("C4"),
            1,
            2,
            (("n", "n"),) * 2,
            "C4 about the grid's centre exactly where (n + 1) mod 2 = 0",
        ),
        (
            derive.PointGroup("D6"),
            derive.Hexagon(1),
            (1, 3),
            (),
            "C2 about the grid's centre exactly where (m + 2) mod 3 = 0",
        ),
    ],
    ids=["even", "by matrices", "one axis", "no square", "square", "hexagonal"],
)
def test_what_a_strided_layer_keeps_of_the_group_that_it_states(group, window, stride, sizes, says):
    found = stated_symmetry(strided_window(group, window, stride, sizes))
    assert str(found) == f"commutes with {says}" and all(v.proved for v in found.verdicts) and found.counterexample


def test_a_kernel_says_when_it_keeps_the_symmetry_of_its_window(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        "import derive\n"
        "even = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))\n"
        "even = even.then(derive.local(1)).then(derive.equivariant(derive.PointGroup('D1')))\n"
        "even = even.then(derive.boundary('zero')).then(derive.strided(2))\n"
    )
    text = load_layer(f"{file}:even").source("numpy")
    assert "Symmetry      commutes with D1 about the grid's centre exactly where (n + 1) mod 2 = 0" in text


def test_the_page_names_only_layers_and_tests_that_exist():
    text = PAGE.read_text()
    for name in re.findall(r"derivations/(\w+)\.md", text):
        assert (PAGE.parent / "derivations" / f"{name}.md").is_file()
    assert len(re.findall(r"^## ", text, flags=re.M)) >= 12


def test_the_code_on_the_page_runs():
    scope: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.S):
        exec(block, scope)
