"""The same source on residues: an identity in the inputs, up to a probability below 2⁻⁵⁰."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from derive.cuda_check import MERSENNE_61, PRIMES, CompileError, run_mod_p, standing_in_for_cupy
from derive.cuda_check.literals import exact_literal
from derive.errors import DeriveError
from tests.cuda_check.test_clean_kernels import correlated, module

pytestmark = pytest.mark.usefixtures("compiler")

SCALE = r"""
extern "C" __global__ void scale(const real* X, real* H, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  // a comment with 0.5f in it
  if (i < n) H[i] = (X[i] - 1) * FACTOR / 3.0f + (real)(i - 2) * 0.1f - 1e-3 * (n > 0 ? X[i] : 0.f);
}"""


def scaled(cupy: Any, X: Any, factor: str = "(1.f/6.f)") -> Any:
    options = (f"-Dreal={'double' if X.dtype == np.float64 else 'float'}", f"-DFACTOR={factor}")
    H = cupy.empty_like(X)
    kernel = cupy.RawModule(code=SCALE, options=options).get_function("scale")
    kernel((-(-X.size // 32),), (32,), (X, H, cupy.int32(X.size)))
    return H


def exactly(x: Fraction, i: int, factor: Fraction) -> Fraction:
    return (x - 1) * factor / 3 + (i - 2) * Fraction(1, 10) - x / 1000


def modulo(value: Fraction, prime: int) -> int:
    return value.numerator * pow(value.denominator, -1, prime) % prime


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("factor", "value"), [("(1.f/6.f)", Fraction(1, 6)), ("0x1.8p-2f", Fraction(3, 8)), ("-7", Fraction(-7))]
)
def test_literals_are_the_rationals_they_spell(dtype: Any, factor: str, value: Fraction) -> None:
    X = np.array([Fraction(i, 7) for i in range(40)], object)
    for prime, residues in run_mod_p(lambda cupy, x: scaled(cupy, x, factor), [X], dtype=dtype).items():
        assert residues.tolist() == [modulo(exactly(x, i, value), prime) for i, x in enumerate(X)]


@pytest.mark.parametrize("size", PRIMES)
def test_the_primes_are_prime_and_enough(size: int) -> None:
    for prime in PRIMES[size]:
        assert prime < 1 << 8 * size
        assert all(pow(base, prime - 1, prime) == 1 for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37))
    degree = 8
    assert math.prod(Fraction(degree, prime) for prime in PRIMES[size]) < Fraction(1, 1 << 50)


@pytest.mark.parametrize(("name", "rows", "columns"), [("window", 2, 4), ("tile", 1, 1)])
@pytest.mark.parametrize("schedule", ["forward", "random"])
def test_unchanged_kernels_correlate_random_residues(name: str, rows: int, columns: int, schedule: str) -> None:
    rng = np.random.default_rng(1)
    n, m = 18, 36
    X, V = (rng.integers(0, 1 << 32, shape, np.uint64) for shape in ((n, m), (3, 3)))

    def program(cupy: Any, x: Any, v: Any) -> Any:
        H = cupy.empty_like(x)
        grid = (-(-m // (16 * columns)), -(-n // (8 * rows)))
        arguments = (x, v, cupy.float32(2.5), H, cupy.int32(n), cupy.int32(m))
        module(cupy, name).get_function(name)(grid, (16, 8), arguments)
        return H

    for prime, residues in run_mod_p(program, [X, V], schedule=schedule).items():
        expected = correlated(X.astype(object), V.astype(object), modulo(Fraction(5, 2), prime)) % prime
        assert residues.tolist() == expected.tolist()


def test_half_storage_with_float_sums() -> None:
    X = np.arange(200)

    def program(cupy: Any, x: Any) -> Any:
        H = cupy.zeros_like(x)
        module(cupy, "axpy").get_function("axpy")((2,), (64,), (x, H, cupy.float32(3), cupy.int32(200)))
        return H

    for residues in run_mod_p(program, [X], dtype=np.float16).values():
        assert residues.tolist() == (3 * X).tolist()


def test_an_order_among_elements_has_no_residue() -> None:
    code = 'extern "C" __global__ void k(float* H) {\n  H[0] = H[0] > 0.f ? H[0] : 0.f;\n}'
    with standing_in_for_cupy(prime=PRIMES[4][0]) as cupy, pytest.raises(CompileError, match=r"unit0:2"):
        cupy.RawModule(code=code).get_function("k")


def test_arrays_of_residues_compute_on_the_host_too() -> None:
    rng = np.random.default_rng(2)
    A, B = rng.integers(0, MERSENNE_61, (2, 5, 5))
    with standing_in_for_cupy(prime=MERSENNE_61) as cupy:
        a, b = cupy.asarray(A, cupy.float64), cupy.asarray(B, cupy.float64)
        H = cupy.matmul(a, b) - 2 * a + cupy.asarray([0.5])
        a += b
        assert H.dtype == np.float64
        expected = A.astype(object) @ B.astype(object) - 2 * A.astype(object) + modulo(Fraction(1, 2), MERSENNE_61)
        assert H.get().tolist() == (expected % MERSENNE_61).tolist()
        assert a.get().tolist() == ((A.astype(object) + B) % MERSENNE_61).tolist()


def test_a_prime_too_wide_for_the_element_is_refused() -> None:
    with (
        standing_in_for_cupy(prime=MERSENNE_61) as cupy,
        pytest.raises(DeriveError, match="do not fit float32"),
    ):
        cupy.asarray(np.arange(3, dtype=np.float32))


def literal_value(text: str) -> Fraction:
    digits, base, exponent = text.removeprefix("cu::literal<").removesuffix(">()").split(", ")
    return int(digits.removesuffix("ul")) * Fraction(int(base.removesuffix("ul"))) ** int(exponent)


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(-30, 30), st.sampled_from(["", "f", "F"]))
def test_every_decimal_literal(whole: int, part: int, exponent: int, suffix: str) -> None:
    text = f"{whole}.{part}e{exponent}"
    assert literal_value(exact_literal(text + suffix)) == Fraction(text)


@given(st.floats(min_value=0, allow_infinity=False, allow_nan=False))
def test_every_hexadecimal_literal(value: float) -> None:
    assert literal_value(exact_literal(value.hex())) == Fraction(value)


def exact_sum(X: NDArray[Any]) -> int:
    return int(X.astype(object).sum())


def test_reductions_by_shuffle_and_atomic_in_exact_mode() -> None:
    X = np.arange(3000) ** 2

    def program(cupy: Any, x: Any) -> Any:
        H = cupy.empty(3, x.dtype)
        module(cupy, "sum").get_function("sum")((3,), (256,), (x, H, cupy.int32(3000)))
        return H

    for prime, residues in run_mod_p(program, [X]).items():
        assert exact_sum(residues) % prime == exact_sum(X) % prime
