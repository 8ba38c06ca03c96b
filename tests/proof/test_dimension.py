"""Where no formula is known the number of weights at each choice of the sizes is that of the layers that are apart."""

import pickle
import sys

import numpy as np
import pytest
from sympy import Integer, lambdify

import derive
from derive.derivation import Derivation
from derive.errors import DeriveError
from derive.forms.count import NotCountable
from derive.forms.notation import LATEX, UNICODE
from derive.proof.dimension import Dimension
from derive.proof.exact import independent, rank
from tests.proof.spans import layers_of


def window(kernel, edges: str, group: str, rank: int = 2, **said) -> Derivation:
    symmetry = derive.PointGroup(group)
    return derive.convolution(kernel, edges=edges, symmetry=symmetry, channels=False, rank=rank, **said)


def turned() -> Derivation:
    """A layer without a formula."""
    return window("Delta", "symmetric", "C4", stride=3, dilation=3)


STRUCTURES = {
    "three exchanged sizes": (lambda: window("Delta", "periodic", "O", rank=3), [(2, 3, 4, 2), (2, 2, 3, 1)]),
    "exchanged diamonds": (lambda: window(derive.Diamond("Delta"), "reflect", "D4"), [(3, 4, 6), (2, 5, 3), (5, 5, 1)]),
    "mirrored hexagons": (lambda: window(derive.Hexagon("Delta"), "symmetric", "D6"), [(2, 3, 3), (3, 3, 2)]),
    "a quarter turn, strided and dilated": (lambda: turned(), [(3, 4, 4), (5, 3, 2)]),
    "turns behind two strides": (
        lambda: window(derive.Hexagon("Delta"), "nearest", "D6", stride=(2, 3)),
        [(3, 4, 2), (5, 3, 3)],
    ),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_number_without_a_formula_is_that_of_the_layers_that_are_apart(name: str) -> None:
    make, every = STRUCTURES[name]
    layer = make()
    counts = layer.counts
    assert counts.exact_weight.has(Dimension) and counts.is_long and not counts.weight.has(Dimension)
    for values in every:
        sizes = dict(zip(layer.form.sizes, values, strict=True))
        told = counts.exact_weight.subs(sizes), counts.exact_bias.subs(sizes)
        assert told == (layers_of(layer.form, sizes).rank - 1, 1), sizes


def test_sizes_are_put_in_one_by_one_and_all_at_once():
    exact = turned().counts.exact_weight
    (number,) = exact.atoms(Dimension)
    n, m, radius = number.sizes
    assert number.subs(n, 3).has(Dimension) and number.subs(n, 3).subs({m: 4, radius: 4}) == exact.subs(
        {n: 3, m: 4, radius: 4}
    )
    assert pickle.loads(pickle.dumps(number)) == number and number.func(*number.args) == number


@pytest.mark.parametrize("size", [-1, 0])
def test_at_sizes_that_the_layer_does_not_admit_it_is_no_number(size):
    (number,) = turned().counts.exact_weight.atoms(Dimension)
    at = dict(zip(number.sizes, map(Integer, (size, 3, 4)), strict=True))
    assert str(number.subs(at)) == f"dim({size}, 3, 4)"


@pytest.mark.parametrize("modules", [None, "math", "mpmath", "sympy"])
def test_it_is_a_function_of_numbers_as_other_expressions_are(modules):
    layer = window("Delta", "periodic", "O", rank=3)
    found = lambdify(layer.form.sizes, layer.counts.exact_weight, modules)
    at = dict(zip(layer.form.sizes, (2, 3, 4, 2), strict=True))
    assert int(found(2, 3, 4, 2)) == layer.counts.exact_weight.subs(at)
    if modules is None:
        assert found(2, 3, 4, np.array([0, 2])).tolist() == [1, found(2, 3, 4, 2)]
    with pytest.raises(DeriveError, match="doesn't admit the sizes 0, 3, 4, 2"):
        found(0, 3, 4, 2)


def test_it_is_written_by_name():
    (number,) = turned().counts.exact_weight.atoms(Dimension)
    assert (str(number), UNICODE(number)) == ("dim(n, m, Delta)", "dim(n, m, Δ)")
    assert LATEX(number) == r"\operatorname{dim}(n, m, \Delta)"
    assert UNICODE(2 * number**2) == "2·dim(n, m, Δ)²"


def test_grids_of_numbers_have_a_number_at_every_radius():
    """They were refused where no place was found that tells all apart."""
    layer = derive.dense(2, (4, 5), (4, 5)).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local("Delta")).then(derive.dilated(3)).then(derive.equivariant(derive.PointGroup("C4")))
    layer = layer.then(derive.boundary("symmetric")).then(derive.strided(3))
    (radius,) = layer.form.sizes
    for value in (0, 1, 2, 3, 6, 12):
        told = layers_of(layer.form, {radius: value}).rank - 1
        assert layer.counts.exact_weight.subs(radius, value) == told, value


