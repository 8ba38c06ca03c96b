"""Cross-correlation on a hexagonal grid in axial coordinates with a six-sided window that commutes with D6, zero edges."""

from derive.catalogue.convolution2d import convolution2d
from derive.forms.support import Hexagon
from derive.groups.point import PointGroup
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local

__all__ = ["hexagonal2d"]

hexagonal2d = convolution2d.then(local(Hexagon("Delta"))).then(equivariant(PointGroup("D6"))).then(boundary("zero"))
