"""README's Python runs, its commands are ones that the command line has, and its figures those that were measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from derive.__main__ import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_something_to_run():
    assert len(blocks("python")) == 4
    assert len(blocks("sh")) == 3


def test_the_python_runs_and_its_claims_hold():
    names: dict[str, object] = {}
    for text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    layer, H = names["layer"], names["H"]
    assert str(layer.free_parameters["weight"]) == "(2*Delta + 1)**2"  # type: ignore[attr-defined]
    assert str(layer.free_parameters["when"]) in ("Delta < Min(m, n)", "Delta < Min(n, m)")  # type: ignore[attr-defined]
    assert all(verdict.proved for verdict in layer.verdicts)  # type: ignore[attr-defined]
    assert H.shape == (480, 640)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [line for line in blocks("sh")[2].splitlines() if line.strip()])
def test_every_command_is_one_of_the_command_line(line):
    words = line.split("#")[0].split()
    assert words[:3] == ["python", "-m", "derive"]
    if len(words) > 3:
        assert words[3] in cli.commands
        options = {option for p in cli.commands[words[3]].params for option in p.opts}
        assert all(w in options for w in words if w.startswith("--"))


def ratios(file: str, named: str, beside: str) -> list[str]:
    """Our time in that of the fastest library: least and most of the goals of these names, beside this library."""
    rows = json.loads((ROOT / "docs" / "performance" / file).read_text(encoding="utf-8"))["rows"]
    timed = [row for row in rows if row["cpu"] is not None and row["goal"] is not None]
    found = [row for row in timed if re.fullmatch(named, row["name"]) and beside in row["cpu"]["best"]]
    ends = (pick(row["cpu"]["median"] for row in found) for pick in (min, max))
    return list(dict.fromkeys(f"{ratio:.2f}" for ratio in ends))


@pytest.mark.parametrize(
    ("file", "named", "beside", "says"),
    [
        ("numpy.json", r"(\d+)to\1-.*", "torch", "3×3 layers of many channels take {} of the time of PyTorch's"),
        ("numpy.json", "7x7-stride2-.*", "torch", "7×7 ones with stride 2 {},"),
        ("numpy.json", "depthwise-.*", "torch", "depthwise ones {};"),
        ("numpy.json", "1mp-31x31", "cv2", "31×31 windows of one channel {} of OpenCV's"),
        ("numpy.json", "1mp-3x3", "cv2", "3×3 windows {}."),
        ("numpy-avx2.json", r"\d+mp-.*(?<!31x31)", "cv2", "windows of one channel up to 11×11 take [{} of OpenCV's]"),
    ],
)
def test_its_figures_are_those_that_were_measured(file, named, beside, says):
    assert says.format(" to ".join(ratios(file, named, beside))) in " ".join(README.split())


@pytest.mark.parametrize("layer", ["reflect2d", "periodic2d"])
def test_what_it_says_of_edges_is_what_kernels_have(layer):
    """Fast algorithms for results and for gradients by weights; direct sums for gradients by the input."""
    said = "integers are direct sums still, and so are gradients by the input behind periodic, reflecting and nearest edges."
    assert said in " ".join(README.split())
    text = (ROOT / "generated" / "numpy" / f"{layer}.py").read_text(encoding="utf-8")
    assert {"_panels", "_fft", "_columns_dV", "_direct_dX"} <= set(re.findall(r"^def (\w+)\(", text, re.MULTILINE))
    assert re.findall(r"^def (_\w+_dX)\(", text, re.MULTILINE) == ["_direct_dX"]


def test_it_says_how_many_goals_are_met():
    page = (ROOT / "docs" / "performance" / "numpy.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"(\d+ of \d+) goals are met", page)
    assert f"{said} stated goals are met" in " ".join(README.split())
