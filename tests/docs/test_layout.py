"""Nothing on a page is cut: what is wider than the window scrolls, in a part that a reader can reach."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    "name", [*KINDS, "decisions/0005-shared-inputs", "derivations/deepsets1d", "derivations/isotropic2d"]
)
def test_nothing_is_cut_on_a_phone(page, site, name):
    look(page, site / f"{name}.html", 390, dark=False)
    assert page.value("document.documentElement.scrollWidth") <= 390
    assert page.value(BEYOND) == [] and page.value(UNREACHED) == []
    assert page.value(SPILLED) == [] and page.value(CLIPPED) == []


@pytest.mark.parametrize("name", ["depthwise2d", "isotropic2d", "reflect2d", "transposed2d"])
def test_no_equation_is_wider_than_a_page(page, site, name):
    """Neither for its conditions nor for its cases, sums and sides."""
    look(page, site / "derivations" / f"{name}.html", 1280, dark=False)
    assert page.value("document.querySelectorAll('.formula:has(math + math)').length") > 5
    assert page.value(CUT) == [] and page.value(BEYOND) == []


SCRIPTS = {"beyond": BEYOND, "cut": CUT, "spilled": SPILLED, "clipped": CLIPPED, "unreached": UNREACHED}
WIDE = '<div style="overflow-x: %s"><p style="width: 2000px">x</p></div>'


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>plain</p>", []),
        (WIDE % "visible", ["beyond", "spilled"]),
        (WIDE % "auto", []),
        (f'<div class="formula" style="overflow-x: auto"><math></math><math></math>{WIDE % "visible"}</div>', ["cut"]),
        ('<p style="width: 50px">all\xa0on\xa0one\xa0line</p>', ["spilled"]),
        (f'<article class="bd-article">{WIDE % "hidden"}</article>', ["beyond", "clipped"]),
        (f'<article class="bd-article">{WIDE % "auto"}</article>', ["unreached"]),
    ],
)
def test_the_scripts_find_what_is_wrong(page, tmp_path, html, found):
    file = tmp_path / "page.html"
    file.write_text(f'<html><meta charset="utf-8"><main>{html}</main></html>', encoding="utf-8")
    page.window(800, 600)
    page.open(file.as_uri(), "document.readyState === 'complete'")
    assert [name for name, script in SCRIPTS.items() if page.value(script)] == found
