"""axe-core finds nothing serious on any kind of page, in light and in dark, wide and on a phone."""

from __future__ import annotations

import pytest

from tests.docs.axe import VERSION, axe, findings
from tests.docs.conftest import KINDS, look, turn

COLOURS = ("color-contrast", "link-in-text-block")  # what another theme can spoil
WIDTHS = (1280, 390)
# Of the words of source texts the first of each kind in each kind of block: all others have its colours. The checker passes over
# single letters.
THINNED = """(() => {
    const met = new Set();
    for (const word of document.querySelectorAll(".highlight pre span")) {
        const kind = word.closest("[class*=highlight-]")?.className + "/" + word.className;
        if (!word.childElementCount && met.has(kind)) word.replaceWith(word.textContent);
        if (word.textContent.length > 1) met.add(kind);
    }
})()"""


@pytest.fixture(scope="session")
def script():
    found = axe()
    if found is None:
        pytest.skip(f"axe-core {VERSION} is neither in the user's cache folder nor to be had by npm")
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_page_of_every_kind_has_no_serious_finding(page, site, script, name):
    """All rules on a narrow window in light; those about colours on a wide one in dark."""
    look(page, site / f"{name}.html", 390, dark=False)
    page.value(THINNED)
    assert findings(page, script) == []
    turn(page, 1280, dark=True)
    assert findings(page, script, COLOURS) == []


@pytest.mark.nightly
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_has_a_serious_finding(page, site, script, width, dark):
    found = {}
    for file in sorted(site.rglob("*.html")):
        if "_static" not in file.parts:
            look(page, file, width, dark)
            found[file.name] = findings(page, script)
    assert len(found) > 80 and {name: held for name, held in found.items() if held} == {}


def test_a_faint_word_of_a_source_text_is_found(page, tmp_path, script):
    """Also where others of its kind are left out, and where it is faint in one theme alone."""
    kinds = {"for": "k", "x": "n", "in": "k", "here": "n", "there": "n"}
    words = " ".join(f'<span class="{kind}">{word}</span>' for word, kind in kinds.items())
    style = "<style>@media (prefers-color-scheme: dark) { pre { background: #000 } .n { color: #333 } .k { color: #fff } }</style>"
    block = f'<div class="highlight-python"><div class="highlight"><pre>{words}</pre></div></div>'
    file = tmp_path / "page.html"
    file.write_text(
        f'<html lang="en">{style}<title>A page</title><main><h1>A page</h1>{block}</main>', encoding="utf-8"
    )
    page.window(800, 600)
    page.open(file.as_uri(), "document.readyState === 'complete'")
    page.value(THINNED)
    assert page.value("document.querySelector('pre').innerText") == "for x in here there"
    assert page.value("document.querySelectorAll('pre span').length") == 3 and findings(page, script) == []
    page.window(800, 600, dark=True)
    assert [found.partition(":")[0] for found in findings(page, script, COLOURS)] == ["color-contrast"]


@pytest.mark.parametrize(
    ("html", "rules"),
    [
        ("<p>plain</p>", []),
        ('<p style="color: #888; background: #999">faint</p>', ["color-contrast"]),
        ('<img src="data:,">', ["image-alt"]),
        ("<button></button>", ["button-name"]),
        ("<ul><p>no item</p></ul>", ["list"]),
    ],
)
def test_the_checker_finds_what_is_wrong(page, tmp_path, script, html, rules):
    file = tmp_path / "page.html"
    file.write_text(f'<html lang="en"><title>A page</title><main><h1>A page</h1>{html}</main>', encoding="utf-8")
    page.window(800, 600)
    page.open(file.as_uri(), "document.readyState === 'complete'")
    assert [found.partition(":")[0] for found in findings(page, script)] == rules


def test_a_package_that_is_another_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / f"axe-core-{VERSION}.tgz").write_bytes(b"something else")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert axe(tmp_path) is None
