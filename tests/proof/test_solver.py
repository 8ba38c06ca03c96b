"""A goal that z3's core leaves open goes to its full strategy."""

import z3

from derive.proof.goal import Status
from derive.proof.solver import decide

_TEXT = "(declare-const i Int)\n(assert (> i {0}))\n(assert (< i {0}))\n(check-sat)\n"


class Undecided:
    """A solver that answers nothing."""

    def set(self, name, value):
        """Any option is fine."""

    def from_string(self, text):
        """Any text is fine."""

    def check(self):
        """Always open."""
        return z3.unknown


def test_the_full_strategy_answers_where_the_core_does_not(monkeypatch):
    monkeypatch.setattr(z3, "SimpleSolver", Undecided)
    assert decide(_TEXT.format(42)) is Status.PROVED


def test_a_goal_that_neither_decides_is_not_decided(monkeypatch):
    monkeypatch.setattr(z3, "SimpleSolver", Undecided)
    monkeypatch.setattr(z3, "Solver", Undecided)
    assert decide(_TEXT.format(43)) is Status.UNKNOWN
