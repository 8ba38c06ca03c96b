"""Free parameters are counted exactly: they equal brute-force orbits at every small size."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sympy import And, Eq, Mod

import derive
from derive.errors import DeriveError
from derive.forms.denote import denote, matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.forms.sizes import size_sources
from derive.proof.counts import Counts
from derive.proof.step import View
from derive.render.numbers import numbers, operations
from tests.lazily import CATALOGUE as LAYERS
from tests.pace import within
from tests.proof.orbits import classes, layer_dimensions, pairs_of_line, shifted_pairs
from tests.proof.spans import odd_ones

NO_DENSE = (View.WEIGHT, View.BIAS)  # linear in the output's gradient and in X
CHAIN = {  # tied by translations, local, with channels: the chain has an oracle of its own
    "dense2d": (False, False, False),
    "offset2d": (False, False, False),
    "convolution2d": (True, False, False),
    "conv2d": (True, True, False),
    "conv2d_channels": (True, True, True),
}


def test_every_element_counts_not_only_generators():
    """Shifts by 2 and 3 on three cells: all elements tie 9 pairs into 5 orbits, generators inside into 8."""
    pairs = pairs_of_line(3)
    generated = {2 * a + 3 * b for a in range(-9, 10) for b in range(-9, 10)}
    assert len(classes(pairs, shifted_pairs(generated))) == 5
    assert len(classes(pairs, shifted_pairs([2, 3, -2, -3]))) == 8


@pytest.mark.parametrize("n", range(1, 7))
def test_shifts_of_a_line_tie_one_offset(n):
    found = classes(pairs_of_line(n), shifted_pairs(range(-n, n + 1)))
    assert len(found) == 2 * n - 1
    assert all(len({k - o for o, k in orbit}) == 1 for orbit in found)
    assert len(classes(pairs_of_line(n), shifted_pairs([0]))) == n * n


def test_the_oracle_on_a_grid():
    assert layer_dimensions(2, 3, False, None, 1, 1) == (36, 6)
    assert layer_dimensions(2, 3, True, None, 1, 1) == (3 * 5, 1)
    assert layer_dimensions(2, 3, True, 0, 4, 2) == (4, 2)
    assert layer_dimensions(2, 3, False, 1, 1, 1) == (2 * 2 * 7, 6)


def sizes_of(name):
    local, channels = CHAIN[name][1:]
    for n, m in product(range(1, 6), repeat=2):
        for radius in range(7) if local else [None]:
            for C, D in [(1, 1), (2, 1), (1, 3), (2, 2)] if channels else [(1, 1)]:
                yield n, m, radius, C, D


@pytest.mark.parametrize("name", CHAIN)
def test_counts_of_the_chain_are_the_numbers_of_orbits(name):
    counts, tied = LAYERS[name].counts, CHAIN[name][0]
    for n, m, radius, C, D in sizes_of(name):
        at = {index(s): v for s, v in {"n": n, "m": m, "Delta": radius, "C": C, "D": D}.items() if v is not None}
        expected = layer_dimensions(n, m, tied, radius, C * D, D)
        assert (int(counts.exact_weight.subs(at)), int(counts.exact_bias.subs(at))) == expected, at
        if bool(counts.when.subs(at)):
            assert (int(counts.weight.subs(at)), int(counts.bias.subs(at))) == expected, at


def test_outputs_and_inputs_of_a_dense_layer():
    counts = LAYERS["fully_connected"].counts
    for N, K in product(range(1, 6), repeat=2):
        at = {index("N"): N, index("K"): K}
        assert (counts.exact_weight.subs(at), counts.exact_bias.subs(at)) == (N * K, N)


def test_the_condition_is_the_weakest():
    """Where it fails, so does the short formula."""
    counts = LAYERS["conv2d"].counts
    for n, m, radius in product(range(1, 5), range(1, 5), range(6)):
        at = {index("n"): n, index("m"): m, index("Delta"): radius}
        assert bool(counts.when.subs(at)) == (counts.weight.subs(at) == counts.exact_weight.subs(at))


def drawn(form, sizes, seed):
    draw = np.random.default_rng(seed)
    shapes = {p.name: tuple(int(evaluate(e, sizes)) for e in p.array.shape) for p in form.params}
    numbers = {p.name: p.values for p in form.params if p.values is not None}
    entries = {n: numbers.get(n) or draw.integers(-9, 10, shape).ravel() for n, shape in shapes.items()}
    return {name: np.array(entries[name], dtype=object).reshape(shape) for name, shape in shapes.items()}


def reference(layer, sizes, arrays):
    """Composed embeddings at these sizes; the shape is that of the dense layer's input."""
    source = layer.dense.input
    shape = tuple(int(evaluate(source.axes[p].extent, sizes)) for p in layer.dense.grid(source))
    told = {s.size for s in size_sources(layer.form, [p.array for p in layer.form.params if not p.data])}
    stated = {s.name: v for s, v in sizes.items() if s not in {*told, *layer.dense.input.shape[: len(shape)]}}
    learned = {p.name: arrays[p.name] for p in layer.form.params if not p.data}
    return layer.reference(shape=shape, **learned, **stated)


