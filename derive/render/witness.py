"""A witness of an obligation as one reads formulas: values in the letters and signs of pages."""

from __future__ import annotations

import re

from derive.forms.notation import UNICODE
from derive.forms.text import parse

__all__ = ["in_letters"]

_VALUE = re.compile(r"(\w+) := (.*?)(?=, \w+ := |; |$)")


def in_letters(witness: str) -> str:
    """k := Where(Eq(k, 0), Max(0, i), 1)   ⟶   k := (max(0, i) where k = 0; 1 otherwise)"""
    return _VALUE.sub(lambda found: f"{found[1]} := {UNICODE.apart(parse(found[2]))}", witness).replace("Delta", "Δ")
