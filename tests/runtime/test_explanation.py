"""What plans say of themselves: candidates, why one of them is the best, bounds, and why others don't apply."""

from __future__ import annotations

import re

import numpy as np
import pytest

import generated
from derive.runtime import explanation
from tests.runtime.test_plan import bank, conv, whole


def test_the_explanation_names_candidates_bound_and_reasons():
    text = str(conv().plan((100, 90), whole(5, 5)).explain())
    told = " ".join(text.split())
    assert "rows" in told and "direct" in told and "is predicted to be the quickest" in told
    assert "the bound of 25 products summed in any order" in told
    assert "toeplitz does not apply: it needs a window along the last axis alone." in told
    assert max(map(len, text.splitlines())) <= 80
    explained = conv().plan((100, 90), whole(5, 5)).explain()
    assert explained.candidates[0].seconds == min(c.seconds for c in explained.candidates)
    assert explained.candidates[0].counted.operations > 0 and set(explained.unfit) >= {"toeplitz"}


def explained(kernel, *given, **told):
    """What a plan says, in one line, after a look at its width."""
    text = str(kernel.plan(*given, **told).explain())
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def test_the_explanation_says_what_the_next_best_would_take():
    """How many times as long, and what of it there is most more of."""
    text = explained(conv(), (100, 90), whole(5, 5))
    (name, share, more, what) = re.search(
        r"\)\. (\w+) would take (\d+\.\d\d) times as long, with (\S+) times the (operations|bytes moved|calls of NumPy)\.",
        text,
    ).groups()
    first, second = conv().plan((100, 90), whole(5, 5)).explain().candidates[:2]
    counts = {"operations": "operations", "bytes moved": "bytes", "calls of NumPy": "calls"}
    assert name == second.choice.name and share == f"{second.seconds / first.seconds:.2f}"
    ratios = {k: getattr(second.counted, v) / getattr(first.counted, v) for k, v in counts.items()}
    assert max(ratios, key=ratios.get) == what and more == f"{ratios[what]:.2g}"


def test_an_algorithm_that_was_asked_for_is_not_said_to_be_the_quickest():
    best = conv().plan((100, 90), whole(5, 5)).algorithm
    text = explained(conv(), (100, 90), whole(5, 5), algorithm="direct")
    assert f"direct was asked for. {best} is predicted to be the quickest (" in text
    assert re.search(r"It would take 0\.\d\d times as long, ", text)
    assert "was asked for" not in explained(conv(), (100, 90), whole(5, 5), algorithm=best)


def test_reasons_that_are_the_same_are_told_once():
    text = explained(bank(), (9, 9, 3), whole(3, 3, 3, 4))
    assert (
        "bands, folded, gapped, lowrank, panels, polyphase, rows, separable and toeplitz do not apply: they need one"
        in text
    )
    assert text.count("one channel in and one out") == 1


def test_what_takes_too_much_memory_is_left_out_and_said_unless_it_is_asked_for():
    shape, V = (90, 90, 32, 48), np.ones((3, 3, 48, 32, 48), np.float32)
    grouped = generated.grouped2d.numpy
    says = "does not apply: it needs 22.4 MB of working arrays at least, beyond the 8 MB"
    assert f"fastfir {says} that a thread may take." in explained(grouped, shape, V)
    assert grouped.plan(shape, V, algorithm="fastfir").explain().candidates[0].room > 22e6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.5, "1.50 s"),
        (99.96, "100 s"),
        (0.9999, "1.00 s"),
        (0.9, "900 ms"),
        (12.34e-3, "12.3 ms"),
        (9.996e-6, "10.0 µs"),
        (3e-9, "3 ns"),
        (float("nan"), "-"),
    ],
)
def test_times_have_three_digits(seconds, text):
    assert explanation._time(seconds) == text
