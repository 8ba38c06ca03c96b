"""Groups of grids: translations of a torus with a point group; point groups of a window about its centre."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from derive.errors import GroupRefused
from derive.forms.arguments import is_count, said
from derive.groups._finite.codes import Ints
from derive.groups._finite.permutation import PermutationGroup, index_images

__all__ = ["REFLECTION", "ROTATION2", "ROTATION3", "ROTATION4", "ROTATION6", "p4", "p4m", "torus", "window"]

ROTATION4 = ((0, -1), (1, 0))
"""(x, y) ⟶ (−y, x), a quarter turn of the square lattice."""
ROTATION2 = ((-1, 0), (0, -1))
REFLECTION = ((1, 0), (0, -1))
ROTATION6 = ((0, -1), (1, 1))
"""A sixth of a turn of the hexagonal lattice, whose basis vectors meet at 60°: e₁ ⟶ e₂ ⟶ e₂ − e₁."""
ROTATION3 = ((-1, -1), (1, 0))


def torus(
    shape: Sequence[int], point: Sequence[ArrayLike] = (), steps: Sequence[int] | None = None
) -> PermutationGroup:
    """Translations of a torus and the matrices `point` about cell 0, on its cells in row-major order.

    The generators are the translation by steps[a] (1 by default) along each axis a, then the matrices in
    their order.
    """
    cells, size = _cells(shape), np.array(shape)
    rows = []
    for axis, step in enumerate(steps if steps is not None else (1,) * len(shape)):
        shift = np.zeros(len(shape), np.int64)
        shift[axis] = step
        rows.append(index_images(cells, (cells + shift) % size))
    for matrix in _matrices(shape, point):
        if (matrix * size[None, :] % size[:, None]).any():
            raise GroupRefused(f"The matrix {matrix.tolist()} does not act on a torus of shape {tuple(shape)}.")
        rows.append(index_images(cells, cells @ matrix.T % size))
    return PermutationGroup(len(cells), np.array(rows))


def window(shape: Sequence[int], point: Sequence[ArrayLike]) -> PermutationGroup:
    """The matrices `point` about the centre of a box, a cell or a corner between cells, on its cells."""
    cells = _cells(shape)
    odd = 2 * cells - (np.array(shape) - 1)
    matrices = _matrices(shape, point)
    return PermutationGroup(len(cells), np.array([index_images(odd, odd @ m.T) for m in matrices]))


def p4(n: int) -> PermutationGroup:
    """Translations and quarter turns of the n×n torus: order 4n² for n ≥ 3; generators T₀, T₁, R."""
    return torus((n, n), [ROTATION4])


def p4m(n: int) -> PermutationGroup:
    """p4 with reflections: order 8n² for n ≥ 3; generators T₀, T₁, R, M."""
    return torus((n, n), [ROTATION4, REFLECTION])


def _cells(shape: Sequence[int]) -> Ints:
    if not isinstance(shape, Sequence) or not shape or not all(map(is_count, shape)):
        raise GroupRefused(f"A grid's shape is a tuple of whole numbers from 1, such as (4, 4); {said(shape)} is none.")
    return np.indices(tuple(shape)).reshape(len(shape), -1).T


def _matrices(shape: Sequence[int], point: Sequence[ArrayLike]) -> list[Ints]:
    matrices = [np.asarray(matrix, np.int64) for matrix in point]
    for matrix in matrices:
        if matrix.shape != (len(shape), len(shape)):
            raise GroupRefused(f"A grid of {len(shape)} axes has no action of a matrix of shape {matrix.shape}.")
    return matrices
