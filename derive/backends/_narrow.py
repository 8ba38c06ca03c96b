"""Long lines of Python text in parts: within brackets, where commas or else operators are, and comments between words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

__all__ = ["WIDTH", "narrow"]

WIDTH = 120  # columns
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BEFORE = (
    " for ",
    " if ",
    " else ",
    " and ",
    " or ",
    " + ",
    " - ",
    "*",
    "/",
    " // ",
)  # a part may begin with one of these


def narrow(lines: Iterable[str]) -> list[str]:
    """The same text in lines of `WIDTH` columns, where it has brackets to be broken in; literals of several lines are kept."""
    found: list[str] = []
    inside = False
    for line in lines:
        quotes = line.count('"""')
        text = line.lstrip()
        margin = line[: len(line) - len(text)]
        broken = _filled(text, margin) if text.endswith(",") and not text.startswith("#") else _broken(line)
        found += [line] if inside or quotes % 2 else broken
        inside ^= quotes % 2 == 1
    return found


def _broken(line: str) -> list[str]:
    text = line.lstrip()
    margin = line[: len(line) - len(text)]
    if len(line) <= WIDTH:
        return [line]
    if text.startswith("#"):
        return textwrap.wrap(text[1:].strip(), WIDTH, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}#   ")
    if text.startswith("if ") and text.endswith(":"):
        return [f"{margin}if (", *_filled(text[3:-1], f"{margin}    "), f"{margin}):"]
    found = max(_brackets(text), key=lambda pair: pair[1] - pair[0], default=None)
    if found is None or found[1] - found[0] <= 1:
        return [line]
    first, last = found
    inside, behind = _filled(text[first + 1 : last], f"{margin}    "), _broken(f"{margin}{text[last:]}")
    return [f"{margin}{text[: first + 1]}", *inside, *behind]


def _filled(body: str, margin: str) -> list[str]:
    """What stands within brackets: as many parts of it in a line as fit."""
    if len(margin) + len(body) <= WIDTH:
        return [f"{margin}{body}"]
    parts = list(_parts(body))
    if len(parts) == 1:
        return _quoted(body, margin) if body.rstrip(",")[-1] in "\"'" else _broken(f"{margin}{body}")
    lines, line = [], ""
    for part in parts:
        if line and len(margin) + len(line) + len(part.rstrip()) > WIDTH:
            lines.append(line)
            line = part.lstrip()
        else:
            line += part
    return [narrower for made in (*lines, line) for narrower in _filled(made.rstrip(), margin)]


def _quoted(body: str, margin: str) -> list[str]:
    """A text that ends with a literal, which goes on in the next line between two words."""
    quote, lines = body.rstrip(",")[-1], []
    while len(margin) + len(body) > WIDTH and (cut := body.rfind(" ", 0, WIDTH - len(margin) - 1)) > body.find(quote):
        lines.append(f"{margin}{body[: cut + 1]}{quote}")
        body = f"{quote}{body[cut + 1 :]}"
    return [*lines, f"{margin}{body}"]


def _parts(body: str) -> Iterator[str]:
    """The body at its commas, or else before its operators of the first kind that it has."""
    plain = list(_plain(body))
    cuts = [k + 2 for k in plain if body.startswith(", ", k) and k + 2 < len(body)]
    kinds = iter(_BEFORE)
    while not cuts and (sign := next(kinds, "")):
        alone = [k for k in plain if k > 0 and body.startswith(sign, k) and body[k - 1 : k + 2].count(sign) == 1]
        cuts = alone if len(sign) == 1 else [k for k in plain if k > 0 and body.startswith(sign, k)]
    for start, stop in zip((0, *cuts), (*cuts, len(body)), strict=True):
        yield body[start:stop]


def _plain(text: str) -> Iterator[int]:
    """The places that are in no brackets and in no literal."""
    return (k for k, before, after in _depths(text) if before == after == 0)


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    """Where the outermost brackets open and close."""
    start = 0
    for k, before, after in _depths(text):
        if (before, after) == (0, 1):
            start = k
        elif (before, after) == (1, 0):
            yield start, k


def _depths(text: str) -> Iterator[tuple[int, int, int]]:
    """Each place that is in no literal, and how many brackets of this text are open before and behind it."""
    depth, quote = 0, ""
    for k, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            before = depth
            depth = max(0, depth + (letter in _CLOSING) - (letter in _CLOSING.values()))
            yield k, before, depth