@pytest.mark.parametrize("name", LAYERS)
def test_the_reference_is_what_the_form_means(name):
    """Composed embeddings against the definition; entries that meet no image are drawn too."""
    layer = LAYERS[name]
    form = layer.form
    for sizes in odd_ones(layer, 4):
        arrays = drawn(form, sizes, seed=len(name))
        if any(s.step.view in NO_DENSE for s in layer.steps):
            with pytest.raises(DeriveError, match="no dense layer of one set of weights behind a gradient by the "):
                reference(layer, sizes, arrays)
            continue
        W, U = reference(layer, sizes, arrays)
        nothing = np.zeros(tuple(int(evaluate(e, sizes)) for e in form.input.shape), dtype=object)
        assert (matrix(form, arrays, sizes) == W).all()
        assert (denote(form, arrays | {form.input.name: nothing}, sizes) == U).all()


def test_the_reference_names_what_is_wrong():
    layer = LAYERS["conv2d"]
    with pytest.raises(DeriveError, match="parameters are V, u; given were V"):
        layer.reference(shape=(3, 3), V=np.ones((3, 3)))
    with pytest.raises(DeriveError, match="2 axes"):
        layer.reference(shape=(3,), V=np.ones((3, 3)), u=1)
    with pytest.raises(DeriveError, match="V has shape"):
        layer.reference(shape=(3, 3), V=np.ones((3, 5)), u=1)


