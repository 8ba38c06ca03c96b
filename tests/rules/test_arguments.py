"""What is no argument is refused by one sentence that says what would be one: never accepted in silence, never a traceback."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from sympy import Symbol

import derive
from derive.errors import DeriveError
from derive.forms.arguments import said
from derive.own import load_layer


@cache
def offsets():
    return derive.dense(2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def near():
    return offsets().then(derive.local(1))


@cache
def layer():
    return near().then(derive.boundary("zero"))


@cache
def wide():
    return (
        derive.dense(2).then(derive.channels()).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    )


@cache
def points():
    return derive.dense(1, 4, 4, channels=derive.Channels((("c", "C"),), (("d", 2),)))


S4 = derive.symmetric(4)


def tied(group):
    return near().then(derive.equivariant(group))


CASES = {
    "channels by a word": (
        lambda: derive.convolution(channels="no"),
        "channels= is True, False or .*; 'no' is none of these",
    ),
    "no bias by None": (lambda: derive.convolution(bias=None), "bias= says whether .* True or False; None is neither"),
    "a bias of 0": (lambda: derive.convolution(bias=0), "bias= says whether .*; 0 is neither"),
    "a number of groups with a blank": (lambda: derive.convolution(groups="C D"), "or \"depthwise\"; 'C D' is none"),
    "a window that isn't made": (lambda: derive.convolution(derive.Diamond), "a support such as Diamond.2.; <class"),
    "axes beyond all arrays": (lambda: derive.convolution(rank=10**30), "an array has at most 64; rank=10+ is more"),
    "factors in a list": (lambda: derive.convolution(factors=[3, 3]), r"A rank is .* \[3, 3\] is neither"),
    "a rank of an object": (lambda: near().then(derive.separable(b"x")), "A rank is .* b'x' is neither"),
    "a truth value for an axis": (
        lambda: derive.dense(channels=True),
        "channels= takes derive.Channels.*; True is none",
    ),
    "places by a word": (lambda: derive.dense(places="no"), "places= says whether .*; 'no' is neither"),
    "letters alone": (lambda: derive.Channels("c", "d"), "Channels are pairs of a letter and a size, .*; 'c' is none"),
    "half a channel": (
        lambda: derive.dense(1, channels=derive.Channels((("c", 1.5),))),
        "'c' would have 1.5",
    ),
    "a number for a name of channels": (
        lambda: derive.dense(2).then(derive.channels(True)),
        "takes a name as inputs=; True is none",
    ),
    "a formula for a name of channels": (
        lambda: derive.dense(2).then(derive.channels("2*C")),
        r"takes names for the numbers of channels, such as C; '2\*C' is none",
    ),
    "the grid's size as channels": (lambda: derive.dense(2).then(derive.channels("n")), "n is a size of the grid"),
    "a letter that is a number": (lambda: wide().then(derive.grouped(3)), "takes a name as output=; 3 is none"),
    "no letter": (lambda: wide().then(derive.depthwise("d", None)), "takes a name as inputs=; None is none"),
    "an edge that is a number": (lambda: near().then(derive.boundary(0)), "takes a name as edge=; 0 is none"),
    "weights called by a number": (
        lambda: layer().then(derive.compose(layer(), 2)),
        "takes a name as weights=; 2 is none",
    ),
    "an invariance of nothing": (
        lambda: derive.dense(2).then(derive.invariant("D4")),
        "takes a group, .*; 'D4' is none",
    ),
    "a group that isn't made": (lambda: derive.dense(2).then(derive.equivariant(derive.Translations)), "takes a group"),
    "a stride in a tuple of texts": (
        lambda: layer().then(derive.strided(("1", "2"))),
        "A stride is a whole number from 1",
    ),
    "a true stride": (lambda: layer().then(derive.strided(True)), "A stride is a whole number .*; True is not"),
    "a support that isn't made": (
        lambda: offsets().then(derive.local(derive.Disk)),
        "such as Diamond.2. or Mask.table.; <class",
    ),
    "a radius of None": (lambda: offsets().then(derive.local(derive.Diamond(None))), r"such as 2\*Delta; None is none"),
    "a radius of an object": (lambda: offsets().then(derive.local(derive.Cross([1]))), r"2\*Delta; \[1\] is none"),
    "an endless disk": (
        lambda: offsets().then(derive.local(derive.Disk(10**30))),
        "A disk is a list of runs, at most 10000",
    ),
    "a mask of a number": (lambda: offsets().then(derive.local(derive.Mask(3))), "A mask is a table of .*; 3 is none"),
    "a mask of weights": (
        lambda: offsets().then(derive.local(derive.Mask(((1, 2, 1),)))),
        r"A mask is a table of booleans, or of 0 and 1; \(\(1, 2, 1\),\) is none",
    ),
    "a mask of words": (lambda: offsets().then(derive.local(derive.Mask((("x",),)))), "or of 0 and 1; .*'x'.* is none"),
    "a mask whose origin is one number": (
        lambda: offsets().then(derive.local(derive.Mask(((1, 1),), origin=0))),
        "A mask's origin is a tuple of whole numbers; 0 is none",
    ),
    "a mask whose origin has another rank": (
        lambda: offsets().then(derive.local(derive.Mask(((1, 1),), origin=(0,)))),
        "has 1 subscripts of 2",
    ),
    "shifts along one number": (
        lambda: offsets().then(derive.equivariant(derive.Translations(1))),
        r"such as \(0,\); 1 is",
    ),
    "shifts along a text": (lambda: tied(derive.Translations("a")), r"axes= is a tuple .*; 'a' is none"),
    "a turn about a number": (lambda: tied(derive.PointGroup(4)), "by a name or by at least one matrix; 4 is neither"),
    "a turn by a vector": (lambda: tied(derive.PointGroup((0, 1))), r"a tuple of matrices, .*; \(0, 1\) is none"),
    "a turn of one axis' number": (lambda: tied(derive.PointGroup("D1", axes=0)), r"axes= is a tuple .*; 0 is none"),
    "channels of a turn by a word": (
        lambda: tied(derive.PointGroup("D4", channels="regular")),
        'says how a group acts, such as {"c": "regular"}; \'regular\' says no such thing',
    ),
    "channels of a turn by a number": (
        lambda: tied(derive.PointGroup("D4", channels={"c": 1})),
        "{'c': 1} says no such",
    ),
    "all permutations of a number": (lambda: derive.Symmetric(3), "takes the name of a size, such as n; 3 is none"),
    "permutations along no axis": (
        lambda: points().then(derive.equivariant(derive.Permutations(S4, ()))),
        "names an axis that a grid of 1 axes doesn't have",
    ),
    "permutations twice along an axis": (
        lambda: points().then(derive.equivariant(derive.Permutations(S4, (0, 0)))),
        "names an axis that a grid of 1 axes doesn't have",
    ),
    "permutations of channels by False": (
        lambda: points().then(derive.equivariant(derive.Permutations(S4, channels=False))),
        "; False says no such thing",
    ),
    "half a point": (lambda: derive.symmetric(2.5), "acts on a whole number of points; 2.5 is none"),
    "points by a word": (lambda: derive.alternating("5"), "acts on a whole number of points; '5' is none"),
    "true points": (lambda: derive.cyclic(True), "acts on a whole number of points; True is none"),
    "fewer than no points": (lambda: derive.dihedral(-3), "acts on at least one point; -3 are asked for"),
    "more points than memory": (lambda: derive.cyclic(10**30), "acts on at most 16777216 points"),
    "a group of no points": (lambda: derive.PermutationGroup(0), "how many points it acts on, .*; not 0"),
    "images that are no places": (
        lambda: derive.PermutationGroup(2, [[1.7, 0.2]]),
        "the images of 2 points, whole numbers",
    ),
    "images beyond 32 bits": (lambda: derive.PermutationGroup(2, [[2**32, 1]]), "not a permutation of 0 … 1"),
    "ragged images": (lambda: derive.PermutationGroup(2, [[0, 1], [0]]), "rows of equally many images"),
    "a claim about a number": (lambda: derive.claim(3, derive.local(1)), "about a derivation or a form; 3 is neither"),
    "a gradient by what is fixed": (
        lambda: layer().then(derive.local(0)).then(derive.fixed([[1]])).then(derive.gradient("V")),
        "Rule 'gradient' is by an array of the layer; it has K and X, and no 'V'",
    ),
    "a gradient by two arrays": (
        lambda: layer().then(derive.local(1)).then(derive.separable(1)).then(derive.gradient("weight")),
        "Rule 'gradient' is by one array, and 'weight' means 2; the layer has P, Q, u and X",
    ),
    "permutations that act nowhere": (
        lambda: derive.dense(outputs=6, inputs=6).then(derive.equivariant(derive.cyclic(6))),
        r"takes a group that acts on places or channels; permutations of 6 points act by Permutations\(\.\.\.\)",
    ),
    "places turned, weights of each": (
        lambda: derive.dense(2, places=False).then(derive.invariant(derive.PointGroup("C4"))),
        r"moves by a shift of its own; state invariant\(Translations\(\)\) before it",
    ),
    "a number that commutes": (lambda: derive.commute(3, layer()), "Derivations are compared; 3 is none"),
    "a window of nothing": (
        lambda: derive.one_window(layer(), layer(), None),
        "Derivations are compared; None is none",
    ),
    "a sum of a number's inputs": (lambda: derive.additive(3, ()), "A function is a SymPy expression"),
    "a function of other letters": (
        lambda: derive.additive(Symbol("x") + Symbol("y"), [Symbol("x")]),
        "has the letter y too, which isn't among its inputs",
    ),
    "weights by a word": (lambda: layer().reference(V="V", u=0, shape=(3, 3)), "V is an array of numbers; 'V' is none"),
    "no bias": (
        lambda: layer().reference(V=np.ones((3, 3)), u=None, shape=(3, 3)),
        "u is an array of numbers; None is none",
    ),
    "a grid of one number": (
        lambda: layer().reference(V=np.ones((3, 3)), u=0, shape=3),
        "whole numbers from 1; 3 is none",
    ),
    "a grid of no places": (lambda: layer().reference(V=np.ones((3, 3)), u=0, shape=(0, 3)), r"; \(0, 3\) is none"),
    "a file without a name": (lambda: load_layer("my.py"), "say which of them, as my.py:NAME"),
    "a backend that is a number": (lambda: layer().compile(3), "There is no '3' in backends"),
}


@pytest.mark.parametrize("name", CASES)
def test_no_argument_is_refused_by_one_sentence(name):
    made, says = CASES[name]
    with pytest.raises(DeriveError, match=says) as refused:
        made()
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)


def test_exact_numbers_are_parameters():
    W, _ = layer().reference(V=np.full((3, 3), Fraction(1, 3)), u=Fraction(1, 7), shape=(1, 1))
    assert W.tolist() == [[[[Fraction(1, 3)]]]]


def test_long_values_are_shown_on_one_line_and_cut():
    assert said(np.eye(2, dtype=int)) == "array([[1, 0], [0, 1]])"
    assert (len(said("x" * 100)), said("x" * 100)[-1]) == (60, "…")


def test_strides_beyond_all_sizes_are_counted():
    counts = derive.convolution(3, stride=10**30, channels=False).counts
    n, m = sorted(counts.exact_weight.free_symbols, key=str, reverse=True)
    assert [counts.exact_weight.subs({n: size, m: size}) for size in (1, 2, 10**30, 10**30 + 1)] == [1, 4, 4, 9]
    assert [counts.when.subs({n: size, m: size}) for size in (10**30, 10**30 + 1)] == [False, True]
