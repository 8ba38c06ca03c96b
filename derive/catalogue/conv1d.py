"""Cross-correlation of a signal with a short window, zero edges: the case of audio."""

from derive.derivation import dense
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["conv1d"]

conv1d = dense(rank=1).then(reindex()).then(equivariant(Translations())).then(local("Delta")).then(boundary("zero"))
