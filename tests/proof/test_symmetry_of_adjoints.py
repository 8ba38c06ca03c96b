"""The condition under which adjoints and gradients of strided layers keep a symmetry is what decides at every small size.

Held against the dense matrix of weights whose sums are all different, turned by NumPy; gradients against their own meaning.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.certified import verify_claim
from derive.errors import ObligationFailed
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.rules._stepping import same_sum, stepping
from derive.symmetry import symmetry
from tests.proof.mirrored import EDGES, keeps, layer

D1 = derive.PointGroup("D1")
EVEN, ODD = (derive.Box(0, 1), derive.PointGroup("D1", "corner")), (2, D1)


def at_small_sizes(form, most, numbers=(1, 1)):
    """The sizes of the grid up to a number, with these as the sizes of channels."""
    grid = [s for s in form.sizes if s.name in "nm"]
    others = dict(zip((s for s in form.sizes if s not in grid), numbers, strict=False))
    found = (dict(zip(grid, at, strict=True)) | others for at in product(range(1, most + 1), repeat=len(grid)))
    return [sizes for sizes in found if evaluate(form.given, sizes)]


def decides(form, condition, turned, most):
    seen = set()
    for sizes in at_small_sizes(form, most):
        wanted = all(keeps(form, sizes, axes) for axes in turned)
        assert bool(evaluate(condition, sizes)) == wanted, sizes
        seen.add(wanted)
    return seen


def by_turns(edges):
    """Every window behind every edge, by day one window for each edge in turns."""
    for (row, edge), (column, window) in product(enumerate(edges), enumerate((ODD, EVEN))):
        yield pytest.param(*window, edge, marks=pytest.mark.nightly if (row + column) % 2 else ())


@pytest.mark.parametrize(("window", "group", "edge"), list(by_turns(EDGES)))
def test_an_adjoint_has_the_symmetry_exactly_where_its_layer_has(window, group, edge):
    made = layer(1, window, group, edge, 2)
    found = symmetry(made.then(derive.adjoint()), "D1")
    assert found.exact and found.condition == symmetry(made, "D1").condition
    assert decides(made.then(derive.adjoint()).form, found.condition, [(0,)], 7) == {True, False}


@pytest.mark.parametrize(
    ("window", "stride"),
    [
        (1, (2, 1)),
        pytest.param(derive.Diamond(2), 2, marks=pytest.mark.nightly),
        pytest.param(derive.Mask([[1, 0, 1]]), (2, 3), marks=pytest.mark.nightly),
    ],
)
def test_windows_that_are_conditions_on_two_axes(window, stride):
    made = layer(2, window, derive.PointGroup("D2"), "zero", stride).then(derive.adjoint())
    found = symmetry(made, "D2")
    assert found.exact and decides(made.form, found.condition, [(0,), (1,)], 4)


@pytest.mark.parametrize("dilation", [2, 3])
def test_a_read_that_does_not_tell_its_term(dilation):
    """With steps of 2 and gaps between the entries a place of the output and one of the input tell a term by a remainder."""
    made = derive.convolution(3, rank=1, stride=2, dilation=dilation, channels=False, bias=False, symmetry=D1)
    found = symmetry(made.then(derive.adjoint()), "D1")
    assert found.exact and decides(made.then(derive.adjoint()).form, found.condition, [(0,)], 8) == {True, False}


def test_with_channels_its_necessity_is_that_of_the_layer():
    made = derive.convolution(3, rank=1, stride=2, symmetry=D1).then(derive.adjoint())
    found = symmetry(made, "D1")
    assert found.exact and all(v.proved for v in found.verdicts)
    assert [v.obligation.name for v in found.verdicts][-2:] == ["same terms", "necessary"]


def test_that_it_is_the_same_sum_is_proved_and_another_one_is_refused():
    form, other = (layer(1, 2, D1, "zero", stride).then(derive.adjoint()).form for stride in (2, 3))
    assert all(v.proved for v in same_sum(form, stepping(form)))
    with pytest.raises(ObligationFailed):
        same_sum(form, stepping(other))


def gradient_at(form, sizes):
    """dV for one of X and one of G, by places: what the form means."""
    given = next(p.array for p in form.weights if p.data)
    shapes = [[int(evaluate(e, sizes)) for e in array.shape] for array in (given, form.input)]
    units = [[u.reshape(shape) for u in np.eye(int(np.prod(shape)), dtype=int).astype(object)] for shape in shapes]
    return {
        (k, i): denote(form, {given.name: X, form.input.name: G}, sizes)
        for (k, X), (i, G) in product(*(enumerate(u) for u in units))
    }, [int(np.prod(shape)) for shape in shapes]


@pytest.mark.parametrize(("window", "group", "edge"), list(by_turns(("zero", "valid", "reflect"))))
def test_a_gradient_is_the_same_for_both_arguments_mirrored_exactly_where_it_says(window, group, edge):
    form = layer(1, window, group, edge, 2).then(derive.gradient()).form
    found = symmetry(form, "D1")
    assert found.exact and str(found).startswith(
        "is the same for X and G carried together by D1 about the grid's centre"
    )
    seen = set()
    for sizes in at_small_sizes(form, 7):
        by, (inputs, outputs) = gradient_at(form, sizes)
        same = all((dV == by[inputs - 1 - k, outputs - 1 - i]).all() for (k, i), dV in by.items())
        assert bool(evaluate(found.condition, sizes)) == same, sizes
        seen.add(same)
    assert seen == {True, False}


def test_a_gradient_that_is_refused_has_two_arguments_that_show_it():
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    form = (
        start.then(derive.unbiased()).then(derive.local(1)).then(derive.boundary("zero")).then(derive.gradient()).form
    )
    says = (
        r"dV\[-1\] isn't the same for X and G and for what D1 makes of both, at n = 2: where X\[1\] = 1, G\[0\] = 1 and"
    )
    with pytest.raises(ObligationFailed, match=says) as refused:
        symmetry(form, "D1")
    names: dict[str, object] = {}
    exec(refused.value.counterexample.python, names)
    by, _ = gradient_at(form, {index("n"): 2})
    assert names["X"].tolist() == [0, 1] and names["G"].tolist() == [1, 0]
    assert {names["left"], names["right"]} == {by[1, 0][0], by[0, 1][0]} == {0, 1}


def test_a_gradient_at_sizes_that_are_numbers_is_looked_at():
    start = derive.dense(1, 7, 7).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.unbiased()).then(derive.local(1)).then(derive.boundary("zero")).then(derive.strided(2))
    with pytest.raises(
        ObligationFailed, match=r"for what D1 makes of both: where X\[1\] = 1, G\[0\] = 1 and 0 elsewhere"
    ):
        symmetry(start.then(derive.gradient()), "D1")


def test_a_gradient_with_channels_has_a_certificate():
    made = derive.convolution(3, rank=1, stride=2, symmetry=D1)
    found = symmetry(made.then(derive.gradient()), "D1")
    assert verify_claim(found.certificate()).says == str(found)
    of_biases = symmetry(made.then(derive.gradient("bias")), "D1")
    assert str(of_biases) == "is the same for G carried by D1 about the grid's centre always"
    assert verify_claim(of_biases.certificate()).says == str(of_biases)


def mirrored(arrays, name):
    """The arrays with one of them turned over along all of its axes."""
    return arrays | {name: np.flip(arrays[name])}


def pasted(python):
    """The arrays that a counterexample names, and whether its sides differ."""
    names: dict[str, object] = {}
    exec(python, names)
    return {name: value.astype(object) for name, value in names.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("factor", ["P", "Q"])
def test_a_gradient_by_one_factor_that_is_refused_has_arguments_and_the_other_factor_that_show_it(factor):
    layer = (
        derive.dense(2)
        .then(derive.reindex())
        .then(derive.equivariant(derive.Translations()))
        .then(derive.local("Delta"))
    )
    form = layer.then(derive.separable(1)).then(derive.boundary("zero")).then(derive.gradient(factor)).form
    with pytest.raises(
        ObligationFailed, match=rf"^d{factor}\[0, .*\] isn't the same for X and G and for what C2 makes of both"
    ) as refused:
        symmetry(form, "C2")
    shown = refused.value.counterexample
    arrays = pasted(shown.python)
    assert set(arrays) == {"X", "G", "W", *({"P", "Q"} - {factor})}
    sizes = {index(name): value for name, value in shown.sizes}
    assert (denote(form, arrays, sizes) != denote(form, mirrored(mirrored(arrays, "X"), "G"), sizes)).any()


def test_biases_of_every_second_place_have_a_gradient_that_is_the_same_exactly_where_it_says():
    layer = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    form = layer.then(derive.gradient("bias")).form
    found = symmetry(form, "D1")
    assert found.exact and "is the same for G carried by D1" in str(found)
    same = {}
    for n in range(1, 7):
        units = np.eye(n, dtype=int).astype(object)
        by = [denote(form, {"G": G}, {index("n"): n}) for G in units]
        same[n] = all((one == other).all() for one, other in zip(by, by[::-1], strict=True))
        assert bool(evaluate(found.condition, {index("n"): n})) == same[n], n
    assert set(same.values()) == {True, False}
    assert found.counterexample.startswith("du[0] isn't the same for G and for what D1 makes of it, at n = 2")
    G = pasted(found.python)["G"]
    assert (denote(form, {"G": G}, {index("n"): 2}) != denote(form, {"G": G[::-1]}, {index("n"): 2})).any()


def test_biases_along_one_axis_have_a_gradient_that_a_turn_of_both_changes():
    layer = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations(axes=(0,))))
    with pytest.raises(
        ObligationFailed, match=r"^du\[0\] isn't the same for G .*, at n = 1, m = 2: where G\[0, 0\] = 1 and"
    ):
        symmetry(layer.then(derive.gradient("bias")), "C2")
    assert symmetry(layer.then(derive.gradient("bias")), derive.PointGroup("D1", axes=(0,))).condition == True  # noqa: E712  SymPy's
