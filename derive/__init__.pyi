"""The public names, each with its home: see __init__.py."""

from .claims import additive, claim, commute, one_window, same_layer
from .combined import compile, convolution
from .derivation import Derivation, dense
from .errors import DeriveError
from .forms.dense import Channels
from .forms.support import Box, Causal, Cross, Diamond, Disk, Hexagon, Mask
from .groups._finite import Matrices, PermutationGroup, alternating, cyclic, dihedral, rubiks_cube, symmetric, wreath
from .groups.matrix_group import MatrixGroup
from .groups.permutations import Permutations
from .groups.point import PointGroup
from .groups.symmetric import Symmetric
from .groups.translations import Translations
from .rules.adjoint import adjoint
from .rules.boundary import boundary
from .rules.channels import channels
from .rules.compose import compose
from .rules.depthwise import depthwise
from .rules.dilated import dilated
from .rules.equivariant import equivariant
from .rules.fixed import fixed
from .rules.gradient import gradient
from .rules.grouped import grouped
from .rules.invariant import invariant
from .rules.local import local
from .rules.pointwise import pointwise
from .rules.reindex import reindex
from .rules.separable import separable
from .rules.strided import strided
from .rules.unbiased import unbiased

__all__ = [
    "Box",
    "Causal",
    "Channels",
    "Cross",
    "Derivation",
    "DeriveError",
    "Diamond",
    "Disk",
    "Hexagon",
    "Mask",
    "Matrices",
    "MatrixGroup",
    "PermutationGroup",
    "Permutations",
    "PointGroup",
    "Symmetric",
    "Translations",
    "additive",
    "adjoint",
    "alternating",
    "boundary",
    "channels",
    "claim",
    "commute",
    "compile",
    "compose",
    "convolution",
    "cyclic",
    "dense",
    "depthwise",
    "dihedral",
    "dilated",
    "equivariant",
    "fixed",
    "gradient",
    "grouped",
    "invariant",
    "local",
    "one_window",
    "pointwise",
    "reindex",
    "rubiks_cube",
    "same_layer",
    "separable",
    "strided",
    "symmetric",
    "unbiased",
    "wreath",
]
