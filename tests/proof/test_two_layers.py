"""Claims about two layers behind every edge: that they commute, and that one after the other is one window. Proved, or refuted."""

from __future__ import annotations

import re
import sys
from functools import cache

import numpy as np
import pytest

import derive
from derive.derivation import Derivation
from derive.errors import DeriveError, ObligationFailed, RuleRefused
from derive.forms.denote import denote
from derive.forms.denote import matrix as forms_matrix
from derive.forms.expr import index
from derive.proof.goal import Status

EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")
LAPLACE, SLOPE = ((1, -2, 1), (-1, 0, 1))


@cache
def layer(radius, edge, stride=1, even=False, numbers=None, rank=1, channels=False) -> Derivation:
    start = derive.dense(rank)
    start = start.then(derive.channels("C", "C")) if channels else start
    start = start.then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.unbiased())
    start = start.then(derive.local(radius))
    start = start.then(derive.equivariant(derive.PointGroup("D1"))) if even else start
    start = start.then(derive.boundary(edge))
    start = start.then(derive.fixed(numbers)) if numbers else start
    return start if stride == 1 else start.then(derive.strided(stride))


def matrix(one, n, **arrays):
    return one.reference(shape=(n,), **arrays)[0]


def pasted(refused):
    scope = {}
    exec(refused.value.counterexample.python, scope)
    return scope


def gives(one, at, X, weights=None):
    """What the form means for these arrays, at the sizes that are pasted."""
    sizes = {index(name): at.get(name, 1) for name in ("n", "Delta", "Gamma")} | {index("n"): len(X)}
    learned = {p.name: weights.astype(object) for p in one.form.params if p.values is None}
    values = {p.name: np.array(p.values, object) for p in one.form.params if p.values is not None}
    return denote(one.form, learned | values | {"X": X.astype(object)}, sizes)


def differ(outer, inner, whole, at):
    """What an inner and an outer layer give for the pasted entries, and the one with the window V * T, stretched by the stride."""
    V, T = at["V"], at["T"]
    stride = next((by.args[0] for by in inner.applications if by.rule.name == "strided"), 1)
    stretched = np.zeros(stride * (len(V) - 1) + 1, V.dtype)
    stretched[::stride] = V
    return gives(outer, at, gives(inner, at, at["X"], T), V), gives(whole, at, at["X"], np.convolve(stretched, T))


@pytest.mark.parametrize(("outer", "inner", "size"), [(1, 1, 3), (2, 1, 3), (1, 2, 1)])
@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
def test_behind_reflections_two_windows_are_not_one(edge, outer, inner, size):
    """At every stride; the smallest counterexample, pasted, shows it."""
    whole = layer("Gamma + 2*Delta" if inner == 2 else "Delta + Gamma", edge, outer * inner)
    f, g = layer("Delta", edge, outer), layer("Gamma", edge, inner)
    with pytest.raises(
        ObligationFailed, match=r"with one window: refused at n = \d, Delta = 1, Gamma = \d, i = "
    ) as refused:
        derive.one_window(f, g, whole)
    at = pasted(refused)
    one, other = differ(f, g, whole, at)
    assert one[at["i"]] - other[at["i"]] == refused.value.counterexample.residue != 0


@pytest.mark.parametrize("edge", EDGES)
def test_a_window_after_a_strided_one_reaches_s_times_as_far(edge):
    """With whole windows it is one; behind edges that continue, the edge of the thinned signal is another: refused."""
    f, g, whole = layer("Delta", edge), layer("Gamma", edge, 2), layer("2*Delta + Gamma", edge, 2)
    if edge == "valid":
        assert derive.one_window(f, g, whole).status is Status.PROVED
        return
    with pytest.raises(ObligationFailed, match="with one window: refused at n = ") as refused:
        derive.one_window(f, g, whole)
    at = pasted(refused)
    one, other = differ(f, g, whole, at)
    assert one[at["i"]] != other[at["i"]]


@pytest.mark.parametrize("edge", ["periodic", "valid"])
def test_channels_of_two_windows_multiply(edge):
    f, g, whole = (layer(r, edge, channels=True) for r in ("Delta", "Gamma", "Delta + Gamma"))
    assert derive.one_window(f, g, whole).status is Status.PROVED


