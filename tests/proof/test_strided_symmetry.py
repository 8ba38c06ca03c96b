"""The condition under which a strided layer keeps a symmetry is what decides: at every small size the layer has it or hasn't.

Held against the dense matrix of weights whose sums are all different, turned by NumPy.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sympy import Eq, Ge

import derive
from derive.errors import ObligationFailed
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.text import parse
from derive.proof.goal import Status
from derive.proof.necessary import necessary
from derive.proof.small import dense_like
from derive.symmetry import symmetry
from tests.proof.mirrored import EDGES, dense_at, keeps, layer


def decides(made, condition, turned, most, radii=(0,)):
    names = [index(name) for name in ("n", "m") if index(name) in made.form.sizes]
    seen = set()
    for places, radius in product(product(range(1, most + 1), repeat=len(names)), radii):
        sizes = dict(zip(names, places, strict=True)) | {index("Delta"): radius}
        if bool(evaluate(made.form.given, sizes)):
            wanted = keeps(made.form, sizes, turned)
            assert bool(evaluate(condition, sizes)) == wanted, sizes
            seen.add(wanted)
    return seen


LINES = [("Delta", "pixel"), (2, "pixel"), (derive.Box(0, 1), "corner"), (derive.Box(1, 2), "corner")]


def half_of_lines():
    """Every window behind every edge, by day at one stride, 1 or 2 in turns."""
    for (row, line), (column, edge), stride in product(enumerate(LINES), enumerate(EDGES), (1, 2, 3)):
        seldom = stride != 1 + (row + column) % 2
        yield pytest.param(*line, edge, stride, marks=pytest.mark.nightly if seldom else ())


@pytest.mark.parametrize(("window", "about", "edge", "stride"), list(half_of_lines()))
def test_on_a_line(window, about, edge, stride):
    """An even window has the symmetry on few places, such as one, where it isn't carried onto itself."""
    made = layer(1, window, derive.PointGroup("D1", about), edge, stride)
    found = symmetry(made, "D1")
    assert all(v.proved for v in found.verdicts) and found.exact
    seen = decides(made, found.condition, (0,), 7, range(4) if window == "Delta" else (0,))
    assert seen == ({True} if str(found).endswith("always") else {True, False})


@pytest.mark.parametrize("stride", [1, (2, 1)])
@pytest.mark.parametrize("edge", ["zero", pytest.param("periodic", marks=pytest.mark.nightly), "reflect"])
def test_on_a_plane_a_few_places_along_one_axis_are_enough(edge, stride):
    made = layer(2, derive.Box((0, 1), (1, 1)), derive.PointGroup("D1", "corner", axes=(0,)), edge, stride)
    found = symmetry(made, derive.PointGroup("D1", axes=(0,)))
    decides(made, found.condition, (0,), 4)
    turned = layer(2, derive.Box(0, 1), derive.PointGroup("C2", "corner"), edge, stride)
    decides(turned, symmetry(turned, "C2").condition, (0, 1), 4)


@pytest.mark.parametrize(
    ("edge", "stride", "says"),
    [
        ("zero", 1, "exactly where n = 1"),
        ("periodic", 1, "exactly where n ∈ {1, 2}"),
        ("reflect", 2, "exactly where ((n + 1) mod 2 = 1) or n ∈ {1, 3}"),
    ],
)
def test_what_it_says_of_few_places(edge, stride, says):
    found = symmetry(layer(1, derive.Box(0, 1), derive.PointGroup("D1", "corner"), edge, stride), "D1")
    assert str(found) == f"commutes with D1 about the grid's centre {says}" and "fails at n = " in found.counterexample


def test_a_window_that_no_grid_mirrors_is_refused_with_a_counterexample():
    made = (
        derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.unbiased())
    )
    with pytest.raises(ObligationFailed, match="fails at n = "):
        symmetry(made.then(derive.local(1)).then(derive.boundary("zero")).then(derive.strided(2)), "D1")


def test_a_grid_whose_reads_all_lie_outside_has_every_symmetry():
    """Of a mask without its middle, on one place along an axis, whatever the other axis has."""
    made = layer(2, derive.Mask([[1, 0, 1]]), derive.PointGroup("D2"), "zero", (2, 3))
    found = symmetry(made, "D2")
    assert str(found).endswith("or (m = 1)") and found.exact
    sizes = [dict(zip(map(index, "nm"), at, strict=True)) for at in ((8, 1), (10, 1), (7, 4), (6, 4), (7, 5))]
    for at in sizes:
        wanted = keeps(made.form, at, (0,)) and keeps(made.form, at, (1,))
        assert bool(evaluate(found.condition, at)) == wanted, at


DIAGONAL, OTHER_DIAGONAL = (derive.PointGroup((m,)) for m in (((0, 1), (1, 0)), ((0, -1), (-1, 0))))


@pytest.mark.parametrize(
    ("group", "says"),
    [(DIAGONAL, "always"), pytest.param(OTHER_DIAGONAL, "exactly where (n + 1) mod 2 = 0", marks=pytest.mark.nightly)],
)
def test_a_diagonal_is_kept_by_every_stride_that_both_axes_have(group, says):
    """It exchanges axes on which windows lie alike; the other one mirrors them too."""
    start = (
        derive.dense(2, ("n", "n"), ("n", "n")).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    )
    start = start.then(derive.local(1)).then(derive.equivariant(derive.PointGroup("D4"))).then(derive.unbiased())
    made = start.then(derive.boundary("zero")).then(derive.strided(2))
    found = symmetry(made, group)
    assert str(found).endswith(says) and found.exact and all(v.proved for v in found.verdicts)
    for places in range(1, 5):
        W = dense_at(made.form, {index("n"): places})
        turned = W.transpose(1, 0, 3, 2) if group is DIAGONAL else np.flip(W).transpose(1, 0, 3, 2)
        assert bool((turned == W).all()) == bool(evaluate(found.condition, {index("n"): places}))


