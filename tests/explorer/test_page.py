"""The page in a browser: it loads from disk, every control works, and nothing is asked for elsewhere."""

from __future__ import annotations

import json
import re
from threading import Thread

import pytest

from derive.explorer.data import Ranges
from derive.explorer.serve import server
from derive.explorer.settings import KINDS, setting
from derive.explorer.static import PAGE, static_page, unpacked
from tests.pace import pace

WORDS = (
    "translations.interval",
    "interval.translations",
    "interval",
    "",
    "translations",
    "translations.causal",
    "translations.causal.D1",
    "translations.D1",
    "D1",
    "translations.interval.D1",
)
HELD = [
    setting(text)
    for text in (*(f"1-box:{words}" for words in WORDS), "1-torus:translations", "2-box:translations.box", "2-box:")
]
LOADS = 5  # other work on the machine may delay one
RANGES = Ranges((range(3, 7), range(2, 4)), (range(3, 4), range(2, 3)), (range(3), range(2)), range(1, 3))


@pytest.fixture(scope="module")
def files():
    return static_page(settings=HELD, ranges=RANGES)


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    (folder / "data").mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def page(browser, folder):
    """The page from disk; whatever a test does with it, nothing goes wrong in it or is asked for elsewhere."""
    found = browser.page()
    found.window(1200, 900)
    load(found, folder)
    yield found
    assert found.errors == []
    assert [address for address in found.requests if not address.startswith(folder.as_uri())] == []


def load(page, folder):
    """The page from disk, until it shows a setting."""
    page.open((folder / "index.html").as_uri(), "document.body && document.body.dataset.shown")


def go(page, text):
    """Choose a setting by its address."""
    page.value(f"location.hash = {json.dumps(text)}")
    page.wait(f"document.body.dataset.shown.startsWith({json.dumps(text + ' ')})")


def shown(page):
    return page.value("document.body.dataset.shown")


def text(page, name):
    return page.value(f"document.getElementById({json.dumps(name)}).innerText")


def first_paint(page):
    """Milliseconds from the start of loading to the first paint, of which the browser may tell later than the page shows data."""
    return page.value(
        "new Promise(found => new PerformanceObserver(list => list.getEntriesByName('first-contentful-paint')"
        ".forEach(entry => found(entry.startTime))).observe({type: 'paint', buffered: true}))"
    )


def focused(page):
    return page.value("document.activeElement.id || document.activeElement.value || ''")


def test_the_page_shows_its_first_setting_within_a_second(page, folder):
    paints = [first_paint(page)]
    for _ in range(LOADS - 1):
        load(page, folder)
        paints.append(first_paint(page))
    assert min(paints) < 1000 * pace()
    assert shown(page) == "2-box:translations.box n=3,m=3,Delta=1"
    assert text(page, "count").startswith("9 free weights and 1 bias, of 81 weights")
    assert page.value("document.querySelectorAll('#matrix path[stroke], #filter path[stroke]').length") == 18
    assert page.value("document.querySelectorAll('#equation math').length") == 3
    assert "def _direct(X, V, u, H, new):" in text(page, "source")


def test_a_setting_shows_what_its_data_say(page, files):
    for chosen in HELD[:6]:
        go(page, str(chosen))
        name = next(n for n, d in files.items() if n.startswith("data/") and str(chosen) in unpacked(d)["orders"])
        layer = unpacked(files[name])
        place = shown(page).split(" ")[1]
        point = layer["points"][place]
        assert re.sub(r"\D", "", text(page, "count").split(" free")[0]) == str(point["weights"])
        assert text(page, "source") == layer["source"].rstrip("\n") or text(page, "source") == layer["source"]
        assert text(page, "python").strip() == layer["orders"][str(chosen)]["python"].strip()
        assert text(page, "caption") == point["W"]["says"]
        numbers = page.value(
            "[...document.querySelectorAll('#steps .number:not(.small)')].map(e => e.innerText.replace(/\\D/g, ''))"
        )
        assert numbers == [str(n) for n in layer["orders"][str(chosen)]["counts"][place]]


def test_a_refusal_is_shown_with_the_engines_sentence(page):
    go(page, "1-box:translations.causal.D1")
    assert "offset (-1,) is inside and (1,) is not." in text(page, "refused")
    assert text(page, "count").startswith("2 free weights")
    go(page, "1-box:translations.causal")
    assert page.value("document.getElementById('refused').hidden")


def test_orders_that_come_to_one_layer_ask_for_one_file(page):
    go(page, "1-box:translations.interval")
    before = len(page.requests)
    go(page, "1-box:interval.translations")
    assert len(page.requests) == before


def test_every_control_works_by_mouse(page):
    page.click("#axes input[value='1']")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.interval ')")
    page.click("#locality-earlier")
    page.wait("document.body.dataset.shown.startsWith('1-box:interval.translations ')")
    page.click("#locality-later")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.interval ')")
    page.click("#kind-locality")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.causal ')")
    page.click("#size-n")
    assert "n=5" in shown(page) or page.wait("document.body.dataset.shown.includes('n=5')") is None
    go(page, "1-box:translations")
    page.click("#grid input[value='torus']")
    page.wait("document.body.dataset.shown.startsWith('1-torus:translations ')")
    page.click("#matrix svg g")
    assert "which stands at" in text(page, "told")
    page.click("#theme")
    assert page.value("document.documentElement.dataset.theme") == "dark"