def test_channels_behind_a_reflection_are_told_apart():
    f, g, whole = (layer(r, "reflect", channels=True) for r in ("Delta", "Gamma", "Delta + Gamma"))
    with pytest.raises(ObligationFailed, match=r"refused at n = 3, C = 1, Delta = 1, Gamma = 1, i = 0, d = 0, where "):
        derive.one_window(f, g, whole)


@pytest.mark.parametrize("edge", ["zero", "nearest", "reflect", "symmetric", "valid", "periodic"])
def test_even_windows_of_three_commute_behind_every_edge(edge):
    """Tied weights, of which no counterexample may be made up: matrices commute, for all sizes."""
    one = layer(1, edge, even=True)
    assert derive.commute(one, one).status is Status.PROVED
    V, T = np.array([2, 3]), np.array([5, -7])
    sides = [matrix(one, 6, V=V), matrix(one, 6, V=T)] if edge != "valid" else []
    if sides:
        assert (sides[0] @ sides[1] == sides[1] @ sides[0]).all()


def test_wider_even_windows_do_not_commute_with_zero_edges():
    f, g = layer("Delta", "zero", even=True), layer("Gamma", "zero", even=True)
    with pytest.raises(
        ObligationFailed, match=r"n = 3, Delta = 2, Gamma = 1, i = 0, where V\[2\] = 1, T\[1\] = 1"
    ) as refused:
        derive.commute(f, g)
    at = pasted(refused)
    V, T, X = (at[name] for name in "VTX")
    gap = gives(f, at, gives(g, at, X, T), V) - gives(g, at, gives(f, at, X, V), T)
    assert gap[at["i"]] == refused.value.counterexample.residue


@pytest.mark.parametrize("edge", EDGES)
def test_stencils_commute_where_no_edge_is_in_the_way(edge):
    one, other = layer(1, edge, numbers=LAPLACE), layer(1, edge, numbers=SLOPE)
    if edge in ("valid", "periodic"):
        assert derive.commute(one, other).status is Status.PROVED
        return
    with pytest.raises(
        ObligationFailed, match=r"^The two layers commute: refused at n = \d, i = 0, where X\[\d\] = 1"
    ) as refused:
        derive.commute(one, other)
    at = pasted(refused)
    first, second = (gives(f, at, gives(g, at, at["X"])) for f, g in ((one, other), (other, one)))
    assert (first - second)[at["i"]] == refused.value.counterexample.residue != 0


@pytest.mark.parametrize("edge", ["zero", "nearest", "reflect", "symmetric"])
def test_even_stencils_of_three_commute_for_all_sizes(edge):
    one, other = layer(1, edge, numbers=LAPLACE), layer(1, edge, numbers=(1, 5, 1))
    assert derive.commute(one, other).status is Status.PROVED


def test_a_stencil_and_free_weights():
    assert derive.commute(layer(1, "periodic", numbers=LAPLACE), layer("Delta", "periodic")).proved
    with pytest.raises(ObligationFailed, match=r"n = 2, Delta = 1, i = 0, where V\[-1\] = 1, X\[0\] = 1"):
        derive.commute(layer(1, "zero", numbers=LAPLACE), layer("Delta", "zero"))


def test_windows_of_numbers_are_multiplied_out():
    f, g = layer(1, "periodic", numbers=LAPLACE), layer(1, "periodic", numbers=SLOPE)
    assert derive.one_window(f, g, layer(2, "periodic", numbers=(-1, 2, 0, -2, 1))).status is Status.PROVED
    with pytest.raises(ObligationFailed, match=r"together they have -2 where K\[1\] = 9"):
        derive.one_window(f, g, layer(2, "periodic", numbers=(-1, 2, 0, 9, 1)))


@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
@pytest.mark.parametrize(("one", "other"), [("Delta", "Gamma"), (6, 7), ("Delta", 1)])
def test_even_windows_of_any_width_commute_behind_reflections(edge, one, other):
    """What a reflection turns around is turned back: a bijection of terms, however often a wide window goes around."""
    f, g = layer(one, edge, even=True), layer(other, edge, even=True)
    found = derive.commute(f, g)
    assert found.status is Status.PROVED and len(found.obligation.goals) == 2
    at = {index("n"): 4, index("Delta"): 5, index("Gamma"): 9}
    sizes = {s: v for s, v in at.items() if s in {*f.form.sizes, *g.form.sizes}}
    dense = [
        forms_matrix(made.form, {"V": np.arange(3, 14)[: 1 + sizes.get(index(str(r)), r)].astype(object)}, sizes)
        for made, r in ((f, one), (g, other))
    ]
    assert (dense[0] @ dense[1] == dense[1] @ dense[0]).all()


