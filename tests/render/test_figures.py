"""Pictures of W: as many colours as free parameters, zero where nothing is read, one band a tap."""

import base64
import re
import struct
import zlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from sympy import symbols

from derive.derivation import dense
from derive.groups.point import PointGroup
from derive.groups.translations import Translations
from derive.render.drawing import drawing
from derive.render.figures import pattern, pictures, strip
from derive.render.palette import colours, rgb
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.strided import strided

n, m, Delta = symbols("n m Delta", integer=True)
COLOURS = {"conv2d-dense": 4096, "conv2d-equivariant": 225, "conv2d-local": 9}


def colours_of(svg):
    """Every colour that a picture's cells have: strokes of runs, or the pixels of the image in it."""
    found = re.search(r'base64,([^"]+)"', svg)
    if found is None:
        return set(re.findall(r'h\d+" stroke="(#[0-9a-f]{6})"', svg))
    return {"#" + bytes(p[:3]).hex() for p in pixels(base64.b64decode(found[1])).reshape(-1, 4) if p[3]}


def pixels(png):
    """The pixels of a PNG whose rows are not filtered."""
    width, height = struct.unpack(">II", png[16:24])
    size = struct.unpack(">I", png[33:37])[0]
    data = zlib.decompress(png[41 : 41 + size])
    return np.frombuffer(data, dtype=np.uint8).reshape(height, 1 + 4 * width)[:, 1:].reshape(height, width, 4)


def test_the_helper_reads_both_kinds_of_picture():
    few, many = np.array([[0, 1], [2, 1]]), np.arange(1600).reshape(40, 40)
    assert colours_of(drawing(few, "i", "k", (1, 1), "", "")) == set(colours(2))
    assert colours_of(drawing(many, "i", "k", (1, 1), "", "")) == set(colours(1599))


@pytest.mark.parametrize("file", COLOURS)
def test_a_picture_has_one_colour_a_free_parameter(subjects, file):
    (picture,) = (p for p in subjects["conv2d"].pictures if p.file == f"{file}.svg")
    assert picture.cells.shape == (64, 64)
    assert picture.parameters == len(np.unique(picture.cells[picture.cells > 0])) == COLOURS[file]
    assert len(colours_of(picture.svg)) == COLOURS[file]


def test_cells_are_empty_exactly_beyond_the_radius(subjects):
    cells = subjects["conv2d"].pictures[-1].cells.reshape(8, 8, 8, 8)
    i, j, k, l = np.indices(cells.shape)
    near = (abs(k - i) <= 1) & (abs(l - j) <= 1)
    assert ((cells > 0) == near).all()
    assert (cells[near] == (3 * (k - i + 1) + l - j + 2)[near]).all()
    assert (cells == 0).sum() == 3612


def test_equivariance_shows_as_one_colour_a_diagonal(subjects):
    cells = subjects["convolution2d"].pictures[-1].cells.reshape(8, 8, 8, 8)
    i, j, k, l = np.indices(cells.shape)
    assert (cells == 15 * (k - i + 7) + l - j + 7 + 1).all()


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("dense2d", ["dense2d-dense"]),
        ("offset2d", ["offset2d-dense"]),
        ("conv2d", ["conv2d-dense", "conv2d-equivariant", "conv2d-local"]),
        (
            "conv2d_channels",
            [f"conv2d_channels-{s}" for s in ("dense", "equivariant", "local", "two-channels")],
        ),
    ],
)
def test_only_steps_that_change_w_have_a_picture(subjects, name, files):
    assert [p.file for p in subjects[name].pictures] == [f"{file}.svg" for file in files]


def test_channels_are_shown_by_a_smaller_grid(subjects):
    picture = subjects["conv2d_channels"].pictures[-1]
    assert picture.cells.shape == (32, 32) and picture.parameters == 9 * 2 * 2


def test_what_speaks_of_another_layer_stands_at_the_end_and_says_so(layers):
    made = layers["conv2d_channels"].then(strided(2))
    picture = pictures("layer", made)[-1]
    assert picture.stage == len(made.steps) + 1
    assert picture.caption.startswith("W before strided at n = 4")


def test_rank_one_and_three_have_pictures_too():
    for rank, side, weights in ((1, 16, 3), (3, 64, 27)):
        layer = dense(rank).then(reindex()).then(equivariant(Translations())).then(local(1))
        last = pictures("layer", layer)[-1]
        assert last.cells.shape == (side, side) and last.parameters == weights


def test_a_rectangular_grid(layers):
    cells = pattern(layers["conv2d"], {n: 2, m: 3, Delta: 0})
    assert cells.tolist() == np.eye(6, dtype=int).tolist()


def test_a_picture_is_svg_with_words_for_those_who_cannot_see_it(subject):
    for picture in subject.pictures:
        tree = ET.fromstring(picture.svg)
        assert tree.tag.endswith("svg") and tree.get("role") == "img"
        words = {child.tag.split("}")[1]: child.text for child in tree if not len(child)}
        assert words["title"].startswith("The matrix W after") and words["desc"] == picture.caption
        assert "input place" in picture.svg and "output place" in picture.svg
        assert len(picture.svg) < 100_000


def test_the_strip_shows_every_stage(layers):
    svg = strip(layers["conv2d"])
    ET.fromstring(svg)
    assert [text in svg for text in ("4096 weights", "225 weights", "9 weights")] == [True] * 3


def luminance(colour):
    linear = [(c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("number", [1, 9, 225, 4096])
def test_colours_differ_from_each_other_and_from_both_backgrounds(number):
    palette = colours(number)
    assert len(set(palette)) == number
    light = np.array([luminance(c) for c in palette])
    assert light.min() > 0.06 and light.max() < 0.75


def test_neighbours_differ_in_lightness_for_those_who_see_no_hue():
    light = np.array([luminance(c) for c in colours(225)]) ** (1 / 3)
    assert abs(np.diff(light)).min() > 0.07


@pytest.mark.parametrize("number", [256, 625, 4096])
def test_a_dense_matrix_shows_no_pattern(number):
    """Entries that are a fixed distance apart differ as much as any two do."""
    points = np.array([rgb(c) for c in colours(number)], float)
    apart = [np.linalg.norm(points[d:] - points[:-d], axis=1).mean() for d in range(1, 64)]
    assert min(apart) > 0.8 * np.mean(apart)


def test_the_numbers_along_a_narrow_matrix_have_room():
    svg = drawing(np.ones((256, 64), int), ("i",), ("k",), (32, 8), "", "")
    across = [float(t.get("x")) for t in ET.fromstring(svg).iter() if t.tag.endswith("text") and t.get("y") == "54"]
    assert len(across) > 2 and min(np.diff(across)) >= 26


def test_two_steps_of_one_rule_have_a_picture_each():
    group = PointGroup("D1")
    layer = dense(1).then(reindex()).then(equivariant(Translations())).then(equivariant(group))
    assert [p.file for p in pictures("mine", layer)] == [
        "mine-dense.svg",
        "mine-equivariant.svg",
        "mine-equivariant-2.svg",
    ]
