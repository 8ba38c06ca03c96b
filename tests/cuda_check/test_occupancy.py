"""Occupancy, against the values of NVIDIA's own calculator."""

import pytest

from derive.cuda_check.nvrtc import ARCHITECTURES, Resources
from derive.cuda_check.occupancy import LIMITS, occupancy


def of(registers: int, shared: int = 0) -> Resources:
    return Resources(registers, 0, 0, 0, shared)


def test_every_architecture_has_limits() -> None:
    assert tuple(LIMITS) == ARCHITECTURES


@pytest.mark.parametrize(
    ("registers", "shared", "threads", "architecture", "part"),
    [
        (32, 0, 256, "sm_90", 1),
        (33, 0, 256, "sm_90", 48 / 64),  # 40 registers a thread: 51 warps, 48 in blocks of 8
        (64, 0, 256, "sm_80", 32 / 64),
        (255, 0, 256, "sm_80", 8 / 64),
        (255, 0, 512, "sm_80", 0),
        (64, 0, 256, "sm_75", 32 / 32),
        (40, 0, 256, "sm_86", 48 / 48),
        (16, 0, 32, "sm_80", 32 / 64),  # 32 blocks of one warp
        (16, 0, 32, "sm_75", 16 / 32),
        (32, 48 * 1024, 256, "sm_90", 32 / 64),  # 49 KiB a block: 4 blocks
        (32, 48 * 1024, 256, "sm_75", 8 / 32),
        (32, 48 * 1024, 128, "sm_120", 8 / 48),
        (32, 0, 1024, "sm_86", 32 / 48),
    ],
)
def test_occupancy(registers: int, shared: int, threads: int, architecture: str, part: float) -> None:
    assert occupancy(of(registers, shared), threads, architecture) == pytest.approx(part)


def test_dynamic_shared_memory_counts() -> None:
    assert occupancy(of(32, 1024), 256, "sm_90", 47 * 1024) == occupancy(of(32, 48 * 1024), 256, "sm_90")
