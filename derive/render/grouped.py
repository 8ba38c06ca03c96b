"""Large whole numbers as they are read."""

from __future__ import annotations

__all__ = ["grouped"]


def grouped(number: int) -> str:
    """A whole number in groups of three, kept on one line.

    >>> grouped(3996001).replace("\\xa0", " ")
    '3 996 001'
    """
    return f"{number:,}".replace(",", "\xa0")
