"""Groups of matrices over the rationals, in derivations: dimensions equal ranks by SymPy, and every layer obeys its law."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import derive
from derive import Channels, Matrices, MatrixGroup, Permutations
from derive.checking import check_emitted
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.errors import DeriveError, GroupRefused, RuleRefused
from derive.forms.denote import matrix
from derive.forms.expr import index
from derive.groups._finite import Representation, defining, invariants
from derive.making import subject
from derive.pipeline import Layer
from derive.proof.goal import Status
from derive.render import markdown
from derive.render.content import blocks
from derive.runtime.bounds import Bound, gradient_bound

HALF = Fraction(1, 2)
S3, A4 = (
    Matrices([[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]]),
    Matrices(derive.alternating(4)),
)
C4 = Matrices([[[0, -1], [1, 0]]])
STANDARD = Matrices([[[0, -1], [1, -1]], [[0, 1], [1, 0]]])  # of S3's cycle and transposition
QUATERNIONS = Matrices(
    [
        [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]],
        [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, -1, 0, 0]],
    ]
)
HADAMARD = Matrices(
    [[[HALF, HALF, HALF, HALF], [HALF, HALF, -HALF, -HALF], [HALF, -HALF, HALF, -HALF], [HALF, -HALF, -HALF, HALF]]]
)
TRIVIAL, SIGN = Matrices.trivial(2), Matrices.signs([1, -1])
STILL = {size: Matrices.trivial(1, size) for size in (1, 2, 3)}
PLANE = Channels((("c", 2),), (("d", 2),))

# (sizes of the output, of the input), the group, the representations on either side
CASES = {
    "standard": ((2, 2), MatrixGroup(STANDARD), STANDARD, STANDARD),
    "quarter turn": ((2, 2), MatrixGroup(C4), C4, C4),
    "quaternions": ((4, 4), MatrixGroup(QUATERNIONS), QUATERNIONS, QUATERNIONS),
    "rationals": ((4, 4), MatrixGroup(HADAMARD), HADAMARD, HADAMARD),
    "sums": ((5, 3), MatrixGroup(S3 + STANDARD, TRIVIAL + STANDARD), S3 + STANDARD, TRIVIAL + STANDARD),
    "products": ((4, 2), MatrixGroup(STANDARD * STANDARD, STANDARD), STANDARD * STANDARD, STANDARD),
    "a sign": ((2, 3), MatrixGroup(STANDARD * SIGN, SIGN + STANDARD), STANDARD * SIGN, SIGN + STANDARD),
    "duals": ((2, 2), MatrixGroup(STANDARD.dual(), STANDARD), STANDARD.dual(), STANDARD),
    "tensors": (((2, 2), (2, 2)), MatrixGroup(STANDARD, axes=(0, 1)), STANDARD.power(2), STANDARD.power(2)),
    "less tensors": (((2,), (2, 2)), MatrixGroup(STANDARD, axes=(0, 1)), STANDARD, STANDARD.power(2)),
    "one axis": (((2, 3), (2, 3)), MatrixGroup(C4, axes=(0,)), *[C4 * Matrices.trivial(1, 3)] * 2),
    "the other axis": (((3, 2), (3, 2)), MatrixGroup(C4, axes=(1,)), *[Matrices.trivial(1, 3) * C4] * 2),
    "whole grid": (((2, 2), 2), MatrixGroup(STANDARD * STANDARD, STANDARD), STANDARD * STANDARD, STANDARD),
    "permutations": ((4, 4), MatrixGroup(derive.alternating(4)), A4, A4),
    "nothing moves": ((2, 3), MatrixGroup(STILL[2], STILL[3]), STILL[2], STILL[3]),
    "no such layer": ((2, 1), MatrixGroup(C4, Matrices.trivial(1)), C4, Matrices.trivial(1)),
}  # fmt: skip


def layer_of(name):
    (out, source), group, *_ = CASES[name]
    return derive.dense(outputs=out, inputs=source).then(derive.equivariant(group))


def entries(layer):
    """Numbers for all parameters, from 1 on; those that the layer brings along as they are."""
    found, start = {}, 1
    for p in layer.form.params:
        shape = tuple(int(e) for e in p.array.shape)
        if p.values is not None:
            found[p.name] = np.array([*p.values, None], dtype=object)[:-1].reshape(shape)
            continue
        found[p.name] = np.arange(start, start + int(np.prod(shape)), dtype=object).reshape(shape)
        start += found[p.name].size
    return found


def learned(layer):
    return {
        name: array
        for name, array in entries(layer).items()
        if name in {p.name for p in layer.form.params if p.values is None}
    }


def dimension(out, source):
    """dim {W: out·W = W·source}, by SymPy's rank of the whole system: an oracle that shares nothing with the engine."""
    rows = []
    for a, b in zip(out.generators, source.generators, strict=True):
        A, B = sp.Matrix(a), sp.Matrix(b)
        rows.append(sp.kronecker_product(A, sp.eye(B.rows)) - sp.kronecker_product(sp.eye(A.rows), B.T))
    system = sp.Matrix.vstack(*rows)
    return system.cols - system.rank()


