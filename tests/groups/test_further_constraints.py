"""Constraints after a group of matrices: any order gives the space that all of them leave, found by brute force too."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import permutations

import numpy as np
import pytest
import sympy as sp

import derive
from derive import Channels, Matrices, MatrixGroup, Permutations, PointGroup, Translations
from derive.checking import check_emitted
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.errors import CertificateError, ObligationFailed, RuleRefused
from derive.forms.denote import matrix
from derive.forms.expr import Read, index
from derive.pipeline import Layer
from derive.proof.certificate import verify
from derive.render.numbers import numbers
from tests.proof.spans import Combination, Elimination, constrained, layers_of

C4, FLIP = Matrices([[[0, -1], [1, 0]]]), Matrices([[[0, 1], [1, 0]]])
STANDARD = Matrices([[[0, -1], [1, -1]], [[0, 1], [1, 0]]])
CYCLE, TURNED = Matrices(derive.cyclic(3)), Matrices([[[0, 0, 1], [0, 1, 0], [1, 0, 0]]])
THIRD = sp.Rational(1, 3)
REFLECTED = Matrices([[[n * THIRD for n in row] for row in ((-1, 2, 2), (2, -1, 2), (2, 2, -1))]])  # rational
PLANE = Channels((("c", 2),), (("d", 2),))


def commuting(out, source):
    """Rows of R_out·W - W·R_in = 0 in the entries of W, row by row."""
    found = []
    for a, b in zip(out.generators, source.generators, strict=True):
        A, B = sp.Matrix(a), sp.Matrix(b)
        found.append(sp.kronecker_product(A, sp.eye(B.rows)) - sp.kronecker_product(sp.eye(A.rows), B.T))
    return sp.Matrix.vstack(*found)


def zeros(size, where):
    rows = [sp.eye(size * size)[i * size + k, :] for i in range(size) for k in range(size) if where(i, k)]
    return sp.Matrix.vstack(*rows)


def toeplitz(size):
    rows = []
    for i in range(size - 1):
        for k in range(size - 1):
            row = sp.zeros(1, size * size)
            row[i * size + k], row[(i + 1) * size + k + 1] = 1, -1
            rows.append(row)
    return sp.Matrix.vstack(*rows)


def mirrored(size):
    """W[s - i, s - k] = W[i, k] for reflections about every centre."""
    rows = []
    for i, k, s in np.ndindex(size, size, 2 * size - 1):
        if 0 <= s - i < size and 0 <= s - k < size and (s - i, s - k) != (i, k):
            row = sp.zeros(1, size * size)
            row[i * size + k], row[(s - i) * size + s - k] = 1, -1
            rows.append(row)
    return sp.Matrix.vstack(*rows)


STILL3 = Matrices.trivial(1, 3)
# Each constraint on 3 places with the equations that it is, written out by hand.
ONES = {
    "cycle": (derive.equivariant(MatrixGroup(CYCLE)), commuting(CYCLE, CYCLE)),
    "flip": (derive.equivariant(MatrixGroup(TURNED)), commuting(TURNED, TURNED)),
    "rational": (derive.equivariant(MatrixGroup(REFLECTED)), commuting(REFLECTED, REFLECTED)),
    "permutations": (derive.equivariant(Permutations(derive.cyclic(3))), commuting(CYCLE, CYCLE)),
    "reflection": (derive.equivariant(PointGroup("D1")), mirrored(3)),
    "shifts": (derive.equivariant(Translations()), toeplitz(3)),
    "local": (derive.local(1), zeros(3, lambda i, k: abs(i - k) > 1)),
    "invariant": (derive.invariant(MatrixGroup(TURNED)), commuting(STILL3, TURNED)),
    "unbiased": (derive.unbiased(), sp.zeros(1, 9)),
}
FIRST = ("cycle", "flip", "rational", "invariant")
PAIRS = [(a, b) for a in FIRST for b in ONES if a != b]


def chain(*names):
    layer = derive.dense(outputs=3, inputs=3)
    for name in names:
        layer = layer.then(ONES[name][0])
    return layer


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_what_is_left_is_the_null_space_of_all_equations(one, other):
    layer, system = chain(one, other), sp.Matrix.vstack(ONES[one][1], ONES[other][1])
    assert layer.free_parameters["weight"] == system.cols - system.rank()
    assert all(v.proved for v in layer.verdicts)
    space = layers_of(layer.form, {})
    rows = [[vector.get(("W", i, k), Fraction(0)) for i in range(3) for k in range(3)] for vector in _vectors(space)]
    assert all(not any(system * sp.Matrix([sp.Rational(v.numerator, v.denominator) for v in row])) for row in rows)
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == constrained(layer, {}, 3)


def _vectors(space):
    return [{pivot: Fraction(1)} | {k: -v for k, v in row.items()} for pivot, row in space.rows.items()]


COMMUTE = [
    ("cycle", "flip"),
    ("cycle", "rational"),
    ("flip", "rational"),
    ("cycle", "invariant"),
    ("flip", "invariant"),
]


@pytest.mark.parametrize(("one", "other"), COMMUTE)
def test_orders_of_constraints_commute(one, other):
    """The same space, and the same numbers: the basis is the reduced one whatever the order."""
    there, back = chain(one, other), chain(other, one)
    first, second = (layers_of(layer.form, {}) for layer in (there, back))
    assert first.spans(second) and second.spans(first) and first.rank == second.rank
    assert Elimination(_combinations(first) + _combinations(second)).rank == first.rank
    assert there.form.weights[0].values == back.form.weights[0].values


def _combinations(space):
    return [Combination(vector) for vector in _vectors(space)]


@pytest.mark.parametrize("order", list(permutations(("cycle", "flip", "unbiased"))))
def test_three_in_any_order(order):
    layer = chain(*order)
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == (2, 0)
    assert layers_of(layer.form, {}).rank == 2


def test_a_fourth_one_is_like_a_second():
    layer = chain("flip", "local", "reflection", "cycle")
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == (1, 1)
    assert verify(layer.certificate(), against=layer.theorem).points > 0


def test_what_is_forced_to_be_nothing_is():
    layer = derive.dense(outputs=2, inputs=2).then(derive.equivariant(MatrixGroup(C4)))
    minus = MatrixGroup(Matrices([[[-1, 0], [0, -1]]]), Matrices.trivial(1, 2))
    layer = layer.then(derive.equivariant(minus))
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"], layer.form.weight) == (0, 0, 0)


def test_the_theorem_speaks_of_entries():
    """Both laws of W itself, no basis in them; of a second group other matrices are another theorem."""
    layer = chain("cycle", "flip")
    says = [str(c) for c in layer.theorem.constraints]
    assert says[2].startswith("Σ_i′ G1[i, i′]·W[i′, k] = Σ_k′ G1[k′, k]·W[i, k′]")
    assert not any(r.array.startswith(("B", "C", "V")) for c in layer.theorem.constraints for r in c.left.atoms(Read))
    other = chain("cycle", "rational")
    for one, two in ((layer, other), (other, layer), (layer, chain("cycle")), (chain("cycle"), layer)):
        with pytest.raises(CertificateError):
            verify(one.certificate(), against=two.theorem)


def on_channels(group):
    return derive.equivariant(MatrixGroup(group, on="channels"))


def window(radius="Delta"):
    layer = derive.dense(rank=2, channels=PLANE).then(derive.reindex()).then(derive.equivariant(Translations()))
    return layer.then(derive.local(radius))


def test_channels_of_a_window_of_any_size():
    """Two groups on the channels: what commutes with both, tap by tap."""
    layer = window().then(on_channels(C4)).then(on_channels(FLIP)).then(derive.boundary("zero"))
    assert sp.expand(layer.free_parameters["weight"] - (2 * index("Delta") + 1) ** 2) == 0
    assert all(v.proved for v in layer.verdicts)
    other = window().then(on_channels(FLIP)).then(on_channels(C4)).then(derive.boundary("zero"))
    assert other.free_parameters == layer.free_parameters
    sizes = {index("n"): 3, index("m"): 2, index("Delta"): 1}
    one, two = (layers_of(made.form, sizes) for made in (layer, other))
    assert one.spans(two) and two.spans(one)


def test_channels_whose_taps_have_numbers():
    """A window of radius 1: the letters a and b have numbers for ranges, and conditions in the sizes, and stay."""
    layer = window(1).then(derive.equivariant(PointGroup("D4"))).then(on_channels(C4))
    assert layer.free_parameters["weight"] == 6  # three orbits of taps, two dimensions
    assert window(1).then(on_channels(C4)).then(on_channels(FLIP)).free_parameters["weight"] == 9


PLACED = [(PointGroup("C4"), 2), (Permutations(derive.cyclic(3), axes=(0,)), 3)]
LARGER = pytest.param(PointGroup("C4"), 3, marks=pytest.mark.nightly)


@pytest.mark.parametrize(("group", "side"), [*PLACED, LARGER])
def test_places_after_channels(group, side):
    """Places of numeric sizes, of which the matrices left the letters alone: equal to brute force, in either order."""
    start = derive.dense(outputs=(side, side), inputs=(side, side), channels=PLANE)
    after = start.then(on_channels(C4)).then(derive.equivariant(group))
    entries = constrained(after, {}, 3)
    assert (after.free_parameters["weight"], after.free_parameters["bias"]) == entries


def test_axes_one_by_one():
    """One group along each axis: the dimensions multiply."""
    start = derive.dense(outputs=(2, 2), inputs=(2, 2))
    one, other = (derive.equivariant(MatrixGroup(g, axes=(a,))) for g, a in ((STANDARD, 0), (C4, 1)))
    there, back = start.then(one).then(other), start.then(other).then(one)
    assert there.free_parameters["weight"] == back.free_parameters["weight"] == 2
    assert there.form.weights[0].values == back.form.weights[0].values


def test_channels_one_by_one():
    """`depthwise` ties nothing and drops what is off the diagonal: of a quarter turn the multiples of 1 stay."""
    layer = derive.dense(rank=1, channels=PLANE).then(on_channels(C4)).then(derive.depthwise())
    assert layer.free_parameters["weight"] == index("n") ** 2


line = partial(derive.dense, rank=1, channels=PLANE)
LATE = {
    "shifts": (line, derive.equivariant(Translations()), {"n": 3}),
    "shifts by 2": (line, derive.equivariant(Translations(step=2)), {"n": 3}),
    "a window": (line, derive.local("Delta"), {"n": 3, "Delta": 1}),
    "a reflection of the line": (line, derive.equivariant(PointGroup("D1", about="grid")), {"n": 3}),
    "quarter turns of taps": (partial(window, 1), derive.equivariant(PointGroup("D4")), {"n": 2, "m": 1}),
}


@pytest.mark.parametrize("name", LATE)
def test_constraints_along_letters_of_symbolic_range_are_stated_before_matrices(name):
    """In any order constraints leave the same layers: these are proved in the one in which they apply, and equal brute force."""
    start, late, sizes = LATE[name]
    after, before = start().then(on_channels(C4)).then(late), start().then(late).then(on_channels(C4))
    assert str(after) == str(before) and after.form == before.form and all(v.proved for v in after.verdicts)
    at = {index(s): v for s, v in sizes.items()}
    assert numbers(after.form, sizes)["weights"] == constrained(after, at, 3)[0]


def test_several_constraints_in_a_basis_go_along():
    layer = line().then(on_channels(C4)).then(on_channels(FLIP)).then(derive.equivariant(Translations()))
    layer = layer.then(derive.local("Delta")).then(derive.boundary("zero"))
    assert [s.rule.split("(")[0] for s in layer.steps] == [
        "equivariant",
        "local",
        "equivariant",
        "equivariant",
        "boundary",
    ]
    assert layer.free_parameters["weight"] == 2 * index("Delta") + 1


def test_behind_another_step_the_order_is_the_users():
    late = line().then(on_channels(C4)).then(derive.boundary("zero"))
    with pytest.raises(RuleRefused, match="state sizes as numbers, or the constraint before the matrices"):
        late.then(derive.strided(1)).then(derive.equivariant(Translations()))


EMITTED = [("cycle", "flip"), ("rational", "local"), ("flip", "shifts"), ("invariant", "cycle"), ("cycle", "unbiased")]


def named(layer):
    return Layer("mine", layer, "A layer.", "python -m derive emit", "here")


@pytest.mark.parametrize("names", EMITTED, ids=map("-".join, EMITTED))
def test_kernels_are_the_form_exactly(names):
    layer = named(chain(*names))
    assert layer.backends == ("cupy", "numpy") and all(v.proved for v in layer.verdicts)
    check_emitted(layer)


def test_kernels_of_windows_are_the_form_exactly():
    check_emitted(named(window().then(on_channels(C4)).then(on_channels(FLIP)).then(derive.boundary("zero"))))


def _given(layer, draw):
    shapes = [tuple(int(e) for e in p.array.shape) for p in layer.form.params if p.values is None]
    return draw.integers(-9, 9, (3, 3)).astype(float), [6.0 * draw.integers(-9, 9, shape) for shape in shapes]


@pytest.mark.parametrize("names", EMITTED, ids=map("-".join, EMITTED))
def test_gradients_pair_on_integers(names):
    """⟨G, H⟩ = ⟨dV, V⟩ + ⟨du, u⟩ at any X, and ⟨G, H - H(0)⟩ = ⟨dX, X⟩; the basis is whole here, or thirds of multiples of 6."""
    layer, draw = chain(*names), np.random.default_rng(0)
    kernel = layer.compile().kernel
    X, own = _given(layer, draw)
    H = kernel(X, *own)
    G = 3.0 * draw.integers(-9, 9, H.shape)
    dX, *slopes = kernel.vjp(X, *own, G)
    assert np.sum(G * H) == sum(np.sum(d * p) for d, p in zip(slopes, own, strict=True))
    assert np.sum(G * (H - kernel(0 * X, *own))) == np.sum(dX * X)


def test_threads_give_what_arrays_do():
    try:
        find_compiler()
    except NoCompiler:
        pytest.skip("no C++ compiler that runs CUDA text")
    layer, draw = chain("cycle", "flip"), np.random.default_rng(1)
    X, own = _given(layer, draw)
    G = draw.integers(-9, 9, (3, 3)).astype(float)
    arrays = layer.compile().kernel
    with standing_in_for_cupy() as cupy:
        threads = layer.compile("cupy").kernel
        there = [cupy.asarray(a) for a in (X, *own)]
        found = [threads(*there), *threads.vjp(*there, cupy.asarray(G))]
        found = [cupy.asnumpy(a) for a in found]
    wanted = [arrays(X, *own), *arrays.vjp(X, *own, G)]
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_the_dense_reference_is_the_last_form():
    layer = chain("cycle", "flip")
    own = {p.name: np.arange(1, 1 + int(p.array.shape[0]), dtype=object) for p in layer.form.params if p.values is None}
    held = {
        p.name: np.array([*p.values, None], dtype=object)[:-1].reshape([int(e) for e in p.array.shape])
        for p in layer.form.params
        if p.values is not None
    }
    W, _ = layer.reference(shape=(3,), **own)
    assert np.array_equal(W, matrix(layer.form, own | held, {}))


def test_biases_are_dropped_beside_weights_with_signs():
    """What speaks of biases alone asks nothing of weights."""
    signs = derive.PointGroup("D1", channels={"c": "sign"})
    near = derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    odd = near.then(derive.local(1)).then(derive.channels()).then(derive.equivariant(signs))
    layer = odd.then(derive.boundary("zero")).then(derive.unbiased())
    assert layer.free_parameters["bias"] == 0
    assert all(verdict.proved for verdict in layer.verdicts)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: window(1).then(on_channels(C4)).then(derive.boundary("periodic")).then(on_channels(FLIP)),
            "Several terms may read one entry of X",
        ),
        (
            lambda: window(1).then(on_channels(C4)).then(derive.boundary("reflect")).then(derive.depthwise()),
            "Several terms may read one entry of X",
        ),
        (lambda: chain("cycle").then(derive.reindex()), "starts from a sum over the input's own places"),
        (lambda: chain("cycle").then(derive.equivariant(MatrixGroup(C4))), "have size 2, and H has 3 places"),
    ],
)
def test_refusals(make, says):
    with pytest.raises((RuleRefused, ObligationFailed), match=says):
        make()
