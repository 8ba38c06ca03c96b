"""Channels: every place carries C numbers in and D numbers out.

    Σ_k W[o, k]·X[k]   ⟶   Σ_k Σ_c W[o, d, k, c]·X[k, c]        where c < C and d < D

An extension: at C = D = 1 it is the layer before. It re-bases a derivation: the first form becomes dense with
channels, and every later step is taken, and proved, again on it.
"""

from __future__ import annotations

from sympy import And, Eq, Integer, Symbol

from derive.errors import RuleRefused
from derive.forms.arguments import is_name, said
from derive.forms.dense import Channels, dense_form
from derive.forms.expr import Read
from derive.forms.form import Array, Form, Role
from derive.proof.step import ArrayMap, Kind, Step, SubStep
from derive.rules._rule import Case, rule

__all__ = ["channels"]


@rule(Kind.EXTENSION)
def channels(form: Form, inputs: str = "C", outputs: str = "D", groups: str | None = None) -> Step:
    """Give the dense layer input and output channels, all connected; with `groups`, that many groups of each."""
    if any(axis.role is Role.CHANNEL for axis in (*form.input.axes, *form.output.axes)):
        raise RuleRefused("Rule 'channels' adds channels once, and this form has them already.")
    source, places = _sizes(form.input), bool(form.output.axes)
    target = _sizes(form.output) if places else source
    if not source or not target or form != dense_form(outputs=target, inputs=source, places=places):
        raise RuleRefused("Rule 'channels' extends the dense layer on a grid, where a derivation starts.")
    many = _channels(inputs, outputs, groups)
    if taken := [s.name for s in many.sizes if s in form.sizes]:
        raise RuleRefused(
            f"Rule 'channels' needs a name of its own for the channels; {taken[0]} is a size of the grid."
        )
    after = dense_form(outputs=target, inputs=source, channels=many, places=places)
    one = {letter: Integer(0) for letter in many.letters}
    same = {s: s for s in (*form.output.symbols, *form.reduction_symbols)}
    pairs = list(zip(form.params, after.params, strict=True))
    sizes = " = ".join(size.name for size in many.sizes)
    return Step(
        rule="",
        kind=Kind.EXTENSION,
        statement=channels.statement,
        reason=f"Every place has several numbers in and out; at {sizes} = 1 it is the layer before.",
        before=form,
        after=after,
        embeddings=tuple(ArrayMap(p.name, p.array.symbols, q.array.entry().xreplace(one)) for p, q in pairs),
        sections=tuple(ArrayMap(q.name, q.array.symbols, p.array.entry()) for p, q in pairs),
        to_before=same,
        to_after=same | one,
        assume=And(*(Eq(size, 1) for size in many.sizes)),
        argument=(
            SubStep(
                f"At {sizes} = 1 the only channel is 0",
                Read("W", *(s.xreplace(one) for s in after.weights[0].array.symbols)),
                form.weight,
            ),
        ),
    )


def _sizes(array: Array) -> tuple[str | int, ...] | None:
    """The array's sizes, by name, as numbers or as multiples of a name; None where one is none of these."""
    extents = tuple(axis.extent for axis in array.axes)
    if not all(isinstance(e, Integer) or isinstance(e.as_coeff_Mul()[1], Symbol) for e in extents):
        return None
    return tuple(int(e) if isinstance(e, Integer) else str(e) for e in extents)


def _channels(inputs: str, outputs: str, groups: str | None) -> Channels:
    if wrong := [name for name in (inputs, outputs, groups) if name is not None and not is_name(name)]:
        raise RuleRefused(
            f"Rule 'channels' takes names for the numbers of channels, such as C; {said(wrong[0])} is none."
        )
    within = Channels((("c", inputs),), (("d", outputs),))
    if groups is None:
        return within
    return Channels((("g", groups), *within.inputs), (("f", groups), *within.outputs))


EXAMPLE = Case(dense_form(rank=1), channels())
COUNTEREXAMPLE = Case(dense_form(rank=1, channels=Channels()), channels(), residue="has them already")
