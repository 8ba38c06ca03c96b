"""Small edits of a certificate's data: one character of one text, or one value for another."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from derive.errors import CertificateError
from derive.proof.certificate import verify

__all__ = ["LABELS", "changed", "edits", "leaves", "places", "refusal"]

LABELS = {"rule", "statement", "says", "made_with", "digest", "format"}
Path = tuple[Any, ...]

_TOKEN = re.compile(r"\d|<=|>=|<|>|\+|-|\*|&|\||\b[a-zA-Z]\b|Delta")
_SWAPS = {
    "+": "-",
    "-": "+",
    "<=": "<",
    ">=": "<=",
    "<": "<=",
    ">": ">=",
    "*": "+",
    "&": "|",
    "|": "&",
    "Delta": "n",
}
_LETTERS = "ijklabcdnmstVWUuC"


def places(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value inside, outermost first."""
    yield path, data
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def leaves(data: Any, labels: bool = False) -> list[tuple[Path, str]]:
    """Every text, with labels or without."""
    return [
        (path, text)
        for path, text in places(data)
        if isinstance(text, str) and (labels or not LABELS & {key for key in path if isinstance(key, str)})
    ]


def edits(text: str, draw: random.Random) -> str:
    """The text with one digit, letter, sign or comparison changed; itself where it has none."""
    tokens = list(_TOKEN.finditer(text))
    if not tokens:
        return text
    token = draw.choice(tokens)
    old = token.group()
    if old.isdigit():
        new = draw.choice([d for d in "0123456789" if d != old])
    else:
        new = _SWAPS.get(old) or draw.choice([letter for letter in _LETTERS if letter != old])
    return text[: token.start()] + new + text[token.end() :]


def changed(data: Any, path: Path, value: Any) -> Any:
    """A copy with one value replaced."""
    result = copy.deepcopy(data)
    if not path:
        return value
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def refusal(data: Any, **options: Any) -> str:
    """The sentence with which verify refuses the data or file."""
    with pytest.raises(CertificateError) as caught:
        verify(data, **options)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 2000
    return text
