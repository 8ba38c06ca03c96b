"""One matrix product over some items: what each item has is the rows of a matrix, as it is in memory.

    H[z, i, j, d] = u[d] + Σ_c V[c, d]·X[z, i, j, c]

    A[e, i, j, d] = Σ_c X[first + e, i, j, c]·V[c, d]    the rows are (e, i, j)
    H[first + e, i, j, d] = u[d] + A[e, i, j, d]

So are dense layers, with an item for each row. Small images share the reading of the weights.
"""

from __future__ import annotations

from sympy import true

from derive.algorithms._matrix import Matrix, is_matrix
from derive.algorithms._window import window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.stages import Room, Staged

__all__ = ["product"]


def product(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form's input is no matrix as it is, or its weights are none."""
    found = window(form)
    if not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs an input and an output for each item")
    if not (found.filters and found.contracted) or found.taps:
        raise NoLowering("it needs filters, letters that are contracted, and no taps")
    tile = Matrix(found, whole=True)
    if not tile.in_place(0) or found.mask != true or not is_matrix(found):
        raise NoLowering("it needs an input and weights that are matrices as they are in memory")
    name, made, fixed = tile.weights()
    stages = (tile.halo(), tile.product(name, tile.read()), tile.store())
    rooms = (Room(tile.P, tile.tile_shape()), Room(tile.A, tile.result_shape()))
    return tile.staged("product", "one product", batched, made, fixed, rooms, stages)
