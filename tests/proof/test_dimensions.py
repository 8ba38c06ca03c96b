"""Every layer has as many free parameters as its constraints leave, and as its form can tell apart.

Three numbers by three ways, at small sizes: the free entries that the form names and the exact expression for them; the
entries of the dense layer less the rank of all clauses, from their definition; the rank of the map from parameters to W and U.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice

import pytest
from sympy import Eq, Ge, Integer, Symbol

import derive
from derive.derivation import Derivation
from derive.forms.count import NotCountable
from derive.forms.expr import index
from derive.proof.counts import Counts
from derive.proof.step import Kind
from tests.lazily import CATALOGUE
from tests.proof.spans import Combination, Elimination, constrained, free_labels, layers_of, odd_ones
from tests.rules.test_structures import LAYERS as STRUCTURES

LAYERS = ChainMap(CATALOGUE, STRUCTURES)
AT_ONCE = 6


def before_transformations(layer: Derivation) -> Derivation:
    """The layer up to the first step that makes another one of it, or a product of its weights."""
    kept = [s.kind in (Kind.TRANSFORMATION, Kind.FACTORISATION) for s in layer.steps]
    last = kept.index(True) if True in kept else len(kept)
    return replace(layer, steps=layer.steps[:last], applications=layer.applications[:last])


def counts_of(layer: Derivation) -> Counts | None:
    """None where no expression is known, which the layer says by a refusal."""
    try:
        return layer.counts
    except NotCountable:
        return None


def sample(layer: Derivation, most: int | None = None) -> Iterator[dict[Symbol, int]]:
    """Small sizes; where the short count holds at none of them, the least equal ones besides at which it does."""
    yield from odd_ones(layer, most)
    counts = counts_of(layer)
    if counts is not None and not any(counts.when.subs(sizes) == True for sizes in odd_ones(layer)):  # noqa: E712
        larger = (dict.fromkeys(layer.form.sizes, size) for size in range(5, 9))
        yield from islice((sizes for sizes in larger if counts.when.subs(sizes) == True), 1)  # noqa: E712


def agree(layer: Derivation, sizes: dict[Symbol, int]) -> None:
    """The form's free entries are as many as the expression says, and no two of their combinations are one layer.

    Where terms share inputs that is so under the condition of the short count; elsewhere no more layers are apart than entries are
    free, and as many as the exact expression says.
    """
    form, counts = layer.form, counts_of(layer)
    learned = {p.name for p in form.params if not p.data}
    free = [label for label in free_labels(form, sizes) if label[0] in learned]
    holds = counts is not None and counts.when.subs(sizes) == True  # noqa: E712
    number = len(free)
    if learned and sum(p.name in learned for p in form.weights) < 2:  # the layer is linear in what it learns
        apart = layers_of(form, sizes).rank
        assert apart == number or (form.shared and not holds and apart < number), sizes
        number = apart
    if counts is None:
        return
    biases = sum(label[0] in {p.name for p in form.biases} for label in free)
    weights = len(free) - biases
    if counts.exact_weight is not None:
        assert (counts.exact_weight.subs(sizes), counts.exact_bias.subs(sizes)) == (number - biases, biases), sizes
    if holds:
        assert (counts.weight.subs(sizes), counts.bias.subs(sizes)) == (weights, biases), sizes


def left_by_clauses(layer: Derivation, sizes: dict[Symbol, int]) -> None:
    """What the clauses leave of the dense layer is what the form can be."""
    form = layer.form
    free = free_labels(form, sizes)
    weights = sum(label[0] in {p.name for p in form.weights} for label in free)
    assert constrained(layer, sizes) == (weights, len(free) - weights), sizes


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_as_many_parameters_as_layers_are_apart(name: str) -> None:
    for sizes in sample(LAYERS[name], AT_ONCE):
        agree(LAYERS[name], sizes)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_as_many_parameters_as_its_clauses_leave(name: str) -> None:
    layer = before_transformations(LAYERS[name])
    for sizes in odd_ones(layer, AT_ONCE):
        left_by_clauses(layer, sizes)


@pytest.mark.nightly
@pytest.mark.parametrize("name", LAYERS)
def test_at_every_small_size(name: str) -> None:
    layer = before_transformations(LAYERS[name])
    for sizes in odd_ones(layer):
        left_by_clauses(layer, sizes)
        agree(layer, sizes)
    for sizes in odd_ones(LAYERS[name]):
        agree(LAYERS[name], sizes)


@pytest.mark.parametrize("name", LAYERS)
def test_the_sample_has_sizes_at_which_the_short_count_holds(name: str) -> None:
    """A sample in which the condition never held would say nothing about the short count."""
    layer = before_transformations(LAYERS[name])
    if (counts := counts_of(layer)) is not None:
        assert any(counts.when.subs(sizes) == True for sizes in sample(layer))  # noqa: E712


@pytest.mark.parametrize("name", LAYERS)
def test_elements_that_reach_farther_tie_nothing_more(name: str) -> None:
    """Letters of a group's elements run through the largest extent; twice that adds no relation."""
    layer = before_transformations(LAYERS[name])
    smallest = min(odd_ones(layer, AT_ONCE), key=lambda sizes: sum(sizes.values()))
    assert constrained(layer, smallest) == constrained(layer, smallest, reach=2)


def test_combinations_and_their_rank() -> None:
    x, y, z = (Combination({label: 1}) for label in "xyz")
    assert Elimination([x - y, y - z, x - z]).rank == 2
    assert Elimination([x + y, x - y, x, y]).rank == 2
    assert Elimination([x - x, 0 * y]).rank == 0
    assert Elimination([x, y]).spans(Elimination([x + 2 * y]))
    assert not Elimination([x + y]).spans(Elimination([x]))
    assert (0 - x).terms == {"x": -1}


@cache
def line():
    return derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


def test_a_clause_too_few_leaves_more() -> None:
    """The count by definition sees what the form can't: without the biases' clause n - 1 more numbers are left."""
    step = line().steps[-1]
    weaker = replace(
        line(), steps=(*line().steps[:-1], replace(step, step=replace(step.step, clauses=step.step.clauses[:1])))
    )
    at = {index("n"): 3}
    assert (constrained(line(), at), constrained(weaker, at)) == ((5, 1), (5, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: replace(p, free=Ge(p.array.symbols[0], 0)),
        lambda p: replace(p, free=Eq(p.array.symbols[0], Integer(9))),
    ],
    ids=["half of the entries", "none"],
)
def test_a_form_that_names_too_few_entries_is_seen(change) -> None:
    step = line().steps[-1]
    after = replace(step.after, weights=tuple(map(change, step.after.weights)))
    wrong = replace(line(), steps=(*line().steps[:-1], replace(step, step=replace(step.step, after=after))))
    with pytest.raises(AssertionError):
        agree(wrong, {index("n"): 3})
