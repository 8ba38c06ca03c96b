"""What strips are counted as, against machine code: the accesses of a thread, and the instructions of a result."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from derive.runtime.gpu import DEVICE
from tests.commands import ROOT
from tests.cuda.killing import loaded

ROWS = {"average_pool2d", "causal1d", "conv1d", "conv2d", "conv3d", "depthwise2d", "periodic2d", "strided2d", "valid2d"}
TYPES = {"float": 4, "double": 8, "__half": 2}
LARGEST = 4096


def kept(name: str) -> dict[str, Any]:
    """The figures of a layer's kernels."""
    figures = json.loads((ROOT / "docs" / "performance" / "cuda.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = figures["layers"][name]["kernels"]
    return found


def stated() -> tuple[float, float]:
    """Between how many times those of machine code the decision says that counted instructions are."""
    text = " ".join(
        (ROOT / "docs" / "decisions" / "0015-designs-by-the-planner.md").read_text(encoding="utf-8").split()
    )
    (found,) = re.findall(r"([\d.]+) and ([\d.]+) times its own", text)
    return float(found[0]), float(found[1])


def counted(name: str, kernel: str, numbers: dict[str, int], itemsize: int, odd: bool) -> Any:
    """What a launch of strips is counted as, at sizes whose rows are whole accesses, or aren't."""
    text = (ROOT / "generated" / "cupy" / f"{name}.py").read_text(encoding="utf-8")
    work = loaded(name, text).body.__globals__[f"_{kernel.removeprefix(f'{name}_')}_work"]
    sizes = dict.fromkeys(("n", "m", "p", "C", "D"), LARGEST - odd) | {"batch": 1, "Delta": 1, "R": 1}
    if name == "valid2d":  # rows of the input and of the result are whole doubles, and never whole quadruples
        sizes["m"] = LARGEST
    return work(**sizes | numbers | {"S": 4}, itemsize=itemsize)[0]


@pytest.mark.parametrize("name", sorted(ROWS))
def test_accesses_are_those_of_machine_code(name: str) -> None:
    """Rows by whole accesses, and each weight once for all results of a thread; instructions are of the same size."""
    checked = 0
    least, most = stated()
    for kernel, row in kept(name).items():
        for told, of in row["types"].items() if "_strips" in kernel else ():
            kind, *options = told.split(" -D")
            numbers = {key: int(value) for key, value in (option.split("=") for option in options)}
            if kind not in TYPES:
                continue
            width, code = numbers.pop("W"), of["code"]
            done = counted(name, kernel, numbers, TYPES[kind], width == 1)
            assert done.sums == numbers.get("R", 1) * numbers["S"]
            stores = done.sums // width
            # Whole numbers of loads, which two decimals of those an output tell apart for fewer than a hundred outputs.
            assert done.sums < 100 and done.accesses == round(code["loads an output"] * done.sums) + stores, told
            each = DEVICE.instructions([done._replace(threads=1)], TYPES[kind]) / done.sums
            # A product of doubles is counted twice.
            assert kind == "double" or least < each / code["an output"] < most, told
            checked += 1
    assert checked
