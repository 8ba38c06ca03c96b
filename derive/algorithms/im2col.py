"""Im2col: the windows of a tile are copied side by side, and one matrix product with all weights makes their results.

    H[z, i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[z, i + a, j + b, c]

    P[e, p, q, c] = X[first + e, low + p, q - 1, c]      a tile of items and rows, 0 outside
    B[e, p, j, a, b, c] = P[e, p + a, j + b, c]          copied: the rows of a matrix
    A[e, p, j, d] = Σ_abc B[e, p, j, a, b, c]·V[a, b, c, d]
    H[first + e, low + p, j, d] = u[d] + A[e, p, j, d]

A tile is many rows of few items or few rows of many: small images go several at a time. Shared letters are a batch of products.
Without taps nothing is copied where X has a row of the matrix as it is.
"""

from __future__ import annotations

from derive.algorithms._matrix import Matrix
from derive.algorithms._window import window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.stages import Staged

__all__ = ["im2col"]


def im2col(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no letters to make a matrix product of, or doesn't move."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not (found.moving and found.filters and (found.contracted or found.taps)):
        raise NoLowering("it needs a window that moves, filters, and terms that are summed over for each of them")
    return Matrix(found).of_windows("im2col", ("im2col", "products of rows"), batched)
