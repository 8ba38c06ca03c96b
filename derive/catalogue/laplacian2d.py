"""The five-point Laplacian, zero edges: a finite difference with nothing to learn."""

from derive.catalogue.convolution2d import convolution2d
from derive.forms.support import Diamond
from derive.rules.boundary import boundary
from derive.rules.fixed import fixed
from derive.rules.local import local

__all__ = ["laplacian2d"]

laplacian2d = (
    convolution2d.then(local(Diamond(1))).then(boundary("zero")).then(fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]]))
)
