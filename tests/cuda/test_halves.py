"""float16 as it is stored: sums in float32, rounded once, by every kernel that is launched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import PRIMES, standing_in_for_cupy, using
from derive.cuda_check.nvrtc import compile_cuda, find_nvrtc
from derive.cuda_check.settings import Launched
from derive.ir.rounding import error_bound
from tests.cuda.blocks import blocks, sizes_in_blocks
from tests.cuda.test_ladder import _modulo
from tests.ladder.checks import rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import drawn
from tests.ladder.numbers import filled, wanted
from tests.ladder.subjects import subject

pytestmark = pytest.mark.usefixtures("cxx")

HALF, SINGLE, HEADER = "-Dstored=__half", "-Dreal=float", "--pre-include=cuda_fp16.h"


class Options(list[tuple[str, ...]]):
    """What each kernel was compiled with that is launched."""

    def launched(self, launch: Launched) -> None:
        self.append(launch.options)

    def traced(self, launch: Launched, trace: Any) -> None: ...

    def found(self, fault: Exception, code: str) -> None:
        raise fault


@contextmanager
def watched() -> Iterator[Options]:
    options = Options()
    with using(watch=options):
        yield options


@pytest.mark.parametrize("name", ["conv2d", "conv2d_channels_dV", "average_pool2d", "separable2d"])
def test_residues_of_halves(name: str) -> None:
    """Rung 1: fractions modulo four independent 16-bit primes, whose product is above 2⁵⁰."""
    of = subject(name, "cupy")
    sizes = odd_sizes(of)[0]
    arrays = filled(of.form, sizes, "fractions")
    exact = wanted(of.form, arrays, sizes).ravel()
    found = _modulo(of, arrays, sizes, np.float16)
    assert set(found) == set(PRIMES[2])
    for prime, residues in found.items():
        assert residues == [x.numerator * pow(x.denominator, -1, prime) % prime for x in map(Fraction, exact)]


@pytest.mark.parametrize("name", ["conv2d", "laplacian2d"])
@pytest.mark.parametrize("aligned", [True, False])
def test_blocks_of_halves(name: str, aligned: bool) -> None:
    """Rungs 2 and 3 in blocks: four neighbours, of 8 bytes together, are one access where rows hold a whole number of them."""
    of = subject(name, "cupy")
    sizes = sizes_in_blocks(of, aligned)
    with blocks(), watched() as options:
        small_integers(of, whole_numbers(of, sizes, (np.float16,) * 3, (2,)), sizes)
        assert rounding_errors(of, drawn(of, sizes, "uniform", np.float16), sizes)
    assert {o[:3] for o in options} == {(HALF, SINGLE, HEADER)}
    assert {o for option in options for o in option if o.startswith("-DW=")} == {f"-DW={4 if aligned else 1}"}


def test_no_array_is_made_wider() -> None:
    """A body takes float16 and gives it; constants alone are of the type that computes."""
    of = subject("laplacian2d", "cupy")
    sizes = odd_sizes(of)[0]
    arrays = drawn(of, sizes, "uniform", np.float16)
    with of.machine() as xp:
        call = of.kernel.prepare(xp.asarray(arrays["X"]))
    assert {str(a.dtype) for a in call.operands} == {"float16", "float32"}
    assert (call.types.result, call.types.compute, call.types.stored) == (np.float16, np.float32, np.float16)
    plain = subject("laplacian2d").kernel.prepare(arrays["X"])
    assert {str(a.dtype) for a in plain.operands} == {"float32"}


def test_a_sum_is_rounded_once() -> None:
    """2⁻¹¹ is lost from 1 each time where sums are float16; the bound of one rounding holds, and NumPy gives the same."""
    X, V = np.full((1, 3), 2.0**-11, np.float16), np.ones((3, 3), np.float16)
    X[0, 1] = 1
    results = [subject("conv2d").kernel(X, V, np.float16(0))]
    with standing_in_for_cupy() as cupy:
        results.append(subject("conv2d", "cupy").kernel(*map(cupy.asarray, (X, V, np.zeros((), np.float16)))).get())
    assert [r[0, 1] for r in results] == [np.float16(1 + 2.0**-10)] * 2
    assert results[0].dtype == results[1].dtype == np.float16
    of = subject("conv2d")
    sizes = dict(zip(of.form.sizes, (1, 3, 1), strict=True))
    total = 1 + Fraction(2, 2**11)
    assert Fraction(1, 2**12) < error_bound(of.roundings(sizes), total, np.float16) < Fraction(1, 2**10)


def test_gradients_of_halves_are_halves() -> None:
    of = subject("conv2d", "cupy")
    sizes = odd_sizes(of)[0]
    arrays = whole_numbers(of, sizes, (np.float16,) * 3, (2,))
    slopes = []
    with of.machine() as xp, watched() as options:
        given = [xp.asarray(arrays[name]) for name in of.kernel.arguments]
        slopes = [g.get() for g in of.kernel.vjp(*given, given[0])]
    assert {g.dtype for g in slopes} == {np.dtype(np.float16)}
    assert {o[:2] for o in options} == {(HALF, SINGLE)}
    whole = [arrays[name].astype(np.int64) for name in of.kernel.arguments]
    for got, exact in zip(slopes, subject("conv2d").kernel.vjp(*whole, whole[0]), strict=True):
        assert np.array_equal(got, exact.astype(np.float16))


def test_the_header_that_stands_in_converts_as_the_instructions_do() -> None:
    pytest.importorskip("nvidia")
    find_nvrtc()
    code = 'extern "C" __global__ void twice(const stored* X, stored* H) { H[threadIdx.x] = 2 * (real)X[threadIdx.x]; }'
    (used,) = compile_cuda(code, "sm_90", (HALF, SINGLE, HEADER)).kernels.values()
    assert (used.stack, used.spill_stores) == (0, 0)
