"""From images to functions of translations and quarter turns, zero edges: every filter in four orientations."""

from derive.derivation import dense
from derive.forms.dense import Channels
from derive.groups.point import PointGroup
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["p4_lifting2d"]

_CHANNELS = Channels((("c", "C"),), (("d", "D"), ("r", 4)))

p4_lifting2d = (
    dense(rank=2, channels=_CHANNELS)
    .then(reindex())
    .then(equivariant(Translations()))
    .then(local(1))
    .then(equivariant(PointGroup("C4", channels={"r": "regular"})))
    .then(boundary("zero"))
)
