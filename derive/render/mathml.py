"""Mathematics as MathML: browsers show it themselves, without scripts or fonts of ours."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["mathml"]

_SANS = 0x1D5A0
_LETTER = re.compile(r"<mi>&#x(1D5[A-D][0-9A-F]);</mi>")


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
    return _LETTER.sub(lambda found: f'<mi mathvariant="normal" class="array">{_plain(int(found[1], 16))}</mi>', text)


def _plain(code: int) -> str:
    """The ASCII letter that a sans-serif letter of mathematics is a variant of: few fonts have these."""
    place = code - _SANS
    return chr(ord("A") + place) if place < 26 else chr(ord("a") + place - 26)
