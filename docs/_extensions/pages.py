"""What the checked-in pages, which read well as files, become on the site: figures, links within it, measured speed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["derivation", "setup", "speed"]

_FIGURE = re.compile(r'<p align="center"><img src="(\S+)" width="(\d+)" alt="([^"]*)"><br><em>.*?</em></p>')
_CUDA = re.compile(r"(<summary>generated/cupy/\w+\.py</summary>\n\n```)python\n")
_MEASURED = ("numpy", "numpy-avx2")
_RULE = re.compile(r"\(\.\./\.\./derive/rules/(\w+)\.py\)")


def derivation(text: str, name: str, measured: str) -> str:
    """The page of a derivation: its figures numbered among the site's, its rules linked, and how fast its kernel is."""
    text = _FIGURE.sub(_figure, text)
    text = _CUDA.sub(r"\1python-cuda\n", text)
    text = _RULE.sub(r"(#rule-\1)", text)
    again = "\n## Again\n"
    return text.replace(again, f"{measured}{again}", 1)


def _figure(found: re.Match[str]) -> str:
    file, width, says = found[1], found[2], unescape(found[3])
    return f":::{{figure}} {file}\n:alt: {json.dumps(says, ensure_ascii=False)}\n:width: {width}px\n\n{says}\n:::"


def speed(measured: Mapping[str, dict[str, Any]], name: str) -> str:
    """A chapter of the benchmark's rows that time this layer, by the page that has all rows of a machine."""
    parts = [part for page, found in measured.items() if (part := _on_a_machine(page, found, name))]
    if parts:
        parts.insert(0, "The NumPy kernel's time of one thread's CPU, and that of the fastest library.")
    else:
        pages = " and ".join(f"[{_machine(found)}](../performance/{page}.md)" for page, found in measured.items())
        parts.append(f"No row of the benchmark times this layer. Those there are were timed on {pages}.")
    return "\n\n".join(["\n## Measured speed", *parts, ""])


def _machine(found: dict[str, Any]) -> str:
    return f"{found['processor']} with BLAS for {', '.join(blas['architecture'] for blas in found['blas'])}"


def _on_a_machine(page: str, found: dict[str, Any], name: str) -> str:
    own = [row for row in found["rows"] if row["problem"]["derivation"] == name and row["cpu"] is not None]
    if not own:
        return ""
    lines = [f"On {_machine(found)} ([all rows, and how they are measured](../performance/{page}.md)):\n"]
    lines += ["| problem | derived | fastest library | ratio |", "|---|---:|---:|---:|"]
    for row in own:
        best = row["cpu"]["best"]
        ours, theirs = (_milliseconds(row["participants"][who]["cpu"]["median"]) for who in ("derive", best))
        lines.append(
            f"| {row['problem']['says']} | {ours} | {theirs}, {_breakable(best)} | {row['cpu']['median']:.2f} |"
        )
    return "\n".join(lines)


def _breakable(name: str) -> str:
    """A dotted name that a narrow cell may break behind a dot."""
    return name.replace(".", ".\u200b")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}\u00a0ms"


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    folder, _, name = page.rpartition("/")
    if folder == "derivations":
        kept = Path(app.srcdir) / "performance"
        measured = {page: json.loads((kept / f"{page}.json").read_text(encoding="utf-8")) for page in _MEASURED}
        source[0] = derivation(source[0], name, speed(measured, name))


def setup(app: Sphinx) -> dict[str, Any]:
    """Pages are changed as they are read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
