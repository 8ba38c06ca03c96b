"""Pairs of places that a point group ties, by brute force, and those that a layer ties."""

from __future__ import annotations

from itertools import product

import numpy as np

from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.render.numbers import numbers
from tests.proof.orbits import classes

__all__ = ["on_grid", "partition", "tied"]


def on_grid(matrix, axes, rank):
    """The matrix on the chosen axes of a grid, 1 on the others."""
    whole = np.eye(rank, dtype=int)
    whole[np.ix_(axes, axes)] = matrix
    return whole


def tied(sizes, inside, matrices, twice, steps=None):
    """The classes of pairs (o, k), those in the support, that some M·o + t, M·k + t + h - M·h ties, both on the grid.

    By steps, t is a multiple of them, along each axis of its own.
    """
    rank, reach = len(sizes), 2 * max(sizes) + 1
    places = list(product(*map(range, sizes)))
    pairs = [o + k for o in places for k in places if inside(tuple(np.subtract(k, o)))]
    half = [(np.full(rank, twice) - m @ np.full(rank, twice)) // 2 for m in matrices]
    along = (range(-reach // step * step, reach + 1, step) for step in steps or (1,) * rank)
    shifts = list(product(*along))

    def images(pair):
        o, k = np.array(pair[:rank]), np.array(pair[rank:])
        for m, h in zip(matrices, half, strict=True):
            a, b = m @ o, m @ k + h
            for t in shifts:
                yield (*(a + t).tolist(), *(b + t).tolist())

    return classes(pairs, images)


def partition(layer, sizes, radius):
    """The classes of pairs whose dense weights are one entry, found by numbering the entries; pairs of weight 0 apart."""
    at = {index(s): v for s, v in zip("nmp", sizes, strict=False)} | {index("Delta"): radius}
    at = {s: v for s, v in at.items() if s in layer.form.sizes}
    arrays, start = {}, 1
    for p in layer.form.params:
        shape = tuple(int(evaluate(e, at)) for e in p.array.shape)
        arrays[p.name] = np.arange(start, start + int(np.prod(shape))).reshape(shape)
        start += arrays[p.name].size
    W, _ = layer.reference(shape=sizes, **arrays)
    found = {}
    for pair in np.ndindex(*W.shape):
        found.setdefault(int(W[pair]), set()).add(pair)
    found.pop(0, None)
    return found.values(), numbers(layer.form, {s.name: v for s, v in at.items()})["weights"]
