"""Cross-correlation of quaternions: it commutes with products by i and by j from the left, zero edges."""

from derive.derivation import dense
from derive.forms.dense import Channels
from derive.groups.matrix_group import MatrixGroup
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["quaternion2d"]

_CHANNELS = Channels((("c", "C"), ("p", 4)), (("d", "D"), ("q", 4)))
_I = ((0, -1, 0, 0), (1, 0, 0, 0), (0, 0, 0, -1), (0, 0, 1, 0))  # i·(a + bi + cj + dk) = -b + ai - dj + ck
_J = ((0, 0, -1, 0), (0, 0, 0, 1), (1, 0, 0, 0), (0, -1, 0, 0))

quaternion2d = (
    dense(rank=2, channels=_CHANNELS)
    .then(reindex())
    .then(equivariant(Translations()))
    .then(local("Delta"))
    .then(equivariant(MatrixGroup([_I, _J], on="channels", axes=(1,))))
    .then(boundary("zero"))
)
