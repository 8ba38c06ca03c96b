"""Statements of programs in stages that work on spectra: discrete Fourier transforms, products point by point, and their rounding.

A spectrum of real arrays is stored as complex numbers up to half of the last axis, as the others are the conjugates of these.
What a statement means is said of all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Symbol

from derive.ir.nodes import Access, Range

__all__ = ["Normwise", "Product", "Transform"]


@dataclass(frozen=True, slots=True)
class Transform:
    """target[.., f, ..] = λ·Σ_p w^(sign·f·p)·source[.., p, ..], w a primitive root of unity of order N.

    f is the range `wave`, p is `along`, and both run through N numbers; λ is 1/√N, or 1 where it isn't `scaled`.
    """

    target: Access
    source: Access
    batch: tuple[Range, ...]
    wave: Range
    along: Range
    sign: int = 1
    scaled: bool = True
    says: str = ""

    @property
    def over(self) -> tuple[Range, ...]:
        """All ranges."""
        return (*self.batch, self.wave, self.along)


@dataclass(frozen=True, slots=True)
class Product:
    """target = left·right at every point; what a factor doesn't move with is repeated."""

    target: Access
    left: Access
    right: Access
    over: tuple[Range, ...]
    says: str = ""


@dataclass(frozen=True, slots=True)
class Normwise:
    """A bound on errors, (Σ error²)^½ ≤ γ_q·Σ|w|·(Σ x²)^½ over a tile, for transforms of the `lengths` N.

    So no result errs more; and (Σ x²)^½ is √(Π N)·max|x| at most, and that of the whole item where a tile holds each entry once.

    A transform of N points is log2 N steps (Higham, Accuracy and Stability of Numerical Algorithms, section 24.1): numbers are
    multiplied by rounded roots of unity, each with an error of √2·γ_2 + ε, and added in pairs, ε of the sum. So a step errs by
    γ_5 of the norm of what it acts on; one by 3 counts as two. Then it is scaled by a rounded 1/√N: γ_3. Two of them act on the
    input and on the product, and keep its norm, that of the tile times Σ|w| at most. An entry of the weights' transform errs by
    γ_5·Σ|w| a step, as each of its terms is multiplied and added; a product of complex numbers by √2·γ_2; the bias is added
    last. What underflows besides adds P·η·(1 + Σ|w| + √(Π N)·max|x|) with P = 24·(steps + 1)·Π N. That np.fft rounds no more
    than that is trusted, and tested.

    Weights that were made before, as sums of so many `products` by numbers up to `largest`, were `rounded` so often.
    """

    lengths: tuple[Symbol, ...]
    rounded: int = 0
    products: int = 0
    largest: int = 1
    steps: int = 3 * 5
    scalings: int = 2 * 3
    others: int = 4
