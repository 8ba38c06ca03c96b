"""Fast FIR algorithms: Karatsuba's products, transposed; every constant is 0, 1 or -1.

    s_k = Σ_{i+j=k} a_i·b_j   ⟶   a_i·b_i  and  (a_i + a_j)·(b_i + b_j) - a_i·b_i - a_j·b_j  for i < j

F(s, s) takes s·(s + 1)/2 products instead of s², and splitting by several factors multiplies their numbers: F(4, 4) takes 9
and F(6, 6) takes 18 (Parker and Parhi, 1997; Weimerskirch and Paar, 2003).

>>> for factors in (2,), (3,), (2, 2), (2, 3), (2, 2, 2):
...     print(fast_fir(*factors), fast_fir(*factors).products)
F(2, 2) 3
F(3, 3) 6
F(4, 4) 9
F(6, 6) 18
F(8, 8) 27
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from itertools import combinations

from derive.algorithms._bilinear.algorithm import Bilinear, Matrix, split, transposed
from derive.errors import UsageRefused

__all__ = ["fast_fir"]


def fast_fir(*factors: int) -> Bilinear:
    """F(s, s) for the product s of the factors, each of them split by Karatsuba's products, the first outermost."""
    if not factors or min(factors) < 1:
        raise UsageRefused(f"A fast FIR algorithm is split by factors of at least 1; {factors} are given.")
    return reduce(split, map(_karatsuba, factors))


def _karatsuba(s: int) -> Bilinear:
    singles = [(i,) for i in range(s)]
    sums: list[tuple[int, ...]] = [*singles, *combinations(range(s), 2)]
    evaluate: Matrix = tuple(tuple(Fraction(int(i in chosen)) for i in range(s)) for chosen in sums)
    interpolate = [[Fraction(0)] * len(sums) for _ in range(2 * s - 1)]
    for t, chosen in enumerate(sums):
        interpolate[chosen[0] + chosen[-1]][t] += 1
        if len(chosen) == 2:
            for i in chosen:
                interpolate[sum(chosen)][i] -= 1
    return transposed(s, s, (evaluate, evaluate), tuple(map(tuple, interpolate)))
