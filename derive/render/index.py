"""The page that lists every derivation. Joining what is known of the layers needs no algebra, so it loads none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["index_page"]


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
    return "\n".join([*lines, *(_line(layer["title"], layer["row"]) for layer in layers), ""])


def _line(title: str, row: Mapping[str, Any]) -> str:
    name, free = row["name"], row["free_parameters"]
    when = "" if free["when"] == "True" else f" when `{free['when']}`"
    text = row["equation"].split("        ")[0].replace("|", "\\|")
    return f"| [{name}]({name}.md): {title} | `{text}` | `{free['weight']}`{when} | `{free['bias']}` |"
