"""Turns and reflections of a torus, for all sizes: orbits as union-find finds them, dimensions as characters tell them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sympy import Not

import derive
from derive.checking import check_emitted
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.expr import index
from derive.groups import _around
from derive.groups._matrices import NAMED, closure
from derive.pipeline import Layer
from derive.proof.certificate import verify
from tests.groups.tying import partition
from tests.proof.orbits import classes

ROLLS = derive.equivariant(derive.Translations(grid="torus"))


def about(group, **options):
    return derive.equivariant(derive.PointGroup(group, **options))


def moved(shape, group, step):
    """For each element of the torus's shifts with the group the images of all places, in row-major order."""
    places, sides = np.array(list(product(*map(range, shape)))), np.array(shape)
    for m in closure(NAMED[group]):
        for shift in product(*(range(0, n, step) for n in shape)):
            yield np.ravel_multi_index(tuple(((places @ np.array(m).T + shift) % sides).T), shape)


def dimension(shape, group, step):
    """The average over the elements of how many pairs of places, and how many places, they leave."""
    fixed = [int((images == np.arange(len(images))).sum()) for images in moved(shape, group, step)]
    return sum(f * f for f in fixed) // len(fixed), sum(fixed) // len(fixed)


SKEW = (((1, 1), (0, -1)),)
ABOUT = [
    ("D1", "pixel"),
    ("C2", "pixel"),
    ("C4", "pixel"),
    ("D2", "pixel"),
    ("D4", "pixel"),
    ("D1", "corner"),
]
LONG = [
    ("C3", "pixel"),
    ("C6", "pixel"),
    ("D3", "pixel"),
    ("D6", "pixel"),
    ("C2", "corner"),
    ("C4", "corner"),
    ("D4", "corner"),
    (SKEW, "pixel"),
]


@pytest.mark.parametrize(
    ("group", "centre"), [*ABOUT, *(pytest.param(*case, marks=pytest.mark.nightly) for case in LONG)]
)
def test_both_orders_tie_what_the_torus_ties(group, centre):
    matrices = NAMED[group] if isinstance(group, str) else group
    rank = len(matrices[0])
    start = derive.dense(rank, ("n",) * rank, ("n",) * rank)
    layer = start.then(ROLLS).then(about(group, about=centre))
    assert all(v.proved for v in layer.verdicts)
    assert start.then(about(group, about=centre)).then(ROLLS).form == layer.form
    assert layer.counts.when == True  # noqa: E712  SymPy's
    for n in range(1, 5 if rank > 1 else 7):
        images = list(apart((n,) * rank, matrices, centre))
        pairs = list(product(range(n**rank), repeat=2))
        tied = classes(pairs, lambda pair, images=images: [(int(g[pair[0]]), int(h[pair[1]])) for g, h in images])
        found, count = partition(layer, (n,) * rank, 0)
        flat = {
            frozenset(tuple(map(int, np.ravel_multi_index(np.reshape(p, (2, rank)).T, (n,) * rank))) for p in c)
            for c in found
        }
        assert flat == {frozenset(c) for c in tied} and count == len(tied) == layer.counts.exact_weight.subs(
            index("n"), n
        )


def apart(shape, generators, centre):
    """For each element the images of all outputs, and those of all inputs, which lie half a pixel apart about a corner."""
    places, sides = np.array(list(product(*map(range, shape)))), np.array(shape)
    for m in map(np.array, closure(generators)):
        half = (1 - m.sum(1)) // 2 if centre == "corner" else 0
        for shift in product(*map(range, shape)):
            yield tuple(np.ravel_multi_index(tuple(((places @ m.T + shift + by) % sides).T), shape) for by in (0, half))


@pytest.mark.parametrize(
    ("group", "count"),
    [
        ("C3", "(n**2 + 2)/3 + Piecewise((4/3, Eq(Mod(n, 3), 0)), (0, True))"),
        pytest.param(
            "C6",
            "(n**2 + 8)/6 + Piecewise((2/3, Eq(Mod(n, 3), 0)), (0, True)) - Mod(n, 2)/2",
            marks=pytest.mark.nightly,
        ),
        pytest.param("D6", "ceiling((n + 1)*(n + 5)/12)", marks=pytest.mark.nightly),
    ],
)
def test_hexagonal_turns_are_counted_as_burnside_counts_them(group, count):
    """A turn leaves as many differences as M - 1 has kernel modulo n: the product of gcd(n, e) over its elementary divisors."""
    layer = derive.dense(2, ("n", "n"), ("n", "n")).then(ROLLS).then(about(group))
    assert str(layer.counts.exact_weight) == count
    for n in range(1, 40):
        kernels = []
        for m in closure(NAMED[group]):
            rest = np.array(m) - np.eye(2, dtype=int)
            first = np.gcd.reduce(rest.ravel())
            second = abs(round(np.linalg.det(rest))) // first if first else 0
            kernels.append(np.gcd(n, first) * np.gcd(n, second))
        assert layer.counts.exact_weight.subs(index("n"), n) * len(kernels) == sum(map(int, kernels))


