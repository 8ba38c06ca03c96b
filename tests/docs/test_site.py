"""The site builds without a warning; its pages fetch nothing from elsewhere, and their links resolve."""

from __future__ import annotations

import json
import re

import pytest

import derive
from derive.__main__ import cli
from derive.registry import names as registered
from tests.cli.test_writing import ROOT
from tests.docs.conftest import once
from tests.docs.site import broken, outside, read, unnamed


@pytest.mark.parametrize("said", ["", "a warning"])
def test_what_is_made_once_is_made_by_one_process(tmp_path, said):
    calls = []
    make = lambda: calls.append(1) or said  # noqa: E731
    assert [once(tmp_path / "made", make) for _ in range(3)] == [said] * 3
    assert calls == [1]


def test_every_page_is_made(site):
    sources = [p for end in ("md", "ipynb") for p in (ROOT / "docs").rglob(f"*.{end}")]
    pages = {p.relative_to(ROOT / "docs").with_suffix("") for p in sources if "_build" not in p.parts}
    made = {p.relative_to(site).with_suffix("") for p in site.rglob("*.html")}
    assert len(pages) > 50 and pages <= made


def test_nothing_is_fetched_from_elsewhere(site):
    assert outside(site) == []


def test_every_link_resolves(site):
    assert broken(site) == []


def test_every_picture_is_told_in_words(site):
    assert unnamed(site) == []


def test_mathematics_is_made_when_the_site_is_built(site):
    page = (site / "derivations" / "conv2d.html").read_text(encoding="utf-8")
    assert page.count("<math ") > 30 and '<mi mathvariant="normal" class="array">H</mi>' in page
    assert "$$" not in page and "\\mathsf" not in page


def test_the_emitted_source_of_both_backends_is_highlighted(site):
    page = (site / "derivations" / "conv2d.html").read_text(encoding="utf-8")
    assert '<div class="highlight-python notranslate">' in page and "highlight-python-cuda" in page
    assert re.search(r'<span class="k">__global__</span>', page)
    assert re.search(r'<span class="kt">void</span>', page) and re.search(r'<span class="kn">import</span>', page)


def test_the_notebook_was_run_from_top_to_bottom(site):
    """A cell that fails is a warning, and fails the build; what cells show is on the page."""
    page = (site / "tutorial.html").read_text(encoding="utf-8")
    for shown in (
        "1\xa0000\xa0000\xa0000\xa0000",
        "<mark>V[i,\xa0j,\xa0a,\xa0b]</mark>",
        "derive certificate 1",
        "found at 100%",
    ):
        assert shown in page
    assert "is predicted to be the quickest" in page and "<title>The matrix W, step by step</title>" in page


def test_the_notebook_is_kept_without_what_it_shows():
    cells = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)


def test_the_reference_has_every_name_rule_command_and_layer(site):
    rules, names = (read(site / "reference" / f"{page}.html").anchors for page in ("rules", "names"))
    assert [name for name in derive.__all__ if f"derive.{name}" not in rules | names] == ["DeriveError"]
    assert {"derive.finite.torus", "derive.finite.p4m", "derive.symmetry.symmetry", "derive.symmetry.Symmetry"} <= names
    assert {f"rule-{name}" for name in registered("derive.rules")} <= rules
    assert set(cli.commands) <= read(site / "reference" / "command-line.html").anchors
    assert {"Kernel", "Plan", "DevicePlan", "DevicePlan.explain"} <= read(site / "reference" / "kernels.html").anchors
    assert "<code" in (site / "reference" / "errors.html").read_text(encoding="utf-8").partition("DeriveError")[0]
    gallery = read(site / "reference" / "catalogue.html")
    assert {f"../derivations/{name}.html" for name in registered("derive.catalogue")} <= set(gallery.links)
    assert sum("_images" in target for target in gallery.fetches) == len(registered("derive.catalogue"))
    text = (site / "reference" / "catalogue.html").read_text(encoding="utf-8")
    assert "(2Δ + 1)² free weights, 1 bias; when Δ &lt; min(n, m)" in text and "1 biases" not in text
    assert "Form(output=" not in (site / "reference" / "rules.html").read_text(encoding="utf-8")


def test_a_derivation_shows_measured_speed_or_says_that_there_is_none(site):
    timed, other = (site / "derivations" / f"{name}.html" for name in ("conv2d", "fully_connected"))
    rows = json.loads((ROOT / "docs" / "performance" / "numpy-avx2.json").read_text(encoding="utf-8"))["rows"]
    own = [row for row in rows if row["problem"]["derivation"] == "conv2d" and row["cpu"] is not None]
    chapter = timed.read_text(encoding="utf-8").partition("<h2>Measured speed")[2].partition("<h2>Again")[0]
    assert own and chapter.rpartition("<table")[2].count("<tr") == 1 + len(own) and chapter.count("<table") == 2
    assert "No row of the benchmark times this layer." in other.read_text(encoding="utf-8")


def test_the_explorer_is_beside_the_pages(site):
    made = {p.relative_to(site / "explorer").as_posix() for p in (site / "explorer").rglob("*") if p.is_file()}
    own = {"index.html", "explorer.css", "explorer.js", "pictures.js", "manifest.js"}
    assert made == own | {"data/2-box-translations.box.js", "data/2-box-translations.js", "data/2-box.js"}
    assert "explorer/index.html" in read(site / "explorer.html").links


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ["outside"]),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', ["outside"]),
        ('<p style="background: url(https://cdn.example/x.png)">', ["outside"]),
        ('<link rel="canonical" href="https://example.org/">', []),
        ('<a href="https://example.org/">', []),
        ('<a href="there.html">', []),
        ('<a href="there.html#here">', []),
        ('<a href="there.html#nowhere">', ["broken"]),
        ('<a href="nowhere.html">', ["broken"]),
        ('<a href="../there.html">', ["broken"]),
        ('<a href="there.html#beside">', []),
        ('<span class="k"><a href="nowhere.html"></a></span>', ["broken"]),
        ('<span class="k" style="background: url(https://cdn.example/x.png)">', ["outside"]),
        ('<img src="nowhere.svg" alt="a matrix">', ["broken"]),
        ('<img src="data:image/png;base64,AA">', ["unnamed"]),
    ],
)
def test_the_helpers_find_what_is_wrong(tmp_path, html, found):
    (tmp_path / "there.html").write_text('<h1 id="here"><span class="k" id="beside">', encoding="utf-8")
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    checks = {"outside": outside, "broken": broken, "unnamed": unnamed}
    assert [name for name, check in checks.items() if check(tmp_path)] == found
    read.cache_clear()


def test_a_style_sheet_that_imports_from_elsewhere_is_found(tmp_path):
    (tmp_path / "a.css").write_text("@import 'https://fonts.example/x.css';", encoding="utf-8")
    assert outside(tmp_path) == ["a.css fetches https://fonts.example/x.css"]
