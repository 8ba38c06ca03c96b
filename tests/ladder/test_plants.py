"""A fault planted in an emitted body or in a program is refused, without any comparison of bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from derive.algorithms._obligations import program_obligations
from derive.backends.numpy import numpy as printer
from derive.errors import EmitError, NoLowering
from derive.ir.nodes import Program
from derive.pipeline import backends
from derive.proof.solver import discharge_all
from tests.ladder import laws
from tests.ladder.checks import Refuted, rounding_errors, small_integers, whole_numbers
from tests.ladder.climbing import (
    interpreted,
    odd_sizes,
    refused_by,
    same_at_every_small_size,
    same_program_at_every_small_size,
)
from tests.ladder.floats import drawn
from tests.ladder.motions import claims, motions
from tests.ladder.mutants import Plant, program_plants, text_plants
from tests.ladder.subjects import SUBJECTS, Subject, entry_of, mutant, subject

FAULTS = ("sign", "off by one", "swapped axes", "dropped bias or sum")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize("name", SUBJECTS)
def test_no_fault_no_refusal(name: str) -> None:
    assert refused_by(subject(name)) is None


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_fault_in_the_text_is_refused(name: str) -> None:
    original = subject(name)
    plants = [plant for plant in text_plants(original.text) if plant.made != original.text]
    survivors = [p for p in plants if refused_by(mutant(original, p.made)) is None]
    assert [p.fault for p in survivors if not same_at_every_small_size(mutant(original, p.made))] == []
    assert len(survivors) <= len(plants) / 4


def test_every_kind_of_fault_is_planted() -> None:
    planted = {p.fault.split(",")[0] for name in SUBJECTS for p in text_plants(subject(name).text)}
    assert planted == set(FAULTS)
    assert len(list(text_plants(subject("conv2d").text))) > 40


def _refused(program: Program, of: Subject) -> bool:
    """By the program's own obligations."""
    try:
        return not all(v.proved for v in discharge_all(program_obligations(program, of.form)))
    except NoLowering:
        return True


def _runs_differently(plant: Plant, of: Subject) -> bool:
    """By the interpreter, point by point; and as emitted text where the backend prints arrays."""
    if not all(interpreted(plant.made, of.form, sizes) for sizes in odd_sizes(of, most=24)):
        return True
    if of.program.batch is not None:
        return False
    try:
        text = printer.emit(plant.made, entry_of(of.name).header("numpy"))
        return refused_by(mutant(of, text)) is not None
    except (EmitError, SyntaxError):
        return True


@pytest.mark.parametrize("backend", backends())
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_fault_in_a_program_is_refused_by_its_obligations(name: str, backend: str) -> None:
    of = subject(name, backend)
    plants = list(program_plants(of.program))
    assert len(plants) > 10
    assert all(plant.made != of.program for plant in plants)
    accepted = [p for p in plants if not _refused(p.made, of)]
    assert [p.fault for p in accepted if not same_program_at_every_small_size(p.made, of)] == []
    assert len(accepted) <= len(plants) / 8
    assert not _refused(of.program, of)


@pytest.mark.parametrize("backend", backends())
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_fault_in_a_program_is_refused_by_the_ladder(name: str, backend: str) -> None:
    of = subject(name, backend)
    plants = list(program_plants(of.program))
    survivors = [p for p in plants if not _runs_differently(p, of)]
    assert [p.fault for p in survivors if not same_program_at_every_small_size(p.made, of)] == []
    assert len(survivors) <= len(plants) / 4
    assert all(interpreted(of.program, of.form, sizes) for sizes in odd_sizes(of))


def _with(of: Subject, old: str, new: str) -> Subject:
    assert old in of.text
    return mutant(of, of.text.replace(old, new))


@dataclass(frozen=True)
class _Leaking:
    """A kernel that adds 0 times the sum of its input: nothing to a number, and everything to a NaN."""

    kernel: Any
    rank: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kernel, name)

    def __call__(self, data: np.ndarray, *arguments: Any, **sizes: int) -> Any:
        result = self.kernel(data, *arguments, **sizes)
        total = data.sum(axis=tuple(range(-self.rank, 0)))
        return result + 0 * total.reshape(total.shape + (1,) * (result.ndim - total.ndim))


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_kernel_that_reads_far_inputs_breaks_locality(name: str) -> None:
    of = subject(name)
    faulty = replace(of, kernel=_Leaking(of.kernel, len(of.form.input.axes)))
    for sizes in odd_sizes(of):
        far = laws.unread_inputs(of, sizes)
        if far.any():
            with pytest.raises(Refuted, match="outside the window"):
                laws.local(faulty, far, sizes)
        else:
            laws.local(faulty, far, sizes)


