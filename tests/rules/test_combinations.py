"""Any combination in one call: every pair of values of any two options, derived, emitted, equal to the dense layer, counted."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, islice, product

import numpy as np
import pytest

import derive
from derive.checking import check_emitted, exact_arrays, run_exactly, small_sizes
from derive.derivation import Derivation
from derive.forms.denote import matrix
from derive.forms.expr import index
from derive.pipeline import Layer
from tests.lazily import Lazily
from tests.proof.spans import Combination, Elimination, labelled
from tests.rules.exact import emitted

Options = Mapping[str, object]
CHOICES: dict[str, tuple[object, ...]] = {
    "kernel": (3, 2, "uneven", 1),
    "stride": (1, 2, "uneven"),
    "dilation": (1, 2, "uneven"),
    "groups": (False, None, "depthwise", "F"),  # False: no channels
    "edges": ("zero", "valid", "periodic", "reflect", "nearest"),
    "factors": (None, 1, 2),
    "rank": (1, 2, 3),
}
UNEVEN = {"kernel": (3, 2, 1), "stride": (2, 1, 3), "dilation": (1, 3, 2)}


def pairs(row: tuple[object, ...]) -> set[tuple[object, ...]]:
    """Every two options of a row with their values."""
    return {(p, q, row[p], row[q]) for p, q in combinations(range(len(row)), 2)}


def admitted(row: tuple[object, ...]) -> bool:
    """A window along one axis is its own factor, so `factors` needs two."""
    named = dict(zip(CHOICES, row, strict=True))
    return named["rank"] != 1 or named["factors"] is None


def covering() -> Iterator[tuple[object, ...]]:
    """Rows that hold every pair that an admitted row holds: of a few drawn rows the one with most new pairs, again and again."""
    draw = random.Random(0)
    rows = [row for row in product(*CHOICES.values()) if admitted(row)]
    left = set().union(*(pairs(row) for row in rows))
    while left:
        best = max(draw.sample(rows, 200), key=lambda row: len(pairs(row) & left))
        if pairs(best) & left:
            left -= pairs(best)
            yield best


def options(row: tuple[object, ...]) -> dict[str, object]:
    named = dict(zip(CHOICES, row, strict=True))
    axes = named["rank"]
    shown = {k: UNEVEN[k][:axes] if v == "uneven" else v for k, v in named.items()}
    groups = shown.pop("groups")
    return {**shown, "channels": groups is not False, "groups": groups or None}


ROWS = list(covering())


def test_every_pair_of_options_is_covered():
    rows = [row for row in product(*CHOICES.values()) if admitted(row)]
    assert set().union(*map(pairs, ROWS)) == set().union(*map(pairs, rows))
    assert len(ROWS) < 60


@pytest.fixture(params=ROWS, ids=lambda row: "-".join(map(str, row)))
def layer(request: pytest.FixtureRequest) -> Derivation:
    return combined(request.param)


@cache
def combined(row: tuple[object, ...]) -> Derivation:
    return derive.convolution(**options(row))


def test_the_kernel_is_the_dense_layer_on_integers(layer):
    made = Layer("layer", layer, "A layer of a test.", "", "")
    assert made.backends == ("cupy", "numpy")
    assert all(verdict.proved for verdict in made.verdicts)
    check_emitted(made)
    kernel, form = emitted(made), layer.form
    assert set(kernel.gradients) == set(kernel.arguments)
    for sizes in islice(small_sizes(form), 2):
        arrays = exact_arrays(form, sizes)
        learned = {p.name: arrays[p.name] for p in form.params}
        grid = tuple(sizes[index(s)] for s in ("n", "m", "p")[: len(form.grid(form.input))])
        told = {s.name: v for s, v in sizes.items() if s.name in ("C", "D", "F")}
        W, U = layer.reference(shape=grid, **learned, **told)
        found = run_exactly(kernel, form, arrays, sizes)
        assert (found == U + np.tensordot(W, arrays["X"], axes=arrays["X"].ndim)).all()


def test_the_count_is_the_rank_of_the_derivative(layer):
    """Of weights to the dense matrix: at small whole weights, over the rationals, which is the dimension that is reached."""
    form, counts = layer.form, layer.counts
    sizes = large_enough(layer)
    arrays = exact_arrays(form, sizes, seed=3)
    learned = [p for p in form.weights if not p.data]
    assert sum(arrays[p.name].size for p in learned) == int(counts.weight.subs(sizes))
    labels = labelled(form, sizes)
    columns: dict[object, dict[object, object]] = {}
    for param in learned:
        for place, value in np.ndenumerate(matrix(form, arrays | {param.name: labels[param.name]}, sizes)):
            for label, factor in getattr(value, "terms", {}).items():
                columns.setdefault(label, {})[place] = factor
    reached = Elimination(map(Combination, columns.values())).rank
    wanted = counts.dimension if counts.dimension is not None else counts.weight
    if counts.dimension is not None or len(learned) == 1:
        assert reached == int(wanted.subs(sizes))
    else:
        assert reached < int(wanted.subs(sizes)) + 1


def large_enough(layer: Derivation) -> dict[object, int]:
    """The smallest equal grid at which the count holds, with one channel of each kind."""
    for extent in range(1, 16):
        sizes = {s: 1 if s.name in "CDF" else extent for s in layer.form.sizes}
        if layer.form.given.subs(sizes) == True and layer.counts.when.subs(sizes) == True:  # noqa: E712
            return sizes
    raise AssertionError(layer)


def tied(rank: int) -> Derivation:
    return derive.dense(rank=rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


ORDERS = Lazily(
    {
        "a stride of a separable layer": lambda: (
            tied(2).then(derive.local(1)).then(derive.boundary()).then(derive.separable(2)).then(derive.strided(2))
        ),
        "one product on a diamond": lambda: tied(2).then(derive.local(derive.Diamond(1))).then(derive.separable(1)),
        "two products on a diamond": lambda: (
            tied(2).then(derive.local(derive.Diamond(1))).then(derive.boundary()).then(derive.separable(2))
        ),
        "one product on a larger diamond": lambda: (
            tied(2).then(derive.local(derive.Diamond(2))).then(derive.separable(1))
        ),
        "an adjoint beyond a reflecting edge": lambda: (
            tied(1).then(derive.local(2)).then(derive.boundary("reflect")).then(derive.adjoint())
        ),
        "an adjoint beyond nearest edges": lambda: (
            tied(2).then(derive.local(1)).then(derive.boundary("nearest")).then(derive.adjoint())
        ),
        "an adjoint on a torus, strided": lambda: (
            tied(1)
            .then(derive.local(1))
            .then(derive.boundary("periodic"))
            .then(derive.strided(2))
            .then(derive.adjoint())
        ),
    }
)


@pytest.mark.parametrize("name", ORDERS)
def test_other_orders_have_kernels_gradients_and_counts(name):
    layer = ORDERS[name]
    made = Layer("layer", layer, "A layer of a test.", "", "")
    assert made.backends == ("cupy", "numpy")
    assert all(verdict.proved for verdict in made.verdicts)
    check_emitted(made)
    kernel = emitted(made)
    assert set(kernel.gradients) == set(kernel.arguments)
    test_the_count_is_the_rank_of_the_derivative(layer)


def test_products_on_a_mask_have_no_more_dimensions_than_it_has_taps():
    assert ORDERS["one product on a diamond"].free_parameters["dimension"] == 5
    assert ORDERS["two products on a diamond"].free_parameters["dimension"] == 5
    assert ORDERS["one product on a larger diamond"].free_parameters["dimension"] == 9
    named = tied(2).then(derive.local(derive.Diamond("r"))).then(derive.separable(1))
    assert "dimension" not in named.free_parameters
