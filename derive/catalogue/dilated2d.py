"""Cross-correlation with a window whose taps are two places apart, zero edges."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.dilated import dilated
from derive.rules.local import local

__all__ = ["dilated2d"]

dilated2d = convolution2d.then(local("2*Delta")).then(dilated(2)).then(boundary("zero"))
