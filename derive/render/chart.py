"""Free parameters after each step, drawn on a logarithmic scale: a bar a stage, beneath its name and the number."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil, log10

import drawsvg

from derive.derivation import Derivation
from derive.proof.sized import free_entries
from derive.render.grouped import grouped
from derive.render.numbers import at_letters, counts, example

__all__ = ["Chart", "chart"]

_INK, _FAINT, _BAR = "#767676", "#76767655", "#2f7fb5"
_LEFT, _WIDTH, _RIGHT, _TOP, _LINE, _BAR_TOP, _THICK = 14, 400, 18, 34, 36, 20, 10  # narrow: a phone shows all of it
_FONT = "system-ui, sans-serif"
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LINKS = ' xmlns:xlink="http://www.w3.org/1999/xlink"\n    '


@dataclass(frozen=True, slots=True)
class Chart:
    """How many weights and biases are free after each stage, at the sizes that `says` names."""

    file: str
    says: str
    rows: tuple[tuple[str, int], ...]

    @property
    def caption(self) -> str:
        """What is seen, as a sentence."""
        told = ", ".join(f"{name} {grouped(number)}" for name, number in self.rows)
        at = f" at {self.says}," if self.says else ""
        return f"Free parameters{at} on a logarithmic scale: {told}."

    @property
    def width(self) -> int:
        """How many pixels wide the picture is."""
        return _LEFT + _WIDTH + _RIGHT

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        svg = drawsvg.Drawing(self.width, _TOP + _LINE * len(self.rows), role="img")
        svg.append(drawsvg.Raw("<title>Free parameters after each step</title>"))
        svg.append(drawsvg.Raw(f"<desc>{escape(self.caption)}</desc>"))
        decades = max(1, ceil(log10(max(number for _, number in self.rows) + 1)))
        bars = [_TOP + _LINE * place + _BAR_TOP for place in range(len(self.rows))]
        for power in range(0, decades + 1, max(1, decades // 6)):
            x = _LEFT + round(_WIDTH * power / decades, 2)
            marks = "".join(f"M{x:g} {top - 2}v{_THICK + 4}" for top in bars)
            svg.append(drawsvg.Path(f"M{x:g} {_TOP - 8}v6{marks}", stroke=_FAINT, fill="none"))
            svg.append(_text(f"10{str(power).translate(_RAISED)}", x, _TOP - 14, "middle"))
        for top, (name, number) in zip(bars, self.rows, strict=True):
            length = round(_WIDTH * log10(number) / decades, 2) if number else 0
            fill = _BAR if number else _INK
            svg.append(drawsvg.Rectangle(_LEFT, top, max(length, 2), _THICK, fill=fill))
            svg.append(_text(name, _LEFT, top - 6, "start"))
            svg.append(_text(grouped(number), _LEFT + _WIDTH, top - 6, "end"))
        text: str = svg.as_svg(header="")
        return text.replace("<defs>\n</defs>\n", "").replace(_LINKS, "") + "\n"


def chart(name: str, derivation: Derivation) -> Chart | None:
    """The counts of a derivation of that name; None for a layer that admits no usual sizes."""
    at = example(derivation.form)
    if at is None:
        return None
    rows = []
    stages = [("dense", derivation.start), *((s.rule.partition("(")[0], s.after) for s in derivation.steps)]
    for rule, form in stages:
        own = counts(form)
        free = free_entries(form.weights, own.exact_weight, at)
        rows.append((rule, free + free_entries(form.biases, own.exact_bias, at)))
    return Chart(f"{name}-counts.svg", at_letters(at), tuple(rows))


def _text(text: str, x: float, y: float, anchor: str) -> drawsvg.Text:
    return drawsvg.Text(text, 13, round(x, 2), round(y, 2), text_anchor=anchor, fill=_INK, font_family=_FONT)
