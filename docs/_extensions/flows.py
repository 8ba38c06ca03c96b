"""The data flow of a fast algorithm, drawn from its matrices: what goes into each product, and into each result."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from html import escape
from typing import Any

__all__ = ["flow", "said"]

_LEFT, _MIDDLE, _RIGHT, _STEP, _TOP, _WIDTH = 28, 218, 404, 64, 56, 432  # narrow: a phone shows all of it
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _numbered(letter: str, place: int) -> str:
    return f"{letter}{str(place).translate(_LOWERED)}"


def _sum(row: Sequence[Fraction], letter: str) -> str:
    """A row's combination as text: (g₀ + g₁ + g₂)/2."""
    common = next(abs(c) for c in row if c)
    if common == 1 or any(c and abs(c) != common for c in row):
        terms = [(c, f"{abs(c)}·" if abs(c) != 1 else "") for c in row]
        shared = ""
    else:
        terms, shared = [(c, "") for c in row], f"/{common.denominator}" if common.numerator == 1 else f"·{common}"
    signed = [("-" if c < 0 else "+", f"{factor}{_numbered(letter, k)}") for k, (c, factor) in enumerate(terms) if c]
    head, *rest = signed
    text = ("-" if head[0] == "-" else "") + head[1] + "".join(f" {sign} {term}" for sign, term in rest)
    return f"({text}){shared}" if len(signed) > 1 else f"{text}{shared}"


def said(found: Any) -> str:
    """The algorithm in words, for those who don't see it."""
    products = [
        f"m{t} = {_sum(data, 'd')} · {_sum(weight, 'g')}"
        for t, (data, weight) in enumerate(zip(found.data, found.weight, strict=True))
    ]
    results = [f"y{i} = {_sum(row, 'm')}" for i, row in enumerate(found.output)]
    return f"{'; '.join(products)}. {'; '.join(results)}."


def flow(found: Any, title: str) -> str:
    """An SVG in the page's own colours. A line adds; a dashed one subtracts; a factor other than 1 stands at its end."""
    counts = (len(found.data[0]), len(found.data), len(found.output))
    height = _TOP + _STEP * max(counts)
    ys = [[_TOP + _STEP * (max(counts) - count) / 2 + _STEP * (k + 0.4) for k in range(count)] for count in counts]
    lines = [
        _line(_LEFT + 22, ys[0][k], _MIDDLE - 14, ys[1][t], c)
        for t, row in enumerate(found.data)
        for k, c in _live(row)
    ]
    lines += [
        _line(_MIDDLE + 14, ys[1][t], _RIGHT - 22, ys[2][i], c)
        for i, row in enumerate(found.output)
        for t, c in _live(row)
    ]
    nodes = [_text(_numbered("d", k), _LEFT, y + 6) for k, y in enumerate(ys[0])]
    nodes += [_text(_numbered("y", i), _RIGHT, y + 6) for i, y in enumerate(ys[2])]
    for t, y in enumerate(ys[1]):
        nodes.append(f'<circle cx="{_MIDDLE}" cy="{y}" r="14" class="product"/>')
        nodes.append(_text("×", _MIDDLE, y + 6))
        nodes.append(_text(_sum(found.weight[t], "g"), _MIDDLE, y - 20, size=13))
    heads = [_text(word, x, 20, size=14) for word, x in (("input", _LEFT), ("products", _MIDDLE), ("results", _RIGHT))]
    body = "".join([*lines, *nodes, *heads])
    words = f"<title>{escape(title)}</title><desc>{escape(said(found))}</desc>"
    return f'<svg class="flow" role="img" viewBox="0 0 {_WIDTH} {height}">{words}{body}</svg>'


def _live(row: Sequence[Fraction]) -> list[tuple[int, Fraction]]:
    return [(k, c) for k, c in enumerate(row) if c]


def _line(x: float, y: float, to_x: float, to_y: float, factor: Fraction) -> str:
    kind = "minus" if factor < 0 else "plus"
    line = f'<line x1="{x}" y1="{y:g}" x2="{to_x}" y2="{to_y:g}" class="{kind}"/>'
    if abs(factor) == 1:
        return line
    return line + _text(str(abs(factor)), x + 0.85 * (to_x - x), y + 0.85 * (to_y - y) - 4, size=12)


def _text(text: str, x: float, y: float, size: int = 16) -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="middle">{escape(text)}</text>'
