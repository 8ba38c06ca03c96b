"""The receptive field: the middle output's row of W, laid out as the image is, with orbits as colours."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from derive.render import markdown
from derive.render.content import blocks
from derive.render.field import field


def derivation(name):
    return getattr(import_module(f"derive.catalogue.{name}"), name)


def test_a_window_has_as_many_weights_as_places(layers):
    made = field("conv2d", layers["conv2d"])
    inside = np.zeros((9, 9), dtype=bool)
    inside[2:7, 2:7] = True
    assert np.array_equal(made.cells > 0, inside) and len(np.unique(made.cells)) == 26
    assert made.caption == (
        "What the output in the middle reads at n = 9, m = 9, Δ = 2: 25 of 81 inputs, "
        "with 25 different weights, one colour each."
    )


def test_a_point_group_ties_offsets_into_orbits():
    cells = field("isotropic2d", derivation("isotropic2d")).cells
    for moved in (np.rot90(cells), cells.T, cells[::-1]):
        assert np.array_equal(cells, moved)
    assert len(np.unique(cells)) - 1 == 6


@pytest.mark.parametrize("name", ["conv1d", "conv3d", "dense2d", "offset2d", "deepsets1d", "global_pool2d"])
def test_other_layers_have_none(name):
    assert field(name, derivation(name)) is None


def test_it_stands_in_the_chapter_of_its_own_stage(subjects, layers):
    made = field("conv2d", layers["conv2d"])
    page = markdown.page(blocks(replace(subjects["conv2d"], receptive=made)))
    assert made.stage == 4 and page.index("## Step 4") < page.index("conv2d-field.svg") < page.index("## The theorem")


def test_a_stride_is_not_in_the_picture_of_the_step_before_it():
    strided = derivation("strided2d")
    assert field("strided2d", strided).stage == len(strided.steps) - 1
