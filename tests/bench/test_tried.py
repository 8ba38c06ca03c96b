"""What was tried is told of rows that there are, with figures."""

from __future__ import annotations

import json
import re

from derive.bench.page import FOLDER
from derive.bench.rows import ROWS
from derive.bench.tried import TRIED


def test_attempts_are_told_of_rows_that_have_goals() -> None:
    goals = {row.name for row in ROWS if row.goal is not None}
    assert set(TRIED) <= goals
    assert all(row.tried == TRIED[row.name] for row in ROWS if row.name in TRIED)


def test_an_attempt_is_told_with_its_figures() -> None:
    assert all(sum(letter.isdigit() for letter in text) >= 8 for text in TRIED.values())


def test_a_missed_goal_says_what_was_tried_at_least_three_times():
    """On every machine whose figures are kept."""
    assert FOLDER is not None
    said, files = {row.name: row.tried for row in ROWS}, sorted(FOLDER.glob("numpy*.json"))
    assert len(files) >= 2
    for file in files:
        for row in json.loads(file.read_text(encoding="utf-8"))["rows"]:
            if row["goal"] and row["cpu"] is not None and row["cpu"]["median"] > row["goal"]:
                assert len(re.findall(r"\d+\.\d", said[row["name"]])) >= 3, (file.name, row["name"])
