"""Point groups with shifts by a step: tied as brute force ties them, or refused with the arithmetic."""

from __future__ import annotations

import sys

import pytest
from sympy import Integer, Sum

import derive
from derive.checking import check_emitted
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.expr import index, indices
from derive.groups._matrices import NAMED, closure
from derive.pipeline import Layer
from derive.render.numbers import numbers
from tests.groups.tying import on_grid, partition, tied
from tests.proof.orbits import classes


def shifted(rank, *steps):
    """Offsets of a grid, tied by a step along each axis."""
    layer = derive.dense(rank).then(derive.reindex())
    if len(set(steps)) == 1:
        return layer.then(derive.equivariant(derive.Translations(step=steps[0])))
    for axis, step in enumerate(steps):
        layer = layer.then(derive.equivariant(derive.Translations((axis,), step=step)))
    return layer


def pointed(group, **options):
    return derive.equivariant(derive.PointGroup(group, **options))


def within(low, high):
    return lambda offset: all(low <= a <= high for a in offset)


# the steps along the axes, a support with its ends, the group with the axes that it acts on, twice the centre of its offsets
CASES = {
    "mirror by 2": ((2,), 1, (-1, 1), "D1", (0,), 0),
    "mirror by 3": ((3,), 1, (-1, 1), "D1", (0,), 0),
    "mirror about a corner by 2": ((2,), derive.Box(1, 2), (-1, 2), "D1", (0,), 1),
    "C2 by 2": ((2, 2), 1, (-1, 1), "C2", (0, 1), 0),
    "C4 by 2": ((2, 2), 1, (-1, 1), "C4", (0, 1), 0),
    "D2 by 2 and 3": ((2, 3), 1, (-1, 1), "D2", (0, 1), 0),
    "D4 by 2": ((2, 2), 1, (-1, 1), "D4", (0, 1), 0),
    "one axis of two": ((2, 3), 1, (-1, 1), "D1", (1,), 0),
}


def layer_of(name, first="window"):
    steps, support, _, group, axes, twice = CASES[name]
    by = steps[0] if len(axes) == 1 and len(steps) == 1 else tuple(steps[p] for p in axes)
    by = by[0] if isinstance(by, tuple) and len(set(by)) == 1 else by
    law = pointed(group, axes=axes, step=by, about="corner" if twice else "pixel")
    layer = shifted(len(steps), *steps)
    parts = (derive.local(support), law)
    for part in parts if first == "window" else parts[::-1]:
        layer = layer.then(part)
    return layer


LONG = {"C4 by 2", "D4 by 2", "D2 by 2 and 3"}
SIZES = {1: [(n,) for n in range(1, 9)], 2: [(1, 1), (1, 2), (3, 1), (2, 2), (2, 3), (4, 3)]}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.nightly) if n in LONG else n for n in CASES])
@pytest.mark.parametrize("first", ["window", "group"])
def test_weights_are_tied_as_brute_force_ties_them(name, first):
    steps, _, ends, group, axes, twice = CASES[name]
    layer, rank = layer_of(name, first), len(steps)
    assert all(v.proved for v in layer.verdicts)
    matrices = [on_grid(m, axes, rank) for m in closure(NAMED[group])]
    for sizes in SIZES[rank]:
        expected = tied(sizes, lambda offset, radius=0: within(*ends)(offset), matrices, twice, steps)
        found, count = partition(layer, sizes, 0)
        assert {frozenset(c) for c in found} == {frozenset(c) for c in expected}, sizes
        assert count == len(expected), sizes


def test_orders_of_window_and_group_commute():
    assert derive.same_layer(layer_of("mirror by 2"), layer_of("mirror by 2", "group")).proved


@pytest.mark.parametrize("step", [2, 3])
def test_whole_lines_have_exact_counts(step):
    layer = shifted(1, step).then(pointed("D1", step=step))
    matrices = [on_grid(m, (0,), 1) for m in closure(NAMED["D1"])]
    for n in range(1, 9):
        assert partition(layer, (n,), 0)[1] == len(tied((n,), lambda a, radius=0: True, matrices, 0, (step,)))
    assert layer.counts.when != False  # noqa: E712  SymPy's


SIDES = [(1, 1), (1, 4), (2, 1), (2, 2), (2, 3), (2, 5), (3, 2), (3, 3), (3, 4), (5, 3), (4, 4), (4, 2)]
CLOSED = [(2, "C2"), (2, "C4"), (2, "D2"), (2, "D4"), (3, "C4")]


