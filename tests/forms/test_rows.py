"""Rows that others imply are dropped and no other, and systems without a solution are found empty."""

from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from derive.forms.rows import empty, irredundant, tidy

_ENTRIES = st.integers(-3, 3)
_ROWS = st.lists(st.tuples(_ENTRIES, _ENTRIES, _ENTRIES, st.integers(-6, 6)), max_size=6)
_POINTS = list(product(range(-3, 4), repeat=3))


def holds(row, point):
    """Whether a point satisfies a row."""
    *coefficients, constant = row
    return sum(c * x for c, x in zip(coefficients, point, strict=True)) + constant >= 0


def test_the_oracle_on_a_known_row():
    assert holds((1, 0, -1, 2), (0, 5, 2))
    assert not holds((1, 0, -1, 2), (0, 5, 3))


def test_a_row_that_a_sum_of_others_gives_is_dropped():
    assert irredundant([(1, -1, 0, 0), (0, 1, -1, 0), (1, 0, -1, 0)]) == ((1, -1, 0, 0), (0, 1, -1, 0))


def test_a_row_that_alone_bounds_a_letter_on_its_side_is_kept():
    rows = ((1, 1, 0, 0), (-1, 1, 0, 0), (0, 1, 0, 5))
    assert irredundant(rows) == rows[:2]
    assert irredundant(((0, -1, 0, 5), *rows[:2])) == ((0, -1, 0, 5), *rows[:2])


def test_letters_bounded_on_one_side_only_never_make_a_system_empty():
    assert not empty([(1, -3, 0, -5), (0, 1, 0, -2), (1, 0, -1, 0)])
    assert empty([(1, -3, 0, -5), (0, 1, 0, -2), (0, -1, 0, 1)])
    assert empty([(1, 0, 0, -2), (0, 0, 1, 0), (-1, 0, 0, 1)])


@given(rows=_ROWS, context=_ROWS)
def test_what_is_kept_holds_at_the_same_points(rows, context):
    tidied = tidy(rows)
    assume(tidied is not None and not empty([*tidied, *context]))
    kept = irredundant(tidied, context)
    assert set(kept) <= set(tidied)
    whole = [point for point in _POINTS if all(holds(r, point) for r in (*kept, *context))]
    assert all(holds(row, point) for row in tidied for point in whole)


@given(rows=_ROWS)
def test_a_system_with_a_whole_point_is_never_empty(rows):
    if any(all(holds(row, point) for row in rows) for point in _POINTS):
        assert not empty(rows)
