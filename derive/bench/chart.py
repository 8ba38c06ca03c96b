"""Ratios against goals, and speeds against the machine's limit, as SVG: a line a row, legible on light and on dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import log10
from typing import Any

import drawsvg

from derive.bench.timing import OURS

__all__ = ["chart", "limit_chart"]

_INK, _FAINT, _MET, _MISSED = "#767676", "#76767655", "#1a8f5a", "#c4622d"
_LEFT, _WIDTH, _RIGHT, _TOP, _LINE = 142, 278, 16, 56, 20  # narrow: a phone shows all of it
_FONT = "system-ui, sans-serif"
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_TENS = (0.01, 0.1, 1, 10, 100)
_APART = 36  # from one tick's middle to the next


def chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """A dot a row with its quartiles, filled where the goal, an upright mark, is met; rows without a ratio are left out."""
    shown = [row for row in rows if row["cpu"] is not None]
    ends = _ends(
        [v for row in shown for v in (row["goal"], row["cpu"]["low"], row["cpu"]["high"], row["cpu"]["median"])]
    )
    bottom = _TOP + _LINE * len(shown)
    svg = _begun("Seconds of ours divided by those of the fastest peer", _says(shown), bottom)
    svg.append(_text("our time ÷ the fastest peer's; further left is faster", 10, 18, "start"))
    _axis(svg, ends, bottom, "{:g}")
    for number, row in enumerate(shown):
        _row(svg, row, _TOP + _LINE * number + _LINE / 2, ends)
    legend = "● goal met; ○ missed; bar: quartiles; upright: goal"
    svg.append(_text(legend, 10, bottom + 22, "start"))
    return _written(svg)


def limit_chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two dots a row: the shares of the machine's limit that ours, filled, and the fastest peer reach."""
    shown = [(row["name"], *_shares(row)) for row in rows if "limit" in row["participants"][OURS]]
    ends = _ends([share for _, *both in shown for share in both if share is not None])
    bottom = _TOP + _LINE * len(shown)
    svg = _begun("Speed as a share of the machine's limit", _says_shares(shown), bottom)
    svg.append(_text("share of the limit; further right is faster", 10, 18, "start"))
    _axis(svg, ends, bottom, "{:.0%}")
    for number, (name, ours, theirs) in enumerate(shown):
        y = _TOP + _LINE * number + _LINE / 2
        svg.append(_text(name, _LEFT - 10, y + 4, "end"))
        if theirs is not None:
            at, to = sorted((_at(ours, ends), _at(theirs, ends)))
            svg.append(drawsvg.Line(at, _short(y), to, _short(y), stroke=_FAINT, stroke_width=2))
            svg.append(_dot(_at(theirs, ends), y, _MISSED, filled=False))
        svg.append(_dot(_at(ours, ends), y, _MET, filled=True))
    for line, legend in enumerate(("● ours; ○ the fastest peer", "upright: the limit of the operations as written")):
        svg.append(_text(legend, 10, bottom + 22 + 16 * line, "start"))
    return _written(svg)


def _shares(row: Mapping[str, Any]) -> tuple[float, float | None]:
    """Ours, and the fastest peer's where it was taken."""
    best = row["cpu"]["best"] if row["cpu"] is not None else None
    held = row["participants"]
    return held[OURS]["limit"], held[best].get("limit") if best else None


def _says_shares(rows: Sequence[tuple[str, float, float | None]]) -> str:
    parts = [f"{name} {ours:.0%}{'' if theirs is None else f', the peer {theirs:.0%}'}" for name, ours, theirs in rows]
    return f"Shares of the machine's limit: {'; '.join(parts)}." if parts else "No row has a share."


def _begun(title: str, says: str, bottom: float) -> drawsvg.Drawing:
    svg = drawsvg.Drawing(_LEFT + _WIDTH + _RIGHT, bottom + 48, role="img")
    svg.append(drawsvg.Raw(f"<title>{escape(title)}</title>"))
    svg.append(drawsvg.Raw(f"<desc>{escape(says)}</desc>"))
    return svg


def _written(svg: drawsvg.Drawing) -> str:
    text: str = svg.as_svg(header="")
    return text.replace("<defs>\n</defs>\n", "").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"\n    ', "") + "\n"


def _axis(svg: drawsvg.Drawing, ends: tuple[float, float], bottom: float, form: str) -> None:
    close = min(_at(b, ends) - _at(a, ends) for a, b in pairwise(_TICKS)) < _APART
    for tick in _TENS if close else _TICKS:
        if ends[0] <= tick <= ends[1]:
            x = _at(tick, ends)
            svg.append(_upright(x, _TOP - 8, bottom, _INK if tick == 1 else _FAINT))
            svg.append(_text(form.format(tick), x, _TOP - 14, "middle"))


def _row(svg: drawsvg.Drawing, row: Mapping[str, Any], y: float, ends: tuple[float, float]) -> None:
    cpu, goal = row["cpu"], row["goal"]
    met = cpu["median"] <= goal
    colour = _MET if met else _MISSED
    svg.append(_text(row["name"], _LEFT - 10, y + 4, "end"))
    svg.append(_upright(_at(goal, ends), y - 7, y + 7, _INK, 2))
    low, high = _at(cpu["low"], ends), _at(cpu["high"], ends)
    svg.append(drawsvg.Line(low, _short(y), high, _short(y), stroke=colour, stroke_width=2))
    svg.append(_dot(_at(cpu["median"], ends), y, colour, met))


def _dot(x: float, y: float, colour: str, filled: bool) -> drawsvg.Circle:
    return drawsvg.Circle(x, _short(y), 4.5, fill=colour if filled else "none", stroke=colour, stroke_width=2)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The axis holds every value, and 1."""
    low, high = min([*values, 1.0]), max([*values, 1.0])
    return low / 1.15, high * 1.15


def _at(value: float, ends: tuple[float, float]) -> float:
    return _short(_LEFT + _WIDTH * (log10(value) - log10(ends[0])) / (log10(ends[1]) - log10(ends[0])))


def _says(rows: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"{r['name']} {r['cpu']['median']:.2f} for a goal of {r['goal']:g}" for r in rows]
    return f"Ratios to the fastest peer: {', '.join(parts)}." if parts else "No row has a ratio."


def _upright(x: float, top: float, bottom: float, colour: str, width: float = 1) -> drawsvg.Line:
    return drawsvg.Line(x, _short(top), x, _short(bottom), stroke=colour, stroke_width=width)


def _text(text: str, x: float, y: float, anchor: str) -> drawsvg.Text:
    return drawsvg.Text(text, 12, _short(x), _short(y), text_anchor=anchor, fill=_INK, font_family=_FONT)


def _short(value: float) -> float | int:
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
