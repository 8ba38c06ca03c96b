"""Cross-correlation with a small window, where the whole window lies inside the image."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["valid2d"]

valid2d = convolution2d.then(local("Delta")).then(boundary("valid"))