@pytest.mark.parametrize("name", CASES)
def test_free_parameters_are_the_dimension(name):
    layer, (*_, out, source) = layer_of(name), CASES[name]
    trivial = Matrices.trivial(len(out.generators))
    assert layer.free_parameters["weight"] == dimension(out, source)
    assert layer.free_parameters["bias"] == dimension(out, trivial) == invariants(out.generators).count
    assert all(v.proved for v in layer.verdicts)


def test_the_dimensions_that_are_known():
    """Schur: 1 for an absolutely irreducible one, 2 for C4's turns, 4 for quaternions; and Bell's numbers."""
    known = {"standard": 1, "quarter turn": 2, "quaternions": 4, "sums": 3, "a sign": 1, "no such layer": 0, "duals": 1}
    assert {name: layer_of(name).free_parameters["weight"] for name in known} == known


@pytest.mark.parametrize("name", CASES)
def test_the_layer_obeys_its_law_exactly(name):
    """R_out(g)·H = H·R_in(g), on the matrix of the last form by its meaning, and on the dense reference; biases don't move."""
    layer, (*_, out, source) = layer_of(name), CASES[name]
    H = matrix(layer.form, entries(layer), {}).reshape(out.size, source.size)
    W, U = layer.reference(shape=tuple(map(int, layer.start.input.shape)), **learned(layer))
    assert np.array_equal(W.reshape(H.shape), H)
    for g, h in zip(out.generators, source.generators, strict=True):
        assert np.array_equal(np.array(g) @ H, H @ np.array(h))
        assert np.array_equal(np.array(g) @ U.reshape(-1), U.reshape(-1))


PERMUTED = {
    "symmetric": (derive.symmetric(3), {}),
    "cyclic": (derive.cyclic(4), {}),
    "dihedral": (derive.dihedral(4), {}),
    "tensors": (derive.symmetric(3), {"axes": (0, 1)}),
}


@pytest.mark.parametrize("name", PERMUTED)
def test_permutation_matrices_leave_as_many_as_permutations(name):
    group, along = PERMUTED[name]
    size = len(group.generators[0])
    start = (
        derive.dense(outputs=(size, size), inputs=(size, size)) if along else derive.dense(outputs=size, inputs=size)
    )
    one, other = (start.then(derive.equivariant(g(group, **along))) for g in (MatrixGroup, Permutations))
    assert one.free_parameters == other.free_parameters


def test_signed_permutations_too():
    turn = Representation(np.array([[2, 1]]))
    assert MatrixGroup(Permutations(turn)) == MatrixGroup(turn) == MatrixGroup(C4.dual())
    one, other = (
        derive.dense(outputs=2, inputs=2).then(derive.equivariant(g(turn))) for g in (MatrixGroup, Permutations)
    )
    assert one.free_parameters == other.free_parameters


def test_invariance_moves_the_input_alone():
    layer = derive.dense(outputs=5, inputs=3).then(derive.invariant(MatrixGroup(S3)))
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == (5, 5)
    H = matrix(layer.form, entries(layer), {})
    assert all(np.array_equal(H, H @ np.array(g)) for g in S3.generators)
    pool = derive.dense(outputs=3, inputs=3, places=False).then(derive.equivariant(MatrixGroup(S3)))
    assert (pool.free_parameters["weight"], pool.free_parameters["bias"]) == (1, 1)


def window(group, edges="zero"):
    layer = derive.dense(rank=2, channels=PLANE).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    return layer.then(derive.local("Delta")).then(derive.equivariant(group)).then(derive.boundary(edges))


def test_channels_of_a_window_of_any_size():
    """The law holds tap by tap: the count is the dimension for each tap, for all sizes of the grid."""
    layer = window(MatrixGroup(C4, on="channels"))
    Delta = index("Delta")
    assert sp.expand(layer.free_parameters["weight"] - 2 * (2 * Delta + 1) ** 2) == 0
    assert layer.free_parameters["bias"] == 0
    sizes = {index("n"): 3, index("m"): 4, Delta: 1}
    V = np.arange(1, 19, dtype=object).reshape(3, 3, 2)
    B = np.array([*layer.form.weights[0].values, None], dtype=object)[:-1].reshape(2, 2, 2)
    H = matrix(layer.form, {"V": V, "B": B}, sizes)
    R = np.array(C4.generators[0])
    moved_out = np.einsum("de,ijeklc->ijdklc", R, H)
    moved_in = np.einsum("ijdkle,ec->ijdklc", H, R)
    assert np.array_equal(moved_out, moved_in)
    W, _ = layer.reference(shape=(3, 4), V=V)
    assert np.array_equal(W, H)


