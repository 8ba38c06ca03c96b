"""Cross-correlation with a small window on an image that is reflected in its last rows and columns."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["reflect2d"]

reflect2d = convolution2d.then(local("Delta")).then(boundary("reflect"))
