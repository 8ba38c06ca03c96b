"""The counts of roundings, by hand; and that the bound made of them holds in any order of summation."""

import math
import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Symbol

from derive.errors import EmitError
from derive.ir.nodes import Access, Loop, MultiplyAdd, Program
from derive.ir.rounding import Roundings, error_bound, in_range, roundings
from derive.pipeline import layer

EPS = {"float16": 2**-11, "float32": 2**-24, "float64": 2**-53}


def _counts(name: str, backend: str, **sizes: int) -> tuple[int, int]:
    program = layer(name).program(backend)
    counted = roundings(program, {Symbol(k, integer=True): v for k, v in sizes.items()})
    return counted.q, counted.p


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
@pytest.mark.parametrize(
    ("name", "sizes", "terms"),
    [
        ("fully_connected", {"K": 7, "N": 3}, 7),
        ("dense2d", {"n": 2, "m": 3}, 6),
        ("convolution2d", {"n": 2, "m": 3}, 3 * 5),
        ("offset2d", {"n": 2, "m": 3}, 3 * 5),
        ("conv2d", {"n": 8, "m": 9, "Delta": 1}, 9),
        ("conv2d", {"n": 8, "m": 9, "Delta": 0}, 1),
        ("conv2d", {"n": 2, "m": 3, "Delta": 4}, 3 * 5),
        ("conv2d_channels", {"n": 8, "m": 9, "C": 4, "D": 5, "Delta": 1}, 36),
    ],
)
def test_the_terms_of_one_result(name: str, backend: str, sizes: dict[str, int], terms: int) -> None:
    """One rounding a product and one an addition; with full offsets, all that meet some place are counted."""
    assert _counts(name, backend, **sizes) == (terms + 1, terms)


def _rounded(values: list[Any], order: random.Random, dtype: Any) -> Any:
    """The sum of floats in a random tree."""
    while len(values) > 1:
        left, right = (values.pop(order.randrange(len(values))) for _ in range(2))
        values.append(dtype(left + right))
    return values[0]


