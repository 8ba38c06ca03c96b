"""What a notebook shows of theorems and certificates: HTML that needs no script, and no style sheet."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["LABEL", "certificate_html", "lines_html"]

LABEL = 13  # letters that a theorem's labels take


def lines_html(text: str) -> str:
    """Lines that begin with a label, or with room for one; an equation and its conditions beneath each other."""
    rows = ((line[:LABEL].strip(), line[LABEL:].split(" " * 8)) for line in text.splitlines())
    told = ((label, "<br>".join(f"<code>{escape(part)}</code>" for part in parts)) for label, parts in rows)
    body = "".join(f"<tr><th>{escape(label)}</th><td>{said}</td></tr>" for label, said in told)
    return f"<table><tbody>{body}</tbody></table>"


def certificate_html(data: Mapping[str, Any]) -> str:
    """A row for the first form and each step: rule, kind, obligations and goals as SMT-LIB text, digest."""
    parts = [{"rule": "first form", "kind": "", **data["start"]}, *data["steps"]]
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(part))}</tr>" for part in parts)
    head = "".join(f"<th>{name}</th>" for name in ("step", "kind", "obligations", "goals", "SHA-256"))
    made = ", ".join(f"{name} {number}" for name, number in data["made_with"].items())
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<div><p>{escape(data['format'])}, made with {escape(made)}</p>{table}</div>"


def _cells(part: Mapping[str, Any]) -> tuple[str, ...]:
    obligations = part["obligations"]
    goals = sum(len(obligation["goals"]) for obligation in obligations)
    return part["rule"], part["kind"], str(len(obligations)), str(goals), part["digest"][:12]
