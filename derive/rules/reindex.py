"""Reindexing: name an input entry by its offset from the output's place.

    Σ_k W[o, k]·X[k]   ⟶   Σ_a V[o, a]·X[o + a]        where k = o + a

An equivalence: V[o, a] = W[o, o + a] and W[o, k] = V[o, k - o], so nothing is lost and nothing is won.
For each place o only offsets that land inside the input count.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Expr, Symbol

from derive.errors import RuleRefused
from derive.forms.dense import dense_form, offset_letters
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.forms.polyhedron import Polyhedron
from derive.forms.text import show
from derive.proof.step import ArrayMap, Kind, Step, SubStep
from derive.rules._maps import same_entries
from derive.rules._ranges import stated_axis
from derive.rules._rule import Case, rule

__all__ = ["reindex"]


@rule(Kind.EQUIVALENCE)
def reindex(form: Form) -> Step:
    """Replace the input's place k by the offset a = k - o along every grid axis."""
    old, offsets, places = _letters(form)
    forth = {k: o + a for k, o, a in zip(old, places, offsets, strict=True)}
    back = {a: k - o for k, o, a in zip(old, places, offsets, strict=True)}
    inside = Polyhedron.of(And(form.terms.xreplace(forth), form.given))
    new = dict(zip(old, offsets, strict=True))
    reduction = tuple(_axis(inside, new.get(axis.symbol), form, axis) for axis in form.reduction)
    (param,) = form.weights
    weight = _weight(form, param, reduction, inside)
    keep = {s: s for s in (*form.output.symbols, *form.reduction_symbols) if s not in old}
    array = weight.array
    after = replace(
        form,
        reduction=reduction,
        domain=_left(inside, form, reduction),
        weight=array.entry(),
        read=tuple(e.xreplace(forth) for e in form.read),
        weights=(weight,),
    )
    renamed = ", ".join(f"{show(k)} = {show(v)}" for k, v in forth.items())
    return Step(
        rule="",
        kind=Kind.EQUIVALENCE,
        statement=reindex.statement,
        reason=f"{renamed} renames the terms of the sum; the layer is the same.",
        before=form,
        after=after,
        embeddings=(
            ArrayMap(param.name, param.array.symbols, array.entry().xreplace(back)),
            *same_entries(form.biases),
        ),
        sections=(ArrayMap(array.name, array.symbols, param.array.entry().xreplace(forth)), *same_entries(form.biases)),
        to_before=keep | forth,
        to_after=keep | back,
        argument=tuple(SubStep("Put", k, v) for k, v in forth.items()),
    )


def _letters(form: Form) -> tuple[list[Symbol], tuple[Symbol, ...], list[Symbol]]:
    """The letters of the input's places, of the offsets and of the output's places, along each grid axis."""
    grid = form.grid(form.input)
    old = [form.read[p] for p in grid]
    whole = isinstance(form.weight, Read) and form.weight == form.weights[0].array.entry()
    if not whole or any(s not in form.reduction_symbols for s in old):
        raise RuleRefused("Rule 'reindex' starts from a sum over the input's own places, with one free weight each.")
    places = [form.output.symbols[p] for p in form.grid(form.output)]
    if len(places) != len(grid):
        raise RuleRefused(f"Offsets need as many grid axes in {form.output.name} as in {form.input.name}.")
    return old, offset_letters(len(grid), form.sizes), places


def _axis(inside: Polyhedron, offset: Symbol | None, form: Form, axis: Axis) -> Axis:
    """The range of an offset over all places, or the axis as it was."""
    if offset is None:
        return axis
    sizes = form.given.free_symbols
    shadow = inside.project(*(s for s in inside.symbols if s not in sizes and s != offset))
    return stated_axis(offset, shadow.bounds(offset), form)


def _left(inside: Polyhedron, form: Form, reduction: tuple[Axis, ...]) -> Expr:
    """The conditions on terms that the boxes of o and a don't say."""
    known = And(form.output.holds(), form.given, *(axis.holds() for axis in reduction))
    return inside.simplify(Polyhedron.of(known)).conditions


def _weight(form: Form, param: Param, reduction: tuple[Axis, ...], inside: Polyhedron) -> Param:
    """V over places, then offsets and input channels, then output channels."""
    channels = tuple(a for a in form.output.axes if a.role is Role.CHANNEL)
    places = tuple(a for a in form.output.axes if a.role is Role.GRID)
    array = Array("V", places + reduction + channels)
    free = inside.simplify(Polyhedron.of(And(array.holds(), form.given))).conditions
    return Param(array, free, tuple((s, s) for s in array.symbols))


EXAMPLE = Case(dense_form(rank=1), reindex())
COUNTEREXAMPLE = Case(dense_form(rank=1).with_weight("W[i, k]*U[i]"), reindex(), residue="one free weight")
