"""Nothing on a page is cut: what is wider than the window scrolls, in a part that a reader can reach."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.cli.test_writing import ROOT
from tests.docs.conftest import KINDS, look

BEYOND = """[...document.querySelectorAll("main *")].filter(e => {
    const box = e.getBoundingClientRect();
    if (!box.width || box.right <= innerWidth + 1) return false;
    for (let p = e; p && p !== document.body; p = p.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(p).overflowX)) return false;
    return true;
}).map(e => e.outerHTML.slice(0, 120))"""
CUT = """[...document.querySelectorAll(".formula")].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.innerText)"""
SPILLED = """[...document.querySelectorAll("main *")].filter(e => {
    if (e.closest("svg, math") || !e.clientWidth || e.scrollWidth <= e.clientWidth + 1) return false;
    if (getComputedStyle(e).overflowX !== "visible" || getComputedStyle(e).display === "inline") return false;
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(p).overflowX)) return false;
    return true;
}).map(e => e.outerHTML.slice(0, 120))"""
CLIPPED = """[...document.querySelectorAll(".bd-article *, .bd-breadcrumbs *, .prev-next-area, .prev-next-area *")].filter(e =>
    !e.closest("svg, math") && e.clientWidth && e.scrollWidth > e.clientWidth + 1
    && ["hidden", "clip"].includes(getComputedStyle(e).overflowX)).map(e => e.outerHTML.slice(0, 120))"""
UNREACHED = """[...document.querySelectorAll(".bd-article *")].filter(e =>
    ["auto", "scroll"].includes(getComputedStyle(e).overflowX) && e.clientWidth && e.scrollWidth > e.clientWidth + 1
    && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 120))"""
UNFADED = """[...document.querySelectorAll("main *")].filter(e =>
    ["auto", "scroll"].includes(getComputedStyle(e).overflowX) && e.clientWidth && e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).maskImage === "none").map(e => e.outerHTML.slice(0, 120))"""
DRAWN = """[...document.querySelectorAll("main img[src$='.svg']")].map(e =>
    [e.src, e.getBoundingClientRect().width, getComputedStyle(e).objectViewBox])"""
WORDS = """[...document.querySelectorAll("main svg text")].map(e => {
    const {a, b} = e.getScreenCTM();
    return [e.textContent, parseFloat(getComputedStyle(e).fontSize) * Math.hypot(a, b)];
})"""
SMALLEST = 9  # pixels of a letter's size that can be read


@cache
def least(address):
    """The smallest letters of a picture in a file, as a share of its width; a picture without words has large ones."""
    text = Path(unquote(urlsplit(address).path)).read_text(encoding="utf-8")
    width = float(re.search(r'<svg\b[^>]*?\bwidth="([\d.]+)"', text)[1])
    return min(map(float, re.findall(r'font-size="([\d.]+)"', text)), default=width) / width


def tiny(page):
    """Words in pictures that are too small to read; thumbnails leave the words out."""
    shown = [(address, least(address) * width) for address, width, part in page.value(DRAWN) if part in (None, "none")]
    return [(name, size) for name, size in [*shown, *page.value(WORDS)] if size < SMALLEST]


@pytest.mark.parametrize(
    "name", [*KINDS, "decisions/0005-shared-inputs", "derivations/deepsets1d", "derivations/isotropic2d"]
)
def test_nothing_is_cut_on_a_phone(page, site, name):
    look(page, site / f"{name}.html", 390, dark=False)
    assert page.value("document.documentElement.scrollWidth") <= 390
    assert page.value(BEYOND) == [] and page.value(UNREACHED) == []
    assert page.value(SPILLED) == [] and page.value(CLIPPED) == []
    assert page.value(CUT) == [] and page.value(UNFADED) == []
    assert tiny(page) == []


@pytest.mark.parametrize(("size", "found"), [(8, ["words"]), (9, [])])
def test_small_words_in_pictures_are_found(page, tmp_path, size, found):
    head = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 9"'
    wide = 'width="200"'
    own = f'{wide}><text font-size="{2 * size}">words</text></svg>'
    drawn, inline = f"<svg {head} {own}", f"<svg {head} {own.removeprefix(wide)}"
    (tmp_path / "a.svg").write_text(drawn, encoding="utf-8")
    html = f'<main style="width: 100px">{inline}<img src="a.svg" width="100"></main>'
    (tmp_path / "page.html").write_text(f'<html><meta charset="utf-8">{html}</html>', encoding="utf-8")
    page.window(800, 600)
    page.open((tmp_path / "page.html").as_uri(), "document.readyState === 'complete'")
    assert sorted(name.rpartition("/")[2] for name, _ in tiny(page)) == sorted([*found, *["a.svg"] * len(found)])


@pytest.mark.parametrize("name", ["depthwise2d", "diamond2d", "isotropic2d", "reflect2d", "transposed2d"])
def test_no_equation_is_wider_than_a_page(page, site, name):
    """Neither for its conditions nor for its cases, sums and sides."""
    look(page, site / "derivations" / f"{name}.html", 1280, dark=False)
    assert page.value("document.querySelectorAll('.formula:has(math + math)').length") > 5
    assert page.value(CUT) == [] and page.value(BEYOND) == []


@pytest.mark.parametrize(("width", "beside"), [(300, True), (450, False)])
def test_conditions_go_beneath_before_sides_part(page, tmp_path, width, beside):
    left, right, condition = (f'<math><mspace width="{w}px" height="9px"/></math>' for w in (100, width, 150))
    sides = f'<div class="side">{left}</div><div class="side">{right}{condition}</div>'
    style = f'<link rel="stylesheet" href="{(ROOT / "docs/_static/derive.css").as_uri()}">'
    html = f'{style}<div style="width: 500px"><div class="formula">{sides}</div></div>'
    (tmp_path / "page.html").write_text(f'<html><meta charset="utf-8">{html}</html>', encoding="utf-8")
    page.window(800, 600)
    page.open((tmp_path / "page.html").as_uri(), "document.readyState === 'complete'")
    first, second, third = page.value("[...document.querySelectorAll('math')].map(e => e.getBoundingClientRect().top)")
    assert (first == second) == beside and second < third
    assert page.value(CUT) == []


SCRIPTS = {
    "beyond": BEYOND,
    "cut": CUT,
    "spilled": SPILLED,
    "clipped": CLIPPED,
    "unreached": UNREACHED,
    "unfaded": UNFADED,
}
WIDE = '<div style="overflow-x: %s"><p style="width: 2000px">x</p></div>'


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>plain</p>", []),
        (WIDE % "visible", ["beyond", "spilled"]),
        (WIDE % "auto; mask-image: linear-gradient(#000, transparent)", []),
        (WIDE % "auto", ["unfaded"]),
        (
            f'<div class="formula" style="overflow-x: auto"><math></math><math></math>{WIDE % "visible"}</div>',
            ["cut", "unfaded"],
        ),
        ('<p style="width: 50px">all\xa0on\xa0one\xa0line</p>', ["spilled"]),
        (f'<article class="bd-article">{WIDE % "hidden"}</article>', ["beyond", "clipped"]),
        (f'<article class="bd-article">{WIDE % "auto"}</article>', ["unreached", "unfaded"]),
    ],
)
def test_the_scripts_find_what_is_wrong(page, tmp_path, html, found):
    file = tmp_path / "page.html"
    file.write_text(f'<html><meta charset="utf-8"><main>{html}</main></html>', encoding="utf-8")
    page.window(800, 600)
    page.open(file.as_uri(), "document.readyState === 'complete'")
    assert [name for name, script in SCRIPTS.items() if page.value(script)] == found
