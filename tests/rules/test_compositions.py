"""Two layers as one, whatever they are: composed, proved, and equal to one after the other, entry by entry."""

from __future__ import annotations

import re
import sys
from functools import cache
from itertools import product

import numpy as np
import pytest
from sympy import Symbol, prod

import derive
from derive.errors import DeriveError, ObligationFailed
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index

EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")


@cache
def layer(edge, rank=1, stride=1, radius="Delta"):
    start = derive.dense(rank).then(derive.channels()).then(derive.reindex())
    start = start.then(derive.equivariant(derive.Translations())).then(derive.local(radius)).then(derive.unbiased())
    start = start.then(derive.boundary(edge))
    return start if stride == 1 else start.then(derive.strided(stride))


def turned(one):
    return one.then(derive.adjoint())


PAIRS = {
    "two windows": lambda e: (layer(e), layer(e)),
    "strided after conv": lambda e: (layer(e, stride=2), layer(e)),
    "conv after strided": lambda e: (layer(e), layer(e, stride=2)),
    "adjoint after the layer": lambda e: (turned(layer(e)), layer(e)),
    "the layer after its adjoint": lambda e: (layer(e), turned(layer(e))),
    "strided, adjoint after it": lambda e: (turned(layer(e, stride=2)), layer(e, stride=2)),
    "strided, after its adjoint": lambda e: (layer(e, stride=2), turned(layer(e, stride=2))),
}


def values(form, sizes, seed):
    draw = np.random.default_rng(seed)
    return {
        p.name: draw.integers(-9, 9, [int(evaluate(e, sizes)) for e in p.array.shape]).astype(object)
        for p in form.params
    }


def square(form, arrays, sizes):
    W = matrix(form, arrays, sizes)
    rows = int(prod(int(evaluate(e, sizes)) for e in form.output.shape))
    return W.reshape(rows, -1)


@cache
def composed(what, edge):
    outer, inner = PAIRS[what](edge)
    return outer, outer.then(derive.compose(inner))


def every_second():
    """Each pair behind every edge; by day behind three of the six, each edge with half of the pairs."""
    for (row, what), (column, edge) in product(enumerate(PAIRS), enumerate(EDGES)):
        yield pytest.param(what, edge, marks=pytest.mark.nightly if (row + column) % 2 else ())


EACH = pytest.mark.parametrize(("what", "edge"), list(every_second()))


@EACH
def test_a_composition_is_one_layer_after_the_other(what, edge):
    outer, whole = composed(what, edge)
    assert all(v.proved for v in whole.verdicts)
    first = whole.steps[-1].step.inner
    channels = {index("C"): 2, index("D"): 2}
    for n, delta in ((5, 1), (6, 1), (4, 0), (9, 2)):
        sizes = {index("n"): n, index("Delta"): delta, **channels}
        if not bool(evaluate(whole.form.given, sizes)):
            continue
        arrays = values(whole.form, sizes, n)
        sides = [square(form, arrays, sizes) for form in (outer.form.at(_fitting(outer.form, first)), first)]
        assert (square(whole.form, arrays, sizes) == sides[0].dot(sides[1])).all()


@EACH
def test_the_dense_layer_of_a_composition_is_the_product_of_two(what, edge):
    """By the embeddings of both derivations; no program and no composed form is asked."""
    _, whole = composed(what, edge)
    for n, delta in ((5, 1), (6, 1), (9, 2)):
        sizes = {index("n"): n, index("Delta"): delta, index("C"): 2, index("D"): 2}
        if not bool(evaluate(whole.form.given, sizes)):
            continue
        arrays, stated = values(whole.form, sizes, n), {s.name: v for s, v in sizes.items() if s in whole.form.sizes}
        W, U = whole.reference(shape=(n,), **arrays, **stated)
        assert (matrix(whole.form, arrays, sizes) == W).all() and not U.any()