def test_channels_without_a_window():
    layer = derive.dense(rank=1, channels=PLANE).then(derive.equivariant(MatrixGroup(STANDARD, on="channels")))
    assert layer.free_parameters["weight"] == index("n") ** 2
    both = derive.dense(outputs=2, inputs=2, channels=PLANE)
    both = both.then(derive.equivariant(MatrixGroup(STANDARD * STANDARD, on="entries")))
    assert both.free_parameters["weight"] == dimension(STANDARD * STANDARD, STANDARD * STANDARD)


def named(layer):
    return Layer("mine", layer, "A layer.", "python -m derive emit", "here")


EMITTED = list(CASES)


@pytest.mark.parametrize("name", EMITTED)
def test_programs_denote_the_form_and_kernels_are_it_exactly(name):
    layer = named(layer_of(name))
    assert layer.backends == ("cupy", "numpy") and all(v.proved for v in layer.verdicts)
    check_emitted(layer)


def test_kernels_of_windows_are_the_form_exactly():
    layer = named(window(MatrixGroup(STANDARD, on="channels")))
    assert all(v.proved for v in layer.verdicts)
    check_emitted(layer)


@pytest.mark.parametrize("name", ["sums", "rationals", "tensors", "less tensors", "products"])
def test_gradients_pair_exactly_on_integers(name):
    """⟨G, H⟩ = ⟨dV, V⟩ + ⟨du, u⟩ at any X, and ⟨G, H - H(0)⟩ = ⟨dX, X⟩, on small integers in float64."""
    layer = layer_of(name)
    kernel, draw = layer.compile().kernel, np.random.default_rng(0)
    shapes = {p.name: tuple(int(e) for e in p.array.shape) for p in layer.form.params if p.values is None}
    X = draw.integers(-9, 9, (3, *map(int, layer.form.input.shape))).astype(float)
    own = {name: 4.0 * draw.integers(-9, 9, shape) for name, shape in shapes.items()}
    H = kernel(X, *own.values())
    G = 4.0 * draw.integers(-9, 9, H.shape)
    dX, *slopes = kernel.vjp(X, *own.values(), G)
    still = kernel(0 * X, *own.values())
    assert np.sum(G * H) == sum(np.sum(d * p) for d, p in zip(slopes, own.values(), strict=True))
    assert np.sum(G * (H - still)) == np.sum(dX * X)


def test_threads_give_what_arrays_do():
    """CUDA text, run on the CPU: values and gradients equal NumPy's on small integers."""
    try:
        find_compiler()
    except NoCompiler:
        pytest.skip("no C++ compiler that runs CUDA text")
    layer = layer_of("permutations")
    draw = np.random.default_rng(1)
    given = [draw.integers(-9, 9, shape).astype(float) for shape in ((3, 4), (2,), (1,))]
    G = draw.integers(-9, 9, (3, 4)).astype(float)
    arrays = layer.compile().kernel
    with standing_in_for_cupy() as cupy:
        threads = layer.compile("cupy").kernel
        there = [cupy.asarray(a) for a in given]
        found = [threads(*there), *threads.vjp(*there, cupy.asarray(G))]
        found = [cupy.asnumpy(a) for a in found]
    wanted = [arrays(*given), *arrays.vjp(*given, G)]
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)) and len(found) == 4


def test_a_bias_of_numbers_keeps_integers_within_bounds():
    kernel = layer_of("permutations").compile().kernel
    X, V = np.zeros((2, 4), int), np.zeros(2, int)
    assert (kernel(X, V, np.array([5])) == 5).all() and kernel(X, V, np.array([5])).dtype == np.int64
    with pytest.raises(TypeError, match=r"max\(1, Σ\|V\|\) \+ Σ\|C\|·Σ\|u\| = 18446744073709551616 is not below"):
        kernel(X, V, np.array([2**62]))
    bound = gradient_bound("u", "X", ("B", "V"), "G", 1, ("C",))
    assert bound == Bound("du", (), ("G", "C"))
    fractions = layer_of("sums").compile().kernel  # its basis has some, so integers give floats
    assert fractions(np.ones((2, 3), int), np.ones(3, int), np.array([5])).dtype == np.float64


