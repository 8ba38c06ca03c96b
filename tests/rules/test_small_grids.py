"""Grids of one place and a few, whose sizes are numbers: windows far wider than they are, behind every edge.

The oracle is `numpy.pad`, and a rank over the rationals.
"""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from sympy import And, Eq, Integer, Symbol

import derive
from derive.errors import DeriveError, RuleRefused
from derive.forms.expr import Where
from derive.forms.support import support
from derive.proof.exact import rank
from derive.rules._known import implied

PADDED = {
    "zero": "constant",
    "nearest": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "periodic": "wrap",
}
EDGES = [
    pytest.param("zero", marks=pytest.mark.nightly),
    "nearest",
    "reflect",
    "symmetric",
    "periodic",
]  # zero has many kernels


def tied(shape, near, dilation=1):
    sizes = shape if len(shape) > 1 else shape[0]
    layer = derive.dense(len(shape), sizes, sizes).then(derive.reindex())
    layer = layer.then(derive.equivariant(derive.Translations())).then(derive.local(near))
    return layer if dilation == 1 else layer.then(derive.dilated(dilation))


def offsets(near, axes):
    """The offsets of a support, in the order of its array."""
    found = support(near)
    ranges = [range(int(low), int(high) + 1) for low, high in found.ranges(axes)]
    return [tap for tap in product(*ranges) if found.condition(tuple(map(Integer, tap))) == True]  # noqa: E712  SymPy's


def seen_at(X, tap, edge, stride=1):
    """What every place reads at that offset."""
    far = max(map(abs, tap))
    padded = np.pad(X, far, mode=PADDED[edge])
    starts = zip(tap, X.shape, strict=True)
    return padded[tuple(slice(far + a, far + a + n, stride) for a, n in starts)]


def rank_of(shape, taps, edge, stride=1):
    inputs = np.eye(int(np.prod(shape)), dtype=int).reshape(-1, *shape)
    columns = [np.stack([seen_at(X, tap, edge, stride) for X in inputs]).ravel() for tap in taps]
    return rank(np.array(columns, dtype=object))


