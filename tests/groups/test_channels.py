"""Groups that act on channels too: equal to signed union-find over all pairs of places and channels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.errors import RuleRefused
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.groups._finite.representation import Representation, monomial, trivial
from derive.groups._matrices import NAMED, closure, determinant
from derive.groups._matrices import product as times
from derive.proof.solver import decide_with_cvc5
from derive.render.numbers import numbers
from tests.groups.signed import by_value, signed_classes
from tests.lazily import Lazily


def layer(rank, inputs, outputs, support, group, channels):
    tied = derive.dense(rank, channels=derive.Channels(inputs, outputs)).then(derive.reindex())
    near = tied.then(derive.equivariant(derive.Translations())).then(derive.local(support))
    return near.then(derive.equivariant(derive.PointGroup(group, channels=channels)))


C, D = ("c", "C"), ("d", "D")
BOTH = {"s": "regular", "r": "regular"}
SIXFOLD = trivial(2) + monomial(NAMED["D4"])
CASES = Lazily(
    {
        "lifting": lambda: layer(2, (C,), (D, ("r", 4)), 1, "C4", {"r": "regular"}),
        "group convolution": lambda: layer(2, (C, ("s", 4)), (D, ("r", 4)), 1, "C4", BOTH),
        "group convolution, hexagonal": lambda: layer(2, (("s", 6),), (("r", 6),), derive.Hexagon(1), "C6", BOTH),
        "with reflections": lambda: layer(2, (C,), (("r", 8),), 1, "D4", {"r": "regular"}),
        "projection": lambda: layer(2, (("s", 4),), (D,), 1, "C4", {"s": "regular"}),
        "odd": lambda: layer(1, (C,), (D,), "Delta", "D1", {"d": "determinant"}),
        "odd on both sides": lambda: layer(1, (C,), (D,), "Delta", "D1", {"d": "determinant", "c": "determinant"}),
        "gradient": lambda: layer(2, (C,), (("d", 2),), 1, "D4", {"d": "vector"}),
        "vector field": lambda: layer(2, (("c", 2),), (("d", 2),), 1, "D4", {"c": "vector", "d": "vector"}),
        "signs by channel": lambda: layer(2, (("c", 2),), (("d", 2),), 1, "D2", {"c": "vector", "d": "vector"}),
        "signs of turns": lambda: layer(2, (), (("d", 2),), 1, "C4", {"d": "vector"}),
        "sum": lambda: layer(2, (("c", 3),), (("d", 2),), 1, "D4", {"c": SIXFOLD, "d": "vector"}),
    }
)
GROUPS = {"lifting": "C4", "group convolution": "C4", "group convolution, hexagonal": "C6", "with reflections": "D4",
          "projection": "C4", "odd": "D1", "odd on both sides": "D1", "gradient": "D4", "vector field": "D4",
          "signs of turns": "C4", "signs by channel": "D2", "sum": "D4"}  # fmt: skip


def acting(how, group, m, channel):
    """Where an element carries a channel, from the definitions."""
    elements = closure(NAMED[group])
    if how is None:
        return channel, 1
    if how == "regular":
        return elements.index(times(m, elements[channel])), 1
    if how == "determinant":
        return channel, determinant(m)
    column = [row[channel - 1] if channel else 0 for row in m] if isinstance(how, Representation) else [
        row[channel] for row in m
    ]  # fmt: skip
    if isinstance(how, Representation) and channel == 0:
        return 0, 1
    place = int(np.flatnonzero(column)[0])
    return place + isinstance(how, Representation), int(column[place])


def expected(name, sizes, letters, extents, inside):
    """Classes of (o, channels out, k, channels in) under all M·o + t."""
    of, group = CASES[name], GROUPS[name]
    acts = dict(of.applications[-1].args[0].channels)
    rank = len(sizes)
    places = list(product(*map(range, sizes)))
    fibres = [list(product(*map(range, extents[side]))) for side in (0, 1)]
    points = [
        (o, f, k, g) for o in places for k in places if inside(np.subtract(k, o)) for f in fibres[0] for g in fibres[1]
    ]

    def moved(side, channels, m):
        done = [acting(acts.get(s), group, m, x) for s, x in zip(letters[side], channels, strict=True)]
        return tuple(x for x, _ in done), int(np.prod([s for _, s in done]))

    def images(point):
        o, f, k, g = point
        for m in closure(NAMED[group]):
            (mf, s), (mg, t) = moved(0, f, m), moved(1, g, m)
            a, b = np.array(m) @ o, np.array(m) @ k
            for q in places:
                yield (q, mf, tuple((b + q - a).tolist()), mg), s * t

    assert rank == len(places[0])
    return signed_classes(points, images)


@pytest.mark.parametrize("name", CASES)
def test_weights_are_those_of_signed_union_find(name):
    of = CASES[name]
    form = of.form
    rank = len(form.grid(form.output))
    letters = [[a.symbol.name for a in array.axes[rank:]] for array in (form.output, form.input)]
    shapes = product(range(1, 4), repeat=rank) if rank == 1 else [(1, 1), (2, 2), (1, 3), (3, 2)]
    for sizes in shapes:
        at = {s: {"C": 1, "D": 2, "Delta": 2}.get(s.name, 0) for s in form.sizes}
        at |= {index(s): v for s, v in zip("nm", sizes, strict=False)}
        extents = [[int(evaluate(a.extent, at)) for a in array.axes[rank:]] for array in (form.output, form.input)]
        reach = 2 if index("Delta") in form.sizes else 1

        def inside(a, hexagonal="hexagonal" in name, reach=reach):
            return max(map(abs, a)) <= reach and (not hexagonal or abs(sum(a)) <= reach)

        arrays, start = {}, 1
        for p in form.params:
            shape = tuple(int(evaluate(e, at)) for e in p.array.shape)
            arrays[p.name] = np.arange(start, start + int(np.prod(shape))).reshape(shape)
            start += arrays[p.name].size
        W, _ = of.reference(shape=sizes, **arrays)
        out = rank + len(letters[0])
        values = {
            (p[:rank], p[rank:out], p[out : out + rank], p[out + rank :]): int(W[p])
            for p in np.ndindex(*W.shape)
            if inside(np.subtract(p[out : out + rank], p[:rank]))
        }
        wanted = expected(name, sizes, letters, extents, inside)
        assert by_value(values) == wanted, sizes
        assert numbers(of.form, {s.name: v for s, v in at.items()})["weights"] == len(wanted[0]), sizes


def test_the_numbers_of_the_literature():
    assert str(CASES["lifting"].counts.weight) == "9*C*D"
    assert str(CASES["group convolution"].counts.weight) == "36*C*D"
    assert str(CASES["odd"].counts.weight) == "C*D*Delta"
    assert CASES["odd"].counts.exact_bias == 0 and CASES["gradient"].form.biases == ()


@pytest.mark.parametrize(
    ("channels", "says"),
    [
        ({"r": "regular"}, "acts on channels 'r'; there are d, c"),
        ({"d": "regular"}, "has 2 channels; the group acts there on 8"),
        ({"d": "spinor"}, "'spinor' is none of them"),
        ({"d": trivial(3, 2)}, "this one lists 3, and the group has 2"),
        ({"d": Representation([[0, 3], [2, 0]])}, "no representation: two products of one element differ"),
    ],
)
def test_what_channels_need(channels, says):
    with pytest.raises(RuleRefused, match=says):
        layer(2, (C,), (("d", 2),), 1, "D4", channels)


def test_trivial_and_sign_are_names_too():
    """No move, and the determinant."""
    plain, named = (layer(1, (C,), (D,), "Delta", "D1", acts) for acts in (None, {"c": "trivial", "d": "trivial"}))
    assert plain.form == named.form
    assert layer(1, (C,), (D,), "Delta", "D1", {"d": "sign"}).form == CASES["odd"].form


def test_both_solvers_agree():
    for name in ("lifting", "odd", "vector field"):
        for verdict in CASES[name].steps[-1].verdicts:
            assert all(decide_with_cvc5(goal.smt).value == "proved for all sizes" for goal in verdict.obligation.goals)
