"""Cross-correlation with a window that is a sum of R products of a column and a row, zero edges."""

from derive.catalogue.conv2d import conv2d
from derive.rules.separable import separable

__all__ = ["separable2d"]

separable2d = conv2d.then(separable("R"))
