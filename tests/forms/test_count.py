"""Counts are exact: equal to enumeration at small sizes, and the formula that a person would write."""

from itertools import combinations, product

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.forms.bounds import with_min
from derive.forms.count import NotCountable, condition_for_full, count, count_disjoint, count_where
from derive.forms.evaluate import evaluate, grid
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.polynomial import faulhaber
from derive.forms.quotients import one_each

a, b, c, d, i, j, k, n, m, Delta, C, D = sp.symbols("a b c d i j k n m Delta C D", integer=True)
SIZES = Polyhedron.of(n >= 1, m >= 1, Delta >= 0, C >= 1, D >= 1)
INSIDE = Polyhedron.of(Delta < n, Delta < m)


def satisfies(rows, point):
    return all(sum(x * y for x, y in zip(row, (*point, 1), strict=True)) >= 0 for row in rows)


def enumerated(polyhedron, over, sizes, at, reach):
    rows = polyhedron.rows_in((*sizes, *over))
    return sum(satisfies(rows, (*at, *p)) for p in product(range(-reach, reach + 1), repeat=len(over)))


def evaluated(expression, sizes, at):
    value = expression.xreplace(dict(zip(sizes, map(sp.Integer, at), strict=True)))
    return value.doit() if isinstance(value, sp.Basic) else value


def assert_exact(bodies, over, context, values=range(7), reach=9):
    """The count equals enumeration at every value of the sizes that the context admits."""
    expression = count(bodies[0], over, context) if len(bodies) == 1 else count_disjoint(bodies, over, context)
    symbols = frozenset().union(*(body.symbols for body in bodies), context.symbols) - set(over)
    sizes = tuple(sorted(symbols, key=str))
    assert expression.free_symbols <= set(sizes)
    admitted = [at for at in product(values, repeat=len(sizes)) if satisfies(context.rows_in(sizes), at)]
    for at in admitted:
        total = sum(enumerated(body, over, sizes, at, reach) for body in bodies)
        assert evaluated(expression, sizes, at) == total, (expression, dict(zip(sizes, at, strict=True)))
    return expression


def test_the_oracle_counts_a_known_set():
    assert enumerated(Polyhedron.of(abs(a) <= n), (a,), (n,), (3,), 9) == 7


def test_faulhaber_sums_powers():
    for power in range(6):
        for x in range(8):
            value = sum(coefficient * x**e for e, coefficient in enumerate(faulhaber(power)))
            assert value == sum(t**power for t in range(1, x + 1))


SQUARE = (i >= 0) & (i < n) & (i + a >= 0) & (i + a < n)
OTHER = (j >= 0) & (j < m) & (j + b >= 0) & (j + b < m)
LOCAL = (2 * Delta + 1) * n - Delta * (Delta + 1)
PINNED = {
    "offsets that fit": ((abs(a) < n) & (abs(b) < m), (a, b), SIZES, (2 * n - 1) * (2 * m - 1)),
    "a window": ((abs(a) <= Delta) & (abs(b) <= Delta), (a, b), SIZES, (2 * Delta + 1) ** 2),
    "a window or all": ((abs(a) <= Delta) & (abs(a) < n), (a,), SIZES, sp.Min(2 * Delta + 1, 2 * n - 1)),
    "a window inside": ((abs(a) <= Delta) & (abs(a) < n), (a,), SIZES & INSIDE, 2 * Delta + 1),
    "channels": (
        (abs(a) <= Delta) & (c >= 0) & (c < C) & (d >= 0) & (d < D),
        (a, c, d),
        SIZES,
        C * D * (2 * Delta + 1),
    ),
    "pairs": (SQUARE, (i, a), SIZES, n**2),
    "pairs of pixels": (SQUARE & OTHER, (i, j, a, b), SIZES, n**2 * m**2),
    "pairs by index": ((i >= 0) & (i < n) & (k >= 0) & (k < n) & sp.Eq(k, i + a), (i, k, a), SIZES, n**2),
    "locally connected": (
        SQUARE & (abs(a) <= Delta),
        (i, a),
        SIZES & INSIDE,
        n * (2 * Delta + 1) - Delta * (Delta + 1),
    ),
    "triangle": ((b >= 0) & (b <= a) & (a <= Delta), (a, b), SIZES, (Delta + 1) * (Delta + 2) / 2),
    "diamond": (abs(a) + abs(b) <= Delta, (a, b), SIZES, 2 * Delta**2 + 2 * Delta + 1),
    "octahedron": (
        abs(a) + abs(b) + abs(c) <= Delta,
        (a, b, c),
        SIZES,
        (2 * Delta + 1) * (2 * Delta**2 + 2 * Delta + 3) / 3,
    ),
    "causal": ((a >= 0) & (a <= Delta), (a,), SIZES, Delta + 1),
    "interior": ((i >= 1) & (i <= n - 2), (i,), SIZES, sp.Max(0, n - 2)),
    "no sizes stated": (abs(a) < n, (a,), Polyhedron(), sp.Max(0, 2 * n - 1)),
    "reflection": ((i >= 0) & (2 * i <= n - 1), (i,), SIZES, sp.ceiling(n / 2)),
    "third": ((i >= 0) & (3 * i < n), (i,), SIZES, sp.ceiling(n / 3)),
    "triangle of a half": ((i >= 0) & (j >= 0) & (2 * i + 2 * j <= n), (i, j), SIZES, None),
    "strided rows": (
        (i >= 0) & (2 * i < n) & (2 * i + a >= 0) & (2 * i + a < n),
        (i, a),
        SIZES,
        n * sp.ceiling(n / 2),
    ),
    "empty": ((i >= n) & (i < n), (i,), SIZES, sp.Integer(0)),
    "a point": (sp.Eq(i, n), (i,), SIZES, sp.Integer(1)),
}


