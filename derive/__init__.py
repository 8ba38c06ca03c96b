"""derive: from stated structure to proved, emitted linear layers.

import derive
layer = (derive.dense(rank=2)
         .then(derive.reindex())
         .then(derive.equivariant(derive.Translations()))
         .then(derive.local(radius="Delta")))
layer.free_parameters     # {"weight": (2*Delta + 1)**2, "bias": 1, "when": Delta < Min(n, m)}
"""

from derive.claims import claim, same_layer
from derive.derivation import Derivation, dense
from derive.errors import DeriveError
from derive.forms.support import Box, Causal, Cross, Diamond, Disk, Mask
from derive.groups.translations import Translations
from derive.rules.adjoint import adjoint
from derive.rules.boundary import boundary
from derive.rules.channels import channels
from derive.rules.equivariant import equivariant
from derive.rules.gradient import gradient
from derive.rules.grouped import grouped
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.strided import strided

__all__ = [
    "Box",
    "Causal",
    "Cross",
    "Derivation",
    "DeriveError",
    "Diamond",
    "Disk",
    "Mask",
    "Translations",
    "adjoint",
    "boundary",
    "channels",
    "claim",
    "dense",
    "equivariant",
    "gradient",
    "grouped",
    "local",
    "reindex",
    "same_layer",
    "strided",
]
