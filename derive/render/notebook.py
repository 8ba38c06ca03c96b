"""What a notebook shows of forms, steps and derivations: HTML that needs no script, and no style sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape

from derive.derivation import Derivation, ProvedStep
from derive.forms.equation import formula, sides
from derive.forms.form import Form
from derive.forms.notation import LATEX, UNICODE
from derive.proof.goal import Verdict
from derive.render.numbers import counts
from derive.render.witness import in_letters
from derive.render.wrapping import joined

__all__ = ["derivation_html", "derivation_latex", "step_html", "step_latex"]

_OPEN, _CLOSE = "\ue001", "\ue002"  # of no formula
_GAP = " " * 8
_WHOLE = 32  # letters of a part of a formula that stays in one line
_MARKED = replace(UNICODE, mark=f"{_OPEN}{{}}{_CLOSE}")


def derivation_html(derivation: Derivation) -> str:
    """The last formula, a row for each step, and the obligations, folded."""
    rows = [_row("dense", "the first form", derivation.start, derivation.start_verdicts)]
    rows += [_row(s.rule, s.kind.value, s.after, s.verdicts) for s in derivation.steps]
    header = ("step", "the layer then", "free weights", "biases", "proved")
    table = _table(header, rows)
    verdicts = derivation.verdicts
    return f"<div>{_code(formula(derivation.form))}{table}{_folded(verdicts)}</div>"


def step_html(proved: ProvedStep) -> str:
    """Rule, kind and reason; the equation before and after, with what changed marked; the obligations, folded."""
    before, after = proved.before, proved.after
    rows = [("before", _beside(before, after)), ("after", _beside(after, before))]
    lines = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows)
    head = f"<b>{escape(proved.rule)}</b>, {escape(proved.kind.value)}: {escape(_letters(proved.step.reason))}"
    return f"<div><p>{head}</p><table>{lines}</table>{_folded(proved.verdicts)}</div>"


def derivation_latex(derivation: Derivation) -> str:
    """The form at each stage beneath the one before."""
    lines = [_latex("dense", derivation.start), *(_latex(s.rule, s.after) for s in derivation.steps)]
    return _aligned(lines)


def step_latex(proved: ProvedStep) -> str:
    """Before and after, with what changed underlined."""
    before, after = proved.before, proved.after
    return _aligned([_latex("before", before, after), _latex(proved.rule, after, before)])


def _row(rule: str, kind: str, form: Form, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    own = counts(form)
    proved = f"{sum(v.proved for v in verdicts)} of {len(verdicts)}"
    weights, biases = (escape(UNICODE(number)) for number in (own.weight, own.bias))
    told = escape(rule).replace("(", "(<wbr>")  # where a narrow page breaks it
    return (f"{told}<br><small>{kind}</small>", _code(formula(form)), weights, biases, proved)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells of the rows are HTML already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _folded(verdicts: Sequence[Verdict]) -> str:
    rows = [tuple(map(escape, line)) for line in _told(verdicts)]
    summary = f"Obligations: {sum(v.proved for v in verdicts)} of {len(verdicts)} proved"
    table = _table(("obligation", "what it says", "verdict", "witness"), rows)
    return f"<details><summary>{summary}</summary>{table}</details>"


def _told(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str, str, str]]:
    for verdict in verdicts:
        own = verdict.obligation
        yield own.name, own.says, verdict.status.value, in_letters(own.witness)


def _beside(form: Form, other: Form) -> str:
    left, right, conditions = sides(form, _MARKED, other)
    text = _code(_GAP.join([f"{left} = {right}", *([", ".join(conditions)] if conditions else [])]))
    return text.replace(_OPEN, "<mark>").replace(_CLOSE, "</mark>")


def _latex(label: str, form: Form, other: Form | None = None) -> str:
    left, right, conditions = sides(form, LATEX, other)
    given = rf" \qquad {LATEX.both.join(conditions)}" if conditions else ""
    return rf"\text{{{_plain(label)}}} && {left} &= {right}{given}"


def _plain(label: str) -> str:
    return re.sub(r"([_{}#&%$])", r"\\\1", label)


def _aligned(lines: Sequence[str]) -> str:
    body = " \\\\\n".join(lines)
    return f"$\\begin{{aligned}}\n{body}\n\\end{{aligned}}$"


def _code(text: str) -> str:
    """A formula, its conditions on a line of their own."""
    return "<br>".join(f"<code>{escape(joined(part, _WHOLE))}</code>" for part in text.split(_GAP))


def _letters(text: str) -> str:
    return text.replace("Delta", "Δ")
