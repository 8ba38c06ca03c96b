"""Connected components by hooking larger labels to smaller ones, all edges at once."""

from __future__ import annotations

import numpy as np

from derive.groups._finite.codes import Codes, Ints

__all__ = ["merge", "signed_components"]


def merge(label: Ints, u: Ints, v: Ints) -> Ints:
    """The labels after joining u[i] with v[i]; a label is its component's smallest node, before and after."""
    label = label.copy()
    while True:
        a, b = label[u], label[v]
        apart = a != b
        if not apart.any():
            return label
        u, v, a, b = u[apart], v[apart], a[apart], b[apart]
        np.minimum.at(label, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(label, flat := label[label]):
            label = flat


def signed_components(generators: Codes, label: Ints | None = None) -> Ints:
    """Labels of the 2n signed points under signed permutations, shape (generators, n).

    The smallest code of a component is 2k or 2k+1, where k is the smallest point of the orbit: its last bit
    is the sign that carries k there. An orbit on which some element fixes a point with sign − has label[2k+1]
    == 2k.
    """
    size = generators.shape[1]
    label = np.arange(2 * size, dtype=np.int32) if label is None else label
    points = np.arange(2 * size, dtype=np.int32)
    for g in generators:
        label = merge(label, points, g[points >> 1] ^ (points & 1))
    return label
