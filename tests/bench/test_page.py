"""The page and the chart of sample figures, the table on the terminal, and what is written."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from rich.console import Console

from derive.bench.page import FOLDER, Names, files
from derive.bench.problem import Problem
from derive.bench.report import finish, notes, table
from derive.bench.rows import ROWS, Row
from derive.bench.timing import Turns, measure
from derive.errors import DeriveError

NAMES = Names()


def turns(*rounds, **more):
    return Turns(
        agreed={"error": 1e-7, "share": 0.1, "seconds": 0.1, "note": more.get("note", "")}, rounds=list(rounds)
    )


def sample(refused: str = "") -> dict:
    """Three rows: a goal that is met, one that is missed, and one without a peer."""
    rows = []
    for name, ours, goal in (("1mp-3x3", 1.0, 1.5), ("separable-31", 4.0, 0.3), ("32x32-3x3", 1.0, 0.8)):
        row = Row(name, Problem("conv2d", (1000, 1000), (3, 3)), ("cv2.filter2D",), goal, "Wider tiles, to no avail.")
        missing = name == "32x32-3x3"
        peer = Turns(refused="opencv-python-headless is not installed") if missing else turns([2e-3], [2e-3], [2.1e-3])
        mine = Turns(refused=refused) if refused and missing else turns([ours * 1e-3], [ours * 1e-3], [ours * 1.1e-3])
        found = {"derive": mine, "cv2.filter2D": peer}
        figure = measure(row, found, found)
        if "cpu" in figure["participants"]["derive"]:
            figure["participants"]["derive"]["limit"] = 0.5
            if not missing:
                figure["participants"]["cv2.filter2D"]["limit"] = 0.25 * ours
        rows.append(figure)
    limits = {"gemm_float32": 1e11, "gemm_float64": 5e10, "copy_bytes": 1e10, "read_bytes": 9e9}
    return {
        "format": 1,
        "date": "2024-02-29",
        "processor": "A Processor",
        "processors": 2,
        "system": "Linux x86_64",
        "python": "3.12.0",
        "versions": {"numpy": "2.4.0"},
        "blas": [{"file": "x", "internal_api": "openblas", "version": "0.3.30", "architecture": "SkylakeX"}],
        "environment": {},
        "memory": "freed memory is kept",
        "constants": "guessed: never calibrated",
        "threads": 2,
        "budget": 2.0,
        "limits": limits,
        "rows": rows,
    }


def test_the_page_says_what_was_met_and_missed():
    page = files(sample())[NAMES.page]
    assert "1 of 2 goals are met." in page
    cells = "| 1mp-3x3:<br>3×3 on 1000×1000, `conv2d` | cv2.filter2D | 0.50 (0.50\u00a0to\u00a00.51) | 1.5 |"
    assert cells in page
    assert "| 2.00 (2.00\u00a0to\u00a02.05), missed | 0.3 |" in page
    assert "- separable-31: 2.00 for 0.3, 567% beyond. Wider tiles, to no avail." in page
    assert "opencv-python-headless is not installed" in page
    assert "A Processor, 2 processors, Linux x86_64, Python\n3.12.0; numpy 2.4.0;\n" in page
    assert "NumPy's OpenBLAS: 0.3.30 with kernels for SkylakeX.\n" in page
    assert f"]({NAMES.chart})" in page and f"]({NAMES.limits})" in page
    assert "One thread reaches 100.0·10⁹ operations a second in products of float32" in page


def test_forced_kernels_are_stated():
    found = sample() | {"environment": {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": None}}
    assert "with kernels for SkylakeX, by OPENBLAS_CORETYPE=Haswell.\n" in files(found)[NAMES.page]
    assert any("BLAS: SkylakeX, forced by the environment; " in line for line in printed(found))


def test_the_time_a_pixel_is_compared_across_sizes():
    found = sample()
    assert "## Growth" not in files(found)[NAMES.page]
    big = json.loads(json.dumps(found["rows"][0])) | {"name": "4mp-3x3", "goal": None, "cpu": None, "wall": None}
    big["problem"]["grid"] = [2000, 2000]
    big["participants"]["derive"]["cpu"]["median"] = 6e-3
    big["participants"]["derive"]["scratch"] = 2_000_000
    found["rows"].append(big)
    page = files(found)[NAMES.page]
    assert "| 3×3 | 1 | 1.00 | 0.0 |\n| 3×3 | 4 | 1.50 | 2.0 |\n" in page
    assert "- 3×3: a pixel's times are within 1.50×, for a goal of 1.25×. An image" in page
    big["participants"]["derive"]["cpu"]["median"] = 4e-3
    assert "for a goal of 1.25×.\n" in files(found)[NAMES.page]
    assert "| 4mp-3x3 | 3×3 on" not in page
    assert any(line.startswith("4mp-3x3") for line in printed(found))


def readable(root, words):
    """Whether the words have nine pixels on a phone, where a picture is at most 358 wide."""
    scale = min(1, 358 / float(root.get("width")))
    return all(scale * float(word.get("font-size")) >= 9 for word in words)


@pytest.mark.parametrize(("low", "ticks"), [(0.4, 3), (0.002, 3)])
def test_ticks_of_the_charts_stand_apart(low, ticks):
    found = sample()
    found["rows"][0]["cpu"]["low"] = low
    root = ET.fromstring(files(found)[NAMES.chart])
    space = "{http://www.w3.org/2000/svg}"
    places = [float(word.get("x")) for word in root.findall(f".//{space}text") if word.get("y") == "42"]
    assert len(places) >= ticks and all(later - sooner >= 30 for sooner, later in pairwise(places))


def test_the_chart_is_svg_with_words_and_colours_for_both_themes():
    text = files(sample())[NAMES.chart]
    root = ET.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert "separable-31 2.00 for a goal of 0.3" in root.find(f"{space}desc").text
    dots = root.findall(f".//{space}circle")
    assert [dot.get("fill") == "none" for dot in dots] == [False, True]
    assert float(dots[0].get("cx")) < float(dots[1].get("cx"))
    colours = {value for node in root.iter() for value in (node.get("fill"), node.get("stroke")) if value}
    assert not colours & {"black", "white", "#000", "#fff", "#000000", "#ffffff"}
    words = root.findall(f".//{space}text")
    starting = [word for word in words if word.get("text-anchor") == "start"]
    assert all(float(word.get("x")) + 7.5 * len(word.text) <= float(root.get("width")) for word in starting)
    assert words and all(word.get("fill") == "#767676" for word in words)
    assert readable(root, words)


def test_the_chart_of_the_limit_has_ours_filled_and_the_peers_beside_it():
    root = ET.fromstring(files(sample())[NAMES.limits])
    space = "{http://www.w3.org/2000/svg}"
    says = "1mp-3x3 50%, the peer 25%; separable-31 50%, the peer 100%; 32x32-3x3 50%."
    assert root.find(f"{space}desc").text == f"Shares of the machine's limit: {says}"
    dots = [(dot.get("fill") == "none", float(dot.get("cx"))) for dot in root.findall(f".//{space}circle")]
    assert [hollow for hollow, _ in dots] == [True, False, True, False, False]
    (_, slower), (_, ours), (_, limit), *same = dots
    assert slower < ours < limit and {x for _, x in same} == {ours}
    words = [word for word in root.findall(f".//{space}text") if word.get("text-anchor") == "start"]
    assert all(float(word.get("x")) + 7.5 * len(word.text) <= float(root.get("width")) for word in words)
    assert readable(root, words)


def test_a_chart_of_nothing_is_a_chart():
    nothing = sample() | {"rows": []}
    assert "No row has a share." in files(nothing)[NAMES.limits]
    assert "No row has a ratio." in files(nothing)[NAMES.chart]
    assert "0 of 0 goals are met." in files(nothing)[NAMES.page]


def printed(found: dict, width: int = 80) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, width=width, highlight=False)
    console.print(table(found))
    for line in notes(found):
        console.print(line)
    return screen.getvalue().splitlines()


def test_the_table_fits_eighty_columns_on_single_lines():
    found = sample()
    found["rows"][0]["name"] = "m" * max(len(row.name) for row in ROWS)
    found["rows"][0]["cpu"]["best"] = "scipy.ndimage.correlate1d"
    lines = printed(found)
    assert len(lines) == 1 + 3 + len(notes(found))
    assert all(len(line) <= 80 for line in lines)
    assert "!2.00" in lines[2] and "!" not in lines[1]
    assert lines[-1] == "cv2.filter2D is left out: opencv-python-headless is not installed."


def test_files_are_written_and_a_wrong_layer_fails_at_the_end(tmp_path, capsys):
    finish(sample(), tmp_path / "a.json", tmp_path / "kept")
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(json.dumps(sample()))
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == sorted(
        [NAMES.data, NAMES.page, NAMES.chart, NAMES.limits]
    )
    with pytest.raises(DeriveError, match=r"^Not timed: 32x32-3x3: wrong by 1e-2 of the largest result\.$"):
        finish(sample("wrong by 1e-2 of the largest result"), tmp_path / "b.json", None)
    assert (tmp_path / "b.json").is_file()
    capsys.readouterr()


def test_kept_pages_are_what_their_figures_give():
    assert FOLDER is not None
    kept = [*FOLDER.glob("numpy.json"), *FOLDER.glob("numpy-*.json")]
    if not kept:
        pytest.skip("no figures are kept yet")
    for file in kept:
        found = json.loads(file.read_text(encoding="utf-8"))
        for name, text in files(found, Names(file.stem.removeprefix("numpy").removeprefix("-"))).items():
            assert (FOLDER / name).read_text(encoding="utf-8") == text


def test_figures_of_another_machine_are_named_after_it_and_say_whose_they_are():
    made = files(sample(), Names("other"))
    assert sorted(made) == ["numpy-other-limit.svg", "numpy-other.md", "numpy-other.svg"]
    page = made["numpy-other.md"].splitlines()
    assert page[0] == "<!-- Made by `python -m derive bench --write --as other` from numpy-other.json. Do not edit. -->"
    assert page[2] == "# NumPy kernels against compiled libraries, on A Processor with kernels for SkylakeX"
    assert "fastest peer's, with goals](numpy-other.svg)" in made["numpy-other.md"]
    busy = files(sample() | {"load": 7.25}, Names("other"))["numpy-other.md"]
    assert "Linux x86_64, load 7.2, Python" in busy and "load" not in made["numpy-other.md"]
