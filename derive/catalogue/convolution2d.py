"""The layer that commutes with translations: one weight an offset, whatever the place."""

from derive.catalogue.offset2d import offset2d
from derive.groups.translations import Translations
from derive.rules.equivariant import equivariant

__all__ = ["convolution2d"]

convolution2d = offset2d.then(equivariant(Translations()))
