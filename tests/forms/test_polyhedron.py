"""Polyhedra keep exactly the integer points of the inequalities they were given."""

from itertools import product

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.forms.polyhedron import NotAffine, Polyhedron

a, b, c, i, k, n, m, Delta = sp.symbols("a b c i k n m Delta", integer=True)
RANGE = range(-3, 4)


def points(polyhedron, symbols, values=RANGE):
    """The integer points by trying every one."""
    rows = polyhedron.rows_in(symbols)
    return {
        p
        for p in product(values, repeat=len(symbols))
        if all(sum(x * y for x, y in zip(r, (*p, 1), strict=True)) >= 0 for r in rows)
    }


def holds(conditions, symbols, point):
    return all(
        condition.xreplace(dict(zip(symbols, map(sp.Integer, point), strict=True))) == sp.true
        for condition in conditions
    )


coefficient = st.integers(-2, 2)
unit = st.integers(-1, 1)


def systems(entry, most=5):
    return st.lists(st.tuples(entry, entry, entry, st.integers(-4, 4)), min_size=1, max_size=most)


def from_rows(rows):
    return Polyhedron.from_rows((a, b, c), rows)


BOX = [(s * (j == 0), s * (j == 1), s * (j == 2), 3) for j in range(3) for s in (1, -1)]


def test_the_oracle_counts_a_known_set():
    assert points(Polyhedron.of(abs(a) <= 1, sp.Eq(b, a)), (a, b)) == {(-1, -1), (0, 0), (1, 1)}


@settings(deadline=None, max_examples=60)
@given(systems(coefficient))
def test_canonical_rows_keep_the_points(rows):
    raw = {
        p for p in product(RANGE, repeat=3) if all(r[0] * p[0] + r[1] * p[1] + r[2] * p[2] + r[3] >= 0 for r in rows)
    }
    assert points(from_rows(rows), (a, b, c)) == raw


@settings(deadline=None, max_examples=40)
@given(systems(coefficient, most=3))
def test_conditions_read_back_as_the_same_polyhedron(rows):
    polyhedron = from_rows(rows)
    assert Polyhedron.of(polyhedron.conditions) == polyhedron
    assert Polyhedron.of(*(e >= 0 for e in polyhedron.expressions)) == polyhedron


@settings(deadline=None, max_examples=60)
@given(systems(coefficient))
def test_a_projection_contains_the_shadow_and_is_the_shadow_where_it_says_exact(rows):
    body = from_rows(rows + BOX)
    shadow = body.project(c)
    seen = {p[:2] for p in points(body, (a, b, c))}
    claimed = points(shadow, (a, b))
    assert seen <= claimed
    if shadow.exact:
        assert seen == claimed


@settings(deadline=None, max_examples=40)
@given(systems(unit))
def test_eliminating_one_unit_coefficient_is_exact(rows):
    assert from_rows(rows + BOX).project(b).exact


@settings(deadline=None, max_examples=60)
@given(systems(coefficient), st.tuples(coefficient, coefficient, coefficient, st.integers(-4, 4)))
def test_emptiness_and_implication_are_sound(rows, row):
    body, half = from_rows(rows + BOX), from_rows([row])
    inside = points(body, (a, b, c))
    if body.is_empty():
        assert not inside
    if body.implies(half):
        assert inside <= points(half, (a, b, c))


@settings(deadline=None, max_examples=60)
@given(systems(coefficient), systems(coefficient, most=3))
def test_simplify_changes_nothing_in_the_context(rows, context):
    body, given_ = from_rows(rows), from_rows(context + BOX)
    simple = body.simplify(given_)
    assert points(simple & given_, (a, b, c)) == points(body & given_, (a, b, c))
    assert len(simple.rows) <= max(1, len(body.rows))


CONVEX = [
    (abs(a) <= Delta, (-Delta <= a) & (a <= Delta)),
    (abs(a) < n, (a <= n - 1) & (1 - n <= a)),
    (abs(a) + abs(b) <= Delta, (a + b <= Delta) & (a - b <= Delta) & (b - a <= Delta) & (-a - b <= Delta)),
    (Delta < sp.Min(n, m), (Delta < n) & (Delta < m)),
    (sp.Max(a, b) <= n, (a <= n) & (b <= n)),
    (2 * abs(a - b) <= n, (2 * a - 2 * b <= n) & (2 * b - 2 * a <= n)),
    (sp.Eq(k, i + a), (k <= i + a) & (k >= i + a)),
    (sp.Gt(n, i), i + 1 <= n),
    (a / 2 < sp.Rational(3, 4), a <= 1),
    (True, sp.true),
]


