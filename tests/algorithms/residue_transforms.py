"""The transforms of derive.runtime.transforms modulo a prime, with roots of unity of true order.

Modulo p = 2^61 - 1 the numbers a + b·i, i² = -1, are a field, as p is 3 modulo 4; conjugation is z ↦ z^p. Those with z·conj(z) = 1
are a group of p + 1 = 2^61 elements, so that there is a root of unity of every order that is a power of 2, and its conjugate is its
inverse. Half of the spectrum of real numbers tells the other half, as for floats.
"""

from typing import Any

import numpy as np

__all__ = ["PRIME", "Gaussian", "real_inverse", "real_transform", "root", "spectrum", "transform"]

PRIME = 2**61 - 1


class Gaussian:
    """a + b·i modulo the prime."""

    __slots__ = ("a", "b")

    def __init__(self, a: int, b: int = 0) -> None:
        self.a, self.b = a % PRIME, b % PRIME

    def __add__(self, other: "Gaussian") -> "Gaussian":
        return Gaussian(self.a + other.a, self.b + other.b)

    def __mul__(self, other: "Gaussian") -> "Gaussian":
        return Gaussian(self.a * other.a - self.b * other.b, self.a * other.b + self.b * other.a)

    def conjugate(self) -> "Gaussian":
        return Gaussian(self.a, -self.b)

    def __pow__(self, power: int) -> "Gaussian":
        found, square = Gaussian(1), self
        while power:
            found = found * square if power & 1 else found
            square, power = square * square, power >> 1
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gaussian) and (self.a, self.b) == (other.a, other.b)

    def __hash__(self) -> int:
        return hash((self.a, self.b))


def root(order: int) -> Gaussian:
    """A root of unity of exactly that order, a power of 2."""
    for a in range(2, 100):
        unit = Gaussian(a, 1).conjugate() * Gaussian(a, 1) ** (PRIME * PRIME - 2)  # conj(z)/z has norm 1
        z = unit ** ((PRIME + 1) // order)
        if order == 1 or z ** (order // 2) != Gaussian(1):
            return z
    raise ValueError(f"no root of unity of order {order} was found")


def spectrum(new: Any, shape: tuple[int, ...]) -> Any:
    return np.empty(shape, object)


def _line(line: list[Gaussian], order: int, sign: int) -> list[Gaussian]:
    """Σ_p w^(sign·f·p)·line[p], by halves."""
    if order == 1:
        return line
    w = root(order) if sign > 0 else root(order).conjugate()
    even, odd = _line(line[::2], order // 2, sign), _line(line[1::2], order // 2, sign)
    power, turned = Gaussian(1), []
    for z in odd:
        turned.append(power * z)
        power = power * w
    minus = Gaussian(-1)
    return [x + y for x, y in zip(even, turned, strict=True)] + [
        x + minus * y for x, y in zip(even, turned, strict=True)
    ]


def _along(source: Any, out: Any, axis: int, sign: int, factor: int) -> None:
    lines, places = np.moveaxis(source, axis, -1), np.moveaxis(out, axis, -1)
    scale = Gaussian(factor)
    for index in np.ndindex(*lines.shape[:-1]):
        found = _line(list(lines[index]), lines.shape[-1], sign)
        for f in range(places.shape[-1]):
            places[(*index, f)] = scale * found[f]


_gaussian = np.frompyfunc(lambda x: Gaussian(int(x)), 1, 1)


def real_transform(source: Any, out: Any, sign: int = 1, scaled: bool = True) -> None:
    """λ is 1: all of 1/N is the way back's."""
    _along(_gaussian(source), out, -1, sign, 1)


def transform(source: Any, out: Any, axis: int, sign: int = 1, scaled: bool = True) -> None:
    length = source.shape[axis]
    _along(source, out, axis, sign, pow(length, -1, PRIME) if sign < 0 and scaled else 1)


def real_inverse(source: Any, out: Any) -> None:
    length = out.shape[-1]
    conjugate = np.frompyfunc(Gaussian.conjugate, 1, 1)
    whole = np.concatenate([source, conjugate(source[..., 1 : (length + 1) // 2][..., ::-1])], axis=-1)
    made = np.empty(out.shape, object)
    _along(whole, made, -1, -1, pow(length, -1, PRIME))
    assert all(z.b == 0 for z in made.ravel())
    out[...] = np.frompyfunc(lambda z: z.a, 1, 1)(made)