@pytest.mark.parametrize(
    ("step", "group"), [CLOSED[0], *(pytest.param(*c, marks=pytest.mark.nightly) for c in CLOSED[1:])]
)
def test_whole_grids_have_closed_counts(step, group):
    """A polynomial in every residue class of the sizes, on all grids or on those of equal sides; no sum is left."""
    layer = shifted(2, step, step).then(pointed(group, step=step))
    matrices = [on_grid(m, (0, 1), 2) for m in closure(NAMED[group])]
    counts = layer.counts
    assert not counts.weight.has(Sum)
    for sizes in SIDES:
        at = dict(zip(indices("n m"), sizes, strict=True))
        if counts.when.subs(at) == True:  # noqa: E712  SymPy's
            expected = len(tied(sizes, lambda a, radius=0: True, matrices, 0, (step, step)))
            assert counts.weight.subs(at) == expected, sizes


def test_cases_without_sizes_are_left_out():
    """On a line of one place, and where both sizes are even and agree, a polynomial of fewer terms says the same."""
    layer = shifted(2, 2, 2).then(pointed("C4", step=2))
    n = index("n")
    (value,) = {
        v
        for part, _ in layer.counts.exact_weight.args
        for v, c in getattr(part, "args", ())
        if v == 4 * n**2 - 4 * n + 3
    }
    assert value.free_symbols == {n}


def about_the_grid(n, step):
    """Pairs of a line tied by shifts by the step and by the reflection of the whole line."""
    pairs = [(o, k) for o in range(n) for k in range(n) if abs(o - k) <= 1]
    shifts = range(-(n // step) * step, n + 1, step)
    return classes(pairs, lambda p: [(n - 1 - p[0], n - 1 - p[1]), *((p[0] + s, p[1] + s) for s in shifts)])


def test_a_reflection_of_the_whole_grid_swaps_remainders_where_the_step_divides_its_size():
    start = derive.dense(1, "2*n", "2*n").then(derive.reindex())
    layer = start.then(derive.equivariant(derive.Translations(step=2))).then(derive.local(1))
    layer = layer.then(pointed("D1", about="grid"))
    assert str(layer.form.weight) == "V[Where(Eq(Mod(i, 2), 0), a, -a)]" and layer.free_parameters["bias"] == 1
    for n in (1, 2, 3):
        count = layer.counts.exact_weight.subs(index("n"), n)
        assert count == len(about_the_grid(2 * n, 2))


EDGES = [("zero", 1), ("zero", 2), ("periodic", 1), ("periodic", 2), ("valid", 2), ("zero", 3)]


@pytest.mark.parametrize(("edge", "stride"), EDGES)
@pytest.mark.parametrize("step", [2, 3, 4])
def test_edges_and_strides_keep_the_classes_that_they_read(step, edge, stride):
    """A class is free if a kept place reads one of its pairs; beyond a periodic edge all offsets are read."""
    layer = shifted(1, step).then(derive.local(1)).then(pointed("D1", step=step)).then(derive.boundary(edge))
    layer = layer if stride == 1 else layer.then(derive.strided(stride))
    assert all(v.proved for v in layer.verdicts)
    matrices = [on_grid(m, (0,), 1) for m in closure(NAMED["D1"])]
    for n in range(3, 14):
        wide = (n + 2 * step,)
        every = tied(wide, lambda a, radius=0: abs(a[0]) <= 1, matrices, 0, (step,))
        kept = range(1, n - 1, stride) if edge == "valid" else range(0, n, stride)
        inside = range(n) if edge != "periodic" else range(-1, n + 1)
        read = {(o + step, k + step) for o in kept for k in (o - 1, o, o + 1) if k in inside}
        assert numbers(layer.form, {"n": n})["weights"] == sum(bool(read & set(c)) for c in every), n


@pytest.mark.parametrize(("step", "edge", "stride"), [(2, "zero", 1), (3, "periodic", 2), (4, "valid", 2)])
def test_they_have_kernels_and_a_dense_layer(step, edge, stride):
    layer = shifted(1, step).then(derive.local(1)).then(pointed("D1", step=step)).then(derive.boundary(edge))
    layer = layer if stride == 1 else layer.then(derive.strided(stride))
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.nightly
@pytest.mark.parametrize(("group", "edge", "stride"), [("C4", "periodic", 1), ("D4", "zero", 2), ("C4", "zero", 3)])
def test_quarter_turns_too(group, edge, stride):
    layer = shifted(2, 2, 2).then(derive.local(1)).then(pointed(group, step=2)).then(derive.boundary(edge))
    layer = layer if stride == 1 else layer.then(derive.strided(stride))
    assert all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda: shifted(1, 1).then(pointed("D1", step=2)),
            'PointGroup("D1", step=2) comes with shifts by (2), and weights repeat by (1) along the grid already; with those '
            'shifts it is PointGroup("D1").',
        ),
        (
            lambda: shifted(1, 2).then(derive.equivariant(derive.Translations(step=3))),
            "Weights repeat by 2 along the grid, and shifts by 2 and by 3 are together those by 1; "
            "state equivariant(Translations()) alone.",
        ),
        (
            lambda: shifted(2, 2, 3).then(pointed("C4", step=(2, 3))),
            "The rotation by 90° carries shifts by (2, 3) along its axes to some that are no multiples of these; what survives is "
            'PointGroup("C2", step=(2, 3)).',
        ),
        (
            lambda: shifted(1, 2).then(pointed("D1", about="grid")),
            "Weights repeat by 2 along the grid, and the reflection (a) ⟶ (-a) carries i to -i + n - 1, whose remainder by 2 n "
            'tells: state a size that 2 divides, such as "2*n".',
        ),
        (
            lambda: (
                derive.dense(2, ("n", "n"), ("n", "n"))
                .then(derive.equivariant(derive.Translations((0,), grid="torus")))
                .then(derive.equivariant(derive.Translations((1,))))
                .then(pointed("C2"))
            ),
            "Weights are called by differences that wrap around along i, and the rotation by 180° mixes or turns other axes with "
            'these; state Translations(grid="torus") along all axes that it acts on, or shifts of a box along all of them.',
        ),
        (
            lambda: shifted(1, 2).then(pointed("D1", step=0)),
            "Shifts go by a step from 1, one for each of 1 axes or for all; 0 is none.",
        ),
        (
            lambda: shifted(1, 2).then(pointed("D1", step=2, about="grid")),
            'PointGroup("D1", about="grid", step=2) is about the grid\'s middle, so it takes no shifts; leave out step=.',
        ),
    ],
)
def test_what_doesnt_go_together_is_refused_with_the_arithmetic(build, says):
    with pytest.raises(RuleRefused) as caught:
        build()
    assert str(caught.value) == f"Rule 'equivariant' refused: {says}"


