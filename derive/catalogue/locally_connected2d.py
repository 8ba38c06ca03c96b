"""Local but not equivariant: every place has a small window of its own, zero edges."""

from derive.catalogue.offset2d import offset2d
from derive.rules.boundary import boundary
from derive.rules.local import local

__all__ = ["locally_connected2d"]

locally_connected2d = offset2d.then(local("Delta")).then(boundary("zero"))
