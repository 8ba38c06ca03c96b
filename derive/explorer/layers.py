"""From a setting to its layer: derived and proved step by step; a refusal leaves the layer before it.

Settings that begin alike share the steps that they have in common, and those that end in one layer share all that is shown of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from derive.claims import same_layer
from derive.derivation import Derivation, dense
from derive.errors import DeriveError, ObligationFailed, RuleRefused
from derive.explorer.settings import Setting
from derive.forms.equation import formula
from derive.rules._rule import Application

__all__ = ["Outcome", "Refusal", "Shared", "outcome"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which of the rules was refused, the engine's sentence, and the counterexample where the engine gave one apart."""

    place: int
    rule: str
    says: str
    counterexample: str = ""


@dataclass(frozen=True)
class Outcome:
    """The layer of a setting; where a constraint was refused, that of the constraints before it."""

    setting: Setting
    derivation: Derivation
    refusal: Refusal | None = None


def outcome(chosen: Setting) -> Outcome:
    """What the engine makes of a setting."""
    rules = chosen.rules
    reached = _reached(chosen.axes, tuple(rule for _, rule in rules))
    if isinstance(reached, Derivation):
        return Outcome(chosen, reached)
    word = rules[reached.place][0]
    if word in chosen.words:
        before = outcome(chosen.until(chosen.words.index(word)))
        return Outcome(chosen, before.derivation, reached)
    kept = _reached(chosen.axes, tuple(rule for _, rule in rules[: reached.place]))
    assert isinstance(kept, Derivation)
    return Outcome(chosen, kept, reached)


@lru_cache(maxsize=4096)
def _reached(axes: int, rules: tuple[Application, ...]) -> Derivation | Refusal:
    if not rules:
        return dense(rank=axes)
    before = _reached(axes, rules[:-1])
    if isinstance(before, Refusal):
        return before
    try:
        return before.then(rules[-1])
    except DeriveError as refused:
        found = getattr(refused, "counterexample", None)
        return Refusal(len(rules) - 1, str(rules[-1]), str(refused), "" if found is None else str(found))


class Shared:
    """Layers as they are met: a layer that is one of those already is told to be that one."""

    def __init__(self) -> None:
        self._by_form: dict[object, Derivation] = {}
        self._by_formula: dict[str, list[Derivation]] = {}

    def of(self, derivation: Derivation) -> Derivation:
        """The first layer that was met which this one is: by its form letter by letter, or by a proof."""
        form = derivation.form
        if form not in self._by_form:
            known = self._by_formula.setdefault(formula(form), [])
            first = next((other for other in known if _same(derivation, other)), derivation)
            if first is derivation:
                known.append(derivation)
            self._by_form[form] = first
        return self._by_form[form]


def _same(one: Derivation, other: Derivation) -> bool:
    try:
        return same_layer(one, other).proved
    except (RuleRefused, ObligationFailed):
        return False
