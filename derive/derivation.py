"""A derivation: a first form, the rules applied to it, and the proof of every step.

`then` applies a rule and discharges what must be proved of it; a step whose obligations do not all hold is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Symbol

from derive.errors import DeriveError, ObligationFailed
from derive.forms.dense import dense_form
from derive.forms.evaluate import evaluate, grid
from derive.forms.form import Form
from derive.forms.sizes import numeric_sizes
from derive.proof.counterexample import smallest_model
from derive.proof.counts import Counts
from derive.proof.goal import Status, Verdict
from derive.proof.obligations import form_obligations, step_obligations
from derive.proof.solver import discharge_all
from derive.proof.step import Kind, Step, View, substitute
from derive.rules._rule import Application

if TYPE_CHECKING:
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


def _prove(step: Step) -> ProvedStep:
    verdicts = discharge_all(step_obligations(step))
    for verdict in verdicts:
        if not verdict.proved:
            raise ObligationFailed(_refusal(step, verdict))
    return ProvedStep(step, verdicts)


def _refusal(step: Step, verdict: Verdict) -> str:
    text = f"Rule '{step.rule}' refused: its obligation '{verdict.obligation.name}' is {verdict.status.value}"
    if verdict.status is not Status.REFUTED or verdict.goal is None:
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
        verdicts = discharge_all(form_obligations(start))
        for verdict in verdicts:
            if not verdict.proved:
                raise ObligationFailed(f"The form's obligation '{verdict.obligation.name}' is {verdict.status.value}.")
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
        proved = _prove(application.apply(self.form))
        return Derivation(self.start, self.start_verdicts, (*self.steps, proved), (*self.applications, application))

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
    def reference_maps(self) -> dict[str, Expr]:
        """The dense weights and biases in terms of the layer's parameters: the embeddings, composed."""
        later = [s for s in self.steps if s.kind is not Kind.EXTENSION]
        maps: dict[str, Expr] = {p.name: p.array.entry() for p in self.dense.params}
        for proved in later:
            maps = {name: substitute(value, proved.step.embeddings) for name, value in maps.items()}
        return maps

    def reference(self, *, shape: tuple[int, ...], **arrays: Any) -> tuple[np.ndarray, np.ndarray]:
        """Dense W and U of a grid of that shape, for the given parameters (`V=..., u=...`).

        Composed from the embeddings alone, in the arrays' own arithmetic. Raises DeriveError for
        a missing or unknown parameter, or shapes that do not fit.
        """
        return reference(self, tuple(shape), arrays)

    def certificate(self) -> dict[str, Any]:
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

    def __repr__(self) -> str:
        return " ⟶ ".join(["dense", *(s.rule for s in self.steps)])


def reference(layer: Derivation, shape: tuple[int, ...], arrays: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """See `Derivation.reference`."""
    form, dense_layer = layer.form, layer.dense
    values = {name: np.asarray(array) for name, array in arrays.items()}
    wanted = [p.name for p in form.params]
    if sorted(values) != sorted(wanted):
        raise DeriveError(f"The layer's parameters are {', '.join(wanted)}; given were {', '.join(values) or 'none'}.")
    given = _grid_sizes(form, shape)
    shapes = {name: array.shape for name, array in values.items()}
    sizes: dict[Symbol, int] = numeric_sizes(form, shapes, **given)
    from derive.forms.denote import entry_reader

    read = entry_reader(form, values, sizes)
    maps = layer.reference_maps
    out = []
    for param in dense_layer.params:
        box = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in param.array.axes}
        places = dict(sizes) | grid(box)
        entries = evaluate(maps[param.name], places, read)
        out.append(np.array(np.broadcast_to(entries, tuple(high - low + 1 for low, high in box.values()))))
    for proved in layer.steps:
        if proved.kind is Kind.TRANSFORMATION:
            out = _viewed(proved.step, out, sizes)
    return out[0], out[1]


def _viewed(step: Step, dense: list[np.ndarray], sizes: dict[Symbol, int]) -> list[np.ndarray]:
    """Dense weights and biases of what a transformation makes of the layer with these."""
    W, U = dense
    rank = len(step.before.output.axes)
    if step.view is View.ADJOINT:
        turned = np.transpose(W, (*range(rank, W.ndim), *range(rank)))
        return [turned, np.zeros(turned.shape[: W.ndim - rank], dtype=W.dtype)]
    if step.view is not View.SELECTED:
        raise DeriveError("A gradient has no dense layer: it is linear in the output's gradient and in X.")
    box = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in step.after.output.axes}
    places = dict(sizes) | grid(box)
    at = tuple(
        np.asarray(evaluate(step.to_before[a.symbol], places)) - int(evaluate(a.lower, sizes))
        for a in step.before.output.axes
    )
    return [W[at], U[at]]


def _grid_sizes(form: Form, shape: tuple[int, ...]) -> dict[str, int]:
    grid_axes = [form.input.axes[p] for p in form.grid(form.input)]
    if len(grid_axes) != len(shape):
        raise DeriveError(f"The grid has {len(grid_axes)} axes; shape {shape} has {len(shape)}.")
    sizes: dict[str, int] = {}
    for axis, extent in zip(grid_axes, shape, strict=True):
        (size,) = axis.extent.free_symbols
        sizes[size.name] = int(extent)
    return sizes


def dense(rank: int = 2, outputs: str | None = None, inputs: str | None = None, places: bool = True) -> Derivation:
    """The fully connected layer on a grid of `rank` axes: H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l].

    `outputs` and `inputs` name two different sizes for a layer of rank 1. Without `places` the output has none:
    H = U + Σ_k Σ_l W[k, l]·X[k, l], as in pooling.
    """
    return Derivation.begin(dense_form(rank, outputs, inputs, places=places))
