"""Index expressions as text: Python and C give the numbers that they mean, for negative ones too."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Abs, And, Eq, Integer, Max, Min, Mod, Ne, Or, Sum, Symbol, ceiling, floor

from derive.backends._cuda import _c, opening
from derive.backends._expressions import python, vectorised
from derive.cuda_check import RawModule, standing_in_for_cupy
from derive.forms.evaluate import evaluate
from derive.forms.expr import Where
from tests.ladder.subjects import has_compiler

x, y, n = (Symbol(name, integer=True) for name in "xyn")
EXPRESSIONS = (
    floor(x / 2),
    -floor(x / 2),
    3 * floor((x - y) / 3) + 1,
    n - floor(x / 2),
    floor(x / 2) - floor(y / 3),
    ceiling(x / 2),
    2 * ceiling((x + 1) / 3) - ceiling(y / 2),
    Max(0, ceiling(-x / 2)),
    Min(n, floor((n - x) / 2), y),
    Mod(x, 3) * 2 - Mod(y, n),
    Abs(x - y) - 2 * Abs(y),
    Max(x, y, -n) - Min(x - 1, y * n),
    x * (y - n) - (x - y) * n,
    floor(x / 2) * floor(y / 2),
    Where(Eq(x, y), x, n - y),
    2 * Where((x < y) | (Ne(x, 2) & (y < n)), Integer(1), -x) - Where(~(x < y), y, Integer(0)),
    Where(Or(And(Eq(x, 2), Eq(y, 1)), And(Eq(x, -1), Eq(y, 2)), x > 3), Integer(1), y),
    Where(x < 0, Where(y < 0, -x, x), Max(x, y)) * Abs(y),
)
VALUES = tuple(product(range(-5, 6), range(-4, 5), (1, 3)))


def _meaning(expression: Any) -> list[int]:
    return [int(evaluate(expression, {x: a, y: b, n: c})) for a, b, c in VALUES]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_python(expression: Any) -> None:
    text = python(expression)
    got = [eval(text, {"max": max, "min": min, "abs": abs}, {"x": a, "y": b, "n": c}) for a, b, c in VALUES]
    assert got == _meaning(expression), text


def test_places_are_members_of_a_set() -> None:
    """A mask of places reads as the places, not as a page of comparisons."""
    places = Or(And(Eq(x, 2), Eq(y, 1)), And(Eq(x, -1), Eq(y, 2)))
    assert python(places) == "(x, y) in ((-1, 2), (2, 1))"
    assert python(Or(Eq(x, 3), Eq(x, 1))) == "x in (1, 3)"
    assert python(Or(places, n < 3)) == "(n < 3 or (x, y) in ((-1, 2), (2, 1)))"
    assert python(Or(Eq(x, 1), Eq(y, 3), Eq(y, n))) == "(x == 1 or y == 3 or y == n)"


def test_a_sum_runs_through_its_letter() -> None:
    total = Sum(Min(n, n - x) - Max(0, -x), (x, Max(-y, 1 - n), Min(n, y + 1) - 1))
    assert python(total) == "sum(min(n, n - x) - max(0, -x) for x in range(max(-y, 1 - n), min(n, y + 1)))"
    assert eval(python(total), {"sum": sum, "min": min, "max": max, "range": range, "n": 5, "y": 1}) == 4 + 5 + 4


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_numpy(expression: Any) -> None:
    """With x as the array of all its values at once."""
    text = vectorised(expression, x)
    names = {"max": max, "min": min, "abs": abs, "np": np}
    for b, c in {(b, c) for _, b, c in VALUES}:
        values = [a for a, *rest in VALUES if tuple(rest) == (b, c)]
        got = eval(text, names, {"x": np.array(values), "y": b, "n": c})
        wanted = [int(evaluate(expression, {x: a, y: b, n: c})) for a in values]
        assert np.broadcast_to(got, len(values)).tolist() == wanted, text


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
def test_c() -> None:
    """All of them in one kernel, a row of values an expression."""
    rows = [f"    if (r == {row}) out[r*count + v] = {_c(e)};" for row, e in enumerate(EXPRESSIONS)]
    code = "\n".join(
        [
            'extern "C" __global__ void rows(const long long* v_x, const long long* v_y,',
            "    const long long* v_n, long long* out, long long count) {",
            "    long long v = threadIdx.x + (long long)blockIdx.x * blockDim.x, r = blockIdx.y;",
            "    if (v >= count) return;",
            "    const long long x = v_x[v], y = v_y[v], n = v_n[v];",
            *rows,
            "}",
        ]
    )
    with standing_in_for_cupy() as cupy:
        columns = [cupy.asarray(np.array(column, np.int64)) for column in zip(*VALUES, strict=True)]
        out = cupy.zeros((len(EXPRESSIONS), len(VALUES)), dtype=np.int64)
        kernel = RawModule(code=code).get_function("rows")
        kernel((-(-len(VALUES) // 256), len(EXPRESSIONS)), (256,), (*columns, out, np.int64(len(VALUES))))
        got = out.get()
    for row, expression in zip(got, EXPRESSIONS, strict=True):
        assert row.tolist() == _meaning(expression), _c(expression)


@pytest.mark.parametrize(("sizes", "ends"), [((), "X)"), (("long long n", "long long m"), "long long n, long long m)")])
def test_a_kernel_may_be_told_no_sizes(sizes, ends):
    """Of numbers alone, as a copy of a basis is: a comma after the last array would be refused by compilers."""
    first, *_, last = opening("copy", "const real* X", sizes)
    assert first == 'extern "C" __global__ void copy(' and last.endswith(ends) and not last.endswith(", )")
