"""Finite groups at numeric sizes: exact orders, orbits of pairs, and null spaces over the rationals.

>>> layer = pair_orbits(defining(symmetric(6)).power(2), defining(symmetric(6)).power(2))
>>> layer.count
15
>>> rubiks_cube().order
43252003274489856000
"""

from derive.groups._finite.lattice import (
    REFLECTION,
    ROTATION2,
    ROTATION3,
    ROTATION4,
    ROTATION6,
    p4,
    p4m,
    torus,
    window,
)
from derive.groups._finite.matrices import Matrices
from derive.groups._finite.matrix_groups import Basis, intertwiners, invariants, null_space, rank
from derive.groups._finite.orbits import PairOrbits, Witness, invariant_count, pair_orbits, point_orbits
from derive.groups._finite.permutation import (
    PermutationGroup,
    alternating,
    cyclic,
    dihedral,
    disjoint_product,
    product,
    rubiks_cube,
    symmetric,
    wreath,
)
from derive.groups._finite.preserving import Preserving, cycles, lost_by, preserving
from derive.groups._finite.representation import (
    Representation,
    characters,
    defining,
    monomial,
    parity,
    regular,
    trivial,
)

__all__ = [
    "REFLECTION",
    "ROTATION2",
    "ROTATION3",
    "ROTATION4",
    "ROTATION6",
    "Basis",
    "Matrices",
    "PairOrbits",
    "PermutationGroup",
    "Preserving",
    "Representation",
    "Witness",
    "alternating",
    "characters",
    "cycles",
    "cyclic",
    "defining",
    "dihedral",
    "disjoint_product",
    "intertwiners",
    "invariant_count",
    "invariants",
    "lost_by",
    "monomial",
    "null_space",
    "p4",
    "p4m",
    "pair_orbits",
    "parity",
    "point_orbits",
    "preserving",
    "product",
    "rank",
    "regular",
    "rubiks_cube",
    "symmetric",
    "torus",
    "trivial",
    "window",
    "wreath",
]
