"""Permutations of an axis and translations of a torus: equal to brute force, with Bell's numbers where there is room."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

import derive
from derive.errors import DeriveError, RuleRefused
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.proof.solver import decide_with_cvc5
from derive.render.numbers import numbers
from tests.groups.oracles import bell
from tests.lazily import Lazily
from tests.proof.orbits import classes
from tests.proof.test_mutations import caught_by

TENSORS = Lazily(
    {
        (k, l): lambda k=k, l=l: derive.dense(outputs=("n",) * l, inputs=("n",) * k).then(
            derive.equivariant(derive.Symmetric())
        )
        for k, l in [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (1, 3)]
    }
)


def partition(layer, shape_in, shape_out):
    """The classes of (o, k) whose dense weights are one entry, and the count of free weights."""
    at = {}
    for array, shape in ((layer.form.input, shape_in), (layer.form.output, shape_out)):
        at |= {next(iter(a.extent.free_symbols)): v for a, v in zip(array.axes, shape, strict=True)}
    arrays, start = {}, 1
    for p in layer.form.params:
        shape = tuple(int(evaluate(e, at)) for e in p.array.shape)
        arrays[p.name] = np.arange(start, start + int(np.prod(shape))).reshape(shape)
        start += arrays[p.name].size
    W, _ = layer.reference(shape=shape_in, **arrays)
    found = {}
    for place in np.ndindex(*W.shape):
        found.setdefault(int(W[place]), set()).add(place)
    count = numbers(layer.form, {s.name: v for s, v in at.items()})["weights"]
    return {frozenset(c) for c in found.values()}, count


@pytest.mark.parametrize("powers", TENSORS)
def test_patterns_of_equal_indices(powers):
    layer, (k, l) = TENSORS[powers], powers
    for n in range(1, 5):
        pairs = list(product(range(n), repeat=k + l))
        expected = classes(pairs, lambda pair, n=n: [tuple(g[x] for x in pair) for g in permutations(range(n))])
        found, count = partition(layer, (n,) * k, (n,) * l)
        assert found == {frozenset(c) for c in expected}
        assert count == len(expected) == bell(k + l, n)


def test_a_layer_on_a_set_has_two_weights():
    layer = TENSORS[1, 1]
    assert (str(layer.counts.exact_weight), layer.counts.weight, str(layer.counts.when)) == ("Min(2, n)", 2, "2 <= n")
    V, u = np.array([7, 3]), np.array(5)
    W, U = layer.reference(shape=(4,), V=V, u=u)
    assert (4 * np.eye(4) + 3 * np.ones((4, 4)) == W).all() and (U == 5).all()


def test_axes_of_one_size_have_one_size():
    with pytest.raises(
        DeriveError, match="Several axes of the grid have the size n; shape \\(2, 3\\) gives it two values"
    ):
        TENSORS[2, 0].reference(shape=(2, 3), V=np.zeros(2), u=0)


def test_several_axes():
    layer = (
        derive.dense(2).then(derive.equivariant(derive.Symmetric("n"))).then(derive.equivariant(derive.Symmetric("m")))
    )
    for n, m in product(range(1, 4), repeat=2):
        pairs = list(product(range(n), range(m), range(n), range(m)))

        def images(pair, n=n, m=m):
            i, j, k, l = pair
            return [(g[i], h[j], g[k], h[l]) for g in permutations(range(n)) for h in permutations(range(m))]

        found, count = partition(layer, (n, m), (n, m))
        expected = classes(pairs, images)
        assert found == {frozenset(c) for c in expected} and count == len(expected)
    assert TENSORS[1, 1].then(derive.channels()).counts.weight == 2 * index("C") * index("D")


TORI = Lazily(
    {
        "circulant": lambda: (derive.dense(1), None),
        "two axes": lambda: (derive.dense(2), None),
        "one axis": lambda: (derive.dense(2), (1,)),
    }
)


@pytest.mark.parametrize("name", TORI)
def test_tori(name):
    start, axes = TORI[name]
    layer = start.then(derive.equivariant(derive.Translations(axes=axes, grid="torus")))
    rank = len(layer.form.output.axes)
    chosen = range(rank) if axes is None else axes
    for sizes in product(range(1, 5 if rank == 1 else 4), repeat=rank):
        pairs = list(product(*map(range, (*sizes, *sizes))))
        shifts = list(product(*(range(n) if p in chosen else (0,) for p, n in enumerate(sizes))))

        def images(pair, sizes=sizes, shifts=shifts):
            return [tuple((x + s) % n for x, s, n in zip(pair, t * 2, sizes * 2, strict=True)) for t in shifts]

        found, count = partition(layer, sizes, sizes)
        expected = classes(pairs, images)
        assert found == {frozenset(c) for c in expected} and count == len(expected)


STEPS = Lazily(
    {
        "dense": lambda: (derive.dense(1), 2, None),
        "offsets": lambda: (derive.dense(1).then(derive.reindex()), 3, None),
        "a checkerboard": lambda: (derive.dense(2).then(derive.reindex()), 2, None),
        "stripes": lambda: (derive.dense(2).then(derive.reindex()), 2, (0,)),
    }
)


@pytest.mark.parametrize("name", STEPS)
def test_shifts_by_a_step(name):
    start, step, axes = STEPS[name]
    layer = start.then(derive.equivariant(derive.Translations(step=step, axes=axes)))
    rank, near = len(layer.form.output.axes), layer.then(derive.local("Delta")).counts
    chosen = range(rank) if axes is None else axes
    for sizes in product(range(1, 8 if rank == 1 else 4), repeat=rank):
        pairs = list(product(*map(range, (*sizes, *sizes))))
        shifts = list(
            product(*(range(-step * n, step * n, step) if p in chosen else (0,) for p, n in enumerate(sizes)))
        )

        def images(pair, shifts=shifts):
            return [tuple(x + s for x, s in zip(pair, t * 2, strict=True)) for t in shifts]

        found, count = partition(layer, sizes, sizes)
        expected = classes(pairs, images)
        assert found == {frozenset(c) for c in expected} and count == len(expected)
        for radius in range(4):
            at = dict(zip(map(index, "nm"), sizes, strict=False)) | {index("Delta"): radius}
            kept = [
                c
                for c in expected
                if all(abs(k - o) <= radius for pair in c for o, k in zip(pair[:rank], pair[rank:], strict=True))
            ]
            assert near.exact_weight.subs(at) == len(kept), at
            if near.when.subs(at):
                assert near.weight.subs(at) == len(kept), at


def test_the_number_of_weights_by_a_step_as_a_person_would_write_it():
    line = derive.dense(1).then(derive.reindex())
    found = {s: line.then(derive.equivariant(derive.Translations(step=s))) for s in (2, 3, 4)}
    assert [str(found[s].counts.exact_weight) for s in found] == [
        "Max(2*n - 1, 4*n - 4)",
        "Piecewise((3*n - 2, n <= 2), (6*n - 9, True))",
        "Piecewise((8*n - 16, 4 <= n), (n**2, True))",
    ]
    assert [str(found[s].counts.exact_bias) for s in found] == ["Min(2, n)", "Min(3, n)", "Min(4, n)"]
    near = found[2].then(derive.local("Delta")).counts
    assert str(near.exact_weight) == "Piecewise((4*Delta + 2, Delta <= n - 2), (1, n <= 1), (4*n - 4, True))"
    assert (near.weight, str(near.when)) == (4 * index("Delta") + 2, "Delta <= n - 2")


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: derive.dense(2).then(derive.equivariant(derive.Symmetric())), "sizes here are n, m"),
        (lambda: derive.dense(1).then(derive.equivariant(derive.Symmetric("p"))), "sizes here are none"),
        (
            lambda: derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Symmetric())),
            "state it of the dense layer",
        ),
        (
            lambda: derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations(grid="torus"))),
            "state it of the dense layer",
        ),
        (lambda: derive.dense(1).then(derive.equivariant(derive.Translations(grid="ball"))), "'ball' is neither"),
        (
            lambda: derive.dense(1, "N", "K").then(derive.equivariant(derive.Translations(grid="torus"))),
            "have one size; they have N and K",
        ),
        (lambda: derive.dense(1).then(derive.equivariant(derive.Translations(step=0))), "a step from 1"),
        (lambda: derive.dense(outputs="n", inputs=()), "A grid has at least one axis"),
        (lambda: derive.dense(outputs="n"), "outputs= stands alone"),
    ],
)
def test_what_they_need(build, says):
    with pytest.raises(RuleRefused, match=says):
        build()


def test_both_solvers_agree():
    for layer in (TENSORS[1, 1], TENSORS[2, 1]):
        for verdict in layer.steps[-1].verdicts:
            assert all(decide_with_cvc5(goal.smt).value == "proved for all sizes" for goal in verdict.obligation.goals)


def test_every_transposition_of_the_chain_is_needed():
    from dataclasses import replace

    step = TENSORS[2, 1].steps[-1].step
    assert caught_by(step) == ""
    of_weight = [i for i in step.instances if i.array == "W"]
    assert len(of_weight) == 3
    for dropped in of_weight:
        kept = tuple(i for i in step.instances if i is not dropped)
        assert caught_by(replace(step, instances=kept)) == "complete"