def test_a_body_that_reads_every_weight_is_refused() -> None:
    faulty = _with(subject("offset2d"), "H[...] = U", "H[...] = U + 0 * V.sum()")
    with pytest.raises(Refuted, match="never meets the input"):
        laws.unread_weights_are_ignored(faulty, odd_sizes(faulty)[0])


def test_a_body_that_squares_is_not_linear() -> None:
    faulty = _with(subject("dense2d"), "W, X,", "W, X * X,")
    with pytest.raises(Refuted, match="is not linear"):
        laws.linear(faulty, odd_sizes(faulty)[0])


def test_a_body_that_knows_its_place_breaks_equivariance() -> None:
    faulty = _with(subject("convolution2d"), "H[...] = u", "H[...] = u; X = X.copy(); X[..., 0, :] *= 2")
    (claim,) = claims(faulty.derivation)
    with pytest.raises(Refuted, match="breaks the law of T_"):
        laws.equivariant(faulty, motions(claim, odd_sizes(faulty)[0]), odd_sizes(faulty)[0])


def test_a_body_with_shared_scratch_is_not_re_entrant() -> None:
    faulty = _with(
        subject("dense2d"),
        "    H[...] = U",
        "    import time\n    kept = globals().setdefault('kept', {})\n    kept[0] = X\n"
        "    time.sleep(1e-3)\n    X = kept[0]\n    H[...] = U",
    )
    with pytest.raises(Refuted, match="is not re-entrant"):
        laws.reentrant(faulty, odd_sizes(faulty)[0])


def test_a_body_that_loses_digits_is_beyond_the_bound() -> None:
    faulty = _with(subject("conv2d"), "H[...] = u", "H[...] = u; X = X.astype(np.float16).astype(X.dtype)")
    sizes = odd_sizes(faulty)[0]
    arrays = drawn(faulty, sizes, "uniform", "float32")
    assert rounding_errors(subject("conv2d"), arrays, sizes)
    with pytest.raises(Refuted, match="errs beyond the bound in float32"):
        rounding_errors(faulty, arrays, sizes)


def test_a_body_that_leaves_the_range_is_refused() -> None:
    faulty = _with(subject("conv2d"), "H[...] = u", "H[...] = u + np.float32(3e38); H[...] += H; H[...] -= H")
    sizes = odd_sizes(faulty)[0]
    with pytest.raises(Refuted, match="in range of float32"):
        rounding_errors(faulty, drawn(faulty, sizes, "uniform", "float32"), sizes)


def test_a_body_that_writes_to_its_input_is_refused() -> None:
    faulty = _with(subject("dense2d"), "    H[...] = U", "    kept = X\n    H[...] = U; X = X.copy(); kept *= 2")
    sizes = odd_sizes(faulty)[0]
    arrays = whole_numbers(faulty, sizes, ("float32",) * 3)
    small_integers(subject("dense2d"), arrays, sizes)
    with pytest.raises(Refuted, match="changes its arguments"):
        small_integers(faulty, arrays, sizes, layout="every second")


@dataclass(frozen=True)
class _Wrapped:
    """A kernel with something done to what it returns."""

    kernel: Any
    change: Callable[[Any], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kernel, name)

    def __call__(self, *arguments: Any, out: Any = None, **sizes: int) -> Any:
        return self.change(self.kernel(*arguments, out=out, **sizes))


@pytest.mark.parametrize(
    ("change", "output", "says"),
    [
        (lambda result: result.astype(np.float64), "fresh", "gives float64 and not float32"),
        (lambda result: result.copy(), "contiguous", "returns something else than out"),
        (lambda result: result + 1, "fresh", "differs from its form in float32"),
        (lambda result: result[..., :1], "fresh", "differs from its form in float32"),
    ],
)
def test_an_entry_that_returns_something_else_is_refused(change: Callable[[Any], Any], output: str, says: str) -> None:
    of = subject("dense2d")
    faulty = replace(of, kernel=_Wrapped(of.kernel, change))
    sizes = odd_sizes(of)[0]
    with pytest.raises(Refuted, match=says):
        small_integers(faulty, whole_numbers(of, sizes, ("float32",) * 3), sizes, output=output)
