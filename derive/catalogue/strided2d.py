"""Cross-correlation at every second place along each axis, zero edges."""

from derive.catalogue.conv2d import conv2d
from derive.rules.strided import strided

__all__ = ["strided2d"]

strided2d = conv2d.then(strided(2))
