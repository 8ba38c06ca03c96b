"""The page with the engine behind it: every setting, derived when it is asked for. It answers this machine alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from derive.errors import DeriveError, UsageRefused
from derive.explorer.data import MANY, argument, at_sizes, described, ends, sizes_of
from derive.explorer.layers import outcome
from derive.explorer.settings import setting
from derive.explorer.static import PAGE, vocabulary

__all__ = ["HOST", "answer", "server"]

HOST = "127.0.0.1"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_engine = Lock()  # one derivation at a time: the solver's state is one


def answer(path: str) -> tuple[str, bytes] | None:
    """The type and the bytes of what is asked for; None for what there isn't. Raises DeriveError for a setting that is none."""
    asked = urlsplit(path)
    given = {name: values[0] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
    name = asked.path.removeprefix("/") or "index.html"
    if name == "manifest.js":
        says = "Every setting is derived when you choose it."
        held = {**vocabulary(), "live": True, "home": None, "settings": {}, "says": says}
        return _TYPES[".js"], f"window.explorer = {json.dumps(held)};".encode()
    if name in ("layer", "sizes"):
        with _engine:
            return "application/json", _layer(given.get("of", "")) if name == "layer" else _sizes(given)
    file = PAGE / name
    if "/" in name or file.suffix not in _TYPES or not file.is_file():
        return None
    return _TYPES[file.suffix], file.read_bytes()


@lru_cache(maxsize=256)
def _layer(text: str) -> bytes:
    found = outcome(setting(text))
    return json.dumps({**described(found.derivation, MANY), "orders": {text: argument(found)}}).encode()


def _sizes(given: Mapping[str, str]) -> bytes:
    derivation = outcome(setting(given.get("of", ""))).derivation
    stated = dict(part.split("=", 1) for part in given.get("at", "").split(",") if "=" in part)
    sizes = {}
    for size in sizes_of(derivation, MANY):
        value = stated.get(size["name"], "")
        if not value.isdecimal() or int(value) not in size["values"]:
            low, high = size["values"][0], size["values"][-1]
            raise UsageRefused(f"The size {size['name']} is a whole number from {low} to {high}.")
        sizes[size["name"]] = int(value)
    found: dict[str, Any] = {**at_sizes(derivation, sizes), "counts": ends(derivation, sizes)}
    return json.dumps(found).encode()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer, or say what is wrong."""
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self._send(403, "text/plain", b"This page answers its own machine.")
            return
        try:
            found = answer(self.path)
        except DeriveError as refused:
            self._send(400, "text/plain", str(refused).encode())
            return
        if found is None:
            self._send(404, "text/plain", b"There is no such page.")
        else:
            self._send(200, *found)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library refuses, such as another method than GET, in one sentence."""
        refused = "This page is read with GET alone." if code == 501 else "That is no request for a page."
        self._send(code, "text/plain", refused.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of each request."""


def server(port: int = 0) -> ThreadingHTTPServer:
    """A server on this machine's own address, at a free port if that is 0; `serve_forever()` runs it."""
    return ThreadingHTTPServer((HOST, port), _Handler)
