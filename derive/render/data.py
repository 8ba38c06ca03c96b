"""A derivation as plain data: one row of a list, or everything that a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from derive.derivation import Derivation, ProvedStep
from derive.forms.equation import formula, latex_formula
from derive.forms.form import Form
from derive.forms.notation import UNICODE
from derive.forms.text import show
from derive.proof.coq import left_out
from derive.proof.encoding import read_form, write_form
from derive.proof.goal import Verdict
from derive.proof.sized import needed
from derive.proof.step import ArrayMap
from derive.render.chart import Chart
from derive.render.content import verdicts_of
from derive.render.document import Subject
from derive.render.field import Field
from derive.render.figures import Picture
from derive.render.numbers import counts, numbers, operations

__all__ = ["data", "listed", "row", "row_at"]


def row(name: str, derivation: Derivation, verdicts: Sequence[Verdict], backends: Sequence[str]) -> dict[str, Any]:
    """One layer of `list`."""
    return {
        "name": name,
        "equation": formula(derivation.form),
        "free_parameters": _free(derivation.form),
        "obligations": {"proved": sum(v.proved for v in verdicts), "total": len(verdicts)},
        "backends": list(backends),
    }


def listed(title: str, told: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """What is remembered of a layer for lists: its title, its row, the counts in its own letters, and its form."""
    own = counts(form)
    free = {"weight": UNICODE(own.weight), "bias": UNICODE(own.bias), "when": UNICODE(own.when)}
    return {"title": title, "row": dict(told), "free": free, "form": write_form(form)}


def row_at(entry: Mapping[str, Any], at: Mapping[str, int]) -> tuple[dict[str, Any], frozenset[str]]:
    """The row of what is remembered, with numbers `at` these sizes, and the names of the layer's sizes.

    `at` is null where the layer doesn't admit them, and then there is what it `needs`.
    """
    form = read_form(entry["form"], entry["row"]["name"])
    needs = needed(form, at)
    told = {"at": None, "needs": needs} if needs else {"at": numbers(form, at)}
    return {**entry["row"], **told}, frozenset(s.name for s in form.sizes)


def data(subject: Subject) -> dict[str, Any]:
    """Everything that a page shows, as JSON values; expressions are SymPy's text."""
    derivation = subject.derivation
    verdicts = verdicts_of(subject)
    return {
        "title": subject.title,
        **row(subject.name, derivation, verdicts, tuple(subject.emitted)),
        "operations": _operations(derivation.form),
        "start": {"form": _form(derivation.start), "obligations": _verdicts(derivation.start_verdicts)},
        "steps": [_step(step) for step in derivation.steps],
        "dense": {name: show(value) for name, value in derivation.reference_maps.items()},
        "programs": {b: _verdicts(found) for b, found in subject.program_verdicts.items()},
        "sources": dict(subject.emitted),
        "figures": [{"file": p.file, "caption": p.caption} for p in _pictures(subject)],
    }


def _pictures(subject: Subject) -> tuple[Picture | Chart | Field, ...]:
    return (*subject.pictures, *(p for p in (subject.chart, subject.receptive) if p is not None))


def _operations(form: Form) -> str:
    found = operations(form)
    return str(found.number) if found.exact else f"at most {found.number}"


def _free(form: Form) -> dict[str, str]:
    own = counts(form)
    return {"weight": str(own.weight), "bias": str(own.bias), "when": str(own.when)}


def _form(form: Form) -> dict[str, Any]:
    return {
        "equation": formula(form),
        "latex": latex_formula(form),
        "given": show(form.given),
        "free_parameters": _free(form),
    }


def _step(proved: ProvedStep) -> dict[str, Any]:
    step = proved.step
    return {
        "rule": proved.rule,
        "kind": step.kind.value,
        "statement": step.statement,
        "reason": step.reason,
        "after": _form(step.after),
        "demanded": [
            {"says": c.says, "given": show(c.given), "left": show(c.left), "right": show(c.right)} for c in step.clauses
        ],
        "argument": [
            {"says": s.says, "left": show(s.left), "right": show(s.right)}
            | {"where": {letter.name: show(value) for letter, value in s.where}}
            for s in step.argument
        ],
        "embedding": _maps(step.embeddings),
        "section": _maps(step.sections),
        "obligations": _verdicts(proved.verdicts),
    }


def _maps(maps: Sequence[ArrayMap]) -> list[dict[str, str]]:
    return [{"array": m.array, "at": ", ".join(map(str, m.binders)), "value": show(m.value)} for m in maps]


def _verdicts(verdicts: Sequence[Verdict]) -> list[dict[str, str]]:
    return [
        {
            "name": v.obligation.name,
            "says": v.obligation.says,
            "verdict": v.status.value,
            "witness": v.obligation.witness,
            "coq": left_out(v.obligation) or "stated",
        }
        for v in verdicts
    ]