def check(layer, shape, near, edge, *, stride=1, dilation=1):
    taps = [tap for tap in offsets(near, len(shape)) if all(a % dilation == 0 for a in tap)]
    assert layer.counts.exact_weight == rank_of(shape, taps, edge, stride)
    assert layer.counts.when == True  # noqa: E712  SymPy's
    random_ = np.random.default_rng(len(taps))
    axes = layer.form.weights[0].array.axes
    V = random_.integers(-9, 10, [int(a.extent) for a in axes])
    entries = [tuple(a // dilation - int(x.lower) for a, x in zip(tap, axes, strict=True)) for tap in taps]
    X, u = random_.integers(-9, 10, shape), 3
    seen = np.stack([seen_at(X, tap, edge, stride) for tap in taps])
    H = np.tensordot([V[e] for e in entries], seen, 1)
    kernel = layer.compile()
    assert (kernel(X, V, u) == H + u).all()
    G = random_.integers(-9, 10, H.shape)
    dX, dV, du = kernel.vjp(X, V, u, G)
    gradient = np.zeros_like(V)
    np.add.at(gradient, tuple(np.transpose(entries)), (seen * G).reshape(len(taps), -1).sum(axis=1))
    assert (dV == gradient).all() and du == G.sum() and (dX * X).sum() == (G * H).sum()
    W, _ = layer.reference(shape=shape, V=V, u=u)
    assert (np.tensordot(W, X, len(shape)) == H).all()


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("n", [1, 2])
def test_a_window_wider_than_the_grid_is_whole_behind_its_edge(n, edge):
    near = derive.Box(3, 4)
    check(tied((n,), near).then(derive.boundary(edge)), (n,), near, edge)


@pytest.mark.parametrize("edge", EDGES)
def test_strides_and_dilations_on_few_places(edge):
    layer = tied((2,), 5, dilation=2).then(derive.boundary(edge)).then(derive.strided(3))
    check(layer, (2,), 5, edge, stride=3, dilation=2)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("near", [derive.Diamond(2), derive.Hexagon(2)], ids=str)
def test_a_support_that_few_places_imply_is_the_window_still(near, edge):
    layer = tied((1, 4), near)
    check(layer.then(derive.boundary(edge)), (1, 4), near, edge)


SHAPES = [(1,), (2,), (3,), (1, 1), (1, 5), (2, 2), (5, 1), (3, 2)]
NEAR = [0, 1, 3, derive.Box(0, 4), derive.Causal(3), derive.Diamond(3), derive.Cross(2), derive.Disk(2)]
CASES = [(s, w, e, d, t) for s in SHAPES for w in NEAR for e in PADDED for d in (1, 2) for t in (1, 2)]
random.Random(3).shuffle(CASES)


@pytest.mark.parametrize(
    "case", [*CASES[:4], *(pytest.param(c, marks=pytest.mark.nightly) for c in CASES[4:300])], ids=str
)
def test_every_window_on_few_places(case):
    shape, near, edge, dilation, stride = case
    layer = tied(shape, near, dilation).then(derive.boundary(edge))
    layer = layer if stride == 1 else layer.then(derive.strided(stride))
    check(layer, shape, near, edge, stride=stride, dilation=dilation)


@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
def test_a_mirrored_window_wider_than_the_grid(edge):
    layer = tied((2,), 3).then(derive.equivariant(derive.PointGroup("D1"))).then(derive.boundary(edge))
    X, V = np.array([3, -5]), np.array([2, 7, -1, 4])
    H = sum(V[abs(a)] * seen_at(X, (a,), edge) for a in range(-3, 4))
    assert (layer.compile()(X, V, 0) == H).all()
    assert layer.counts.exact_weight == 2


def test_a_named_radius_on_a_grid_of_numbers_is_whole_behind_its_edge():
    layer = tied((5,), "Delta").then(derive.boundary("reflect"))
    X, V = np.arange(5), np.arange(-7, 8)
    assert (layer.compile()(X, V, 0) == sum(V[a + 7] * seen_at(X, (a,), "reflect") for a in range(-7, 8))).all()


def turned(shape, near, group):
    layer = derive.dense(2, shape, shape).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local(near)).then(derive.equivariant(derive.PointGroup(group)))
    return layer.then(derive.boundary("nearest"))


FEW = [(shape, group) for shape in [(1, "m"), ("n", 1), (2, "m"), (3, 2), (1, 1)] for group in ("C2", "C4", "D2", "D4")]


@pytest.mark.parametrize(
    ("shape", "group"),
    [c if c in FEW[2::7] else pytest.param(*c, marks=pytest.mark.nightly) for c in FEW],
)
@pytest.mark.parametrize("near", ["Delta", pytest.param(derive.Diamond("Delta"), marks=pytest.mark.nightly)], ids=str)
def test_few_places_make_no_other_window_of_one_that_a_group_turns(shape, group, near):
    """The orbits behind an edge are those on a grid of sizes by name: fewer places imply some of what names them."""
    named, few = turned(("n", "m"), near, group).form, turned(shape, near, group).form
    (one,), (other,) = named.weights, few.weights
    assert (named.weight, named.domain, one.array) == (few.weight, few.domain, other.array)
    assert implied(And(one.array.holds(), few.given), Eq(Where(one.free, 1, 0), Where(other.free, 1, 0)))


def test_a_window_stated_after_the_group_on_few_places_is_the_one_stated_before_it():
    """The group had named no orbits of what lies beyond one line of places, and edges were refused."""
    layer = derive.dense(2, (1, "m"), (1, "m")).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.equivariant(derive.PointGroup("D4"))).then(derive.local("Delta"))
    assert layer.then(derive.boundary("nearest")).form == turned((1, "m"), "Delta", "D4").form


def orbit_rank(shape, radius, group, edge):
    """The rank of the layers with one weight for each orbit of the offsets of a square window."""
    taps = list(product(range(-radius, radius + 1), repeat=2))
    images = {
        t: frozenset(tuple(int(x) for x in np.dot(m, t)) for m in derive.PointGroup(group).matrices) for t in taps
    }
    inputs = np.eye(int(np.prod(shape)), dtype=int).reshape(-1, *shape)
    seen = {t: np.stack([seen_at(X, t, edge) for X in inputs]).ravel() for t in taps}
    return rank(np.array([sum(seen[t] for t in orbit) for orbit in dict.fromkeys(images.values())], dtype=object))


