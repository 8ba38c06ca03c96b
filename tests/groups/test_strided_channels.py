"""Strides after a point group that acts on channels: an orbit's weight is read at several channels, with a sign."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.forms.expr import index
from derive.groups._fibre import codes_of, representation
from derive.groups._matrices import NAMED, closure
from derive.pipeline import Layer
from derive.render.numbers import numbers
from derive.symmetry import symmetry

n = index("n")
REGULAR = {"c": "regular", "d": "regular"}
VECTORS = {"c": "vector", "d": "vector"}


def strided(group, acts, channels, edge="zero", radius=1, stride=2):
    rank = len(NAMED[group][0])
    axes = derive.Channels((("c", channels[0]),), (("d", channels[1]),))
    layer = derive.dense(rank, ("n",) * rank, ("n",) * rank, channels=axes).then(derive.reindex())
    layer = layer.then(derive.equivariant(derive.Translations())).then(derive.local(radius))
    layer = layer.then(derive.equivariant(derive.PointGroup(group, channels=acts)))
    return layer.then(derive.boundary(edge)).then(derive.strided(stride))


def orbits(group, acts, radius):
    """The orbits of (offset, c, d) that no sign forces to be 0."""
    generators, rank = NAMED[group], len(NAMED[group][0])
    codes = {letter: codes_of(representation(how, generators), generators) for letter, how in acts.items()}
    sizes = [len(codes[letter][closure(generators)[0]]) if letter in codes else 1 for letter in "cd"]
    seen = set()
    for entry in product(product(range(-radius, radius + 1), repeat=rank), *map(range, sizes)):
        found, free = {}, entry not in seen
        for m in closure(generators):
            image, sign = [tuple((np.array(m) @ np.array(entry[0])).tolist())], 1
            for letter, channel in zip("cd", entry[1:], strict=True):
                code = codes[letter][m][channel] if letter in codes else 2 * channel
                image.append(code >> 1)
                sign *= 1 - 2 * (code & 1)
            free &= found.setdefault(tuple(image), sign) == sign
        seen |= set(found)
        if free:
            yield found


def read(offset, size, stride):
    """Whether a kept place reads an input at that offset."""
    return all(any(0 <= o + a < size for o in range(0, size, stride)) for a in offset)


CASES = [
    pytest.param("D1", {"d": "sign"}, (1, 1), 1, 2, marks=pytest.mark.nightly),
    ("D1", {"d": "sign"}, (1, 1), 2, 3),
    pytest.param("D1", {"d": "regular"}, (1, 2), 2, 3, marks=pytest.mark.nightly),
    ("D1", REGULAR, (2, 2), 1, 2),
    ("C4", VECTORS, (2, 2), 1, 2),
    pytest.param("C4", VECTORS, (2, 2), 2, 3, marks=pytest.mark.nightly),
    pytest.param("D4", VECTORS, (2, 2), 2, 2, marks=pytest.mark.nightly),
    pytest.param("C4", {"d": "regular"}, (1, 4), 1, 2, marks=pytest.mark.nightly),
    pytest.param("D4", {"d": "vector", "c": "sign"}, (1, 2), 1, 3, marks=pytest.mark.nightly),
    pytest.param("C4", REGULAR, (4, 4), 1, 2, marks=pytest.mark.nightly),
    pytest.param("D4", {"d": "regular"}, (1, 8), 2, 3, marks=pytest.mark.nightly),
]


@pytest.mark.parametrize(("group", "acts", "channels", "radius", "stride"), CASES)
def test_orbits_that_a_kept_place_reads_are_counted(group, acts, channels, radius, stride):
    layer = strided(group, acts, channels, radius=radius, stride=stride)
    assert all(v.proved for v in layer.verdicts)
    classes = list(orbits(group, acts, radius))
    for size in range(1, 6):
        count = sum(any(read(offset, size, stride) for offset, *_ in orbit) for orbit in classes)
        assert numbers(layer.form, {"n": size})["weights"] == layer.counts.exact_weight.subs(n, size) == count


@pytest.mark.parametrize(
    ("group", "acts", "channels", "says"),
    [
        ("D1", {"d": "sign"}, (1, 1), "commutes with D1 about the grid's centre where (n + 1) mod 2 = 0"),
        pytest.param(
            "C4",
            {"d": "regular"},
            (1, 4),
            "commutes with C4 about the grid's centre exactly where (n + 1) mod 2 = 0",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_they_keep_their_symmetry_where_the_stride_lets_them(group, acts, channels, says):
    found = symmetry(strided(group, acts, channels), derive.PointGroup(group, channels=acts))
    assert str(found) == says and all(v.proved for v in found.verdicts)


@pytest.mark.parametrize(
    ("group", "acts", "channels", "edge"),
    [
        ("D1", {"d": "sign"}, (1, 1), "zero"),
        ("D4", {"d": "vector"}, (1, 2), "periodic"),
        pytest.param("D4", VECTORS, (2, 2), "reflect", marks=pytest.mark.nightly),
        pytest.param("D1", {"d": "sign"}, (1, 1), "reflect", marks=pytest.mark.nightly),
        pytest.param("C4", {"d": "regular"}, (1, 4), "zero", marks=pytest.mark.nightly),
    ],
)
def test_they_have_kernels(group, acts, channels, edge):
    check_emitted(Layer("turned", strided(group, acts, channels, edge), "Turned.", "python -m derive emit", "docs"))


@pytest.mark.parametrize("stride", [2, pytest.param(3, marks=pytest.mark.nightly)])
def test_places_are_selected_of_turned_channels_where_sizes_differ(stride):
    """A weight that no kept place reads as it is may be read by one of its turns: on 2 × 1, at one of 4 channels."""
    layer = derive.dense(2, channels=derive.Channels((("c", 1),), (("r", 4),))).then(derive.reindex())
    layer = layer.then(derive.equivariant(derive.Translations())).then(derive.local(1))
    layer = layer.then(derive.equivariant(derive.PointGroup("C4", channels={"r": "regular"})))
    layer = layer.then(derive.boundary("zero")).then(derive.strided(stride))
    turned = list(orbits("C4", {"d": "regular"}, 1))
    for rows, columns in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2)):
        met = [{a for a, *_ in orbit if read(a[:1], rows, stride) and read(a[1:], columns, stride)} for orbit in turned]
        assert layer.free_parameters_at(n=rows, m=columns) == {"weight": sum(map(bool, met)), "bias": 1}