def test_what_follows_a_composition_is_seen_in_its_dense_layer():
    one = layer("zero", radius=1)
    twice = one.then(derive.compose(one)).then(derive.compose(one, weights="R")).then(derive.strided(2))
    sizes = {index("n"): 5, index("C"): 2, index("D"): 2}
    arrays = values(twice.form, sizes, 0)
    W, _ = twice.reference(shape=(5,), **arrays, C=2)
    assert (matrix(twice.form, arrays, sizes) == W).all()


def test_a_form_has_no_dense_layer_behind_it():
    one = layer("zero", radius=1)
    whole = one.then(derive.compose(one.form))
    says = "There is no dense layer behind a composition whose inner layer is a form: give its derivation."
    with pytest.raises(DeriveError, match=f"^{re.escape(says)}$"):
        whole.reference(shape=(5,), **values(whole.form, {index("n"): 5, index("C"): 2, index("D"): 2}, 0))


def _fitting(outer, inner):
    """The sizes of the outer input in terms of the inner output's."""
    pairs = zip(outer.input.axes, inner.output.axes, strict=True)
    return {a.extent: b.extent for a, b in pairs if isinstance(a.extent, Symbol)}


@pytest.mark.parametrize("edge", EDGES)
def test_on_two_axes_with_channels_a_strided_layer_and_its_adjoint_compose(edge):
    strided = layer(edge, rank=2, stride=(2, 1))
    for whole in (turned(strided).then(derive.compose(strided)), strided.then(derive.compose(turned(strided)))):
        assert all(v.proved for v in whole.verdicts)


@pytest.mark.parametrize("edge", EDGES)
def test_what_is_learned_of_a_composition_is_what_its_factors_learn(edge):
    """Every entry that 'free' names is read at some place, and no other one: seen at small sizes."""
    one = layer(edge, stride=2)
    whole = turned(one).then(derive.compose(one)).form
    for n, delta in ((1, 1), (3, 1), (4, 2), (5, 2)):
        sizes = {index("n"): n, index("Delta"): delta, index("C"): 1, index("D"): 1}
        if not bool(evaluate(whole.given, sizes)):
            continue
        ones = {p.name: np.ones([int(evaluate(e, sizes)) for e in p.array.shape], dtype=object) for p in whole.params}
        for param in whole.weights:
            for place in np.ndindex(*ones[param.name].shape):
                alone = np.zeros_like(ones[param.name])
                alone[place] = 1
                subscripts = [p + int(evaluate(a.lower, sizes)) for p, a in zip(place, param.array.axes, strict=True)]
                at = sizes | dict(zip(param.array.symbols, subscripts, strict=True))
                read = matrix(whole, ones | {param.name: alone}, sizes).any()
                assert bool(read) == bool(evaluate(param.domain, at))


def test_without_a_search_for_readers_a_composition_with_an_adjoint_is_refused(monkeypatch):
    monkeypatch.setattr(sys.modules["derive.rules.compose"], "with_reader", lambda form, param: param)
    one = layer("zero")
    with pytest.raises(ObligationFailed, match="its obligation 'free' is refuted, at n = "):
        turned(one).then(derive.compose(one))


def test_behind_a_periodic_edge_a_strided_layer_and_its_adjoint_have_kernels_and_gradients():
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    one = start.then(derive.unbiased()).then(derive.local(1)).then(derive.boundary("periodic")).then(derive.strided(2))
    first, back = one.compile(), turned(one).compile(n=5)
    both = turned(one).then(derive.compose(one)).compile()
    rng = np.random.default_rng(0)
    X, V, T, G = (rng.integers(-5, 6, size).astype(float) for size in (5, 3, 3, 5))
    H = both(X, V, T)
    assert np.array_equal(H, back(first(X, T), V))
    for array, slope in zip((X, V, T), both.vjp(X, V, T, G), strict=True):
        assert (array * slope).sum() == (H * G).sum()
