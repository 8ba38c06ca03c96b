"""A causal filter: the present and the Δ samples before it."""

from derive.derivation import dense
from derive.forms.support import Causal
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex

__all__ = ["causal1d"]

causal1d = (
    dense(rank=1).then(reindex()).then(equivariant(Translations())).then(local(Causal("Delta"))).then(boundary("zero"))
)