@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
def test_even_stencils_of_any_width_commute_behind_reflections(edge):
    blur, ridge = layer(5, edge, numbers=(*range(6), *range(4, -1, -1))), layer(3, edge, numbers=(1, 0, 2, -9, 2, 0, 1))
    assert len(derive.commute(blur, ridge).obligation.goals) == 2
    assert derive.commute(ridge, layer("Gamma", edge, even=True)).status is Status.PROVED


def plane(group, radius, edge):
    start = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.unbiased()).then(derive.local(radius))
    return start.then(derive.equivariant(derive.PointGroup(group))).then(derive.boundary(edge))


@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
def test_windows_of_a_plane_that_mirrors_leave_commute_behind_them(edge):
    f, g = plane("D2", "Delta", edge), plane("D4", derive.Diamond(2), edge)
    assert derive.commute(f, g).status is Status.PROVED


def test_windows_about_corners_do_not_commute_with_even_ones():
    pair = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    pair = pair.then(derive.unbiased()).then(derive.local(derive.Box("Delta", "Delta + 1")))
    pair = pair.then(derive.equivariant(derive.PointGroup("D1", "corner"))).then(derive.boundary("symmetric"))
    with pytest.raises(ObligationFailed, match=r"refused at n = 2, Delta = 0, i = 0, where V\[1\] = 1"):
        derive.commute(pair, layer(1, "symmetric", even=True))


def mirrored_pair():
    """Half turns carry a mirrored window to another one, which shows where all four sizes are larger together."""
    return plane("C2", "Delta", "reflect"), plane("C2", "Gamma", "reflect")


def test_what_shows_on_larger_grids_alone_is_found_there():
    says = "refused at n = 3, m = 3, Delta = 1, Gamma = 1, i = 1, j = 0, where V[0, 1] = 1, T[1, -1] = 1, X[0, 0] = 1 and 0"
    with pytest.raises(ObligationFailed, match=re.escape(says)) as caught:
        derive.commute(*mirrored_pair())
    assert caught.value.counterexample is not None


def test_what_is_not_decided_says_why(monkeypatch):
    monkeypatch.setattr(sys.modules["derive.proof.small"], "larger", lambda form, tried: ())
    says = (
        "The two layers commute: not decided: no bijection between their terms was found that proves it, and that it holds at all "
        "sizes whose sum is at most 7, and at some larger ones, is no proof."
    )
    with pytest.raises(ObligationFailed, match=f"^{re.escape(says)}$"):
        derive.commute(*mirrored_pair())


def biased():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(1))


REFUSED = {
    "a bias": (lambda: derive.commute(biased(), biased()), "Layers are compared without their biases"),
    "a whole with a bias": (
        lambda: derive.one_window(layer(1, "valid"), layer(1, "valid"), biased()),
        "Layers are compared without their biases",
    ),
    "a tied whole": (
        lambda: derive.one_window(layer(1, "valid"), layer(1, "valid"), layer(2, "valid", even=True)),
        r"one window of free entries; V\[Abs\(a\)\] isn't an entry of its own for each place",
    ),
    "a whole of numbers": (
        lambda: derive.one_window(layer(1, "valid"), layer(1, "valid"), layer(1, "valid", numbers=LAPLACE)),
        "the numbers K as weights; those of the other two aren't known",
    ),
    "another rank": (
        lambda: derive.one_window(layer(1, "valid"), layer(1, "valid"), layer(2, "valid", rank=2)),
        "The whole layer reads 2 axes of X; the inner one 1",
    ),
    "weights of single places": (
        lambda: derive.one_window(
            layer(1, "zero"),
            derive.dense(1)
            .then(derive.reindex())
            .then(derive.local(1))
            .then(derive.unbiased())
            .then(derive.boundary("zero")),
            layer(2, "zero"),
        ),
        "One window has the same weights at every place",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_claim_is_refused_in_words(what):
    make, says = REFUSED[what]
    with pytest.raises(DeriveError, match=says):
        make()


def test_outputs_of_different_extents_are_different_layers():
    with pytest.raises(ObligationFailed, match="with one window: refused at n = "):
        derive.one_window(layer(1, "valid"), layer(1, "valid"), layer(1, "valid"))
    with pytest.raises((ObligationFailed, RuleRefused)):
        derive.commute(layer("Delta", "valid"), layer("Gamma", "valid", 2))
