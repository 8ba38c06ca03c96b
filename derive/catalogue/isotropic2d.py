"""Cross-correlation that commutes with rotations by 90° and reflections too: an isotropic window, zero edges."""

from derive.catalogue.convolution2d import convolution2d
from derive.groups.point import PointGroup
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local

__all__ = ["isotropic2d"]

isotropic2d = convolution2d.then(local("Delta")).then(equivariant(PointGroup("D4"))).then(boundary("zero"))