def test_a_torus_of_two_sizes_has_no_turn_that_adds_their_places():
    with pytest.raises(RuleRefused, match="The rotation by 120° doesn't carry a torus of sizes n, m onto itself"):
        derive.dense(2, ("n", "m"), ("n", "m")).then(ROLLS).then(about("C3"))


@pytest.mark.parametrize(
    ("group", "step"), [("D1", 2), ("D1", 3), ("C2", 2), ("C4", 2), pytest.param("C3", 2, marks=pytest.mark.nightly)]
)
def test_steps_that_divide_the_size(group, step):
    rank, size = len(NAMED[group][0]), f"{step}*n"
    layer = derive.dense(rank, (size,) * rank, (size,) * rank)
    layer = layer.then(derive.equivariant(derive.Translations(grid="torus", step=step))).then(about(group, step=step))
    for turns in (1, 2, 3):
        counts = layer.counts.exact_weight.subs(index("n"), turns), layer.counts.exact_bias.subs(index("n"), turns)
        assert counts == dimension((step * turns,) * rank, group, step)


def test_the_middle_of_the_grid_is_a_place_like_others():
    start = derive.dense(2, ("n", "n"), ("n", "n")).then(ROLLS)
    assert start.then(about("C4", about="grid")).form == start.then(about("C4")).form


@pytest.mark.parametrize(("group", "whole"), [("C4", "n**4/4"), ("D2", None), ("D4", None)])
def test_turns_of_a_square_grid_about_its_middle(group, whole):
    """Names are looked at on all of a grid of odd side, its middle too."""
    layer = derive.dense(2, ("n", "n"), ("n", "n")).then(about(group, about="grid"))
    assert whole is None or str(layer.counts.exact_weight) == f"ceiling({whole})"
    for n in range(1, 6):
        places = np.array(list(product(range(n), repeat=2)))
        fixed = [
            ((places @ np.array(m).T * 2 - (n - 1) * np.array(m).sum(1) + n - 1 == 2 * places).all(1)).sum()
            for m in closure(NAMED[group])
        ]
        assert layer.counts.exact_weight.subs(index("n"), n) == sum(int(f) ** 2 for f in fixed) // len(fixed)


def test_a_torus_of_two_sizes_has_no_quarter_turn():
    with pytest.raises(RuleRefused) as caught:
        derive.dense(2, ("n", "m"), ("n", "m")).then(ROLLS).then(about("C4"))
    assert str(caught.value) == (
        "Rule 'equivariant' refused: The rotation by 90° doesn't carry a torus of sizes n, m onto itself."
    )


def test_cells_that_are_told_wrongly_are_refused(monkeypatch):
    half = _around._Cells._half
    monkeypatch.setattr(_around._Cells, "_half", lambda *told: None if (plain := half(*told)) is None else Not(plain))
    with pytest.raises(ObligationFailed):
        derive.dense(1, "n", "n").then(ROLLS).then(about("D1"))


CHANNELS = {
    "an odd line": ("D1", {"d": "sign"}, lambda m: (round(np.linalg.det(m)), 1)),
    "a vector field": ("C4", {"d": "vector"}, lambda m: (int(np.trace(m)), 1)),
    "regular channels": ("C4", {"d": "regular", "c": "regular"}, lambda m: (4 * int((m == np.eye(2)).all()),) * 2),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_go_along_as_characters_tell(name):
    """The dimension is the average of the two sides' characters, each a number of places left times the channels' own."""
    group, acts, characters = CHANNELS[name]
    rank, sizes = len(NAMED[group][0]), {"sign": 1, "vector": 2, "regular": 4}
    out, source = sizes[acts["d"]], sizes[acts.get("c", "sign")]
    start = derive.dense(rank, ("n",) * rank, ("n",) * rank, channels=derive.Channels((("c", source),), (("d", out),)))
    layer = start.then(ROLLS).then(about(group, channels=acts))
    matrices = [np.array(m) for m in closure(NAMED[group])]
    for n in range(1, 5):
        fixed = [int((images == np.arange(len(images))).sum()) for images in moved((n,) * rank, group, 1)]
        each = [characters(m) for m in matrices for _ in range(n**rank)]
        total = sum(f * f * one * other for f, (one, other) in zip(fixed, each, strict=True))
        assert layer.counts.exact_weight.subs(index("n"), n) * len(fixed) == total


def test_certificates_and_kernels():
    layer = derive.dense(1, "n", "n").then(ROLLS).then(about("D1"))
    verify(layer.certificate(), layer.theorem)
    check_emitted(Layer("mirrored", layer, "A mirrored torus.", "python -m derive emit", "docs"))


@pytest.mark.nightly
@pytest.mark.parametrize(("group", "centre"), [("C6", "pixel"), ("C2", "corner")])
def test_certificates_and_kernels_of_other_turns(group, centre):
    layer = derive.dense(2, ("n", "n"), ("n", "n")).then(ROLLS).then(about(group, about=centre))
    verify(layer.certificate(), layer.theorem)
    check_emitted(Layer("turned", layer, "A torus that turns.", "python -m derive emit", "docs"))
