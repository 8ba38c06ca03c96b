"""Woven cloth: weights that differ from one diagonal to the next, reciprocal, within a window, zero edges and no bias."""

from own_group import DiagonalShifts
from own_rule import reciprocal

import derive

__all__ = ["woven2d"]

woven2d = (
    derive.dense(rank=2)
    .then(derive.reindex())
    .then(derive.equivariant(DiagonalShifts()))
    .then(derive.local("Delta"))
    .then(reciprocal())
    .then(derive.boundary("zero"))
    .then(derive.unbiased())
)