@pytest.mark.parametrize(("condition", "over", "context", "expected"), PINNED.values(), ids=PINNED)
def test_a_count_is_the_formula_that_a_person_would_write(condition, over, context, expected):
    written = count(Polyhedron.of(condition), over, context)
    if expected is not None:
        assert written == expected


SMALL = {name: case for name, case in PINNED.items() if len(case[1]) <= 2}


@pytest.mark.parametrize(("condition", "over", "context", "expected"), SMALL.values(), ids=SMALL)
def test_a_pinned_count_equals_enumeration(condition, over, context, expected):
    body = Polyhedron.of(condition)
    used = body.symbols - set(over)
    rows = [r for r in context.rows if all(s in used for s, v in zip(context.names, r, strict=False) if v)]
    assert_exact([body], over, Polyhedron.from_rows(context.names, rows), values=range(5))


def test_locality_splits_where_the_window_outgrows_the_image():
    body = Polyhedron.of(SQUARE, abs(a) <= Delta)
    written = assert_exact([body], (i, a), Polyhedron.of(n >= 1, Delta >= 0))
    inside, beyond = written.args
    assert inside.cond == (Delta < n) and sp.expand(inside.expr - LOCAL) == 0
    assert beyond == (n**2, True)


def test_a_diamond_cut_by_the_image_has_three_chambers():
    body = Polyhedron.of(abs(a) + abs(b) <= Delta, abs(a) < n, abs(b) < n)
    written = assert_exact([body], (a, b), Polyhedron.of(n >= 1, Delta >= 0), reach=6)
    assert [str(part.cond) for part in written.args] == ["Delta < n", "2*n <= Delta + 1", "True"]


def test_conditions_on_sizes_that_the_context_leaves_open_become_a_case():
    written = assert_exact([Polyhedron.of(abs(a) <= Delta, Delta < n)], (a,), Polyhedron.of(n >= 1, Delta >= 0))
    assert written == sp.Piecewise((2 * Delta + 1, Delta < n), (0, True), evaluate=False)


def test_reflected_pairs_are_half_the_pairs_rounded_up():
    square = Polyhedron.of(i >= 0, i < n, k >= 0, k < n)
    below = square & Polyhedron.of(2 * i < n - 1)
    middle = square & Polyhedron.of(sp.Eq(2 * i, n - 1), 2 * k <= n - 1)
    assert assert_exact([below, middle], (i, k), Polyhedron.of(n >= 1)) == sp.ceiling(n**2 / 2)


def test_strides_give_one_polynomial_a_residue_class():
    body = Polyhedron.of(i >= 0, 2 * i < n, 2 * i + a >= 0, 2 * i + a < n, abs(a) <= Delta)
    assert_exact([body], (i, a), Polyhedron.of(n >= 1, Delta >= 0, Delta < n))
    assert_exact([body], (i, a), Polyhedron.of(n >= 1, Delta >= 0))


def test_two_periods_meet():
    assert_exact(
        [Polyhedron.of(i >= 0, 2 * i <= n - 1, 3 * i <= m + 2)],
        (i,),
        Polyhedron.of(n >= 1, m >= 1),
        range(12),
    )


entry = st.integers(-1, 1)
constant = st.integers(-3, 3)


def box(symbols, sizes):
    """Bounds that keep every variable finite: 0 ≤ x ≤ size."""
    return [bound for x, size in zip(symbols, sizes, strict=True) for bound in (x >= 0, x <= size)]


