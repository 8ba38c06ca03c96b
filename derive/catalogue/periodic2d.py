"""Cross-correlation with a small window on an image that repeats beyond its edges."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["periodic2d"]

periodic2d = convolution2d.then(local("Delta")).then(boundary("periodic"))
