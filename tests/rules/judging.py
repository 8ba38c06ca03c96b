"""What becomes of a mutated rule: its step is refused by an obligation, or is the rule's own step in other words, with evidence.

The claim is held fixed. A rule that states another constraint and does just that is another rule, rightly proved; so the mutant's
rewrite is judged under the claim of the rule as it is, and the mutant's claim on the rewrite as it is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np

from derive.checking import small_sizes
from derive.combined import convolution
from derive.derivation import Derivation, dense
from derive.errors import DeriveError
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form
from derive.groups._finite import PermutationGroup
from derive.groups.matrix_group import MatrixGroup
from derive.groups.permutations import Permutations
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge
from derive.proof.step import ArrayMap, Kind, Step, View
from derive.registry import discover, names
from derive.rules._rule import Case
from derive.rules.adjoint import adjoint
from derive.rules.compose import compose
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.unbiased import unbiased
from tests.proof.spans import Combination, Elimination, Sizes, labelled, layers_of, relations
from tests.rules.source_mutants import SourceMutant, loaded
from tests.rules.test_structures import LAYERS

__all__ = ["Fate", "Judgement", "cases", "caught_by", "judge", "step_of"]

_SIZES, _CASES, _SECONDS = 5, 3, 30
# At numeric sizes alone, which the other layers are not; and an offset that has more bounds than one.
_TABLED = dense(outputs=4, inputs=4).then(equivariant(Permutations(PermutationGroup(4, [[1, 2, 0, 3]]))))
_TWO_RADII = dense(rank=1).then(local("Delta")).then(local("r")).then(reindex())
_STRIDED = convolution(rank=1, kernel=3, stride=2, channels=False).then(unbiased())
_TURNED = _STRIDED.then(adjoint())
_SPANNED = dense(outputs=2, inputs=2).then(equivariant(MatrixGroup([[[0, -1], [1, -1]]])))


class Fate(Enum):
    """What a mutant comes to, the most telling last."""

    UNUSED = "no case reaches it"
    SAME_STEP = "the same step"
    SAME_LAYERS = "another step to the same layers, at every small size"
    NO_STEP = "no step"
    REFUSED = "refused by an obligation"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fate, and the obligation that refused."""

    fate: Fate
    by: str = ""


@lru_cache
def cases(rule: str) -> tuple[Case, ...]:
    """A rule's EXAMPLE, then its applications in the layers that are shipped or tested, those with fewest letters first."""
    found = [import_module(f"derive.rules.{rule}").EXAMPLE]
    layers: list[Derivation] = [
        *(layer for _, layer in discover("derive.catalogue")),
        *LAYERS.values(),
        _TABLED,
        _SPANNED,
        _TWO_RADII,
        _TURNED.then(compose(_STRIDED)),
        _STRIDED.then(compose(_TURNED)),
    ]
    more = [
        Case(proved.before, application)
        for layer in layers
        for proved, application in zip(layer.steps, layer.applications, strict=True)
        if application.rule.name == rule
    ]
    for case in sorted(more, key=lambda c: len(c.form.sizes) + len(c.form.reduction)):
        if not any((c.form, str(c.application)) == (case.form, str(case.application)) for c in found):
            found.append(case)
    later = (c for c in found[_CASES:] if not {*_kinds(c)} <= {k for f in found[:_CASES] for k in _kinds(f)})
    return (*found[:_CASES], *later)


def _kinds(case: Case) -> Iterator[object]:
    """The modules of a case's groups, supports and other arguments, and which way of a layer that it reads is an adjoint."""
    for a in (*case.application.args, *dict(case.application.options).values()):
        yield type(a).__module__
        if isinstance(a, (Form, Derivation)):
            inner = a.form if isinstance(a, Derivation) else a
            yield type(a).__module__, case.form.input.name, inner.input.name


def step_of(case: Case, rule: Any = None, mutant: SourceMutant | None = None) -> Step:
    """The step that a rule, or its mutant, makes of a case, without its prose."""
    made = case.application.rule if rule is None else rule
    args = [_again(a, mutant) for a in case.application.args]
    options = {k: _again(v, mutant) for k, v in case.application.options}
    step: Step = made(*args, **options).apply(case.form)
    clauses = tuple(replace(clause, says="") for clause in step.clauses)
    return replace(step, rule="", reason="", statement="", argument=(), clauses=clauses)


def _again(value: Any, mutant: SourceMutant | None) -> Any:
    """An argument made by a mutated module's class, such as a group, in the place of its own."""
    if mutant is None or type(value).__module__ != mutant.module or not is_dataclass(value):
        return value
    made = getattr(mutant.run(), type(value).__name__)
    return made(**{f.name: getattr(value, f.name) for f in fields(value)})