def stepped(stride):
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    start = (
        start.then(derive.local(1)).then(derive.equivariant(derive.PointGroup("D1", step=2))).then(derive.unbiased())
    )
    start = start.then(derive.boundary("zero"))
    return start if stride == 1 else start.then(derive.strided(stride))


@pytest.mark.parametrize("stride", [1, pytest.param(3, marks=pytest.mark.nightly)])
def test_weights_that_repeat_along_the_grid_are_mirrored_where_their_remainders_are(stride):
    made = stepped(stride)
    found = symmetry(made, "D1")
    assert found.exact and all(v.proved for v in found.verdicts)
    assert decides(made, found.condition, (0,), 10) == {True, False}


def test_layers_that_read_all_of_the_grid_have_a_symmetry_always_or_not_at_all():
    torus = derive.dense(1, "n", "n").then(derive.equivariant(derive.Translations(grid="torus")))
    mirrored = derive.dense(1).then(derive.equivariant(derive.PointGroup("D1", about="grid")))
    for made in (torus.then(derive.equivariant(derive.PointGroup("D1"))), mirrored):
        assert str(symmetry(made, "D1")).endswith("always")
    with pytest.raises(ObligationFailed, match="fails at n = 2"):
        symmetry(derive.dense(1), "D1")


def test_sizes_that_are_numbers_are_looked_at():
    """By what the layer means there; its weights aren't called by places."""
    made = {
        places: derive.dense(1, places, places).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
        for places in (7, 8)
    }
    for places, start in made.items():
        made[places] = (
            start.then(derive.local(1)).then(derive.equivariant(derive.PointGroup("D1"))).then(derive.unbiased())
        )
        made[places] = made[places].then(derive.boundary("zero")).then(derive.strided(2))
    found = symmetry(made[7], "D1")
    assert str(found).endswith("always") and {v.status for v in found.verdicts} == {Status.EXHAUSTIVE}
    with pytest.raises(
        ObligationFailed, match=r"where V\[0\] = 1, X\[0\] = 1 and 0 elsewhere, the two sides differ by -1"
    ):
        symmetry(made[8], "D1")


def necessary_where(made, condition):
    dense = dense_like(made.form)
    return necessary(
        made.form, derive.equivariant(derive.PointGroup("D1", about="grid")).clauses(dense), parse(condition)
    )


@pytest.mark.parametrize("edge", EDGES)
def test_that_a_condition_is_necessary_is_a_goal_for_every_other_size(edge):
    made = layer(1, "Delta", derive.PointGroup("D1"), edge, 2)
    whole = {"valid": "Eq(Mod(n - 2*Delta - 1, 2), 0)"}.get(edge, "Eq(Mod(n - 1, 2), 0)")
    found = necessary_where(made, whole)
    assert found is not None and found.status is Status.PROVED
    assert found.obligation.witness == "i = 0, a = 0" and all("check-sat" in g.smt for g in found.obligation.goals)
    assert necessary_where(made, "Eq(Mod(n - 1, 4), 0)") is None  # at n = 3 it has the symmetry
    assert necessary_where(made, "Eq(Mod(n - 1, 2), 0) & (n < 40)") is None  # beyond what is tried


def test_each_of_two_witnesses_fails_for_all_terms_of_its_own():
    found = symmetry(layer(1, derive.Box(0, 1), derive.PointGroup("D1", "corner"), "zero", 3), "D1").verdicts[-1]
    assert found.obligation.witness == "i = 0, a = 0; or i = 0, a = 1"
    (goal,) = found.obligation.goals
    assert re.findall(r"declare-const (\w+\.?) Int", goal.smt) == ["a_", "a__", "n"]


def test_numbers_are_what_the_sums_have():
    made = layer(1, 1, derive.PointGroup("D1"), "zero", 2)
    stencil = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    stencil = stencil.then(derive.unbiased()).then(derive.local(1)).then(derive.boundary("zero"))
    for numbers in ((1, -2, 1), (1, 2, 1), (1, 0, 1)):
        found = symmetry(stencil.then(derive.fixed(numbers, "1/4")).then(derive.strided(2)), "D1")
        assert str(found) == str(symmetry(made, "D1")) and found.exact


def test_entries_of_both_signs_are_not_added_up():
    """A sum of them may be 0 where terms are: nothing is said."""
    channels = derive.Channels((("c", 1),), (("d", 1),))
    start = derive.dense(1, channels=channels).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.local("Delta"))
    signed = start.then(derive.equivariant(derive.PointGroup("D1", channels={"d": "sign"})))
    few = "(n < 2) | Eq(Delta, 0)"
    assert necessary_where(signed.then(derive.boundary("nearest")), few) is None
    assert necessary_where(start.then(derive.boundary("nearest")), few).proved


def test_one_channel_stands_for_all_only_where_channels_are_alike():
    """Of this form the first channel sees two places alike from both sides, and the second one doesn't."""
    start = derive.dense(1).then(derive.channels("C", "C")).then(derive.reindex())
    start = start.then(derive.equivariant(derive.Translations())).then(derive.local(derive.Box(0, 1)))
    start = start.then(derive.equivariant(derive.PointGroup("D1", "corner"))).then(derive.boundary("periodic"))
    assert str(symmetry(start, "D1")).endswith("exactly where n ∈ {1, 2}")
    domain = Eq(index("d"), 0) | (Ge(index("a"), 1) & Ge(index("i"), 1))
    with pytest.raises(ObligationFailed, match=r"fails at n = \d, C = \d, "):
        symmetry(replace(start.form, domain=domain), "D1")