def test_every_control_works_by_keyboard(page):
    go(page, "1-box:translations.interval")
    page.value("document.getElementById('kind-locality').focus()")
    page.press("ArrowDown")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.causal ')")
    assert focused(page) == "kind-locality"
    page.press("ArrowUp")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.interval ')")
    page.press("Tab")
    page.press("Enter")
    page.wait("document.body.dataset.shown.startsWith('1-box:interval.translations ')")
    assert focused(page) == "locality-later"
    page.press(" ")
    page.wait("document.body.dataset.shown.startsWith('1-box:translations.interval ')")
    page.value("document.getElementById('size-Delta').focus()")
    page.press("ArrowRight")
    page.wait("document.body.dataset.shown.endsWith('Delta=2')")
    assert page.value("document.getElementById('size-Delta').getAttribute('aria-valuetext')") == "Δ = 2"
    page.value("document.getElementById('filter').focus()")
    page.press("ArrowRight")
    assert text(page, "told").startswith("the filter at")
    page.value("document.querySelector('#axes input:checked').focus()")
    page.press("ArrowRight")
    page.wait("document.body.dataset.shown.startsWith('2-box:translations.box ')")
    assert page.value("document.activeElement.name") == "axes"


def test_what_is_no_longer_stated_stays_so_on_another_grid(page):
    go(page, "1-box:translations.interval")
    for kind, left in (("translations", "1-box:interval "), ("locality", "1-box: ")):
        page.value(f"document.getElementById('kind-{kind}').focus()")
        page.press("ArrowUp")
        page.wait(f"document.body.dataset.shown.startsWith('{left}')")
    page.click("#axes input[value='2']")
    page.wait("document.body.dataset.shown.startsWith('2-')")
    assert shown(page).startswith("2-box: ")


def test_the_tab_key_reaches_everything_that_can_be_used(page):
    wanted = page.value(
        "[...document.querySelectorAll('button, select, input, [tabindex=\"0\"]')]"
        ".filter(e => !e.disabled && !e.closest('[hidden]') && (e.type !== 'radio' || e.checked)).map(e => e.id || e.name)"
    )
    page.value("document.activeElement.blur()")
    met = []
    for _ in range(len(wanted) + 2):
        page.press("Tab")
        met.append(page.value("document.activeElement.id || document.activeElement.name || ''"))
    assert len(wanted) > 12 and set(wanted) <= set(met)


def test_everything_has_a_name(page):
    nameless = page.value(
        "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length).length"
        " + [...document.querySelectorAll('button')].filter(e => !e.innerText.trim() && !e.ariaLabel).length"
        " + [...document.querySelectorAll('svg')].filter(e => !e.ariaLabel).length"
    )
    assert nameless == 0
    assert page.value("document.getElementById('count').getAttribute('aria-live')") == "polite"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_cut_at_either_width(page, width, dark):
    page.window(width, 900, dark)
    for chosen in ("2-box:translations.box", "2-box:", "1-box:translations.causal.D1"):
        go(page, chosen)
        assert page.value("document.documentElement.scrollWidth") <= width
        wide = page.value(
            "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
            " && !e.closest('pre, .formula, #formula')).map(e => e.outerHTML.slice(0, 80))"
        )
        assert wide == []
    assert page.value("document.documentElement.dataset.theme") == ("dark" if dark else "light")


def test_the_engine_behind_the_page_has_every_constraint(browser):
    running = server()
    thread = Thread(target=running.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{running.server_address[1]}/"
    try:
        found = browser.page()
        found.open(f"{address}#1-box:translations.interval.stride3", "document.body && document.body.dataset.shown")
        assert shown(found) == "1-box:translations.interval.stride3 n=8,Delta=1"
        offered = found.value("[...document.querySelectorAll('#constraints option')].filter(e => !e.disabled).length")
        assert offered == sum(1 + sum(1 in o.axes for o in kind.options) for kind in KINDS)
        found.value("document.getElementById('size-n').focus()")
        found.press("ArrowRight")
        found.wait("document.body.dataset.shown.includes('n=9')")
        assert found.errors == []
        assert [a for a in found.requests if not a.startswith(address)] == []
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


@pytest.mark.parametrize(("mode", "dark"), [("auto", True), ("auto", False), ("light", True), ("dark", False)])
def test_the_theme_is_the_one_chosen_on_the_sites_pages(page, folder, mode, dark):
    page.value(f"localStorage.setItem('mode', '{mode}'); localStorage.setItem('theme', 'dark')")
    page.window(1200, 900, dark)
    load(page, folder)
    assert page.value("document.documentElement.dataset.theme") == {"auto": "dark" if dark else "light"}.get(mode, mode)
    page.value("localStorage.clear()")


def _luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out(theme):
    blocks = re.findall(r":root.*?\{(.*?)\}", (PAGE / "explorer.css").read_text(encoding="utf-8"), re.DOTALL)
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[theme == "dark"]))
    pairs = [
        ("ink", "ground"),
        ("ink", "raised"),
        ("soft", "ground"),
        ("soft", "raised"),
        ("accent", "ground"),
        ("warn", "ground"),
    ]
    pairs += [("warn", "warn-ground"), ("ink", "warn-ground"), ("soft", "warn-ground")]
    pairs += [(word, "raised") for word in ("comment", "string", "word")]
    assert {pair: c for pair in pairs if (c := contrast(named[pair[0]], named[pair[1]])) < 4.5} == {}
    assert contrast(named["edge"], named["ground"]) > 3 and contrast(named["accent"], named["ground"]) > 3
    assert round(contrast("#000000", "#ffffff"), 6) == 21 and contrast("#777777", "#ffffff") < 4.5