def window(rank, support):
    tied = derive.dense(rank=rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    return tied.then(derive.local(support))


CHEAP = {
    "a dilated causal window, strided": lambda: (
        window(1, derive.Causal("2*r")).then(derive.dilated(2)).then(derive.strided(3))
    ),
    "a diamond in a volume, strided unevenly": lambda: window(3, derive.Diamond("r")).then(derive.strided((2, 1, 3))),
    "the same, zero edges": lambda: (
        window(3, derive.Diamond("r")).then(derive.boundary("zero")).then(derive.strided((2, 1, 3)))
    ),
    "a dilated diamond in a volume": lambda: window(3, derive.Diamond("2*r")).then(derive.dilated((2, 1, 3))),
    "a dilated diamond, reflecting": lambda: (
        window(2, derive.Diamond("2*r"))
        .then(derive.dilated(3))
        .then(derive.boundary("reflect"))
        .then(derive.strided(3))
    ),
    "a dilated square, strided": lambda: (
        window(2, "2*r").then(derive.dilated(2)).then(derive.boundary("zero")).then(derive.strided(3))
    ),
}
SECONDS = 6  # of CPU; these took a minute or did not end


@pytest.mark.parametrize("name", CHEAP)
def test_a_count_of_very_many_cases_is_not_waited_for(name):
    """The short number holds on large grids, and equals the entries there; operations are exact or at least as many."""
    with within(SECONDS):
        layer = CHEAP[name]()
        counts, spent = layer.counts, operations(layer.form)
    for extent, r in ((7, 1), (9, 2), (14, 3)):
        sizes = dict.fromkeys(layer.form.sizes, extent) | {index("r"): r}
        if (extent, len(layer.form.output.axes)) == (14, 3) or counts.when.subs(sizes) == False:  # noqa: E712
            continue
        (param,) = layer.form.weights
        box = grid({a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in param.array.axes})
        shape = tuple(int(evaluate(e, sizes)) for e in param.array.shape)
        free = np.broadcast_to(evaluate(param.free, {**sizes, **box}), shape).sum()
        assert counts.weight.subs(sizes).doit() == free
        axes = (*layer.form.output.axes, *layer.form.reduction)
        ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
        terms = np.broadcast_to(
            evaluate(layer.form.terms, {**sizes, **grid(ends)}), [high - low + 1 for low, high in ends.values()]
        )
        number = spent.number.subs(sizes).doit()
        assert number == 2 * terms.sum() if spent.exact else number >= 2 * terms.sum()


def test_entries_that_no_expression_counts_are_the_sum_that_they_are():
    form = window(1, "r").form
    (param,) = form.weights
    kept = Eq(Mod(param.array.symbols[0] ** 2, 5), 1)
    odd = replace(form, domain=And(form.domain, kept), weights=(replace(param, free=kept),))
    counts = Counts.of(odd)
    assert (str(counts.exact_weight), counts.when) == ("dim(n, r)", True)
    assert [counts.weight.subs(index("r"), r).doit() for r in (0, 1, 4)] == [0, 2, 4]


@pytest.mark.parametrize("radius", ["2*Delta", "Delta + Gamma"])
@pytest.mark.parametrize("support", [derive.Diamond, derive.Hexagon])
def test_windows_of_several_radii_count_where_their_sides_fit(radius, support):
    layer = derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local(support(radius)))
    for r in (0, 2, 4):
        at = {"Delta": r // 2, "Gamma": r - r // 2, "n": r + 1, "m": r + 2}
        found = {s: at[s.name] for s in layer.form.sizes}
        offsets = [(a, b) for a in range(-r, r + 1) for b in range(-r, r + 1)]
        third = {derive.Diamond: lambda a, b: abs(a) + abs(b), derive.Hexagon: lambda a, b: abs(a + b)}[support]
        assert layer.free_parameters["when"].subs(found) == True  # noqa: E712
        assert layer.free_parameters["weight"].subs(found) == sum(third(a, b) <= r for a, b in offsets)


def test_a_radius_of_its_own_for_each_axis_has_the_condition_of_that_axis():
    layer = derive.convolution(kernel=("Delta", "Gamma"), channels=False)
    delta, gamma, n, m = map(index, ("Delta", "Gamma", "n", "m"))
    narrow = {delta: 4, n: 5, gamma: 2, m: 3}
    when = layer.free_parameters["when"]
    assert when.subs(narrow) and not when.subs({**narrow, n: 4}) and not when.subs({**narrow, m: 2})


@pytest.mark.parametrize(
    ("support", "group"),
    [(derive.Hexagon, "D6"), (derive.Hexagon, "C3"), (derive.Diamond, "C4"), (derive.Cross, "D4"), (derive.Box, "D4")],
)
def test_a_window_that_a_group_turns_into_the_long_side_is_whole_exactly_where_it_is_said(support, group):
    layer = derive.convolution(kernel=support("Delta"), channels=False, symmetry=derive.PointGroup(group))
    counts, sizes = layer.counts, dict(zip(("n", "m", "Delta"), map(index, ("n", "m", "Delta")), strict=True))
    for n, m, delta in product((1, 2, 3, 5), (1, 2, 4), (0, 1, 2, 3, 5)):
        at = {sizes["n"]: n, sizes["m"]: m, sizes["Delta"]: delta}
        free = numbers(layer.form, {"n": n, "m": m, "Delta": delta})["weights"]
        assert (counts.when.subs(at) == True) == (counts.weight.subs(at) == free), at  # noqa: E712
