"""The public names, each with its home: see __init__.py."""

from .claims import claim, same_layer
from .derivation import Derivation, dense
from .errors import DeriveError
from .forms.support import Box, Causal, Cross, Diamond, Disk, Mask
from .groups.translations import Translations
from .rules.adjoint import adjoint
from .rules.boundary import boundary
from .rules.channels import channels
from .rules.equivariant import equivariant
from .rules.gradient import gradient
from .rules.grouped import grouped
from .rules.local import local
from .rules.reindex import reindex
from .rules.strided import strided

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
