"""The page of the figures and its charts, from the JSON that only `bench` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from derive.bench.chart import chart, limit_chart
from derive.bench.timing import OURS
from derive.bench.tried import GROWING

__all__ = ["FIRST", "FOLDER", "Names", "files"]

_LARGE, _GROWTH = 1_000_000, 1.25  # pixels; the time of a pixel of the slowest, in that of the fastest
_ROOT = Path(__file__).resolve().parents[2]
FOLDER: Path | None = _ROOT / "docs" / "performance" if (_ROOT / "pyproject.toml").is_file() else None


@dataclass(frozen=True, slots=True)
class Names:
    """What the files are called: those of another machine than the first by a name besides."""

    machine: str = ""

    def of(self, ending: str) -> str:
        """The name of the file with this ending."""
        return f"numpy{'-' if self.machine else ''}{self.machine}{ending}"

    @property
    def data(self) -> str:
        """The figures."""
        return self.of(".json")

    @property
    def page(self) -> str:
        """The page."""
        return self.of(".md")

    @property
    def chart(self) -> str:
        """The ratios."""
        return self.of(".svg")

    @property
    def limits(self) -> str:
        """The shares of the machine's limit."""
        return self.of("-limit.svg")


FIRST = Names()


def files(found: Mapping[str, Any], names: Names = FIRST) -> dict[str, str]:
    """The page and the charts by their names."""
    rows = [row for row in found["rows"] if row["goal"] is not None] if names.machine else found["rows"]
    return {names.page: _page(found, names), names.chart: chart(rows), names.limits: limit_chart(rows)}


def _page(found: Mapping[str, Any], names: Names) -> str:
    rows = found["rows"]
    timed = [row for row in rows if row["cpu"] is not None]
    met = sum(row["cpu"]["median"] <= row["goal"] for row in timed)
    option = f" --as {names.machine}" if names.machine else ""
    taken = " that were timed" if names.machine else ""
    where = f", on {_processor(found)}" if names.machine else ""
    lines = [
        f"<!-- Made by `python -m derive bench --write{option}` from {names.data}. Do not edit. -->",
        "",
        f"# NumPy kernels against compiled libraries{where}",
        "",
        f"Seconds of the derived kernel divided by those of the fastest peer: {met} of {len(timed)} goals{taken} are met.",
        "",
        f"![Ratios of the derived kernels' time to the fastest peer's, with goals]({names.chart})",
        "",
        *_table(found),
        "",
        *_limit(found, names.limits),
        "",
        *_missed(timed),
        *_growth(rows),
        *_everyone(rows),
        "",
        *_method(found),
    ]
    return "\n".join([*lines, ""])


def _processor(found: Mapping[str, Any]) -> str:
    kernels = ", ".join(str(blas["architecture"]) for blas in found["blas"]) or "unknown"
    return f"{found['processor']} with kernels for {kernels}"


def _growth(rows: list[Mapping[str, Any]]) -> list[str]:
    """The time a pixel of single images, window by window, and what a call needs beyond its arrays."""
    windows: dict[str, dict[int, tuple[float, float]]] = {}
    for row in rows:
        problem, ours = row["problem"], row["participants"][OURS]
        if problem["layer"] == "conv2d" and problem["dtype"] == "float32" and "cpu" in ours:
            pixels = prod(problem["grid"])
            figures = (ours["cpu"]["median"] / pixels, ours.get("scratch", 0))
            windows.setdefault("×".join(map(str, problem["window"])), {}).setdefault(pixels, figures)
    windows = {window: found for window, found in windows.items() if len(found) > 1}
    if not windows:
        return []
    lines = ["## Growth", "", "| window | 10⁶ pixels | ns a pixel | MB beyond input and output |", "|---|---|---|---|"]
    for window, found in windows.items():
        for pixels, (seconds, scratch) in sorted(found.items()):
            lines.append(f"| {window} | {pixels / 1e6:.3g} | {seconds * 1e9:.2f} | {scratch / 1e6:.1f} |")
    lines.append("")
    for window, found in windows.items():
        large = [seconds for pixels, (seconds, _) in found.items() if pixels >= _LARGE]
        if len(large) > 1:
            within = max(large) / min(large)
            tried = f" {GROWING}" if within > _GROWTH else ""
            lines.append(f"- {window}: a pixel's times are within {within:.2f}×, for a goal of {_GROWTH}×.{tried}")
    return [*lines, ""]


