"""Medians, spreads and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

__all__ = ["Spread", "quartiles", "ratio"]

Spread = dict[str, float]


def quartiles(values: Sequence[float]) -> Spread:
    """The median, and the quarters' ends: between neighbours in proportion, as is usual."""
    if len(values) == 1:
        return {"median": values[0], "low": values[0], "high": values[0]}
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": statistics.median(values), "low": low, "high": high}


def ratio(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Spread:
    """The ratio of the medians of all calls; its spread is the quartiles of the ratios round by round.

    A round times both within a moment, so a slow minute of the machine falls on both.
    """
    paired = [statistics.median(a) / statistics.median(b) for a, b in zip(ours, theirs, strict=True)]
    middle = statistics.median(t for r in ours for t in r) / statistics.median(t for r in theirs for t in r)
    return {**quartiles(paired), "median": middle}