def test_what_is_too_large_is_said_to_be(monkeypatch):
    exact = turned().counts.exact_weight
    (number,) = exact.atoms(Dimension)
    monkeypatch.setattr(sys.modules["derive.proof.windows"], "_MOST_CELLS", 1)
    with pytest.raises(NotCountable, match="more than are gone through"):
        number.subs(dict(zip(number.sizes, map(Integer, (30, 37, 35)), strict=True)))


@pytest.mark.parametrize("seed", range(6))
def test_ranks_of_large_matrices_are_those_of_elimination_with_fractions(seed):
    random = np.random.default_rng(seed)
    tall, wide, inner = random.integers(60, 120), random.integers(70, 130), random.integers(1, 50)
    factors = random.integers(-3, 4, (tall, inner)), random.integers(-3, 4, (inner, wide))
    for matrix in (factors[0] @ factors[1], (random.random((tall, wide)) < 0.03).astype(np.int64)):
        assert rank(matrix) == len(independent(matrix))


def test_a_rank_is_no_lower_than_over_the_rationals(monkeypatch):
    """Modulo 3 the rows depend on each other; no vector of whole numbers shows it, and fractions tell."""
    exact = sys.modules["derive.proof.exact"]
    monkeypatch.setattr(exact, "PRIMES", (3,))
    monkeypatch.setattr(exact, "_LITTLE", 0)
    assert exact.rank(np.array([[1, 1], [1, 4]])) == 2


def test_numbers_at_sizes_are_asked_for_by_name():
    layer = derive.convolution("Delta", channels=False)
    assert layer.free_parameters_at(n=3, m=9, Delta=4) == {"weight": 45, "bias": 1}
    assert layer.free_parameters_at(n=np.int64(1000), m=1000, Delta=1) == {"weight": 9, "bias": 1}
    factors = derive.convolution("Delta", channels=False, factors=1)
    assert factors.free_parameters_at(n=5, m=5, Delta=1) == {"weight": 6, "bias": 1}


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ({"n": 3, "m": 4}, "The size Delta has no value"),
        ({"n": 3, "m": 4, "Delta": 1, "p": 2}, "The layer has no size p; its sizes are: n, m, Delta."),
        ({"n": 0, "m": 4, "Delta": 1}, "The layer needs n ≥ 1"),
        ({"n": 3, "m": 4, "Delta": 1.5}, "The size Delta is 1.5; it must be a whole number."),
    ],
)
def test_sizes_that_are_none_are_refused_in_a_sentence(sizes, says):
    with pytest.raises(DeriveError, match=says):
        derive.convolution("Delta", channels=False).free_parameters_at(**sizes)


def test_a_long_sum_over_entries_is_called_by_name():
    layer = window(3, "zero", "C4", stride=3, dilation=2)
    assert str(layer.free_parameters["weight"]) == "dim(n, m)" and layer.free_parameters["when"] == True  # noqa: E712
    for extents in ((1, 4), (3, 1), (5, 4)):
        sizes = dict(zip(layer.form.sizes, extents, strict=True))
        assert layer.counts.weight.subs(sizes) + 1 == layers_of(layer.form, sizes).rank
