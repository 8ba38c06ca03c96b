"""Finite permutation groups and their representations, to state symmetries with: see `derive.Permutations`.

product(A, B)            A × B on pairs; disjoint_product(A, B) on the points of A, then those of B
torus(shape, matrices)   translations of a torus with matrices about a cell, a semidirect product; p4(n), p4m(n)
wreath(A, B)             A ≀ B: A in each block by itself, B on the blocks
defining, parity, regular, trivial, characters, monomial    representations; a + b, a * b and a.power(k) are too
"""

from derive.groups._finite import (
    REFLECTION,
    ROTATION2,
    ROTATION3,
    ROTATION4,
    ROTATION6,
    PermutationGroup,
    Representation,
    alternating,
    characters,
    cyclic,
    defining,
    dihedral,
    disjoint_product,
    monomial,
    p4,
    p4m,
    parity,
    product,
    regular,
    rubiks_cube,
    symmetric,
    torus,
    trivial,
    wreath,
)

__all__ = [
    "REFLECTION",
    "ROTATION2",
    "ROTATION3",
    "ROTATION4",
    "ROTATION6",
    "PermutationGroup",
    "Representation",
    "alternating",
    "characters",
    "cyclic",
    "defining",
    "dihedral",
    "disjoint_product",
    "monomial",
    "p4",
    "p4m",
    "parity",
    "product",
    "regular",
    "rubiks_cube",
    "symmetric",
    "torus",
    "trivial",
    "wreath",
]
