"""Layers that a shift by a step ties, behind every edge, at every so many places: kernels and the dense layer agree."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Le

import derive
from derive.checking import check_emitted
from derive.derivation import Derivation
from derive.errors import RuleRefused
from derive.forms.expr import index
from derive.pipeline import Layer
from derive.render.numbers import numbers
from tests.groups.tying import partition, tied


def stepped(step: int, edge: str, stride: int) -> Derivation:
    """A window of three on a line whose weights repeat by the step."""
    layer = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=step)))
    layer = layer.then(derive.local(1)).then(derive.boundary(edge))
    return layer if stride == 1 else layer.then(derive.strided(stride))


@pytest.mark.parametrize(
    ("step", "stride", "kinds"), [(2, 1, 2), (3, 1, 3), (2, 2, 1), (2, 4, 1), (3, 3, 1), (3, 6, 1), (2, 3, 2)]
)
@pytest.mark.parametrize("edge", ["periodic", "reflect", "symmetric", "nearest"])
def test_the_dense_layer_behind_an_edge_has_the_places_own_weights(
    step: int, stride: int, kinds: int, edge: str
) -> None:
    """`kinds` of places are kept: the step, less what the stride never meets."""
    layer = stepped(step, edge, stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(("step", "stride", "kinds"), [(2, 1, 2), (2, 2, 1), (2, 4, 1), (3, 3, 1)])
def test_zero_edges(step: int, stride: int, kinds: int) -> None:
    layer = stepped(step, "zero", stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(
    ("step", "stride", "edge"),
    [(2, 3, "zero"), (3, 2, "periodic"), (3, 2, "reflect"), (2, 1, "valid"), (3, 1, "valid"), (2, 3, "valid")],
)
def test_strides_that_share_no_divisor_with_the_step_meet_every_kind_of_place(
    step: int, stride: int, edge: str
) -> None:
    layer = stepped(step, edge, stride)
    assert layer.free_parameters["weight"] == 3 * step and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


def test_two_axes_with_a_stride_each() -> None:
    """The subscripts of one access have six letters among them."""
    layer = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    layer = layer.then(derive.local(1)).then(derive.boundary("periodic")).then(derive.strided((3, 5)))
    assert layer.free_parameters["weight"] == 9 * 4 and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize(("step", "stride", "kinds"), [(4, 2, 2), (4, 6, 2)])
def test_a_stride_that_shares_a_divisor_meets_some_kinds(step: int, stride: int, kinds: int) -> None:
    layer = stepped(step, "periodic", stride)
    assert layer.free_parameters["weight"] == 3 * kinds and all(v.proved for v in layer.verdicts)
    check_emitted(Layer("stepped", layer, "A stepped layer.", "python -m derive emit", "docs"))


STEPS = [(2, 3), (3, 2), (4, 2), (4, 6), (6, 4), (6, 3), (3, 4)]


@pytest.mark.parametrize("edge", ["zero", "periodic"])
@pytest.mark.parametrize(("step", "stride"), STEPS)
def test_what_is_learned_is_what_the_kept_places_read(step: int, stride: int, edge: str) -> None:
    """Remainders may come in any order, and not all: an entry is free where a kept place of its remainder reads it."""
    check_what_is_read(step, stride, edge)


@pytest.mark.parametrize(
    ("step", "stride"), [(6, 4), *(pytest.param(*pair, marks=pytest.mark.nightly) for pair in STEPS if pair != (6, 4))]
)
def test_so_do_places_with_a_whole_window(step: int, stride: int) -> None:
    check_what_is_read(step, stride, "valid")


def check_what_is_read(step: int, stride: int, edge: str) -> None:
    layer = stepped(step, edge, stride)
    assert all(v.proved for v in layer.verdicts)
    for n in (*range(3, 12), step * stride, step * stride + 1):
        kept = range(1, n - 1, stride) if edge == "valid" else range(0, n, stride)
        inside = range(n) if edge != "periodic" else range(-1, n + 1)
        read = {(o % step, a) for o in kept for a in (-1, 0, 1) if o + a in inside}
        own = numbers(layer.form, {"n": n})
        assert (own["weights"], own["biases"]) == (len(read), len({o % step for o in kept})), n


@pytest.mark.parametrize("step", [2, 3])
def test_whole_lines_by_a_step_have_a_number_where_it_holds(step: int) -> None:
    layer = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=step)))
    n, found = index("n"), layer.free_parameters
    assert (found["weight"], found["when"]) == {2: (4 * n - 4, Le(2, n)), 3: (6 * n - 9, Le(3, n))}[step]
    for size in range(1, 9):
        orbits = {(o % step, k - o) for o in range(size) for k in range(size)}
        assert layer.counts.exact_weight.subs(n, size) == len(orbits)


@pytest.mark.parametrize("steps", [(2, 1), (1, 3), (2, 3)])
def test_each_axis_has_a_step_of_its_own(steps: tuple[int, int]) -> None:
    """As brute force ties them; and as two statements do, one for each axis."""
    start = derive.dense(2).then(derive.reindex())
    layer = start.then(derive.equivariant(derive.Translations(step=steps))).then(derive.local(1))
    assert all(v.proved for v in layer.verdicts)
    apart = start
    for axis, step in enumerate(steps):
        apart = apart.then(derive.equivariant(derive.Translations((axis,), step=step)))
    assert layer.counts.exact_weight == apart.then(derive.local(1)).counts.exact_weight
    for sizes in ((4, 4), (4, 5), (5, 3)):
        expected = tied(sizes, lambda a: max(map(abs, a)) <= 1, [np.eye(2, dtype=int)], 0, steps)
        found, count = partition(layer, sizes, 1)
        assert {frozenset(c) for c in found} == {frozenset(c) for c in expected}
        assert count == len(expected)
    check_emitted(Layer("stepped", layer.then(derive.boundary()), "A stepped layer.", "python -m derive emit", "docs"))


@pytest.mark.parametrize("steps", [(2, 1), (2, 3)])
def test_each_axis_of_a_torus_has_a_step_of_its_own(steps: tuple[int, int]) -> None:
    sizes = ("6*n", "3*m")
    layer = derive.dense(2, sizes, sizes).then(derive.equivariant(derive.Translations(grid="torus", step=steps)))
    assert all(v.proved for v in layer.verdicts)
    kinds = steps[0] * steps[1]
    assert layer.counts.exact_weight == kinds * 18 * index("n") * index("m") and layer.counts.exact_bias == kinds


@pytest.mark.parametrize("steps", [(2,), (2, 0), (2, 1, 1), [2, 0], 2.0, True, 0])
def test_a_step_is_a_count_for_all_axes_or_one_for_each(steps: object) -> None:
    with pytest.raises(RuleRefused, match=r"Shifts go by a step from 1, one for each of 2 axes or for all; .* is none"):
        derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=steps)))  # type: ignore[arg-type]


@pytest.mark.parametrize("edge", ["periodic", "reflect"])
def test_a_layer_by_steps_is_continued_beyond_its_edge(edge: str) -> None:
    """A window that is read at every second place has its first reader at the first place of its own."""
    steps = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=2)))
    layer = steps.then(derive.local(1)).then(derive.boundary(edge))
    assert all(v.proved for v in layer.verdicts)
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == (6, 2)
