"""Toom-Cook: products of polynomials by their values at points, transposed to sliding sums of products.

    y[i] = Σ_a g[a]·d[i + a]   ⟶   y = Aᵀ·[(G·g) ⊙ (Bᵀ·d)]        with n = m + r - 1 products, the least there can be

A point is a pair of coprime integers p : q, which stands for p/q; 1 : 0 is ∞. Polynomials of degree below n are made
homogeneous, and Lagrange's interpolation at n different points reads

    L_t(x, z) = Π_{s≠t} (q_s·x - p_s·z)        N_t = L_t(p_t, q_t)
    Aᵀ[i, t] = p_t^i·q_t^(m-1-i)    G[t, a] = p_t^a·q_t^(r-1-a) / |N_t|    Bᵀ[t, k] = ± the coefficient of x^k in L_t

with the sign of N_t. By Gauss's lemma the integers in a column of Aᵀ and in a row of Bᵀ have no common factor, so that every
rational constant is in G, which acts on the weights alone. (Winograd, Arithmetic Complexity of Computations, 1980; Bodrato,
Towards Optimal Toom-Cook Multiplication, 2007.)

>>> f = toom_cook(2, 3, points=(0, 1, -1))
>>> for name, matrix in (("G", f.weight), ("Bᵀ", f.data), ("Aᵀ", f.output)):
...     print(name, *(f"[{', '.join(map(str, row))}]" for row in matrix))
G [1, 0, 0] [1/2, 1/2, 1/2] [1/2, -1/2, 1/2] [0, 0, 1]
Bᵀ [1, 0, -1, 0] [0, 1, 1, 0] [0, -1, 1, 0] [0, -1, 0, 1]
Aᵀ [1, 1, 1, 0] [0, 1, -1, 1]
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from sympy import Rational

from derive.algorithms._bilinear.algorithm import Bilinear, require_positive, schoolbook, transposed
from derive.algorithms._bilinear.points import best_points
from derive.errors import UsageRefused

__all__ = ["toom_cook"]

Pair = tuple[int, int]


def toom_cook(m: int, r: int, points: Sequence[Fraction | Rational | int] | None = None) -> Bilinear:
    """F(m, r) from m + r - 2 finite points and ∞.

    Without points they are those of the least error bound, `best_points(m, r)`; with one output or one tap there is nothing to
    save then, and the algorithm is the definition. Raises UsageRefused for too few, too many or equal points.
    """
    require_positive(m, r)
    if points is None:
        if min(m, r) <= 1:
            return schoolbook(m, r)
        points = best_points(m, r)
    finite = [Fraction(int(p.numerator), int(p.denominator)) for p in points]
    if len(finite) != m + r - 2:
        raise UsageRefused(f"F({m}, {r}) takes {m + r - 2} finite points beside ∞; {len(finite)} are given.")
    if twice := [p for k, p in enumerate(finite) if p in finite[:k]]:
        raise UsageRefused(f"F({m}, {r}) takes different points; {twice[0]} is given twice.")
    pairs = [(p.numerator, p.denominator) for p in finite] + [(1, 0)]
    output = tuple(tuple(Fraction(p**i * q ** (m - 1 - i)) for i in range(m)) for p, q in pairs)
    weight = tuple(
        tuple(Fraction(p**a * q ** (r - 1 - a), abs(_apart(pairs, t))) for a in range(r))
        for t, (p, q) in enumerate(pairs)
    )
    interpolate = tuple(zip(*(_basis(pairs, t) for t in range(len(pairs))), strict=True))
    return transposed(m, r, (output, weight), interpolate)


def _apart(pairs: Sequence[Pair], t: int) -> int:
    """N_t."""
    p, q = pairs[t]
    return prod(q_s * p - p_s * q for s, (p_s, q_s) in enumerate(pairs) if s != t)


def _basis(pairs: Sequence[Pair], t: int) -> tuple[Fraction, ...]:
    """The coefficients of L_t with the sign of N_t, from that of x⁰ on."""
    row = [1 if _apart(pairs, t) > 0 else -1]
    for p, q in (pair for s, pair in enumerate(pairs) if s != t):
        row = [q * below - p * here for here, below in zip([*row, 0], [0, *row], strict=True)]
    return tuple(map(Fraction, row))
