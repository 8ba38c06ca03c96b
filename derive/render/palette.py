"""As many distinct colours as a picture needs, legible on white and on black, neighbours well apart.

Points in Oklch (B. Ottosson, 'A perceptual color space for image processing', 2020): a low-discrepancy
sequence, whose steps in lightness are large enough for those who cannot tell the hues apart; for very many
colours scattered points, since the sequence's own lattice would be seen as a pattern.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin

__all__ = ["colours", "rgb"]

_ROOT = 1.2207440846057596  # the positive root of x⁴ = x + 1: its powers spread points in three dimensions
_MANY = 240
_LIGHTNESS, _CHROMA = (0.47, 0.82), (0.075, 0.15)


@lru_cache(maxsize=32)
def colours(number: int) -> tuple[str, ...]:
    """That many colours as `#rrggbb`, all different.

    >>> colours(3)
    ('#6a7139', '#f09b6b', '#b57a9b')
    """
    found: dict[str, None] = {}
    point = 0
    while len(found) < number:
        point += 1
        hue, lightness, chroma = _scattered(point) if number > _MANY else _spread(point)
        found.setdefault(_hex(_between(_LIGHTNESS, lightness), _between(_CHROMA, chroma), 2 * pi * hue))
    return tuple(found)


def _spread(point: int) -> tuple[float, float, float]:
    first, second, third = ((0.5 + point / _ROOT**k) % 1 for k in (1, 2, 3))
    return first, second, third


def _scattered(point: int) -> tuple[float, float, float]:
    """Three numbers below 1 from the bits of SplitMix64."""
    state = point * 0x9E3779B97F4A7C15 % 2**64
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ state >> 27) * 0x94D049BB133111EB % 2**64
    state ^= state >> 31
    return state % 2**20 / 2**20, (state >> 20) % 2**20 / 2**20, (state >> 40) % 2**20 / 2**20


def rgb(colour: str) -> tuple[int, int, int]:
    """The three bytes of `#rrggbb`."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _hex(lightness: float, chroma: float, hue: float) -> str:
    a, b = chroma * cos(hue), chroma * sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return "#" + "".join(f"{_byte(value):02x}" for value in linear)


def _byte(linear: float) -> int:
    value = min(max(linear, 0.0), 1.0)
    encoded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(255 * encoded)
