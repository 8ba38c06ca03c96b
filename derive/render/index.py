"""The page that lists every derivation."""

from __future__ import annotations

from collections.abc import Iterable

from derive.forms.equation import formula
from derive.forms.form import Form
from derive.render.numbers import counts

__all__ = ["index_page"]


def index_page(layers: Iterable[tuple[str, str, Form]]) -> str:
    """docs/derivations/README.md: a row a layer, from its name, title and last form."""
    lines = [
        "<!-- Made by `python -m derive`. Do not edit. -->",
        "",
        "# Derivations",
        "",
        "| layer | formula | free weights | biases |",
        "|---|---|---|---|",
    ]
    for name, title, form in layers:
        own = counts(form)
        when = "" if own.when == True else f" when `{own.when}`"  # noqa: E712
        text = formula(form).split("        ")[0].replace("|", "\\|")
        lines.append(f"| [{name}]({name}.md): {title} | `{text}` | `{own.weight}`{when} | `{own.bias}` |")
    return "\n".join([*lines, ""])
