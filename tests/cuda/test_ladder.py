"""The ladder and the laws on emitted CuPy modules, unchanged, on a CPU that stands in for the device."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import MERSENNE_61, PRIMES, SCHEDULES, CudaFault, run_mod_p, using
from tests.ladder import laws
from tests.ladder.checks import Refuted, rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, drawn
from tests.ladder.layouts import LAYOUTS, OUTPUTS
from tests.ladder.motions import claims, motions
from tests.ladder.numbers import by_dense, filled, wanted
from tests.ladder.residues import PRIME, Residue
from tests.ladder.subjects import LAYERS, SUBJECTS, Sizes, Subject, mutant, sizes_of, subject

pytestmark = [
    pytest.mark.usefixtures("cxx"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]


# By day shipped layers climb these rungs in test_every_way.py.
CLIMBING = tuple(pytest.param(name, marks=pytest.mark.nightly) if name in LAYERS else name for name in SUBJECTS)
PAIRS = tuple(zip(sorted(LAYOUTS), [*sorted(OUTPUTS), "backwards"], strict=True))


def _residues(array: np.ndarray) -> list[int]:
    return [int(Residue(value)) for value in array.ravel()]


def _modulo(of: Subject, arrays: Any, sizes: Sizes, dtype: Any = np.float64) -> dict[int, list[int]]:
    """The public entry on residues of a float's width, for each prime that suits it."""

    def program(cupy: Any, *operands: Any) -> Any:
        return of.kernel(*operands, **of.stated(sizes))

    numbers = [np.array(arrays[name].tolist(), dtype=object) for name in of.kernel.arguments]
    return {prime: found.ravel().tolist() for prime, found in run_mod_p(program, numbers, dtype=dtype).items()}


def _check_modulo(of: Subject, sizes: Sizes, seed: int = 0) -> None:
    arrays = filled(of.form, sizes, "residues", seed)
    plain = {n: np.array([int(x) for x in a.ravel()], object).reshape(a.shape) for n, a in arrays.items()}
    with using(schedule=SCHEDULES[seed % 3], seed=seed):
        got = _residues(np.array(_modulo(of, plain, sizes)[MERSENNE_61], object))
    assert got == _residues(wanted(of.form, arrays, sizes))
    dense = by_dense(of.derivation, arrays, sizes)
    assert dense is None or got == _residues(dense)


def test_the_two_primes_are_one() -> None:
    assert PRIME == MERSENNE_61


@pytest.mark.parametrize("name", CLIMBING)
def test_residues(name: str) -> None:
    """Rung 1: the source, unchanged, modulo a 61-bit prime."""
    for seed, sizes in enumerate((*odd_sizes(subject(name)), *sizes_of(name, 3)[:16])):
        _check_modulo(subject(name, "cupy"), sizes, seed)


@pytest.mark.parametrize("name", SUBJECTS)
def test_residues_of_singles(name: str) -> None:
    """Rung 1 for the kernel of another element type: fractions modulo two independent 32-bit primes, whose product is above 2⁵⁰."""
    of = subject(name, "cupy")
    for seed, sizes in enumerate(odd_sizes(of, most=3)):
        arrays = filled(of.form, sizes, "fractions", seed)
        exact = wanted(of.form, arrays, sizes).ravel()
        with using(schedule=SCHEDULES[seed % 3], seed=seed):
            found = _modulo(of, arrays, sizes, np.float32)
        assert set(found) == set(PRIMES[4])
        for prime, residues in found.items():
            assert residues == [
                int(x.numerator) * pow(int(x.denominator), -1, prime) % prime for x in map(Fraction, exact)
            ]


@pytest.mark.parametrize("types", [("float32",) * 3, ("float64",) * 3, ("float16",) * 3, ("uint8", "int16", "bool")])
@pytest.mark.parametrize("name", CLIMBING)
def test_small_integers(name: str, types: tuple[str, str, str]) -> None:
    """Rung 2."""
    of = subject(name, "cupy")
    for turn, (sizes, batch) in enumerate(product(odd_sizes(of), ((), (2, 3), (0,)))):
        with using(schedule=SCHEDULES[turn // 3 % 3], seed=turn):
            small_integers(of, whole_numbers(of, sizes, types, batch), sizes)


@pytest.mark.parametrize(("layout", "output"), PAIRS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_layouts(name: str, layout: str, output: str) -> None:
    of = subject(name, "cupy")
    sizes = odd_sizes(of)[0]
    small_integers(of, whole_numbers(of, sizes, (np.float32,) * 3, (2,)), sizes, layout, output)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CLIMBING)
def test_rounding_errors(name: str, dtype: str) -> None:
    """Rung 3."""
    of = subject(name, "cupy")
    for regime, (seed, sizes) in product(REGIMES, enumerate(odd_sizes(of))):
        assert isinstance(rounding_errors(of, drawn(of, sizes, regime, dtype, seed), sizes), list)


@pytest.mark.parametrize("name", SUBJECTS)
def test_laws(name: str) -> None:
    of = subject(name, "cupy")
    sizes = odd_sizes(of)[0]
    laws.linear(of, sizes)
    for claim in claims(of.derivation):
        laws.equivariant(of, motions(claim, sizes, most=40), sizes)
    laws.local(of, laws.unread_inputs(of, sizes), sizes)
    laws.unread_weights_are_ignored(of, sizes)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_order_of_threads_changes_nothing(name: str) -> None:
    of = subject(name, "cupy")
    sizes = odd_sizes(of)[0]
    arrays = drawn(of, sizes, "uniform", np.float32)
    results = []
    for schedule in SCHEDULES:
        with using(schedule=schedule):
            results.append(of(arrays, sizes).tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("name", SUBJECTS)
def test_both_backends_agree_on_integers(name: str) -> None:
    sizes = odd_sizes(subject(name))[0]
    arrays = whole_numbers(subject(name), sizes, (np.int32,) * 3)
    assert np.array_equal(subject(name)(arrays, sizes), subject(name, "cupy")(arrays, sizes))


FAULTS = (
    ("sign", "X[(z*n + i + a)*m + j + b]", "X[(z*n + i - a)*m + j + b]"),
    ("swapped axes", "V[(a + Delta)*(2*Delta + 1) + b + Delta]", "V[(b + Delta)*(2*Delta + 1) + a + Delta]"),
    ("off by one", "b < min(Delta + 1, m - j)", "b < min(Delta + 1, m - j - 1)"),
    ("dropped bias", "acc = (real)u[0];", "acc = 0;"),
    ("dropped tap", "acc += (real)V[(", "if (a != 0 || b != 0) acc += (real)V[("),
)


@pytest.mark.parametrize(("old", "new"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_in_the_cuda_text_is_refused(old: str, new: str) -> None:
    of = subject("conv2d", "cupy")
    assert old in of.text  # the layer's own kernel comes before those of its gradients
    faulty = mutant(of, of.text.replace(old, new, 1))
    sizes = dict(zip(of.form.sizes, (3, 4, 1), strict=True))
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    small_integers(of, arrays, sizes)
    with pytest.raises((Refuted, CudaFault), match=r"differs from its form|out of bounds"):
        small_integers(faulty, arrays, sizes)
