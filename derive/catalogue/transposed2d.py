"""The adjoint of the layer at every second place: a transposed convolution, zero edges."""

from derive.catalogue.strided2d import strided2d
from derive.rules.adjoint import adjoint

__all__ = ["transposed2d"]

transposed2d = strided2d.then(adjoint())
