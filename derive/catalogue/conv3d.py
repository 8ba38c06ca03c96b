"""Cross-correlation of a volume with a small window, zero edges."""

from derive.derivation import dense
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["conv3d"]

conv3d = dense(rank=3).then(reindex()).then(equivariant(Translations())).then(local("Delta")).then(boundary("zero"))