@given(st.integers(0, 2**32), st.integers(0, 24), st.sampled_from([np.float32, np.float64]), st.booleans())
def test_the_bound_holds_in_any_order(seed: int, terms: int, dtype: Any, tiny: bool) -> None:
    draw = random.Random(seed)
    low = np.finfo(dtype).minexp
    scale = (low // 2 - 12, low // 2) if tiny else (-8, 8)
    w, x = ([dtype(draw.uniform(-1, 1) * 2.0 ** draw.randint(*scale)) for _ in range(terms)] for _ in "wx")
    u = dtype(draw.uniform(-1, 1) * 2.0 ** (2 * scale[0]))
    got = _rounded([u, *(dtype(a * b) for a, b in zip(w, x, strict=True))], draw, dtype)
    products = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(w, x, strict=True)]
    exact = sum(products, Fraction(float(u)))
    total = sum(map(abs, products), abs(Fraction(float(u))))
    assert abs(Fraction(float(got)) - exact) <= error_bound(Roundings(terms + 1, terms), total, dtype)


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_the_flushed_bound_holds_where_subnormals_become_zero(seed: int, terms: int) -> None:
    normal = np.finfo(np.float32).smallest_normal

    def flush(value: Any) -> np.float32:
        return np.float32(0) if abs(np.float32(value)) < normal else np.float32(value)

    draw = random.Random(seed)
    exact, got = Fraction(0), np.float32(0)
    for _ in range(terms):
        w, x = (np.float32(draw.uniform(-1, 1) * 2.0**-62) for _ in "wx")
        exact += Fraction(float(w)) * Fraction(float(x))
        got = flush(got + flush(w * x))
    total = terms * Fraction(2) ** -124
    assert abs(Fraction(float(got)) - exact) <= error_bound(Roundings(terms + 1, terms), total, np.float32, True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_formula(dtype: str) -> None:
    unit = Fraction(EPS[dtype])
    gamma = 3 * unit / (1 - 3 * unit)
    tiny = Fraction(float(np.finfo(dtype).smallest_subnormal)) / 2
    assert error_bound(Roundings(3, 2), Fraction(5), dtype) == gamma * 5 + (1 + gamma) * 2 * tiny
    normal = Fraction(float(np.finfo(dtype).smallest_normal))
    assert error_bound(Roundings(3, 2), Fraction(5), dtype, flushed=True) == gamma * 5 + (1 + gamma) * 4 * normal


def test_float16_is_rounded_once_more_when_it_is_stored() -> None:
    inside = error_bound(Roundings(3, 2), Fraction(5), np.float32)
    stored = inside + Fraction(EPS["float16"]) * (5 + inside) + Fraction(1, 2**25)
    assert error_bound(Roundings(3, 2), Fraction(5), np.float16) == stored


def test_the_range_ends_at_the_largest_number() -> None:
    most = Fraction(float(np.finfo(np.float32).max))
    assert in_range(Roundings(1, 0), most / 2, np.float32)
    assert not in_range(Roundings(1, 0), most, np.float32)
    assert not in_range(Roundings(1, 0), Fraction(65504), np.float16)


def test_too_many_roundings_are_refused() -> None:
    with pytest.raises(EmitError, match="16777216 roundings are too many"):
        error_bound(Roundings(2**24, 1), Fraction(1), np.float32)


def _with_factors(change: Any) -> Program:
    """A program whose innermost statement has other factors."""
    program = layer("conv2d").program("cupy")

    def go(nodes: Any) -> Any:
        return tuple(
            replace(n, factors=change(n.factors))
            if isinstance(n, MultiplyAdd)
            else replace(n, body=go(n.body))
            if isinstance(n, Loop) or hasattr(n, "body")
            else n
            for n in nodes
        )

    return replace(program, body=go(program.body))


def test_products_of_more_entries() -> None:
    """9 products of 4 entries: 3 multiplications each, and one rounding more for each constant."""
    sizes = {Symbol(k, integer=True): v for k, v in (("n", 8), ("m", 9), ("Delta", 1))}
    program = _with_factors(lambda factors: factors * 2)
    assert roundings(program, sizes) == Roundings(9 + 3, 9 * 3, 2)
    assert roundings(program, sizes, {"V": False}) == Roundings(9 + 3 + 2, 9 * 5, 3)
    assert roundings(program, sizes, {"V": True}) == Roundings(9 + 1, 9, 0), "a product by 1 or -1 rounds nothing"
    assert roundings(_with_factors(lambda factors: factors[:1]), sizes) == Roundings(9, 0, 0)
    assert Roundings(1, 1, 2).amplified([Fraction(3), Fraction(1, 2), Fraction(5), Fraction(2)]) == 15


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 4), st.booleans())
def test_the_bound_holds_for_products_of_several_entries(seed: int, terms: int, factors: int, rounded: bool) -> None:
    """Multiplied and added in any order, with underflows between; the first entry may be a rounded constant."""
    draw, dtype = random.Random(seed), np.float32
    exact = [
        [Fraction(draw.randint(-999, 999), 997) * Fraction(2) ** draw.randint(-90, 40) for _ in range(factors)]
        for _ in range(terms)
    ]
    held = [[dtype(float(x)) for x in row] for row in exact]
    true = [
        [e if rounded and p == 0 else Fraction(float(h)) for p, (e, h) in enumerate(zip(*rows, strict=True))]
        for rows in zip(exact, held, strict=True)
    ]
    products = []
    for row in held:
        values = list(row)
        while len(values) > 1:
            left, right = (values.pop(draw.randrange(len(values))) for _ in range(2))
            values.append(dtype(left * right))
        products.append(values[0])
    got = _rounded([dtype(0), *products], draw, dtype)
    wanted = [math.prod(row, start=Fraction(1)) for row in true]
    steps = factors - 1 + rounded
    counted = Roundings(terms + steps, terms * steps, max(0, factors - 1 if rounded else factors - 2))
    amplified = counted.amplified(max(abs(row[p]) for row in true) for p in range(factors))
    total = sum(map(abs, wanted), Fraction(0))
    if in_range(counted, total, dtype, amplified) and np.isfinite(got):
        bound = error_bound(counted, total, dtype, amplified=amplified)
        assert abs(Fraction(float(got)) - sum(wanted, Fraction(0))) <= bound


def test_products_that_are_not_counted_are_refused() -> None:
    sizes = {Symbol(k, integer=True): 2 for k in ("n", "m", "Delta")}
    with pytest.raises(EmitError, match="'acc' is computed first"):
        roundings(_with_factors(lambda factors: (Access("acc", ()), factors[1])), sizes)
