"""Mathematics as MathML, made when the site is built: browsers show it themselves, without scripts or fonts of ours."""

from __future__ import annotations

from typing import Any

from breaking import PHONE, apart, rows, wide
from docutils import nodes
from sphinx.application import Sphinx

from derive.render.mathml import mathml

__all__ = ["displayed", "mathml", "setup"]


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="formula">{displayed(node.astext())}</div>\n')
    raise nodes.SkipNode


def displayed(latex: str) -> str:
    """The parts of a formula, and once more in shorter ones where a phone is too narrow for them: one of both is shown."""
    parts = apart(latex)
    if not any(wide(part, PHONE) for part in parts):
        return _beside(parts)
    narrow = "".join(f'<div class="equation">{_beside(apart(row, PHONE))}</div>' for row in rows(latex))
    return f'<div class="equation for-page">{_beside(parts)}</div><div class="for-phone">{narrow}</div>'


def _beside(parts: list[str]) -> str:
    """Where an equation goes on at a relation, what stands before it stays together, and what follows."""
    sides: list[str] = []
    for part in parts:
        sides += [""] if not sides or part.startswith("= ") else []
        sides[-1] += mathml(part, "block")
    return sides[0] if len(sides) == 1 else "".join(f'<div class="side">{side}</div>' for side in sides)


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
