"""The figures on the terminal and in files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from derive.artifacts import write
from derive.bench.page import FIRST, Names, files
from derive.bench.timing import OURS
from derive.errors import DeriveError

__all__ = ["finish", "notes", "table"]


def finish(found: Mapping[str, Any], file: Path | None, folder: Path | None, names: Names = FIRST) -> None:
    """Print the table, write what was asked for. Raises DeriveError where a layer's result was wrong, and OutputError."""
    console = Console(highlight=False)
    console.print(table(found))
    for line in notes(found):
        console.print(line)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if file is not None:
        write({file.name: text}, file.parent)
    if folder is not None:
        write({names.data: text, **files(found, names)}, folder)
    wrong = [f"{row['name']}: {row['participants'][OURS]['refused']}" for row in found["rows"] if _wrong(row)]
    if wrong:
        raise DeriveError(f"Not timed: {'; '.join(wrong)}.")


def _wrong(row: Mapping[str, Any]) -> bool:
    return "refused" in row["participants"][OURS]


def table(found: Mapping[str, Any]) -> Table:
    """One line a row, 80 columns wide: milliseconds of ours, their ratio to the fastest peer's with its quartiles, and the goal."""
    made = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    for name, justify in (("row", "left"), ("fastest peer", "left"), ("ms", "right"), ("ratio", "right")):
        made.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name in ("quartiles", "goal", f"{found['threads']} thr.", "limit"):
        made.add_column(name, justify="right")
    for row in found["rows"]:
        made.add_row(*_cells(row))
    return made


def _cells(row: Mapping[str, Any]) -> list[str]:
    ours, cpu, wall = row["participants"][OURS], row["cpu"], row["wall"]
    milliseconds = f"{ours['cpu']['median'] * 1e3:.4g}" if "cpu" in ours else "-"
    limit = f"{100 * ours['limit']:.0f}%" if "limit" in ours else "-"
    beside = f"{wall['median']:.2f}" if wall is not None else "-"
    goal = "-" if row["goal"] is None else f"{row['goal']:g}"
    if cpu is None:
        return [row["name"], "-", milliseconds, "-", "-", goal, beside, limit]
    colour = "green" if cpu["median"] <= row["goal"] else "red"
    mark = "" if colour == "green" else "!"
    ratio = f"[{colour}]{mark}{cpu['median']:.2f}[/]"
    spread = f"{cpu['low']:.2f}-{cpu['high']:.2f}"
    return [row["name"], _short(cpu["best"]), milliseconds, ratio, spread, goal, beside, limit]


def _short(peer: str) -> str:
    return peer.removeprefix("scipy.").replace("channels-last", "ch.-last")


def notes(found: Mapping[str, Any]) -> list[str]:
    """What a reader of the table must know, and what was left out."""
    kernels = ", ".join(str(blas["architecture"]) for blas in found["blas"]) or "unknown kernels"
    forced = ", forced by the environment" if any(found["environment"].values()) else ""
    lines = [
        "",
        "ratio: CPU time of one thread, ours / the fastest peer's; ! misses the goal.",
        f"{found['threads']} thr.: the same by the clock. limit: the least time that operations and bytes",
        "take on this machine, as a share of ours.",
        f"{found['processor']}; BLAS: {kernels}{forced}; constants: {found['constants']}.",
    ]
    seen: dict[str, None] = {}
    for row in found["rows"]:
        for peer, held in row["participants"].items():
            if "refused" in held and peer != OURS:
                seen.setdefault(f"{peer} is left out: {held['refused']}.", None)
    return [*lines, *seen]
