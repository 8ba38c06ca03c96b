"""What was tried is told of rows that there are, with figures."""

from __future__ import annotations

from derive.bench.rows import ROWS
from derive.bench.tried import TRIED


def test_attempts_are_told_of_rows_that_have_goals() -> None:
    goals = {row.name for row in ROWS if row.goal is not None}
    assert set(TRIED) <= goals
    assert all(row.tried == TRIED[row.name] for row in ROWS if row.name in TRIED)


def test_an_attempt_is_told_with_its_figures() -> None:
    assert all(sum(letter.isdigit() for letter in text) >= 8 for text in TRIED.values())
