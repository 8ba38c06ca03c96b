"""Statements of programs in stages that work on spectra: discrete Fourier transforms, products point by point, and their rounding.

A spectrum of real arrays is stored as complex numbers up to half of the last axis, as the others are the conjugates of these.
What a statement means is said of all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Symbol

from derive.ir.nodes import Access, Range

__all__ = ["Normwise", "Product", "Transform"]


@dataclass(frozen=True, slots=True)
class Transform:
    """target[.., f, ..] = λ·Σ_p w^(sign·f·p)·source[.., p, ..], w a primitive root of unity of the order N that f and p run through.

    f is the range `wave`, p is `along`; λ is 1/√N, or 1 where it isn't `scaled`.
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
    """A bound on errors, |error| ≤ γ_q·(√(Π N)·Σ|w|·max|x| + |u|), for transforms of the `lengths` N; the maximum is over a tile.

    A transform of N points is log2 N steps, each a matrix of two entries of modulus 1 a row, whose rounding is γ_7 of the norm of
    what it acts on (Higham, Accuracy and Stability of Numerical Algorithms, section 24.1; η there), and a scaling by a rounded 1/√N,
    γ_3. Two of them act on the input and the product. Each entry of the weights' transform errs by γ_5 a step of Σ|w|, as each
    of its terms is multiplied by log2 N roots and added as often; the product of complex numbers by √2·γ_2; the bias is added last.
    """

    lengths: tuple[Symbol, ...]
    steps: int = 2 * 7 + 5
    scalings: int = 2 * 3
    others: int = 4
