"""Bilinear algorithms for sliding sums of products: derived, proved, bounded and counted, all in exact rationals.

>>> f = prove(toom_cook(4, 3))
>>> str(f), f.products, str(nested(f, f)), nested(f, f).products
('F(4, 3)', 6, 'F(4×4, 3×3)', 36)
"""

from derive.algorithms._bilinear.algorithm import (
    Bilinear,
    Matrix,
    array,
    identity,
    nested,
    prove,
    schoolbook,
    split,
    transposed,
)
from derive.algorithms._bilinear.balance import balanced
from derive.algorithms._bilinear.cost import Cost, Operations, cost
from derive.algorithms._bilinear.error import (
    Estimate,
    amplification,
    componentwise,
    constant_roundings,
    losses,
    normwise,
    roundings,
)
from derive.algorithms._bilinear.fast_fir import fast_fir
from derive.algorithms._bilinear.points import CANDIDATES, best_points, worst
from derive.algorithms._bilinear.toom_cook import toom_cook

__all__ = [
    "CANDIDATES",
    "Bilinear",
    "Cost",
    "Estimate",
    "Matrix",
    "Operations",
    "amplification",
    "array",
    "balanced",
    "best_points",
    "componentwise",
    "constant_roundings",
    "cost",
    "fast_fir",
    "identity",
    "losses",
    "nested",
    "normwise",
    "prove",
    "roundings",
    "schoolbook",
    "split",
    "toom_cook",
    "transposed",
    "worst",
]
