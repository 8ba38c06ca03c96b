"""Between functions of translations and quarter turns, zero edges: a turn of the input turns places and orientations."""

from derive.derivation import dense
from derive.forms.dense import Channels
from derive.groups.point import PointGroup
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["p4_conv2d"]

_CHANNELS = Channels((("c", "C"), ("s", 4)), (("d", "D"), ("r", 4)))

p4_conv2d = (
    dense(rank=2, channels=_CHANNELS)
    .then(reindex())
    .then(equivariant(Translations()))
    .then(local(1))
    .then(equivariant(PointGroup("C4", channels={"s": "regular", "r": "regular"})))
    .then(boundary("zero"))
)
