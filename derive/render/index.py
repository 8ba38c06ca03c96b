"""The page that lists every derivation. Joining its rows needs no algebra, so it loads none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derive.forms.form import Form

__all__ = ["index_page", "index_row"]


def index_row(name: str, title: str, form: Form) -> str:
    """A layer's row, from its name, title and last form."""
    from derive.forms.equation import formula
    from derive.render.numbers import counts

    own = counts(form)
    when = "" if own.when == True else f" when `{own.when}`"  # noqa: E712
    text = formula(form).split("        ")[0].replace("|", "\\|")
    return f"| [{name}]({name}.md): {title} | `{text}` | `{own.weight}`{when} | `{own.bias}` |"


def index_page(rows: Iterable[str]) -> str:
    """docs/derivations/README.md, from the rows of the layers."""
    lines = [
        "<!-- Made by `python -m derive`. Do not edit. -->",
        "",
        "# Derivations",
        "",
        "| layer | formula | free weights | biases |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *rows, ""])
