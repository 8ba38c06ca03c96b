"""Cross-correlation with a small window, zero edges: translation-equivariant and local."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["conv2d"]

conv2d = convolution2d.then(local("Delta")).then(boundary("zero"))
