"""Names of settings, the rules that they stand for, and which of them share a layer."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from threading import Thread

import pytest

from derive.errors import UsageRefused
from derive.explorer.data import FEW, MANY, at_sizes
from derive.explorer.layers import Shared, outcome
from derive.explorer.offered import FIRST, offered
from derive.explorer.serve import HOST, answer, server
from derive.explorer.settings import KINDS, Setting, setting
from derive.explorer.static import static_page, unpacked


def rules(text):
    return [str(rule) for _, rule in setting(text).rules]


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("1-box:", ["reindex()"]),
        ("1-box:translations", ["reindex()", "equivariant(Translations())"]),
        ("1-torus:translations", ['equivariant(Translations(grid="torus"))']),
        ("1-torus:interval", ["reindex()", 'local("Delta")', 'boundary("periodic")']),
        ("1-reflecting:stride2", ["reindex()", 'boundary("reflect")', "strided(2)"]),
        ("1-box:interval.stride2.D1",
         ["reindex()", 'local("Delta")', 'boundary("zero")', "strided(2)", 'equivariant(PointGroup("D1", about="grid"))']),
        ("1-box:translations.D1", ["reindex()", "equivariant(Translations())", 'equivariant(PointGroup("D1"))']),
        ("1-box:translations.channels", ["channels()", "reindex()", "equivariant(Translations())"]),
    ],
)  # fmt: skip
def test_a_setting_is_a_list_of_rules(text, stated):
    assert rules(text) == stated


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("conv2d", "A setting is called as 2-box:translations.box; 'conv2d' is no such name."),
        ("3-box:", "A setting is called as 2-box:translations.box; '3-box:' is no such name."),
        ("2-sphere:", "A setting is called as 2-box:translations.box; '2-sphere:' is no such name."),
        ("1-box:C4", "On a grid of 1 axes there is no constraint 'C4'."),
        ("2-box:box.diamond", "Constraints of one kind are stated once; locality is stated twice."),
    ],
)
def test_a_name_of_no_setting_is_refused(text, says):
    with pytest.raises(UsageRefused) as refused:
        setting(text)
    assert str(refused.value) == says


def test_every_setting_has_the_name_that_it_is_found_by():
    assert all(setting(str(s)) == s for s in offered())
    assert FIRST in set(offered())


def test_every_word_is_a_rule():
    for kind in KINDS:
        for option in kind.options:
            for axes in option.axes:
                stated = [word for word, _ in Setting(axes, "box", (option.word,)).rules if word]
                assert stated == [option.word]


def test_orders_that_come_to_one_layer_share_it():
    shared = Shared()
    one, other = (
        outcome(setting(f"1-box:{words}")).derivation
        for words in ("translations.D1.interval", "interval.translations.D1")
    )
    assert shared.of(one) is one and shared.of(other) is one
    assert shared.of(outcome(setting("1-box:translations.interval")).derivation) is not one


def test_a_page_holds_such_orders_once():
    chosen = [setting(f"1-box:{words}") for words in ("translations.interval", "interval.translations", "translations")]
    files = static_page(settings=chosen)
    scripts = [name for name in files if name.startswith("data/")]
    assert len(scripts) == 2
    assert set(unpacked(files[scripts[0]])["orders"]) == {str(s) for s in chosen[:2]}


def test_a_constraint_that_is_refused_leaves_the_layer_before_it():
    found = outcome(setting("1-box:translations.causal.D1"))
    assert found.derivation.form == outcome(setting("1-box:translations.causal")).derivation.form
    assert found.refusal is not None and found.refusal.says.endswith("offset (-1,) is inside and (1,) is not.")
    edge = outcome(setting("1-reflecting:translations"))
    assert edge.refusal is not None and "state locality first" in edge.refusal.says
    assert edge.derivation.form == outcome(setting("1-box:translations")).derivation.form


def test_sizes_that_a_layer_does_not_admit_are_told():
    reflecting = outcome(setting("1-reflecting:translations.interval")).derivation
    assert at_sizes(reflecting, {"n": 0, "Delta": 1}) == {
        "refused": "The layer needs n ≥ 1, which these sizes are not."
    }
    assert at_sizes(reflecting, {"n": 2, "Delta": 4})["weights"] == 2


@pytest.fixture(scope="module")
def address():
    running = server()
    thread = Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


def _get(address, host=None):
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as found:
        return found.headers["Content-Type"], found.read()


def test_the_server_gives_the_page_and_what_the_engine_says(address):
    assert b"<h1>Explorer</h1>" in _get(f"{address}/")[1]
    assert _get(f"{address}/manifest.js")[0] == "text/javascript; charset=utf-8"
    layer = json.loads(_get(f"{address}/layer?of=2-box:translations.hexagon")[1])
    assert layer["formula"].startswith("H[i, j] = u + ")
    assert layer["sizes"][2]["values"] == list(MANY.radii[1])
    point = json.loads(_get(f"{address}/sizes?of=2-box:translations.hexagon&at=n=7,m=7,Delta=2")[1])
    assert point["weights"] == 19 and point["counts"][0] == 7**4


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/nothing.js", 404, "There is no such page."),
        ("/../settings.py", 404, "There is no such page."),
        ("/data/x.js", 404, "There is no such page."),
        ("/layer?of=2-sphere:", 400, "A setting is called as 2-box:translations.box; '2-sphere:' is no such name."),
        ("/sizes?of=1-box:&at=n=99", 400, "The size n is a whole number from 1 to 24."),
        ("/sizes?of=1-box:&at=n", 400, "The size n is a whole number from 1 to 24."),
    ],
)
def test_the_server_says_what_is_wrong(address, path, code, says):
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{address}{path}")
    assert (refused.value.code, refused.value.read().decode()) == (code, says)


def test_the_server_answers_its_own_machine(address):
    with pytest.raises(urllib.error.HTTPError) as refused:
        _get(f"{address}/", host="elsewhere.example")
    assert refused.value.code == 403


def test_what_there_is_not_has_no_answer():
    assert answer("/index.html") is not None and answer("/settings") is None
    assert set(FEW.channels) <= set(MANY.channels) and all(
        set(a) <= set(b) for a, b in zip(FEW.sides, MANY.sides, strict=True)
    )


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        ("POST / HTTP/1.1", "501", "This page is read with GET alone."),
        ("HEAD / HTTP/1.1", "501", ""),
        ("GET / HTTP/9.9", "", "That is no request for a page."),  # of a version without heads, as far as is known
        ("nonsense", "", "That is no request for a page."),
    ],
)
def test_what_is_no_request_for_a_page_is_answered_in_one_sentence(address, request_line, status, body):
    with socket.create_connection((HOST, int(address.rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(f"{request_line}\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n".encode())
        head, _, text = b"".join(iter(lambda: connection.recv(4096), b"")).decode().rpartition("\r\n\r\n")
    assert text == body
    assert head == "" if not status else head.split(" ")[1] == status and "Content-Type: text/plain" in head
