"""Mathematics as MathML, made when the site is built: browsers show it themselves, without scripts or fonts of ours."""

from __future__ import annotations

from typing import Any

from breaking import apart
from docutils import nodes
from sphinx.application import Sphinx

from derive.render.mathml import mathml

__all__ = ["mathml", "setup"]


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    parts = "".join(mathml(part, "block") for part in apart(node.astext()))
    writer.body.append(f'<div class="formula">{parts}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
