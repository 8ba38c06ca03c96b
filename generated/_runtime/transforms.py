"""Discrete Fourier transforms of arrays: by np.fft on floats, by formal spectra on exact numbers.

Real arrays have their spectra by half: along the last axis, of N points, as far as N//2. A transform there and back divides by N;
each way by √N on floats, whose transform is then one of norm 1, and that of weights by none.

Exact numbers need no root of unity. An entry of a formal spectrum is a polynomial in t, for whose value at t = w^f it stands,
with the place f that it belongs to. It is taken modulo t^N - 1, which is 0 there whatever the root w is; what holds of the
polynomials holds of their values. Entries multiply where their places agree, and the way back asks that all are of one polynomial.
"""

from typing import Any

import numpy as np

__all__ = ["Formal", "real_inverse", "real_transform", "spectrum", "transform"]


def spectrum(new: Any, shape: tuple[int, ...]) -> Any:
    """An array of complex numbers, or of formal spectra, in memory that `new` gives."""
    room = new((*shape, 2))
    if room.dtype.hasobject:
        return room[..., 0]
    return room.view(np.result_type(room.dtype, np.complex64))[..., 0]


def real_transform(source: Any, out: Any, sign: int = 1, scaled: bool = True) -> None:
    """out[.., f] = λ·Σ_p w^(sign·f·p)·source[.., p] for 0 ≤ f ≤ N//2, with w = exp(-2πi/N); λ is 1/√N, or 1."""
    if source.dtype.hasobject:
        _formal(source, out, -1, sign)
        return
    np.fft.rfft(source, axis=-1, norm="ortho" if scaled else "backward", out=out)
    if sign < 0:
        np.conjugate(out, out=out)


def transform(source: Any, out: Any, axis: int, sign: int = 1, scaled: bool = True) -> None:
    """out[.., f, ..] = λ·Σ_p w^(sign·f·p)·source[.., p, ..] along an axis of spectra; λ is 1/√N, or 1."""
    if source.dtype.hasobject:
        if scaled and sign < 0:
            _undone(source, out, axis, source.shape[axis])
        else:
            _formal(source, out, axis, sign)
        return
    if sign > 0:
        np.fft.fft(source, axis=axis, norm="ortho" if scaled else "backward", out=out)
    else:
        np.fft.ifft(source, axis=axis, norm="ortho" if scaled else "forward", out=out)


def real_inverse(source: Any, out: Any) -> None:
    """out[.., y] = 1/√N·Σ_f w^(-f·y)·source[.., f], of which f goes as far as N//2 and the others are conjugates."""
    if source.dtype.hasobject:
        _undone(source, out, -1, out.shape[-1])
    else:
        np.fft.irfft(source, n=out.shape[-1], axis=-1, norm="ortho", out=out)


class Formal:
    """The value at w^f, for the places f in `at`, of a polynomial: a dict from exponents to coefficients, shared by its entries."""

    __slots__ = ("at", "orders", "terms")

    def __init__(self, terms: dict[tuple[int, ...], Any], orders: tuple[int, ...], at: tuple[int, ...]) -> None:
        self.terms, self.orders, self.at = terms, orders, at

    def __mul__(self, other: "Formal") -> "Formal":
        if self.at != other.at or self.orders != other.orders:
            raise ValueError(
                f"spectra at {self.at} and {other.at} are multiplied, of orders {self.orders}, {other.orders}"
            )
        return Formal(_product(self.terms, other.terms, self.orders), self.orders, self.at)


_Terms = dict[tuple[int, ...], Any]
_known: dict[tuple[int, int], tuple[_Terms, _Terms, _Terms]] = {}


def _product(one: _Terms, two: _Terms, orders: tuple[int, ...]) -> _Terms:
    """The product modulo t^N - 1 along each axis; that of the last pair is kept, as many entries share one."""
    key = (id(one), id(two))
    if key not in _known:
        found: _Terms = {}
        for a, x in one.items():
            for b, y in two.items():
                place = tuple((i + j) % n for i, j, n in zip(a, b, orders, strict=True))
                found[place] = found[place] + x * y if place in found else x * y
        _known.clear()
        _known[key] = (one, two, found)
    return _known[key][2]


def _formal(source: Any, out: Any, axis: int, sign: int) -> None:
    """Spectra along one more axis, whose exponents and places come first."""
    lines, places = np.moveaxis(source, axis, -1), np.moveaxis(out, axis, -1)
    known: dict[tuple[int, ...], _Terms] = {}
    for index in np.ndindex(*lines.shape[:-1]):
        line = list(lines[index])
        orders, at = _place(line)
        key = tuple(id(entry.terms) for entry in line) if orders else (len(known),)
        if key not in known:
            known[key] = _joined(line, sign)
        terms, orders = known[key], (len(line), *orders)
        for f in range(places.shape[-1]):
            places[(*index, f)] = Formal(terms, orders, (f, *at))


def _place(line: list[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The orders and places that all entries have; none if these are numbers."""
    if not isinstance(line[0], Formal):
        return (), ()
    found = {(entry.orders, entry.at) for entry in line}
    if len(found) > 1:
        raise ValueError(f"spectra of several places are added up: {sorted(found)[:2]}")
    return found.pop()


def _joined(line: list[Any], sign: int) -> _Terms:
    """Σ_p t^(sign·p)·line[p], without zeros."""
    terms: _Terms = {}
    for p, entry in enumerate(line):
        place = sign * p % len(line)
        if isinstance(entry, Formal):
            terms.update({(place, *rest): value for rest, value in entry.terms.items()})
        elif entry != 0:
            terms[(place,)] = entry
    return terms


def _undone(source: Any, out: Any, axis: int, length: int) -> None:
    """The coefficients of the polynomials whose values at all places, or at the first half of them, stand along the axis."""
    lines, places = np.moveaxis(source, axis, -1), np.moveaxis(out, axis, -1)
    known: dict[int, list[_Terms]] = {}
    for index in np.ndindex(*lines.shape[:-1]):
        line = lines[index]
        terms, orders, at = line[0].terms, line[0].orders[1:], line[0].at[1:]
        if any(e.terms is not terms or e.orders[0] != length or e.at != (f, *at) for f, e in enumerate(line)):
            raise ValueError("a spectrum is transformed back that is not of one polynomial")
        if id(terms) not in known:
            known[id(terms)] = _parted(terms, length)
        for y, part in enumerate(known[id(terms)][: places.shape[-1]]):
            places[(*index, y)] = Formal(part, orders, at) if orders else part.get((), 0)


def _parted(terms: _Terms, length: int) -> list[_Terms]:
    """The terms by their first exponent, which they lose."""
    parts: list[_Terms] = [{} for _ in range(length)]
    for (first, *rest), value in terms.items():
        parts[first][tuple(rest)] = value
    return parts
