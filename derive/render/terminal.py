"""Tables for the terminal: the list of layers, and the verdicts on one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from derive.render.grouped import grouped
from derive.render.wrapping import Formulas

__all__ = ["layer_table", "verdict_data", "verdict_table"]


def layer_table(rows: Sequence[Mapping[str, Any]], counts: Sequence[Mapping[str, str]]) -> RenderableType:
    """Layers with formula, counts in their own letters, proofs and backends; with numbers where sizes were given."""
    parts: list[RenderableType] = []
    for row, free in zip(rows, counts, strict=True):
        proofs = row["obligations"]
        head = Text(row["name"], style="bold")
        head.append(f"   {proofs['proved']} of {proofs['total']} proved   {', '.join(row['backends'])}", style="dim")
        parts += [head, _indented(row["equation"].partition("        ")[0])]
        when = "" if row["free_parameters"]["when"] == "True" else f"   when {free['when']}"
        parts.append(_indented(f"{_several(free['weight'], 'weight')}, {_several(free['bias'], 'bias')}{when}"))
        if "at" in row:
            parts.append(_indented(f"it needs {row['needs']}" if row["at"] is None else _numbers(row["at"])))
        parts.append(Text(""))
    return Group(*parts[:-1])


def _several(number: str, noun: str) -> str:
    """1 bias, n biases."""
    return f"{number} {noun}" if number == "1" else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def _indented(text: str) -> RenderableType:
    return Padding(Formulas([text]), (0, 0, 0, 4))


def _numbers(at: Mapping[str, int]) -> str:
    parts = (
        _several(grouped(at["weights"]), "weight"),
        _several(grouped(at["biases"]), "bias"),
        f"{_bytes(at['bytes'])} in float32",
        f"{'at most ' if 'at_most' in at else ''}{grouped(at['operations'])} operations",
    )
    return ", ".join(parts)


def _bytes(number: int) -> str:
    """1234 as 1.23 kB."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def verdict_data(shown: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row an obligation of what `render.data` says of a layer: where, which, what it says, its verdict and witness."""
    places = [("first form", shown["start"]["obligations"])]
    places += [(f"{n}. {step['rule']}", step["obligations"]) for n, step in enumerate(shown["steps"], start=1)]
    places += [(f"program for {backend}", verdicts) for backend, verdicts in shown["programs"].items()]
    return [
        {
            "step": place,
            "obligation": v["name"],
            "says": v["says"],
            "verdict": v["verdict"],
            "witness": v["witness"],
        }
        for place, verdicts in places
        for v in verdicts
    ]


def verdict_table(name: str, rows: Sequence[Mapping[str, str]], remembered: bool) -> RenderableType:
    """The verdicts, grouped by step; what a program has several times, once for each algorithm, is one line."""
    parts: list[RenderableType] = []
    widest = max((len(f"  {row['obligation']} ×{len(rows)}") for row in rows), default=0)
    for place, group in groupby(rows, key=itemgetter("step")):
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column("obligation", no_wrap=True, min_width=widest)
        table.add_column("verdict", ratio=1)
        said = Counter((row["obligation"], row["verdict"]) for row in group)
        for (obligation, verdict), times in said.items():
            often = f" ×{times}" if times > 1 else ""
            table.add_row(f"  {obligation}{often}", Text(verdict, style="green"))
        parts += [Text(place, style="bold"), table]
    total = f"{name}: {len(rows)} of {len(rows)} obligations proved."
    known = [Text("Remembered, as its sources are what they were; --no-cache proves it anew.", style="dim")]
    return Group(*parts, Text(total, style="bold"), *known[: int(remembered)])
