"""Mathematics as MathML: browsers show it themselves, without scripts or fonts of ours."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["mathml"]

_SANS = 0x1D5A0
_BAR, _BAR_OF = "<mo>&#x0007C;</mo>", re.compile(r"\\([lr])vert")
_LETTER = re.compile(r"<mi>&#x(1D5[A-D][0-9A-F]);</mi>")
_PRIMED = re.compile(r"<msup>(<mi[^>]*>[^<]*</mi>)<mi[^>]*>(&#x02032;)</mi></msup>")


@lru_cache(maxsize=4096)
def mathml(latex: str, display: str = "inline") -> str:
    """The formula as a `<math>` element; what is underlined there is of class `changed` here.

    >>> mathml(r"\\mathsf{V}").partition("<mrow>")[2]
    '<mi mathvariant="normal" class="array">V</mi></mrow></math>'
    """
    from latex2mathml.converter import convert

    known = latex.replace("{aligned}", "{split}").replace(r"\underline{", r"\boxed{")
    if display == "block":
        known = known.replace(r"\sum_", r"\sum\limits_")
    text: str = convert(known, display=display)
    text = text.replace('<menclose notation="box">', '<mrow class="changed">').replace("</menclose>", "</mrow>")
    text = _fenced(text, _BAR_OF.findall(latex))
    # Raised, the sign would be small and high twice: fonts have it raised.
    text = _PRIMED.sub(r'<mrow>\1<mo lspace="0" rspace="0">\2</mo></mrow>', text)
    return _LETTER.sub(lambda found: f'<mi mathvariant="normal" class="array">{_plain(int(found[1], 16))}</mi>', text)


def _fenced(text: str, sides: list[str]) -> str:
    """Bars of magnitudes as what they are, left and right of it: by themselves they stand apart like an operator."""
    first, *rest = text.split(_BAR)
    if len(rest) != len(sides):
        return text
    form = {"l": "prefix", "r": "postfix"}
    bars = (f'<mo form="{form[side]}" stretchy="false" lspace="0" rspace="0">|</mo>' for side in sides)
    return first + "".join(bar + part for bar, part in zip(bars, rest, strict=True))


def _plain(code: int) -> str:
    """The ASCII letter that a sans-serif letter of mathematics is a variant of: few fonts have these."""
    place = code - _SANS
    return chr(ord("A") + place) if place < 26 else chr(ord("a") + place - 26)
