"""What becomes of a mutated rule: its step is refused by an obligation, or is the rule's own step in other words, with evidence.

The claim is held fixed. A rule that states another constraint and does just that is another rule, rightly proved; so the mutant's
rewrite is judged under the claim of the rule as it is, and the mutant's claim on the rewrite as it is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Any

import numpy as np

from derive.checking import small_sizes
from derive.errors import DeriveError
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge
from derive.proof.step import ArrayMap, Kind, Step, View
from derive.registry import names
from tests.proof.spans import Combination, Elimination, Sizes, labelled, layers_of, relations
from tests.rules.judged import cases, own_step, ran, step_of
from tests.rules.source_mutants import SourceMutant
from tests.rules.worlds import World

__all__ = ["Fate", "Judgement", "caught_by", "judge"]

_SIZES, _SECONDS = 5, 3


class Fate(Enum):
    """What a mutant comes to, the most telling last."""

    UNUSED = "no case reaches it"
    SAME_STEP = "the same step"
    SAME_LAYERS = "another step to the same layers, at every small size"
    NO_STEP = "no step"
    ENDLESS = "no step, as it does not end"
    REFUSED = "refused by an obligation"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fate, and the obligation that refused."""

    fate: Fate
    by: str = ""


def judge(mutant: SourceMutant) -> Judgement:
    """The worst that a mutant comes to in any rule and case that runs its line."""
    found, world = [Judgement(Fate.UNUSED)], World(mutant)
    at = {(mutant.module, line) for line in mutant.lines}
    for rule in names("derive.rules"):
        if not world.touches(f"derive.rules.{rule}") and not mutant.module.startswith("derive.groups."):
            continue
        for position in range(len(cases(rule))):
            if not at & ran(rule, position):
                continue
            judgement = _judged(world, rule, position)
            if judgement.fate in (Fate.REFUSED, Fate.ACCEPTED, Fate.ENDLESS):
                return judgement
            found.append(judgement)
    order = list(Fate)
    return max(found, key=lambda j: order.index(j.fate))


def _judged(world: World, rule: str, position: int) -> Judgement:
    try:
        with _ending():
            made = step_of(cases(rule)[position], world)
    except TimeoutError:
        return Judgement(Fate.ENDLESS)
    except Exception:  # noqa: BLE001  a broken rule may fail in any way: it makes no step
        return Judgement(Fate.NO_STEP)
    own = own_step(rule, position)
    if made == own:
        return Judgement(Fate.SAME_STEP)
    if by := next(filter(None, map(caught_by, _pair(made, own))), ""):
        return Judgement(Fate.REFUSED, by)
    return Judgement(Fate.SAME_LAYERS if _same_meaning(made, own) else Fate.ACCEPTED)


@contextmanager
def _ending() -> Iterator[None]:
    """Raises TimeoutError in what computes for longer than any rule does: a broken loop need not end."""

    def over(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


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