def depthwise():
    pair = derive.Channels((("c", 2),), (("d", 2),))
    layer = derive.dense(2, channels=pair).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    return layer.then(derive.local(1)).then(derive.depthwise())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Matrices([[[1, 0], [0, 0]]]), "Generator 0 is not invertible, so it generates no group"),
        (lambda: Matrices([[[0.5]]]), "Entries are integers or fractions; 0.5 is neither"),
        (lambda: Matrices([[[1]], [[1, 0], [0, 1]]]), "generator 0 has 1 rows and generator 1 has 2"),
        (lambda: Matrices([[[1, 2]]]), r"a square matrix; this has shape \(1, 2\)"),
        (lambda: Matrices([[1, 2]]), r"A matrix has two axes; this has shape \(2,\)"),
        (lambda: Matrices([]), "needs a generator; the trivial group's is an identity matrix"),
        (lambda: Matrices("turn"), "a list of matrices, one a generator.*'turn' is none"),
        (lambda: C4 + STANDARD, "list the same generators; these list 1 and 2"),
        (lambda: C4 * 2, "list the same generators; these list 1 and 0"),
        (lambda: Matrices.signs([2]), r"A sign is 1 or -1; these are \[2\]"),
        (lambda: MatrixGroup(Permutations(derive.cyclic(2), axes=(0,))), r"give a matrix group its permutations, and axes= itself"),
        (lambda: MatrixGroup(C4, STANDARD), "the same generators; out has 1 and source has 2"),
        (lambda: MatrixGroup(C4, on="pixels"), '"places", "channels" or "entries"; "pixels" is none of them'),
        (lambda: MatrixGroup(C4, axes=(0, 0)), r"axes=\(0, 0\) names one twice"),
        (
            lambda: derive.dense(rank=1).then(derive.equivariant(MatrixGroup(C4))),
            "have size 2, and H has n places along i; state sizes as numbers",
        ),
        (
            lambda: derive.dense(outputs=2, inputs=3).then(derive.equivariant(MatrixGroup(C4))),
            "have size 2, and X has 3 places along k",
        ),
        (
            lambda: derive.dense(outputs=2, inputs=2).then(derive.equivariant(MatrixGroup(C4, axes=(1,)))),
            "acts along axes that neither side of the layer has",
        ),
        (
            lambda: derive.dense(outputs=2, inputs=2).then(derive.equivariant(MatrixGroup([[[2**31, 0], [0, 1]]]))),
            "whole numbers below 2³¹ over one denominator; these are larger",
        ),
        (
            lambda: derive.claim(derive.dense(outputs=2, inputs=2), derive.equivariant(MatrixGroup(C4))),
            r"fails at i = .*: where W\[., .\] = 1, X\[.\] = 1 and 0 elsewhere, the two sides differ by",
        ),
        (
            lambda: depthwise().then(derive.equivariant(MatrixGroup([[[0, 1], [1, 0]]], on="channels"))),
            r"Matrices mix channels; those of V\[a, b, d\] have one letter in input and output",
        ),
        (
            lambda: window(MatrixGroup(C4)),
            "have size 2, and H has m\\*n places along i, j; state sizes as numbers",
        ),
    ],
)  # fmt: skip
def test_refusals(make, says):
    with pytest.raises((DeriveError, GroupRefused, RuleRefused), match=says):
        make()


def test_what_was_decided_is_said():
    verdicts = {v.obligation.name: v.status for v in layer_of("sums").steps[0].verdicts}
    exactly = {"restricted", "complete", "once"}
    assert {n for n, s in verdicts.items() if s is Status.EXHAUSTIVE} == exactly
    assert "at these sizes" in named(layer_of("sums")).source("numpy")
    assert defining(derive.symmetric(3)).size == S3.size


def test_pages_show_the_matrices_and_the_basis():
    page = markdown.page(blocks(subject(named(layer_of("quarter turn")))))
    assert "G1 = [[0, -1], [1, 0]]" in page and "B = [[[1, 0], [0, 1]], [[0, -1], [1, 0]]]" in page
    assert r"\sum_{i'} \mathsf{G1}_{i, i'} \mathsf{W}_{i', k}" in page and "3 of them by checking every entry" in page
    assert "2 × 2 entries, 2 different coefficients" in page  # V[0], and V[1] with either sign
    assert str(layer_of("quarter turn").theorem.constraints[0]).startswith(
        "Σ_i′ G1[i, i′]·W[i′, k] = Σ_k′ G1[k′, k]·W[i, k′]"
    )
