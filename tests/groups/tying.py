"""Pairs of places that a point group ties, by brute force, and those that a layer ties."""

from __future__ import annotations

from itertools import product

import numpy as np

from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.render.numbers import numbers

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
    pairs = np.array([o + k for o in places for k in places if inside(tuple(np.subtract(k, o)))], dtype=int)
    numbered = np.full((*sizes, *sizes), -1)
    numbered[tuple(pairs.T)] = np.arange(len(pairs))
    along = (range(-reach // step * step, reach + 1, step) for step in steps or (1,) * rank)
    shifts = np.array([t * 2 for t in product(*along)])
    links = []
    for m in matrices:
        h = (np.full(rank, twice) - m @ np.full(rank, twice)) // 2
        moved = np.concatenate([pairs[:, :rank] @ m.T, pairs[:, rank:] @ m.T + h], axis=1)[:, None] + shifts
        pair, shift = np.nonzero(((moved >= 0) & (moved < sizes * 2)).all(axis=2))
        image = numbered[tuple(moved[pair, shift].T)]
        links.append(np.stack([pair, image])[:, image >= 0])
    labels = _components(len(pairs), *np.concatenate(links, axis=1))
    return [set(map(tuple, pairs[labels == label].tolist())) for label in np.unique(labels)]


def _components(count, one, other):
    """The least number that each one of so many is tied to, whatever the way."""
    labels = np.arange(count)
    while (labels[one] != labels[other]).any():
        np.minimum.at(labels, one, labels[other])
        np.minimum.at(labels, other, labels[one])
    return labels


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