def half_spaces(symbols, coefficient):
    row = st.tuples(*(coefficient for _ in symbols), constant)
    return row.map(lambda r: sp.Ge(sum(x * y for x, y in zip(r, (*symbols, 1), strict=True)), 0))


@settings(deadline=None, max_examples=40)
@given(st.lists(half_spaces((a, b, n), entry), max_size=4))
def test_random_systems_in_one_size(rows):
    assert_exact([Polyhedron.of(*box((a, b), (n, n)), *rows)], (a, b), Polyhedron.of(n >= 0), reach=7)


@settings(deadline=None, max_examples=25)
@given(st.lists(half_spaces((a, b, n, m), entry), max_size=3))
def test_random_systems_in_two_sizes(rows):
    context = Polyhedron.of(n >= 0, m >= 0)
    assert_exact([Polyhedron.of(*box((a, b), (n, m)), *rows)], (a, b), context, values=range(6), reach=6)


@settings(deadline=None, max_examples=15)
@given(st.lists(half_spaces((a, b, c, n), entry), max_size=3))
def test_random_systems_in_three_variables(rows):
    body = Polyhedron.of(*box((a, b, c), (n, n, n)), *rows)
    assert_exact([body], (a, b, c), Polyhedron.of(n >= 1), values=range(6), reach=5)


@settings(deadline=None, max_examples=25)
@given(st.lists(half_spaces((a, b, n), st.integers(-2, 2)), max_size=2))
def test_random_systems_with_coefficients_up_to_two(rows):
    assert_exact([Polyhedron.of(*box((a, b), (n, n)), *rows)], (a, b), Polyhedron.of(n >= 0), values=range(9), reach=8)


@settings(deadline=None, max_examples=25)
@given(st.lists(half_spaces((a, n, m), st.integers(-3, 3)), max_size=2))
def test_random_intervals_with_coefficients_up_to_three(rows):
    context = Polyhedron.of(n >= 0, m >= 0)
    assert_exact([Polyhedron.of(*box((a,), (n,)), *rows)], (a,), context, values=range(8), reach=8)


WINDOW = Polyhedron.of(abs(a) <= Delta, abs(b) <= Delta)
FULL = [
    (WINDOW, Polyhedron.of(abs(a) < n, abs(b) < m), "Delta < Min(m, n)"),
    (Polyhedron.of(abs(a) <= Delta), Polyhedron.of(abs(a) < n), "Delta < n"),
    (Polyhedron.of(abs(a) <= Delta), Polyhedron.of(abs(a) <= 2 * Delta), "True"),
    (Polyhedron.of(abs(a) <= Delta), Polyhedron.of(a <= -1), "False"),
    (Polyhedron.of(i >= 0, i < n), Polyhedron.of(i < m), "n <= m"),
    (Polyhedron.of(abs(a) + abs(b) <= Delta), Polyhedron.of(abs(a) < n), "Delta < n"),
    (Polyhedron.of(a >= 0, a < n, a < m), Polyhedron.of(a <= Delta), "(m <= Delta + 1) | (n <= Delta + 1)"),
]


@pytest.mark.parametrize(("inner", "outer", "text"), FULL, ids=[text for *_, text in FULL])
def test_the_condition_for_full_holds_exactly_where_the_box_stays_inside(inner, outer, text):
    condition = condition_for_full(inner, outer, SIZES)
    assert str(condition) == text
    over = tuple(sorted((inner.symbols | outer.symbols) - SIZES.symbols, key=str))
    for at in product(range(1, 5), range(1, 5), range(4)):
        sizes = (n, m, Delta)
        everything = enumerated(inner, over, sizes, at, 5)
        inside = enumerated(inner & outer, over, sizes, at, 5)
        assert bool(evaluated(condition, sizes, at)) == (inside == everything)


def test_upper_bounds_join_into_a_minimum():
    assert str(with_min((Delta <= n - 1) & (Delta <= m - 1) & (Delta >= 0))) == "(0 <= Delta) & (Delta < Min(m, n))"
    assert str(with_min((Delta <= n) & (Delta <= m - 2))) == "Delta <= Min(n, m - 2)"
    assert with_min((a > 0) | (b > 0)) == ((a > 0) | (b > 0))
    assert with_min((Delta < n) & (Delta < n + 3)) == (Delta < n)
    assert with_min(sp.true) == sp.true


def test_bounds_in_few_words_hold_at_the_same_sizes():
    ends = [2 * n - 1, 2 * m - 1, 2 * m, m - 2, sp.Max(n, m) - 1, sp.Max(n, 2 * m) - 1, sp.Min(n, m) - 1]
    at = grid({n: (0, 3), m: (0, 3), Delta: (0, 6)})
    for some in combinations([Delta <= end for end in ends] + [(Delta <= 0) | (n <= m)], 2):
        condition = sp.And(*some)
        short = with_min(condition)
        assert (evaluate(short, at) == evaluate(condition, at)).all(), (condition, short)