@pytest.mark.parametrize("edge", [pytest.param("zero", marks=pytest.mark.nightly), *EDGES[1:]])
@pytest.mark.parametrize("group", ["D4", *(pytest.param(g, marks=pytest.mark.nightly) for g in ("C2", "C4", "D2"))])
def test_a_turned_window_of_a_named_radius_on_one_line_of_places_is_counted(group, edge):
    layer = derive.dense(2, (1, "m"), (1, "m")).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local("Delta")).then(derive.equivariant(derive.PointGroup(group)))
    known = layer.then(derive.boundary(edge)).counts.exact_weight
    sizes = [Symbol(s, integer=True) for s in ("m", "Delta")]
    for m, radius in [(1, 0), (1, 2), (2, 1), (3, 1), (3, 4)]:
        here = known.subs(dict(zip(sizes, (m, radius), strict=True)))
        assert here == orbit_rank((1, m), radius, group, edge), (m, radius)


def test_a_turned_window_of_a_named_radius_on_one_line_of_places_has_a_kernel():
    layer = turned((1, "m"), "Delta", "D4")
    X, V = np.array([[2, -3, 7]]), np.array([[3, 0, 0], [-2, 5, 0], [4, 1, -6]])
    taps = product(range(-2, 3), repeat=2)
    H = sum(V[max(map(abs, t)), min(map(abs, t))] * seen_at(X, t, "nearest") for t in taps)
    assert (layer.compile()(X, V, 0) == H).all()


def test_channels_by_name_multiply_what_a_grid_of_numbers_shows():
    layer = derive.dense(2, (3, 2), (3, 2)).then(derive.channels()).then(derive.reindex())
    layer = layer.then(derive.equivariant(derive.Translations())).then(derive.local(derive.Hexagon(2)))
    layer = layer.then(derive.boundary("nearest"))
    C, D = (Symbol(s, integer=True) for s in "CD")
    assert layer.counts.exact_weight == rank_of((3, 2), offsets(derive.Hexagon(2), 2), "nearest") * C * D


def test_a_layer_without_sizes_has_a_kernel():
    layer = tied((3,), 0).then(derive.boundary("zero"))
    X = np.arange(3)
    assert (layer.compile()(X, np.array([2]), 1) == 2 * X + 1).all()


def test_a_mirrored_diamond_that_few_places_imply_has_kernels_and_gradients():
    layer = tied((2, 2), derive.Diamond(2)).then(derive.equivariant(derive.PointGroup("D4")))
    layer = layer.then(derive.boundary("zero"))
    X, V, G = np.array([[1, 2], [3, 4]]), np.array([[1, 9], [5, 7], [9, 9]]), np.array([[2, 0], [-1, 3]])
    kernel = layer.compile()
    H = X + 5 * (X[::-1] + X[:, ::-1]) + 7 * X[::-1, ::-1]
    assert (kernel(X, V, 0) == H).all() and (kernel.vjp(X, V, 0, G)[0] * X).sum() == (G * H).sum()


def test_a_window_none_of_which_reads_inside_is_refused_beyond_the_edge():
    with pytest.raises(RuleRefused, match=r"of this one no offset reads inside a grid of so few places\.$"):
        tied((1,), derive.Mask((1, 0, 1))).then(derive.boundary("nearest"))


def test_no_place_has_its_whole_window_inside():
    with pytest.raises(RuleRefused, match=r"one of 3 places along i has none in a grid of 2\.$"):
        tied((2,), 1).then(derive.boundary("valid"))


def test_the_reference_of_a_size_that_comes_in_steps():
    layer = derive.dense(1, "2*n", "2*n").then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    layer = layer.then(derive.local(3)).then(derive.boundary("periodic"))
    X, V, u = np.array([2, -1, 5, 3]), np.arange(14).reshape(2, 7), np.array([1, -4])
    W, U = layer.reference(shape=(4,), V=V, u=u)
    assert (layer.compile()(X, V, u) == W @ X + U).all()
    with pytest.raises(DeriveError, match=r"The grid has an axis of 2\*n places; shape \(5,\) gives it 5\."):
        layer.reference(shape=(5,), V=V, u=u)
