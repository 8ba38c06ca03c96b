"""docs/cuda-check.md says what the harness does."""

from pathlib import Path

from derive.cuda_check import FaultKind
from derive.cuda_check.nvrtc import ARCHITECTURES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cuda-check.md").read_text(encoding="utf-8")


def test_every_kind_of_fault_is_described() -> None:
    named = [line.split(" | ")[0].removeprefix("| ") for line in PAGE.splitlines() if line.startswith("| ")]
    assert [*FaultKind, "order of threads", "unwritten result"] == named[1:]


def test_every_architecture_is_named() -> None:
    assert ", ".join([ARCHITECTURES[0], *(a.removeprefix("sm_") for a in ARCHITECTURES[1:-1])]) in PAGE
    assert f" and {ARCHITECTURES[-1].removeprefix('sm_')}." in PAGE
