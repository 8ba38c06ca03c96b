"""Weights on the left: they are turned once to have a row for each filter, and multiply windows as columns.

    H[z, i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[z, i + a, j + b, c]

    F[d, a, b, c] = V[a, b, c, d]                        once
    P[e, p, q, c] = X[first + e, low + p, q - 1, c]      a tile of items and rows, 0 outside
    B[e, p, j, a, b, c] = P[e, p + a, j + b, c]          copied, as im2col does, where X has no rows of a matrix as it is
    A[d, e, p, j] = Σ_abc F[d, a, b, c]·B[e, p, j, a, b, c]
    H[first + e, low + p, j, d] = u[d] + A[d, e, p, j]

For few places and many channels: a row of F has all that a result sums over, one entry behind the other. Results are turned when
they are stored. Nothing has to move: a dense layer is the same with its items as places. Weights that have a row for each filter as
they are, such as those of many gradients, are not copied.
"""

from __future__ import annotations

from derive.algorithms._matrix import Matrix
from derive.algorithms._tile import ranges
from derive.algorithms._window import window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Range
from derive.ir.stages import Staged

__all__ = ["left"]


def left(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form has no filters, or no terms that are summed over for each of them."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not (found.filters and (found.contracted or found.taps)):
        raise NoLowering("it needs filters, and terms that are summed over for each of them")
    says = "products with the weights on the left"
    return _Left(found).of_windows("left", (says, says), batched, turned=True)


class _Left(Matrix):
    """Results whose filters come first."""

    def results(self) -> tuple[Range, ...]:
        """The axes of A: shared letters and filters, then rows."""
        return (*ranges(self.found.shared), *ranges(self.found.filters), *self.rows())
