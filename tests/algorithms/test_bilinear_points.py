"""Points have the least amplification among the candidates, and the amplification is what the matrices say."""

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derive.algorithms._bilinear import (
    CANDIDATES,
    Bilinear,
    amplification,
    balanced,
    best_points,
    fast_fir,
    nested,
    schoolbook,
    toom_cook,
    worst,
)
from derive.algorithms._bilinear.points import least
from derive.errors import UsageRefused

FEW = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3/2", "-2/3")))


def amplified(f: Bilinear) -> Fraction:
    """max over i and a of Σ_k Σ_t |Aᵀ||G||Bᵀ|, term by term."""
    return max(
        sum(
            abs(f.output[i][t] * f.weight[t][a] * f.data[t][k])
            for t in range(f.products)
            for k in range(len(f.data[0]))
        )
        for i, a in product(range(len(f.output)), range(len(f.weight[0])))
    )


@pytest.mark.parametrize(
    "f", [toom_cook(4, 3), fast_fir(3), schoolbook(3, 2), nested(toom_cook(2, 3), toom_cook(2, 2))], ids=str
)
def test_amplification_is_what_its_definition_says(f: Bilinear) -> None:
    assert amplification(f) == amplified(f)


def test_the_definition_amplifies_nothing() -> None:
    assert amplification(schoolbook(3, 4)) == 1


def test_axes_multiply() -> None:
    f, g = toom_cook(2, 3), fast_fir(3)
    assert amplification(f, g) == amplification(nested(f, g)) == amplification(f) * amplification(g)


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_amplification_follows_from_the_points_alone(m: int, r: int, data: st.DataObject) -> None:
    count = m + r - 2
    chosen = data.draw(st.lists(st.sampled_from(CANDIDATES), min_size=count, max_size=count, unique=True))
    assert amplification(toom_cook(m, r, chosen)) == worst(chosen)
    assert worst([-p for p in chosen]) == worst(chosen)
    assert amplification(balanced(toom_cook(m, r, chosen))) == worst(chosen)
    if 0 not in chosen:
        # 1/p for each point turns ∞ into 0, which needs ∞ in the place of another: compare the two sets of finite points with 0.
        assert worst([*chosen, Fraction(0)]) == worst([*(1 / p for p in chosen), Fraction(0)])


@pytest.mark.parametrize("n", range(2, 7))
def test_no_set_of_candidates_has_less(n: int) -> None:
    lowest = min(worst(chosen) for chosen in combinations(FEW, n - 1))
    assert worst(best_points(n - 1, 2, FEW)) == lowest


def test_the_points_of_least_amplification_are_not_those_of_habit() -> None:
    assert best_points(2, 3) == (0, 1, -1)
    assert set(best_points(4, 3)) == set(map(Fraction, ("0", "3/2", "-3/2", "2/3", "-2/3")))
    assert worst(best_points(4, 3)) == Fraction(37, 3)
    assert worst(tuple(map(Fraction, (0, 1, -1, 2, -2)))) == Fraction(88, 3)


def test_many_points_are_exchanged_until_none_is_better() -> None:
    chosen = best_points(9, 3)
    for gone, new in product(chosen, CANDIDATES):
        if new not in chosen:
            assert worst([*(p for p in chosen if p != gone), new]) >= worst(chosen)


def test_large_candidates_are_compared_exactly() -> None:
    huge = (Fraction(10**400), Fraction(10**400 + 1), Fraction(1), Fraction(-1), Fraction(1, 10**400))
    lowest = min(worst(chosen) for chosen in combinations(huge, 2))
    assert worst(best_points(2, 2, huge)) == lowest


@pytest.mark.parametrize(
    ("better", "worse"), [("0 1", "1/2 -1/2"), ("1/4 -3/4", "1/3 -2/3"), ("0 1", "1/3 -2/3"), ("0 1", "0 -1")]
)
def test_of_equal_sets_the_one_with_simpler_constants_is_chosen(better: str, worse: str) -> None:
    points = tuple(map(Fraction, f"{better} {worse}".split()))
    assert worst(points[:2]) == worst(points[2:]) == 3
    assert least(iter([(0, 1), (2, 3)]), points) == (0, 1)
    if worse != "0 -1":
        assert least(iter([(0, 1), (2, 3)]), points[2:] + points[:2]) == (2, 3)


def test_too_few_candidates_are_refused() -> None:
    with pytest.raises(UsageRefused) as refused:
        best_points(4, 3, FEW[:3])
    assert str(refused.value) == "F(4, 3) takes 5 finite points beside ∞; there are 3 candidates."
    with pytest.raises(UsageRefused, match="no outputs or no taps"):
        best_points(0, 3)
