"""The machine's constants: measured, kept, read back, and not believed where they are damaged or another machine's."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from platformdirs import user_cache_dir

from derive import calibration
from derive.artifacts import Made
from derive.cache import Cache, users_cache
from derive.errors import DeriveError, OutputError
from derive.runtime import machine as runtime
from derive.runtime.machine import SIDES, Machine, cache_folder, features, file_name, guess, load

FILE = "machine.json"


def guessed(why: str, kernels: str = "") -> Machine:
    """What is supposed of this processor."""
    return guess(why, features(), kernels)


def constants() -> dict:
    """Constants that nobody would guess."""
    return {
        f.name: [2e9] * len(f.default) if isinstance(f.default, tuple) else 3.0
        for f in fields(Machine)
        if f.name != "source"
    }


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """A calibration of this machine, without the time it takes."""
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    command = f"print({json.dumps(json.dumps(constants()))})"
    run = calibration.subprocess.run
    monkeypatch.setattr(calibration.subprocess, "run", lambda c, **more: run([c[0], "-c", command], **more))
    path, _ = calibration.calibrate()
    return path


def test_what_is_kept_is_read_back(kept):
    assert kept == cache_folder() / FILE
    made = load(kept)
    assert made.source.startswith("calibrated 20")
    assert made.gemm32 == (2e9,) * len(SIDES) ** 3
    assert made.ufunc_call == 3.0


def test_without_a_file_the_constants_are_guessed(tmp_path):
    found = load(tmp_path / FILE)
    assert found == guessed("never calibrated")
    assert re.fullmatch(r"guessed for [\w -]+: never calibrated", found.source)


@pytest.mark.parametrize(
    ("named", "kernels", "name"),
    [
        (("SSE3", "AVX2", "AVX512_SKX"), "", "AVX-512"),
        (("X86_V2", "X86_V3", "X86_V4"), "", "AVX-512"),
        (("X86_V2", "X86_V3"), "", "AVX2"),
        (("NEON", "ASIMD", "SVE"), "", "NEON"),
        (("SSE", "SSE2", "SSE3"), "", "registers of 16 bytes"),
        ((), "", "registers of 16 bytes"),
        (("AVX2", "AVX512_SKX"), "Haswell", "AVX-512 with products of AVX2"),
        (("AVX2",), "Nehalem", "AVX2 with products of registers of 16 bytes"),
        (("AVX2",), "ZEN", "AVX2"),
    ],
)
def test_guesses_rest_on_what_the_processor_can_do(named, kernels, name):
    assert guess("why", named, kernels).source == f"guessed for {name}: why"


def test_wider_registers_are_supposed_to_multiply_faster():
    wide, usual, narrow = (guess("", (name,)) for name in ("AVX512_SKX", "AVX2", "SSE2"))
    for larger, smaller in ((wide, usual), (usual, narrow)):
        assert all(a > b for a, b in zip(larger.gemm32, smaller.gemm32, strict=True))
        assert all(a > b for a, b in zip(larger.gemm64, smaller.gemm64, strict=True))
    forced = guess("", ("AVX512_SKX",), "Haswell")
    assert (forced.gemm32, forced.cached_bytes) == (usual.gemm32, wide.cached_bytes)
    for made in (wide, usual, narrow):
        assert made.gemm32[-1] > 1.7 * made.gemm64[-1]  # of a large product, half as many fit a register
        assert max(made.gemm32) == made.gemm32[-1] > 3 * made.gemm32[0]
    assert replace(usual, source="") == replace(Machine(), source="")


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: "",
        lambda held: "{",
        lambda held: "[]",
        lambda held: "[" * 100_000,
        lambda held: json.dumps({**held, "constants": None}),
        lambda held: json.dumps({**held, "constants": {}}),
        lambda held: json.dumps({**held, "constants": {**held["constants"], "gemm32": [1.0]}}),
        lambda held: json.dumps({**held, "constants": {**held["constants"], "dram_bytes": 0}}),
        lambda held: json.dumps({**held, "constants": {**held["constants"], "dram_bytes": float("nan")}}),
        lambda held: json.dumps({**held, "constants": {**held["constants"], "dram_bytes": True}}),
        lambda held: json.dumps({**held, "constants": {**held["constants"], "dram_bytes": "fast"}}),
        lambda held: b"\xff\xfe\xff",
    ],
)
def test_a_damaged_file_is_not_used(kept, damage):
    made = damage(json.loads(kept.read_text()))
    kept.write_bytes(made if isinstance(made, bytes) else made.encode())
    found = load(kept)
    assert found == guessed(f"{kept} is damaged")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"processor": "Another"}, "is of another processor, Another"),
        ({"format": 0}, "is of another version"),
    ],
)
def test_another_machines_file_is_not_used(kept, change, says):
    kept.write_text(json.dumps({**json.loads(kept.read_text()), **change}))
    assert load(kept) == guessed(f"{kept} {says}")


def test_the_machine_is_read_once(kept, monkeypatch):
    runtime.machine.cache_clear()
    try:
        first = runtime.machine()
        assert first.ufunc_call == 3.0
        kept.unlink()
        assert runtime.machine() is first
    finally:
        runtime.machine.cache_clear()


def test_other_kernels_have_another_file(kept, monkeypatch):
    assert file_name(None) == file_name("") == FILE
    assert file_name("../Haswell") == "machine-Haswell.json"
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    runtime.machine.cache_clear()
    try:
        assert runtime.machine() == guessed("never calibrated", "Haswell")
        path, _ = calibration.calibrate()
        assert path == cache_folder() / "machine-Haswell.json"
        runtime.machine.cache_clear()
        assert runtime.machine().ufunc_call == 3.0
        assert calibration.calibrate(unforced=True)[0] == kept
    finally:
        runtime.machine.cache_clear()


def test_measuring_that_fails_is_a_sentence(monkeypatch):
    run = calibration.subprocess.run
    monkeypatch.setattr(calibration.subprocess, "run", lambda c, **more: run([c[0], "-c", "exit(3)"], **more))
    with pytest.raises(DeriveError, match=r"^The measuring process ended with status 3 and no figures\.$"):
        calibration.calibrate()


def test_a_folder_that_is_a_file_is_a_sentence(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(kept))
    with pytest.raises(OutputError, match=r"^Cannot write to '.*machine\.json': "):
        calibration.calibrate()


def test_the_folder_is_the_derivations_own(monkeypatch, tmp_path):
    monkeypatch.setenv("DERIVE_CACHE_DIR", str(tmp_path))
    assert cache_folder() == users_cache().folder == tmp_path
    monkeypatch.delenv("DERIVE_CACHE_DIR")
    assert cache_folder() == users_cache().folder
    if sys.platform == "linux":
        for value in (str(tmp_path / "x"), "", "  ", "relative/path"):
            monkeypatch.setenv("XDG_CACHE_HOME", value)
            assert str(cache_folder()) == user_cache_dir("derive", appauthor=False)


def test_the_cache_never_removes_a_calibration(tmp_path):
    (tmp_path / FILE).write_text("{}")
    cache = Cache(tmp_path, most=1)
    cache.keep("a" * 64, Made({"x": "y" * 100}, {}, {}))
    assert (tmp_path / FILE).read_text() == "{}"


def test_measured_constants_are_constants_of_a_machine(monkeypatch):
    monkeypatch.setattr(calibration, "SIDES", (2, 3))
    monkeypatch.setattr(calibration, "_BEYOND", 1 << 16)
    found = calibration.constants(sample=1e-4)
    assert set(found) == {f.name for f in fields(Machine)} - {"source"}
    assert len(found["gemm32"]) == len(found["gemm64"]) == 8
    assert all(rate > 0 for value in found.values() for rate in (value if isinstance(value, list) else [value]))
    assert found["ufunc_call"] < 1e-3 < found["cached_bytes"]


class Slow:
    """A clock that only what is timed moves: calls and products of a machine so many times slower than is usual."""

    def __init__(self, times: float) -> None:
        self.times, self.now, self.calls = times, 0.0, 0

    def spent(self, call, count: int) -> float:
        self.calls += 1
        largest = (
            3 * 64 * 2**20 / 20e9 if getattr(call, "__defaults__", None) else 3e-4
        )  # an addition in memory; a transform
        taken = count * (call if isinstance(call, float) else largest) * self.times
        self.now += taken
        return taken

    def product(self, dtype, m: int, k: int, n: int) -> float:
        """Seconds in the place of a call."""
        return 1.5e-6 + 2 * m * k * n / (90e9 * 4 / dtype.itemsize)

    def waits(self, tasks) -> None:
        self.now += 1.0  # the longest that a task waits for another

    def __call__(self) -> float:
        return self.now


def seconds_of(times: float, monkeypatch) -> float:
    """How long a calibration takes on such a machine."""
    slow = Slow(times)
    monkeypatch.setattr(calibration, "time", SimpleNamespace(perf_counter=slow))
    monkeypatch.setattr(calibration, "_BEYOND", 1 << 16)
    for name, stands_in in (("_spent", slow.spent), ("_product", slow.product), ("run_together", slow.waits)):
        monkeypatch.setattr(calibration, name, stands_in)
    assert set(calibration.constants()) == {f.name for f in fields(Machine)} - {"source"}
    assert slow.calls > 2 * 2 * len(SIDES) ** 3
    return slow.now


@pytest.mark.parametrize("times", [0.1, 1, 10, 100])
def test_a_calibration_takes_less_than_thirty_seconds_on_a_slow_machine_too(times, monkeypatch):
    """By the samples that it takes and what they last: no call is made."""
    assert seconds_of(times, monkeypatch) < 30


def test_a_calibration_grows_no_faster_than_the_machine_is_slow(monkeypatch):
    """Beyond that, twice as slow a machine takes twice the time at most."""
    once, twice = (seconds_of(times, monkeypatch) for times in (200, 400))
    assert twice <= 2 * once


def test_rates_are_the_measured_ones_at_the_measured_sides_and_between_them_between():
    table = tuple(float(index + 1) for index in range(len(SIDES) ** 3))
    made = Machine(gemm32=table, gemm64=tuple(2 * rate for rate in table))
    count = len(SIDES)
    for m in range(count):
        for k in range(count):
            for n in range(count):
                sides = (SIDES[m], SIDES[k], SIDES[n])
                assert made.flop_rate(4, *sides) == pytest.approx(table[(m * count + k) * count + n])
                assert made.flop_rate(8, *sides) == pytest.approx(2 * table[(m * count + k) * count + n])
    middle = (SIDES[0] * SIDES[1]) ** 0.5
    assert made.flop_rate(4, SIDES[0], SIDES[0], middle) == pytest.approx(1.5)
    assert made.flop_rate(4, middle, SIDES[0], SIDES[0]) == pytest.approx((1 + table[count * count]) / 2)
    assert made.flop_rate(4, 1, 1, 1) == table[0] / SIDES[0] ** 3
    assert made.flop_rate(4, 10**6, 10**6, 10**6) == table[-1]


def test_predictions_of_products_and_transforms():
    made = Machine(matmul_call=1.0, gemm32=(2.0,) * len(SIDES) ** 3, fft32=0.5, fft64=2.0)
    assert made.matmul_seconds(4, 4, 5, 6) == 1 + 120
    assert made.matmul_seconds(4, 2, 5, 6) == 1 + 120
    assert made.fft_seconds(4, 8) == 12
    assert made.fft_seconds(8, 8) == 48


def test_the_summary_is_for_people():
    said = calibration.summary(Machine())
    assert said["a ufunc's call"] == "0.60 µs"
    assert said["additions in memory"] == "20.0 GB/s"


def test_rates_of_products_leave_out_the_call_and_end_at_the_best_that_was_seen():
    """A product that seems to take no longer than a call of nothing isn't quicker than any other."""
    assert calibration.without_calls([1, 10, 4_000], [1.0, 2.0, 41.0]) == (1.0, [10.0, 10.0, 4_000 / 41])
    assert calibration.without_calls([1, 1_000, 4_000], [1.9, 2.0, 41.0])[1][1:] == [500.0, 4_000 / 39.1]


def test_what_else_the_machine_does_is_no_part_of_a_constant(monkeypatch):
    spent = iter([0.1, 0.5, 7.0, 0.25, 9.0])  # the first is not counted
    monkeypatch.setattr(calibration, "_spent", lambda call, count: next(spent) * count)
    assert calibration.per_call(lambda: None, 0.1, 4) == 0.25
