"""The usual structures in one call: every combination derives, lowers, and computes its form and its gradients exactly."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import derive
from derive import finite
from derive.certified import verify_claim
from derive.checking import check_emitted
from derive.errors import CertificateError, GroupRefused, RuleRefused, TextError, UsageRefused
from derive.pipeline import Layer
from derive.registry import find
from derive.symmetry import symmetry
from tests.rules.exact import emitted

CASES = {
    "plain": {},
    "even window, stride, whole windows": {"kernel": (2, 3), "stride": 2, "edges": "valid"},
    "dilated depthwise, reflecting": {"kernel": 3, "dilation": 2, "groups": "depthwise", "edges": "reflect"},
    "a named radius, dilated, in groups": {"kernel": "Delta", "dilation": 2, "groups": "F", "rank": 1},
    "a named radius beside a number": {"kernel": ("Delta", 2), "dilation": (2, 1), "channels": False},
    "a volume without bias, periodic": {"kernel": 2, "rank": 3, "channels": False, "bias": False, "edges": "periodic"},
    "separable, strided": {"kernel": 3, "channels": False, "factors": 2, "stride": 2},
    "isotropic": {"kernel": 3, "symmetry": derive.PointGroup("D4"), "channels": False},
    "isotropic, strided, nearest": {
        "kernel": 3,
        "symmetry": derive.PointGroup("D1"),
        "channels": False,
        "rank": 1,
        "stride": 2,
        "edges": "nearest",
    },
    "diamond, symmetric edge": {"kernel": derive.Diamond(1), "edges": "symmetric", "channels": False, "stride": (1, 2)},
}


@pytest.mark.parametrize("name", CASES)
def test_a_combination_is_proved_emitted_and_exact(name):
    layer = Layer("layer", derive.convolution(**CASES[name]), "A layer of a test.", "", "")
    assert layer.backends == ("cupy", "numpy")
    assert all(verdict.proved for verdict in layer.verdicts)
    check_emitted(layer)
    kernel = emitted(layer)
    assert set(kernel.gradients) == set(kernel.arguments)


def test_the_grid_has_as_many_axes_as_a_tuple_has_numbers():
    assert len(derive.convolution(kernel=(3, 3, 3)).form.output.axes) == 4
    assert len(derive.convolution(stride=(2,), channels=False).form.output.axes) == 1


@pytest.mark.parametrize("side", [4, 5, 101])
def test_whole_windows_of_any_side_fit_into_some_image(side):
    layer = derive.convolution(kernel=side, edges="valid")
    [said] = [v.obligation.witness for v in layer.steps[-1].verdicts if v.obligation.name == "preconditions"]
    assert f"n := {side}" in said and "C := 1" in said


def test_help_shows_the_arguments_of_compile():
    shown = list(inspect.signature(derive.compile).parameters)
    assert shown[:2] == ["kernel", "stride"] and shown[-2:] == ["backend", "sizes"]


def test_a_number_of_groups_is_a_size_of_the_kernel():
    conv = derive.compile(kernel=3, groups=2, rank=1)
    X, V, u = np.ones((5, 2, 3)), np.ones((3, 3, 2, 4)), np.zeros((2, 4))
    assert conv(X, V, u).shape == (5, 2, 4)
    assert conv(X, V, u)[2, 0, 0] == 9


def test_channels_may_be_axes_that_a_symmetry_acts_on():
    """As step by step: every filter in four orientations."""
    channels = derive.Channels((("c", "C"),), (("d", "D"), ("r", 4)))
    turns = derive.PointGroup("C4", channels={"r": "regular"})
    layer = derive.convolution(channels=channels, symmetry=turns)
    assert layer.form.same_as(find("derive.catalogue", "p4_lifting2d").form)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kernel": 0}, "whole number from 1"),
        ({"kernel": (3, 3), "rank": 3}, "grids of 2 and of 3 axes"),
        ({"kernel": (3, 3), "stride": (2, 1, 1)}, "grids of 2 and of 3 axes"),
        ({"groups": "depthwise", "channels": False}, "Groups are groups of channels"),
        ({"groups": 2, "channels": derive.Channels()}, "Groups make axes of channels of their own"),
        ({"channels": "C"}, "channels= is True, False or derive.Channels.*; 'C' is none of these"),
        ({"groups": 0}, '^Groups are a name, a whole number from 1 or "depthwise"; 0 is none'),
        ({"groups": 2.5}, "2.5 is none"),
        ({"groups": True}, "True is none"),
        ({"rank": 2.0}, "^A grid has a whole number of axes from 1; rank=2.0 is none"),
        ({"rank": "x"}, "rank='x' is none"),
        ({"kernel": derive.Mask(((1, 0), (1,)))}, "A mask is a table whose rows are equally long"),
        ({"symmetry": derive.PointGroup(((0, 1), (1, 0)))}, "each a tuple of rows"),
        ({"edges": "torus"}, "knows the edges"),
        ({"stride": 0}, r"^stride= is a whole number from 1, or a tuple of one for each axis; 0 is neither"),
        ({"stride": True}, "True is neither"),
        ({"dilation": (1, 1.5)}, r"^dilation= is a whole number from 1, .* \(1, 1.5\) is neither"),
        ({"kernel": 2.5}, "a radius's name, .* or a support such as Diamond.2.; 2.5 is none"),
        ({"kernel": [3, 0]}, r"\(3, 0\) is none"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(options, says):
    with pytest.raises((UsageRefused, RuleRefused), match=says):
        derive.convolution(**options)


def test_a_radius_that_is_no_expression_is_quoted():
    with pytest.raises(TextError, match=r"^Cannot read the formula 'a b': it is no expression\.$"):
        derive.convolution(kernel="a b")


def test_what_is_no_layer_and_no_rule_is_refused():
    with pytest.raises(RuleRefused, match=r"^A claim is a rule with its arguments, .*; 3 is none\.$"):
        derive.claim(derive.dense(), 3)
    with pytest.raises(RuleRefused, match=r"takes an inner layer, a derivation or a form; 3 is neither\.$"):
        derive.dense().then(derive.compose(3))
    with pytest.raises(RuleRefused, match=r"^Derivations are compared; 3 is none\.$"):
        derive.same_layer(derive.dense(), 3)
    with pytest.raises(
        RuleRefused, match=r"^A symmetry is of a derivation or a form, by a point group; 3 by 'D1' is none\.$"
    ):
        symmetry(3)
    with pytest.raises(CertificateError, match=r"^The certificate is null; it must be an object\.$"):
        verify_claim(None)
    with pytest.raises(GroupRefused, match=r"^A wreath product is of two permutation groups; 3 is none\.$"):
        derive.wreath(derive.cyclic(2), 3)
    with pytest.raises(
        GroupRefused, match=r"^A grid's shape is a tuple of whole numbers from 1, such as \(4, 4\); 3 is none\.$"
    ):
        finite.torus(3, 3)
    with pytest.raises(GroupRefused, match=r"takes how many points it acts on, then its generators; not \[\]\.$"):
        derive.PermutationGroup([])
    with pytest.raises(
        RuleRefused, match=r"^A size is a name, or a multiple of one such as '2\*n'; '2\*n\+1' is neither\.$"
    ):
        derive.dense(1, "2*n+1", "n")


@pytest.mark.parametrize(("factors", "dimension"), [(1, 5), (2, 8), (3, 9), (4, 9), (9, 9)])
def test_more_products_than_a_window_has_rows_reach_all_windows(factors, dimension):
    found = derive.convolution(factors=factors, channels=False).free_parameters
    assert (found["weight"], found["dimension"]) == (6 * factors, dimension)
    assert found["when"].free_symbols and found["when"] != False  # noqa: E712  SymPy's


@pytest.mark.parametrize("made", [derive.cyclic, derive.symmetric, derive.alternating, derive.dihedral])
@pytest.mark.parametrize("points", [0, -1])
def test_a_group_of_no_points_is_refused(made, points):
    with pytest.raises(GroupRefused, match=f"^A permutation group acts on at least one point; {points} are asked for"):
        made(points)


def test_a_rule_says_how_it_is_called():
    assert list(inspect.signature(derive.channels).parameters) == ["inputs", "outputs", "groups"]
    with pytest.raises(RuleRefused, match=r"^Rule 'strided' is called as strided\(stride=2\): got .* 'strid'\.$"):
        derive.strided(strid=2)


def test_what_is_compiled_has_gradients_and_plans():
    conv = derive.compile(kernel=(4,), channels=False)
    X, V, u, G = np.arange(20) ** 2 % 17, np.array([1, -2, 3, 4]), 7, np.arange(20) % 7
    dX, dV, du = conv.vjp(X, V, u, G)
    linear = conv(X, V, u) - u
    assert np.sum(G * linear) == np.sum(dX * X) == np.sum(dV * V)
    assert du == G.sum()
    plan = conv.plan(X.shape, V.astype(float), u, dtype=float)
    assert np.array_equal(plan(X.astype(float)), conv(X, V, u))