def judge(mutant: SourceMutant) -> Judgement:
    """The worst that a mutant comes to in any rule and case that it reaches."""
    found = [Judgement(Fate.UNUSED)]
    for rule in names("derive.rules"):
        for case in cases(rule):
            judgement = _judged(mutant, rule, case)
            if judgement.fate in (Fate.REFUSED, Fate.ACCEPTED):
                return judgement
            found.append(judgement)
    order = list(Fate)
    return max(found, key=lambda j: order.index(j.fate))


def _judged(mutant: SourceMutant, rule: str, case: Case) -> Judgement:
    uses = any(
        type(v).__module__ == mutant.module for v in (*case.application.args, *dict(case.application.options).values())
    )
    try:
        changed = loaded(mutant, rule)
        if changed is None and not uses:
            return Judgement(Fate.UNUSED)
        with _ending():
            made = step_of(case, changed, mutant)
    except Exception:  # noqa: BLE001  a broken rule may fail in any way: it makes no step
        return Judgement(Fate.NO_STEP)
    own = step_of(case)
    if made == own:
        return Judgement(Fate.SAME_STEP)
    for step in _pair(made, own):
        if by := caught_by(step):
            return Judgement(Fate.REFUSED, by)
    return Judgement(Fate.SAME_LAYERS if _same_meaning(made, own) else Fate.ACCEPTED)


@contextmanager
def _ending() -> Iterator[None]:
    """Raises TimeoutError in what runs longer than any rule does: a broken loop need not end."""

    def over(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _pair(made: Step, own: Step) -> Iterator[Step]:
    """The mutant's rewrite under the rule's claim, and the rule's rewrite under the mutant's claim, where they differ."""
    places = own.before.output.symbols if own.view is View.SELECTED and own.kind is Kind.TRANSFORMATION else ()
    claimed = {s: own.to_before[s] for s in places}
    rewrite = replace(
        made,
        kind=own.kind,
        before=own.before,
        clauses=own.clauses,
        assume=own.assume,
        view=own.view,
        selected=own.selected,
        tables=own.tables,
        to_before=dict(made.to_before) | claimed,
    )
    claim = replace(
        own, clauses=made.clauses, assume=made.assume, view=made.view, selected=made.selected, tables=made.tables
    )
    return (step for step in (rewrite, claim) if step != own)


def caught_by(step: Step) -> str:
    """The first obligation that a step breaks; '' for none. Data that no obligation can be written about is not well formed."""
    try:
        return next((o.name for o in step_obligations(step) if not discharge(o).proved), "")
    except DeriveError:
        return "well formed"


def _same_meaning(made: Step, own: Step) -> bool:
    """Whether claim and result are the same at every small size, computed from their definitions."""
    for sizes in islice(small_sizes(own.after), _SIZES):
        try:
            if not (_same_claim(made, own, sizes) and _same_layers(made, own, sizes)):
                return False
        except (DeriveError, KeyError, ValueError, IndexError, TypeError):
            return False
    return True


def _same_claim(made: Step, own: Step, sizes: Sizes) -> bool:
    if made.clauses != own.clauses:
        maps = [ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in own.before.params]
        one, other = (Elimination(relations(step, own.before, maps, sizes)) for step in (made, own))
        if not (one.spans(other) and other.spans(one)):
            return False
    at = dict(sizes) | _places(own.before, sizes)
    conditions = ((made.selected, own.selected), (made.assume, own.assume))
    return all(bool(np.all(evaluate(x, at) == evaluate(y, at))) for x, y in conditions)


def _places(form: Form, sizes: Sizes) -> dict[Any, Any]:
    axes = (*form.output.axes, *form.reduction)
    return grid({a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes})


def _same_layers(made: Step, own: Step, sizes: Sizes) -> bool:
    """The same set of layers; of a transformation the same layer for the same parameters."""
    one, other = made.after, own.after
    if bool(evaluate(one.given, sizes)) != bool(evaluate(other.given, sizes)):
        return False
    if own.kind is not Kind.TRANSFORMATION:
        left, right = layers_of(one, sizes), layers_of(other, sizes)
        return left.spans(right) and right.spans(left)
    left, right = (matrix(form, labelled(form, sizes), sizes) for form in (one, other))
    return left.shape == right.shape and all(
        _monomials(x) == _monomials(y) for x, y in zip(left.ravel(), right.ravel(), strict=True)
    )


def _monomials(entry: Any) -> dict[Any, Any]:
    return entry.monomials() if isinstance(entry, Combination) else {(): entry} if entry else {}
