"""Mutants of emitted kernels, of what launches them, and of hand-written ones: each is killed, or listed as equivalent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zlib import crc32

import pytest

from derive.cuda_check import SCHEDULES, RawModule, prebuild_modules, standing_in_for_cupy
from tests.cuda.broken import BROKEN, Broken
from tests.cuda.equivalent import reason_of
from tests.cuda.killing import STEPS
from tests.cuda.launchers import LAUNCHERS, Launcher
from tests.cuda.mutants import Mutant, kernel_mutants
from tests.cuda_check import test_clean_kernels as written
from tests.ladder.subjects import subject
from tests.pace import within

pytestmark = [pytest.mark.usefixtures("cxx"), pytest.mark.filterwarnings("ignore::RuntimeWarning")]

WRITTEN = {
    "tile": "tile in shared memory",
    "sum": "grid-stride sum by shuffles",
    "prefix": "prefix sums ordered by __syncwarp",
}
BY_DAY, LAUNCHERS_BY_DAY = 8, 3
MOST_SECONDS, MOST_EQUIVALENT, LEAST = 90, 0.05, 75
KINDS = {"bound", "offset", "guard", "barrier", "launch size", "type", "arrays", "sizes"}
Fate = tuple[str, Mutant, str | None]


def drawn(name: str, mutants: Sequence[Mutant], most: int | None) -> list[Mutant]:
    """So many of the mutants, always the same, or all."""
    return sorted(mutants, key=lambda mutant: crc32(f"{name} {mutant}".encode()))[:most]


def of_module(broken: Broken | Launcher, most: int | None = BY_DAY) -> Iterator[Fate]:
    """Mutants of an emitted module, or of the runtime's code, each with what kills it."""
    for mutant, fate in broken.judged(drawn(broken.name, broken.mutants(), most)):
        yield broken.name, mutant, fate


def of_written(name: str, monkeypatch: pytest.MonkeyPatch, most: int | None = BY_DAY) -> Iterator[Fate]:
    """Mutants of a kernel with shared memory, shuffles or barriers."""
    mutants = drawn(name, list(kernel_mutants(written.SOURCES[name], (name,))), most)
    prebuild_modules(RawModule(code=m.text, options=written.TILE_OPTIONS) for m in mutants)
    for mutant in mutants:
        monkeypatch.setitem(written.SOURCES, name, mutant.text)
        yield name, mutant, fate_of(name)


def fate_of(name: str) -> str | None:
    """What tells a hand-written kernel from the right one."""
    try:
        for schedule in SCHEDULES:
            with standing_in_for_cupy(schedule=schedule, seed=3, step_limit=STEPS) as cupy:
                written.RUNS[WRITTEN[name]](cupy)
    except Exception as fault:  # noqa: BLE001 - the right kernel raises nothing
        return f"{type(fault).__name__}: {fault}"
    return None


def survivors(found: Sequence[Fate]) -> int:
    """How many nothing killed, which are those that are listed; all that are killed were taken by a compiler."""
    alive = {(name, str(mutant)) for name, mutant, killer in found if killer is None}
    listed = {(name, str(mutant)) for name, mutant, _ in found if reason_of(name, str(mutant))}
    assert sorted(alive ^ listed) == []
    refused = [killer for _, _, killer in found if killer and killer.startswith("CompileError")]
    assert all("read-only" in said or "cuda_fp16.h" in said for said in refused), refused
    return len(alive)


def test_mutants_are_killed_or_equivalent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(fate_of(name) is None for name in WRITTEN)
    assert all(broken.text and subject(broken.layer).text for broken in BROKEN)  # derived, or remembered, before
    with within(MOST_SECONDS):
        found = [fate for module in BROKEN for fate in of_module(module)]
        found += [fate for module in LAUNCHERS for fate in of_module(module, LAUNCHERS_BY_DAY)]
        found += [fate for name in WRITTEN for fate in of_written(name, monkeypatch)]
    alive = survivors(found)
    assert len(found) - alive >= LEAST
    assert alive <= MOST_EQUIVALENT * len(found)
    assert {mutant.kind for _, mutant, _ in found} >= KINDS


@pytest.mark.nightly
@pytest.mark.parametrize("broken", [*BROKEN, *LAUNCHERS], ids=lambda broken: broken.name)
def test_every_mutant_of_a_module_is_killed_or_equivalent(broken: Broken | Launcher) -> None:
    survivors(list(of_module(broken, broken.nightly)))


@pytest.mark.nightly
@pytest.mark.parametrize("name", WRITTEN)
def test_every_mutant_of_a_written_kernel_is_killed_or_equivalent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    survivors(list(of_written(name, monkeypatch, None)))