@pytest.mark.parametrize(("convex", "flat"), CONVEX, ids=lambda x: str(x))
def test_convex_conditions_flatten(convex, flat):
    assert Polyhedron.of(convex) == Polyhedron.of(flat)


READABLE = [
    (abs(a) <= Delta, "(a <= Delta) & (-Delta <= a)"),
    (abs(a) < n, "(a <= n - 1) & (1 - n <= a)"),
    ((i + a >= 0) & (i + a < n), "(0 <= a + i) & (a + i <= n - 1)"),
    (sp.Eq(i + a, k), "Eq(k, a + i)"),
    (Delta < sp.Min(n, m), "(Delta <= m - 1) & (Delta <= n - 1)"),
    (2 * i <= 2 * n + 1, "i <= n"),
    ((a > 0) & (a < 0), "False"),
]


@pytest.mark.parametrize(("condition", "text"), READABLE, ids=lambda x: str(x))
def test_conditions_read_well(condition, text):
    assert str(Polyhedron.of(condition)) == text


def test_bounds_are_inclusive_and_round_where_the_coefficient_is_not_one():
    body = Polyhedron.of(i >= 0, i <= n - 1, 2 * i <= n + a, 3 * i >= a)
    lower, upper = body.bounds(i)
    assert set(lower) == {sp.Integer(0), sp.ceiling(a / 3)}
    assert set(upper) == {n - 1, sp.floor((n + a) / 2)}
    assert Polyhedron().bounds(i) == ((), ())


def test_a_convolution_s_offsets_are_the_shadow_of_its_pairs():
    pairs = Polyhedron.of(i >= 0, i < n, i + a >= 0, i + a < n, abs(a) <= Delta)
    offsets = pairs.project(i)
    assert offsets.exact
    assert offsets.simplify(Polyhedron.of(Delta < n)) == Polyhedron.of(abs(a) <= Delta)
    assert pairs.project(i, a) == Polyhedron.of(n >= 1, Delta >= 0)


def test_odd_numbers_have_no_exact_shadow():
    shadow = Polyhedron.of(sp.Eq(2 * i + 1, k)).project(i)
    assert not shadow.exact
    assert Polyhedron.of(sp.Eq(2 * i + 1, 2 * a)).is_empty()


def test_substitution_puts_affine_expressions_in_place_of_symbols():
    assert Polyhedron.of(k >= 0, k < n).substitute({k: i + a}) == Polyhedron.of(i + a >= 0, i + a < n)
    assert Polyhedron.of(a <= b).substitute({a: b, b: a}) == Polyhedron.of(b <= a)


NOT_AFFINE = [
    ((a > 0) | (b > 0), "it is neither an inequality, an equation nor a conjunction of them."),
    (a * b >= 0, "'a*b' isn't affine on this side of an inequality."),
    (abs(a) >= 1, "'Abs(a)' isn't affine on this side of an inequality."),
    (sp.Symbol("x") >= 1, "'x' isn't an integer symbol."),
]


@pytest.mark.parametrize(("condition", "reason"), NOT_AFFINE, ids=lambda x: str(x))
def test_what_is_not_a_conjunction_of_affine_inequalities_is_refused_by_name(condition, reason):
    with pytest.raises(NotAffine) as refusal:
        Polyhedron.of(n >= 1, condition)
    assert str(refusal.value) == f"The condition '{condition}' isn't affine over the integers: {reason}"


def test_a_shadow_of_an_inexact_polyhedron_is_inexact_though_an_exact_one_has_the_same_rows():
    exact = Polyhedron.of(a <= b, b <= 5, a >= 0)
    inexact = Polyhedron.from_rows(exact.names, exact.rows, exact=False)
    assert exact == inexact
    assert exact.project(b).exact
    assert not inexact.project(b).exact
    assert inexact.project(b) == exact.project(b)
