"""How an algorithm gets at a form that it doesn't fit: by another one that it may fit, whose program becomes one of the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from derive.algorithms._continued import continued, goes_on
from derive.algorithms._interleaved import has_phases, interleaved
from derive.forms.form import Form
from derive.ir.stages import Staged

__all__ = ["WAYS", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """Which forms it is for, and what it makes of an algorithm, a form and the arrays that have items."""

    fits: Callable[[Form], bool]
    make: Callable[..., Staged]


WAYS: Mapping[str, Way] = {"phases": Way(has_phases, interleaved), "continued": Way(goes_on, continued)}
