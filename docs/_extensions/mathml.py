"""Mathematics as MathML, made when the site is built: browsers show it themselves, without scripts or fonts of ours."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from derive.forms.notation import LATEX
from derive.render.mathml import mathml

__all__ = ["apart", "mathml", "setup"]


def apart(latex: str) -> list[str]:
    """An equation and its conditions, which may stand on a line of their own; what is aligned stays whole."""
    if r"\begin" in latex:
        return [latex]
    equation, *conditions = latex.split(r"\qquad")
    parts = [part for held in conditions for part in _closed(held.split(LATEX.both))]
    return [equation, *(f"{part}," for part in parts[:-1]), *parts[-1:]]


def _closed(parts: list[str]) -> list[str]:
    """The parts, with those joined again between which a bracket is open."""
    whole: list[str] = []
    for part in parts:
        if whole and any(whole[-1].count(one) != whole[-1].count(other) for one, other in ("{}", "()", "[]")):
            whole[-1] += LATEX.both + part
        else:
            whole.append(part)
    return whole


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