def _table(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"| row | fastest peer | ratio | goal | {found['threads']} threads, clock | of the limit |",
        "|---|---|---|---|---|---|",
    ]
    for row in (r for r in found["rows"] if r["goal"] is not None):
        cpu, wall, ours = row["cpu"], row["wall"], row["participants"][OURS]
        ratio = "-" if cpu is None else f"{_ratio(cpu)}{'' if cpu['median'] <= row['goal'] else ', missed'}"
        beside = "-" if wall is None else f"{_ratio(wall)}, {wall['best']}"
        share = f"{100 * ours['limit']:.0f}%" if "limit" in ours else "-"
        problem = row["problem"]
        named = f"{row['name']}:<br>{problem['says']}, `{problem['derivation']}`"
        cells = (named, "-" if cpu is None else cpu["best"])
        lines.append(f"| {' | '.join((*cells, ratio, format(row['goal'], 'g'), beside, share))} |")
    return lines


def _limit(found: Mapping[str, Any], file: str) -> list[str]:
    rates = {name: f"{rate / 1e9:.1f}" for name, rate in found["limits"].items()}
    return [
        "## Against the machine's limit",
        "",
        "The least time that a row's operations as written, or its bytes, would take at the rates measured on the same",
        "day, as a share of the time taken. An algorithm with fewer operations, or arrays that stay in cache, can go beyond.",
        f"One thread reaches {rates['gemm_float32']}·10⁹ operations a second in products of float32 and",
        f"{rates['gemm_float64']}·10⁹ in float64, copies {rates['copy_bytes']} GB/s (read and written together) and",
        f"reads {rates['read_bytes']} GB/s.",
        "",
        f"![Shares of the machine's limit that the derived kernels and the fastest peers reach]({file})",
    ]


def _ratio(spread: Mapping[str, Any]) -> str:
    return _beside(f"{spread['median']:.2f}", f"{spread['low']:.2f} to {spread['high']:.2f}")


def _beside(figure: str, quartiles: str) -> str:
    """In brackets, and in one piece where a line ends."""
    return f"{figure} ({quartiles})".replace(" to ", "\u00a0to\u00a0")


def _missed(rows: list[Mapping[str, Any]]) -> list[str]:
    missed = [row for row in rows if row["cpu"]["median"] > row["goal"]]
    if not missed:
        return []
    lines = ["## Goals that are missed", ""]
    for row in missed:
        beyond = 100 * (row["cpu"]["median"] / row["goal"] - 1)
        tried = f" {row['tried']}" if row["tried"] else ""
        lines.append(f"- {row['name']}: {row['cpu']['median']:.2f} for {row['goal']:g}, {beyond:.0f}% beyond.{tried}")
    return [*lines, ""]


def _everyone(rows: list[Mapping[str, Any]]) -> list[str]:
    lines = [
        "## Everyone's figures",
        "",
        "Milliseconds: the median over all calls, and quartiles. The error is the largest, as a share of the largest result.",
        "",
        "| row | who | CPU, one thread | clock, more threads | error | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        for peer, held in row["participants"].items():
            error = f"{held['error']:.1e}" if "error" in held else "-"
            said = held.get("refused") or held.get("note", "")
            cells = (row["name"], peer, _milliseconds(held.get("cpu")), _milliseconds(held.get("wall")), error, said)
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _milliseconds(spread: Mapping[str, Any] | None) -> str:
    if spread is None:
        return "-"
    median, low, high = (f"{spread[which] * 1e3:.4g}" for which in ("median", "low", "high"))
    return _beside(median, f"{low} to {high}")


def _forced(found: Mapping[str, Any]) -> str:
    """What the environment made BLAS do."""
    said = [f"{name}={value}" for name, value in found["environment"].items() if value]
    return f", by {' and '.join(said)}" if said else ""


def _method(found: Mapping[str, Any]) -> list[str]:
    versions = found["versions"]
    kernels = (
        ", ".join(f"{blas['version']} with kernels for {blas['architecture']}" for blas in found["blas"]) or "unknown"
    )
    load = f", load {found['load']:.1f}" if "load" in found else ""
    known = ", ".join(f"{name} {held}" for name, held in versions.items())
    return [
        "## How they were taken",
        "",
        f"On {found['date']}: {found['processor']}, {found['processors']} processors, {found['system']}{load}, Python",
        f"{found['python']}; {known};",
        f"NumPy's OpenBLAS: {kernels}{_forced(found)}.",
        "",
        "Each result is compared with a float64 reference first, and is timed only within the bound that is derived",
        "from the number of its terms, γ_q·(Σ|w||x| + |u|), or from the number of a transform's points. Each library",
        f"runs in a process of its own; all take turns, within about {found['budget']:g} seconds a row. One thread is",
        "timed by its own CPU time, more by the clock. Arrays begin at a multiple of 64 bytes, and outputs are reused",
        f"where a library can; {found['memory']}.",
        "",
        f"Constants of the planner: {found['constants']}. To repeat: `python -m derive bench`.",
    ]
