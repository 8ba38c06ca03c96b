"""The commands `explorer` and `serve`."""

from __future__ import annotations

import socket

import pytest

from derive.cache import Cache
from derive.explorer import remembered, static
from derive.explorer.settings import setting


@pytest.fixture
def few(monkeypatch):
    """Two settings instead of some hundred."""
    chosen = [setting("1-box:translations.interval"), setting("2-box:")]
    monkeypatch.setattr(static, "offered", lambda: iter(chosen))
    return chosen


def test_a_page_of_files_is_written(run, few, tmp_path):
    ran = run("explorer", "--to", tmp_path / "page", "--no-cache")
    assert ran.out.startswith(f"{tmp_path / 'page' / 'index.html'} is written: 7 files, 0.") and ran.code == 0
    assert sorted(p.name for p in (tmp_path / "page" / "data").iterdir()) == [
        "1-box-translations.interval.js",
        "2-box.js",
    ]


def test_a_folder_that_cannot_be_made_is_said(run, few, tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("explorer", "--to", tmp_path / "file" / "page", "--no-cache")
    assert ran.code == 1
    assert ran.sentence == f"Cannot write to '{tmp_path / 'file' / 'page'}': Not a directory."


def test_what_was_made_of_these_sources_is_remembered(few, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    made = remembered.remembered_page(cache, None, few)
    monkeypatch.setattr(remembered, "static_page", lambda *given, **named: {})
    assert remembered.remembered_page(cache, None, few) == made
    assert remembered.remembered_page(cache, "../index.html", few) == {}
    assert remembered.remembered_page(cache, None, few[:1]) == {}


def test_the_explorer_is_served_until_it_is_stopped(run, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", stop)
    ran = run("serve", "--port", 0)
    assert ran.code == 0
    assert ran.out.startswith("The Explorer is at http://127.0.0.1:") and ran.out.endswith("Stopped.\n")


def test_a_port_that_is_taken_is_said(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("serve", "--port", port)
    assert ran.code == 1
    assert ran.sentence == f"Cannot serve at port {port}: Address already in use."
