"""A headless Chromium, spoken to through a pipe in its own protocol: nothing else has to be installed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from select import select
from typing import Any

__all__ = ["Browser", "Page", "find_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
_PATIENCE = 300.0  # seconds; a machine may be busy


def find_browser() -> str | None:
    """The program, where there is one."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """A process, and the pages in it."""

    def __init__(self, program: str, folder: Path) -> None:
        (theirs, self._out), (self._in, ours) = os.pipe(), os.pipe()
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-pipe",
            "--hide-scrollbars",
        ]
        command += ["--no-first-run", "--disable-extensions", f"--user-data-dir={folder}", "about:blank"]
        handed = f'exec "$@" 3<&{theirs} 4>&{ours}'
        self._process = subprocess.Popen(
            ["bash", "-c", handed, "browser", *command],
            pass_fds=(theirs, ours),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(ours)
        self._held, self._number = b"", 0
        self.events: list[dict[str, Any]] = []

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def ask(self, method: str, session: str = "", **given: Any) -> dict[str, Any]:
        """A command's answer; what happens meanwhile is kept."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": given} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _PATIENCE
        while True:
            found = self._next(until)
            if found.get("id") == number:
                assert "error" not in found, found
                return dict(found["result"])
            self.events.append(found)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._held:
            ready, _, _ = select([self._in], [], [], max(0.0, until - time.monotonic()))
            read = os.read(self._in, 1 << 20) if ready else b""
            assert read, "The browser doesn't answer."
            self._held += read
        message, _, self._held = self._held.partition(b"\0")
        return dict(json.loads(message))

    def page(self) -> Page:
        """A new page."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])


class Page:
    """One page: what it shows, what it asked for, and what went wrong in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def _ask(self, method: str, **given: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **given)

    def _events(self, *methods: str) -> list[dict[str, Any]]:
        own = (e for e in self._browser.events if e.get("sessionId") == self._session)
        return [e["params"] for e in own if e["method"] in methods]

    def open(self, address: str, ready: str = "true") -> None:
        """Go there, and wait until an expression holds."""
        self._ask("Page.navigate", url=address)
        self.wait(ready)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until it holds."""
        until = time.monotonic() + _PATIENCE
        while not self.value(expression):
            assert time.monotonic() < until, f"It never came to {expression}."
            time.sleep(0.02)

    def window(self, width: int, height: int, dark: bool = False) -> None:
        """Its size, and whether the reader prefers dark colours."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[feature])

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of it."""
        where = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{where}.scrollIntoView({{block: 'center'}})")
        box = self.value(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({where}.getBoundingClientRect())"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        """A key, wherever the focus is."""
        given = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {" ": " ", "Enter": "\r"}.get(key)
        self._ask("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self._ask("Input.dispatchKeyEvent", type="keyUp", **given)

    def picture(self, file: Path, whole: bool = True) -> None:
        """A screenshot."""
        held = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(held))

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for."""
        return [e["request"]["url"] for e in self._events("Network.requestWillBeSent")]

    @property
    def errors(self) -> list[str]:
        """What the console shows as an error or a warning."""
        thrown = [str(e["exceptionDetails"]) for e in self._events("Runtime.exceptionThrown")]
        logged = [
            e["entry"]["text"] for e in self._events("Log.entryAdded") if e["entry"]["level"] in ("error", "warning")
        ]
        called = [str(e["args"]) for e in self._events("Runtime.consoleAPICalled") if e["type"] in ("error", "warning")]
        return thrown + logged + called
