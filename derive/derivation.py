"""A derivation: a first form, the rules applied to it, and the proof of every step.

`then` applies a rule and discharges what must be proved of it; a step whose obligations do not all hold is refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr

from derive.errors import DeriveError, ObligationFailed, RuleRefused, StatedEarly, StatedLate
from derive.forms.dense import Channels, Names, dense_form
from derive.forms.form import Form, Table
from derive.groups._group import Composed
from derive.proof.counterexample import smallest_model
from derive.proof.counts import Counts
from derive.proof.everywhere import Everywhere
from derive.proof.folding import carried
from derive.proof.goal import Status, Verdict
from derive.proof.obligations import form_obligations, step_obligations
from derive.proof.solver import discharge_all
from derive.proof.step import Kind, Step
from derive.proof.unsound import misread, unsound
from derive.proof.wellformed import misnamed
from derive.rules._cut import told
from derive.rules._rule import Application
from derive.rules.equivariant import equivariant

if TYPE_CHECKING:
    from derive.proof.certificate import Certificate
    from derive.proof.theorem import Theorem

__all__ = ["Counts", "Derivation", "ProvedStep", "dense"]


@dataclass(frozen=True, slots=True)
class ProvedStep:
    """A step with the verdicts on its obligations."""

    step: Step
    verdicts: tuple[Verdict, ...]

    @property
    def rule(self) -> str:
        """The rule and its arguments, as typed."""
        return self.step.rule

    @property
    def kind(self) -> Kind:
        """What the rule does to the set of layers."""
        return self.step.kind

    @property
    def statement(self) -> str:
        """The rule's before ⟶ after."""
        return self.step.statement

    @property
    def before(self) -> Form:
        """The form that the rule was applied to."""
        return self.step.before

    @property
    def after(self) -> Form:
        """The form that it gave."""
        return self.step.after

    @property
    def embedding(self) -> dict[str, Expr]:
        """The parameters before, at their own letters, in terms of those after."""
        return {m.array: m.value for m in self.step.embeddings}

    @property
    def obligations(self) -> tuple[Verdict, ...]:
        """What had to be proved, with verdicts."""
        return self.verdicts

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from derive.render.notebook import step_html

        return step_html(self)

    def _repr_latex_(self) -> str:
        """The equation before and after."""
        from derive.render.notebook import step_latex

        return step_latex(self)


def _prove(step: Step) -> ProvedStep:
    verdicts = discharge_all(step_obligations(step))
    for verdict in verdicts:
        if not verdict.proved:
            raise ObligationFailed(_refusal(step, verdict), shown=partial(unsound, step, verdict.obligation.name))
    return ProvedStep(step, verdicts)


def _refusal(step: Step, verdict: Verdict) -> str:
    text = f"Rule '{step.rule}' refused: its obligation '{verdict.obligation.name}' is {verdict.status.value}"
    if verdict.status is not Status.REFUTED or verdict.goal is None or isinstance(verdict.goal, Everywhere):
        return f"{text}."
    goal = verdict.goal
    found = goal.show.free_symbols.union(*(f.free_symbols for f in goal.given))
    sizes = [s.name for s in step.after.sizes if s in found]
    rest = sorted(s.name for s in found if s.name not in sizes)
    model = smallest_model(goal, sizes, rest)
    return f"{text}, at {', '.join(f'{k} = {v}' for k, v in model.items())}."


