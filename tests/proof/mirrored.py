"""Layers with a symmetric window behind an edge, at some of their places, and whether their dense matrices have the symmetry."""

from __future__ import annotations

import numpy as np

import derive
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate

EDGES = ("zero", "valid", "periodic", "reflect", "symmetric", "nearest")


def layer(rank, window, group, edge, stride):
    start = derive.dense(rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    start = start.then(derive.local(window)).then(derive.equivariant(group)).then(derive.unbiased())
    start = start.then(derive.boundary(edge))
    return start if stride == 1 else start.then(derive.strided(stride))


def keeps(form, sizes, turned):
    """Whether the dense matrix is itself where output and input axes are mirrored."""
    W = dense_at(form, sizes)
    return bool((np.flip(W, [*turned, *(len(form.output.axes) + axis for axis in turned)]) == W).all())


def dense_at(form, sizes):
    """The dense matrix for weights whose sums are all different."""
    (param,) = form.weights
    shape = [int(evaluate(e, sizes)) for e in param.array.shape]
    weights = np.array([1 << (32 * p) for p in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    return matrix(form, {param.name: weights}, sizes)
