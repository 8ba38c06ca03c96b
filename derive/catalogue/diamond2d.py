"""Cross-correlation with a diamond window |a| + |b| ≤ Δ, zero edges."""

from derive.catalogue.convolution2d import convolution2d
from derive.forms.support import Diamond
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["diamond2d"]

diamond2d = convolution2d.then(local(Diamond("Delta"))).then(boundary("zero"))
