"""Goals tried at small sizes, at every value of their letters: those that fail need no solver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from sympy import Symbol

from derive.errors import TextError
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form
from derive.proof.goal import Goal
from derive.proof.small import sizes_of
from derive.proof.step import Clause

__all__ = ["Screen"]

_MOST_POINTS, _MOST_SIZES = 1 << 19, 12


class Screen:
    """Goals about a clause's letters and one term of a form, at the largest of the small sizes that are few points."""

    def __init__(self, form: Form, clause: Clause) -> None:
        self.form, self.clause = form, clause
        self.points = tuple(islice(self._points(), _MOST_SIZES))

    def _points(self) -> Iterator[Mapping[Symbol, Any]]:
        for sizes in reversed(list(sizes_of(self.form, (self.clause,)))):
            ends = self._ends(sizes)
            if prod(high - low + 1 for low, high in ends.values()) <= _MOST_POINTS:
                yield dict(sizes) | grid(ends)

    def _ends(self, sizes: Mapping[Symbol, int]) -> dict[Symbol, tuple[int, int]]:
        axes = {a.symbol: a for a in (*self.form.output.axes, *self.form.input.axes, *self.form.reduction)}
        places = (*self.form.output.axes, *self.form.input.axes)
        reach = max((int(evaluate(a.extent, sizes)) for a in places), default=1)
        letters = dict.fromkeys((*self.clause.binders, *self.form.reduction_symbols))
        return {
            s: (int(evaluate(axes[s].lower, sizes)), int(evaluate(axes[s].upper, sizes)))
            if s in axes
            else (-reach, reach)
            for s in letters
        }

    def admits(self, goal: Goal) -> bool:
        """Whether the goal holds at all these points. What can't be evaluated is not known to fail."""
        try:
            return all(self._holds(goal, at) for at in self.points)
        except TextError:
            return True

    @staticmethod
    def _holds(goal: Goal, at: Mapping[Symbol, Any]) -> bool:
        given: Any = True
        for fact in goal.facts:
            given = given & np.asarray(evaluate(fact, at))
        if not np.any(given):
            return True
        return bool(np.all(~np.asarray(given) | np.asarray(evaluate(goal.show, at))))