def applied(build):
    """The refusal of a rule by itself, which has no other order to try."""
    with pytest.raises(RuleRefused) as caught:
        build()
    return str(caught.value)


def test_a_rule_by_itself_names_what_comes_before_it():
    offsets, by_two = derive.dense(1).then(derive.reindex()).form, shifted(1, 2).form
    assert applied(lambda: pointed("D1", step=2).apply(offsets)) == (
        "Rule 'equivariant' refused: Weights depend on the place still, which the reflection (a) ⟶ (-a) moves by a shift of its "
        "own; state equivariant(Translations(step=2)) before it."
    )
    assert applied(lambda: pointed("D1").apply(by_two)) == (
        "Rule 'equivariant' refused: PointGroup(\"D1\") comes with shifts by (1), and weights repeat by (2) along the grid, so "
        'shifts by these alone leave them as they are; what survives is PointGroup("D1", step=2), or state '
        "equivariant(Translations()) before it."
    )
    mirrored = derive.dense(1).then(pointed("D1", about="grid")).form
    assert applied(lambda: derive.equivariant(derive.Translations(step=2)).apply(mirrored)) == (
        "Rule 'equivariant' refused: Weights are called by cases, which a shift carries to others: i to Min(i + 2*s, -i + n - 2*s "
        "- 1); state equivariant(Translations(step=2)) before the symmetry that they are of."
    )


@pytest.mark.parametrize("fault", ["signs", "carries"])
def test_planted_faults_are_refused(fault, monkeypatch):
    """Mirrored weights are equal, not opposite; a witness that is one step off carries nothing to its representative."""
    orbits = sys.modules["derive.groups._orbits"]
    if fault == "signs":
        monkeypatch.setattr(orbits._Orbits, "_sign", lambda self: Integer(-1))
    else:
        real = orbits._carry
        monkeypatch.setattr(orbits, "_carry", lambda *given: {s: e - 1 for s, e in real(*given).items()})
    with pytest.raises(ObligationFailed, match=r"its obligation '(restricted|complete)' is refuted"):
        shifted(1, 3).then(derive.local(1)).then(pointed("D1", step=3))
