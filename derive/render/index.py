"""The page that lists every derivation. Joining what is known of the layers needs no algebra, so it loads none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["index_page"]

_BAR = "\\|"  # in a cell


def index_page(layers: Iterable[Mapping[str, Any]]) -> str:
    """docs/derivations/README.md, from what lists tell of the layers: see `data.listed`."""
    lines = [
        "<!-- Made by `python -m derive`. Do not edit. -->",
        "",
        "# Derivations",
        "",
        "| layer | formula | free weights | biases |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_line, layers), ""])


def _line(layer: Mapping[str, Any]) -> str:
    name, free, equation = layer["row"]["name"], layer["free"], layer["row"]["equation"].split("        ")[0]
    when = "" if layer["row"]["free_parameters"]["when"] == "True" else f" when `{free['when']}`"
    cells = (
        f"[{name}]({name}.md): {layer['title']}",
        f"`{equation}`",
        f"`{free['weight']}`{when}",
        f"`{free['bias']}`",
    )
    return f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"