REFUSED = [
    (Polyhedron.of(a >= 0), (a,), SIZES, "'a' is unbounded in '0 <= a': there is no finite count."),
    (Polyhedron.of(abs(a) <= n), (a, b), SIZES, "'b' is unbounded in 'True': there is no finite count."),
    (
        Polyhedron.of(abs(a) <= n),
        (a,),
        Polyhedron.of(a >= 0),
        "The context '0 <= a' restricts 'a', which is counted over: it may restrict sizes only.",
    ),
]


@pytest.mark.parametrize(("body", "over", "context", "message"), REFUSED, ids=[r[-1] for r in REFUSED])
def test_what_has_no_count_is_refused_by_name(body, over, context, message):
    with pytest.raises(NotCountable) as refusal:
        count(body, over, context)
    assert str(refusal.value) == message


def test_a_condition_that_is_not_affine_in_the_sizes_is_refused():
    with pytest.raises(NotCountable, match="aren't given by affine inequalities"):
        condition_for_full(Polyhedron.of(2 * a <= n, 3 * a >= m), Polyhedron.of(a >= Delta, a < Delta), SIZES)


Q = sp.floor((i - sp.Max(0, -a)) / 2)
WHERE = {
    "one residue": ((i >= 0) & (i < n) & sp.Eq(sp.Mod(i, 3), 1), (i,), "ceiling(n/3 - 1/3)"),
    "a ceiling": ((i >= 0) & (i < n) & (sp.ceiling(i / 2) <= Delta), (i,), "Min(n, 2*Delta + 1)"),
    "a residue as a name": ((i >= 0) & (i <= 1) & (i - 2 * sp.floor(i / 2) < n), (i,), "Min(2, n)"),
    "two quotients": ((i >= 0) & (i < n) & sp.Eq(sp.Mod(sp.floor(i / 2), 2), 0), (i,), None),
    "the first of a phase": (
        (i >= 0) & (i <= 1) & (abs(a) < n) & (i - 2 * Q < n) & (i - 2 * Q < n - a),
        (i, a),
        "Piecewise((4*n - 4, 2 <= n), (1, True))",
    ),
    "apart from others": (
        (i >= 0) & (i < n) & sp.Eq(sp.Mod(i, 2), 0) & (j >= 0) & (j <= i) & (abs(b) < m),
        (i, j, b),
        "(2*m - 1)*ceiling(n/2)**2",
    ),
    "sizes alone": ((i >= 0) & (i < n) & sp.Eq(sp.Mod(i, 2), 0) & (m <= 2), (i,), None),
}


@pytest.mark.parametrize("name", WHERE)
def test_conditions_with_rounded_quotients_are_counted(name):
    condition, over, written = WHERE[name]
    sizes = tuple(sorted(condition.free_symbols - set(over), key=str))
    context = Polyhedron.of(*(s >= int(s != Delta) for s in sizes))
    found = count_where(condition, over, context)
    assert found.free_symbols <= set(sizes)
    for at in product(range(1, 7 if len(over) < 3 else 4), repeat=len(sizes)):
        here = condition.xreplace(dict(zip(sizes, map(sp.Integer, at), strict=True)))
        total = sum(bool(here.xreplace(dict(zip(over, map(sp.Integer, p), strict=True)))) for p in near(over))
        assert evaluated(found, sizes, at) == total, (found, at)
    assert written is None or str(found) == written


def near(over):
    return product(*(range(-6, 7) if s in (a, b) else range(7) for s in over))


def test_only_a_letter_with_one_value_is_dropped():
    """i - 2q of 0 ≤ i ≤ 1 is any number; of 0 ≤ i ≤ 2 some have two names."""
    for top, expected in ((1, 2), (2, 3)):
        rows = Polyhedron.of(i >= 0, i <= top, i - 2 * a >= 0, i - 2 * a <= 1, i - 2 * a < n).rows_in((n, i, a))
        _, left = one_each(rows, frozenset({1}), frozenset({2}))
        assert left == (frozenset() if top == 1 else {2})
        assert count_where((i >= 0) & (i <= top) & (i - 2 * sp.floor(i / 2) < 2), (i,)) == expected


def test_a_quotient_by_a_size_is_not_counted():
    with pytest.raises(NotAffine, match=r"'floor\(i/n\)' divides by something that is no positive number."):
        count_where((i >= 0) & (i < m) & sp.Eq(sp.floor(i / n), 0), (i,))