@dataclass(frozen=True)
class Derivation:
    """A layer with its argument: `start`, then `steps`, ending in `form`."""

    start: Form
    start_verdicts: tuple[Verdict, ...]
    steps: tuple[ProvedStep, ...] = ()
    applications: tuple[Application, ...] = ()

    @classmethod
    def begin(cls, start: Form) -> Derivation:
        """A derivation of no steps. Raises ObligationFailed for a form that is not well made."""
        if (why := misnamed(start)) is not None:
            raise RuleRefused(f"{why}.")
        verdicts = discharge_all(form_obligations(start))
        for verdict in verdicts:
            if not verdict.proved:
                raise ObligationFailed(
                    f"The form's obligation '{verdict.obligation.name}' is {verdict.status.value}.",
                    shown=partial(misread, start) if verdict.obligation.name == "free" else None,
                )
        return cls(start, verdicts)

    def then(self, application: Application) -> Derivation:
        """The derivation with one more step, proved.

        An extension is applied to the first form, and the other steps are taken again on the result.
        Raises RuleRefused where the rule does not apply, ObligationFailed where a proof fails.
        """
        if not isinstance(application, Application):
            raise DeriveError(f"'then' takes a rule with its arguments, such as derive.reindex(); not {application!r}.")
        if application.rule.kind is Kind.EXTENSION:
            first = Derivation.begin(self.start)._add(application)
            for later in self.applications:
                first = first._add(later)
            return first
        return self._add(application)

    def _add(self, application: Application) -> Derivation:
        if (joined := self._joined(application)) is not None:
            return joined
        try:
            return self._with_parts(application)
        except (StatedLate, ObligationFailed) as cause:
            if application.rule.kind is Kind.RESTRICTION or isinstance(cause, StatedLate):
                return self._earlier(application, cause)
            raise

    def _next(self, application: Application) -> Derivation:
        """One step more, in the order that it is stated in."""
        try:
            step = application.apply(self.form)
        except (StatedEarly, StatedLate):
            raise
        except RuleRefused as cause:
            stated = [(s.before, a) for s, a in zip(self.steps, self.applications, strict=True) if a.group is not None]
            raise told(cause, application, stated) from cause
        if (why := misnamed(step.after)) is not None:
            raise RuleRefused(f"Rule '{step.rule}' refused: {why}.")
        proved = _prove(step)
        return Derivation(self.start, self.start_verdicts, (*self.steps, proved), (*self.applications, application))

    def _with_parts(self, application: Application) -> Derivation:
        """One step more, after the groups that its own comes with where it needs them."""
        try:
            return self._next(application)
        except StatedEarly:
            parts = application.group.parts() if isinstance(application.group, Composed) else ()
            if not parts:
                raise
        return reduce(Derivation._add, map(equivariant, parts), self)._next(application)

    def _joined(self, application: Application) -> Derivation | None:
        """A symmetry stated as one with an earlier one, in whose place both stand together; None where that can't be done."""
        for late in reversed(range(len(self.steps))):
            if self.steps[late].kind is not Kind.RESTRICTION:
                break
            if (both := application.together(self.applications[late], self.steps[late].before)) is not None:
                with suppress(RuleRefused):
                    return reduce(Derivation._add, (both, *self.applications[late + 1 :]), self._until(late))
        return None

    def _until(self, late: int) -> Derivation:
        """The derivation before that step."""
        return replace(self, steps=self.steps[:late], applications=self.applications[:late])

    def _earlier(self, application: Application, cause: DeriveError) -> Derivation:
        """The constraint before the latest constraints that let it be, all proved in that order: in any they leave the same layers.

        Where there is none, raises what the first order of all is refused with, or the cause where steps are no constraints.
        """
        last = cause
        for late in reversed(range(len(self.steps))):
            if self.steps[late].kind is not Kind.RESTRICTION:
                break
            try:
                return reduce(Derivation._with_parts, (application, *self.applications[late:]), self._until(late))
            except RuleRefused as refusal:
                own = isinstance(cause, StatedLate) or application.group is None
                last = refusal if own and not isinstance(refusal, StatedLate) else cause
            except ObligationFailed:
                last = cause
        raise last

    @property
    def form(self) -> Form:
        """The last form."""
        return self.steps[-1].after if self.steps else self.start

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every verdict, those on the first form included."""
        return self.start_verdicts + tuple(v for s in self.steps for v in s.verdicts)

    @cached_property
    def counts(self) -> Counts:
        """How many numbers the layer has to learn."""
        return Counts.of(self.form)

    @property
    def free_parameters(self) -> dict[str, Any]:
        """Free weights and biases, and the condition on the sizes under which those are the numbers.

        After a factorisation also the dimension of the weights that it reaches, where that is known.
        """
        numbers = {"weight": self.counts.weight, "bias": self.counts.bias, "when": self.counts.when}
        if self.counts.dimension is not None:
            numbers["dimension"] = self.counts.dimension
        return numbers

    def free_parameters_at(self, **sizes: int) -> dict[str, int]:
        """The exact numbers of free weights and biases at these sizes, as in `n=480, m=640, Delta=1`, whatever the condition.

        Raises DeriveError for a size without a value, one that no array has, and one that the layer does not admit.
        """
        from derive.proof.sized import free_at

        if unknown := sorted(set(sizes).difference(s.name for s in self.form.sizes)):
            known = ", ".join(s.name for s in self.form.sizes) or "none"
            raise DeriveError(f"The layer has no size {unknown[0]}; its sizes are: {known}.")
        weight, bias = free_at(self.form, self.counts, sizes)
        return {"weight": weight, "bias": bias}

    @property
    def equation(self) -> Any:
        """The layer as a SymPy equation."""
        from derive.forms.equation import equation

        return equation(self.form)

    @property
    def dense(self) -> Form:
        """The dense form whose weights `reference` gives: the first one after the last extension."""
        forms = [s.after for s in self.steps if s.kind is Kind.EXTENSION]
        return forms[-1] if forms else self.start

    @property
    def tables(self) -> tuple[Table, ...]:
        """What the embeddings of all steps are read from."""
        return tuple(dict.fromkeys(t for s in self.steps for t in (*s.after.tables, *s.step.tables)))

    @property
    def reference_maps(self) -> dict[str, Expr]:
        """The dense weights and biases in terms of the layer's parameters: the embeddings, composed."""
        later = [s for s in self.steps if s.kind is not Kind.EXTENSION]
        maps: dict[str, Expr] = {p.name: p.array.entry() for p in self.dense.params}
        for proved in later:
            maps = {name: carried(value, proved.step) for name, value in maps.items()}
        return maps

    def reference(self, *, shape: tuple[int, ...], **arrays: Any) -> tuple[np.ndarray, np.ndarray]:
        """Dense W and U of a grid of that shape, for the given parameters (`V=..., u=...`); sizes that neither tells, `C=3`.

        The grid is that of the input: behind a composition, the inner layer's. Composed from the embeddings alone, in the
        arrays' own arithmetic, and seen as the transformations say. Raises
        DeriveError for a missing or unknown parameter, shapes that do not fit, and layers that have no dense weights.
        """
        from derive.reference import reference

        return reference(self, shape, arrays)

    def certificate(self) -> Certificate:
        """The derivation as data that any SMT solver can re-check: see `derive.proof.certificate`."""
        from derive.proof.certificate import certificate

        proved = [[v.obligation for v in part] for part in (self.start_verdicts, *(s.verdicts for s in self.steps))]
        return certificate(self.start, tuple(s.step for s in self.steps), proved)

    @property
    def theorem(self) -> Theorem:
        """What the steps prove together: first form, last form, constraints, counts."""
        from derive.proof.theorem import theorem

        return theorem(self.start, tuple(s.step for s in self.steps))

    def compile(self, backend: str = "numpy", **sizes: int) -> Any:
        """A callable for this layer, with `.source`; sizes that shapes do not tell may be fixed by keyword."""
        from derive.pipeline import compile_layer

        return compile_layer(self, backend, sizes)

    def _repr_html_(self) -> str:
        """What a notebook shows: every step, with its counts and proofs."""
        from derive.render.notebook import derivation_html

        return derivation_html(self)

    def _repr_latex_(self) -> str:
        """The form at every stage."""
        from derive.render.notebook import derivation_latex

        return derivation_latex(self)

    def __repr__(self) -> str:
        return " ⟶ ".join(["dense", *(s.rule for s in self.steps)])


def dense(
    rank: int = 2,
    outputs: Names | None = None,
    inputs: Names | None = None,
    places: bool = True,
    channels: Channels | None = None,
) -> Derivation:
    """The fully connected layer on a grid of `rank` axes: H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l].

    `outputs` and `inputs` name the sizes, one or a tuple, where they are to differ or to agree, or give them as numbers.
    Without `places` the output has none: H = U + Σ_k Σ_l W[k, l]·X[k, l], as in pooling. `channels` are axes without places.
    """
    return Derivation.begin(dense_form(rank, outputs, inputs, channels, places))
