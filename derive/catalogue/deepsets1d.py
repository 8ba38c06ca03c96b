"""The layer that commutes with every permutation of its places: λ·X[i] + γ·Σ_k X[k], as in deep sets."""

from derive.derivation import dense
from derive.groups.symmetric import Symmetric
from derive.rules.equivariant import equivariant

__all__ = ["deepsets1d"]

deepsets1d = dense(rank=1).then(equivariant(Symmetric()))
