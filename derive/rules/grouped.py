"""Groups: a channel sees only the channels of its own group.

    Σ_g W[p(o, f), q(g)]·X[ι(o), g]   ⟶   Σ W[p(o, f)]·X[ι(o), f]        where c(o, f; k, g) = 0 unless f = g

for an output axis f and an input axis g of the same size. A restriction: it keeps exactly the layers that don't mix groups.
With one channel a group it is depthwise.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import And, Eq, Integer, Ne, Symbol

from derive.errors import RuleRefused
from derive.forms.dense import Channels, dense_form
from derive.forms.expr import Read, Where, index
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import instance_at_reader, same_entries
from derive.rules._rule import Case, rule

__all__ = ["grouped"]


@rule(Kind.RESTRICTION)
def grouped(form: Form, output: str = "f", inputs: str = "g") -> Step:
    """Connect only equal values of two channel axes, named by their letters: groups (f, g), or depthwise (d, c)."""
    if len(form.weights) != 1 or not isinstance(form.weight, Read):
        raise RuleRefused("Rule 'grouped' drops free weights; this form's weight is not one free entry.")
    f, g = _axes(form, output, inputs)
    (param,) = form.weights
    weight = _param(param, f, g)
    equal = {g.symbol: f.symbol}
    entry = weight.array.entry()
    after = replace(
        form,
        reduction=tuple(axis for axis in form.reduction if axis.symbol != g.symbol),
        domain=form.domain.xreplace(equal),
        weight=entry.xreplace(dict(zip(weight.array.symbols, _subscripts(form, g), strict=True))).xreplace(equal),
        read=tuple(e.xreplace(equal) for e in form.read),
        weights=(weight,),
    )
    letters = (*form.output.symbols, *after.reduction_symbols)
    kept = Where(Eq(f.symbol, g.symbol), entry, 0)
    biases = same_entries(form.biases)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=grouped.statement,
        reason=f"Weights between different groups are 0, so of the sum over {g.symbol} one term is left.",
        before=form,
        after=after,
        embeddings=(ArrayMap(param.name, param.array.symbols, kept), *biases),
        sections=(ArrayMap(weight.name, weight.array.symbols, param.array.entry().xreplace(equal)), *biases),
        to_before={s: s for s in letters} | equal,
        to_after={s: s for s in letters},
        clauses=_clauses(form, f, g),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("Between different groups a coefficient is 0", param.array.entry(), kept),),
    )


@grouped.constraint
def clauses(form: Form, output: str = "f", inputs: str = "g") -> tuple[Clause, ...]:
    """The coefficients between different groups are 0."""
    return _clauses(form, *_axes(form, output, inputs))


def _axes(form: Form, output: str, inputs: str) -> tuple[Axis, Axis]:
    """The two channel axes. Raises RuleRefused where they are missing or differ in size."""
    found = []
    for array, letter in ((form.output, output), (form.input, inputs)):
        axes = [a for a in array.axes if a.symbol == index(letter) and a.role is Role.CHANNEL]
        if not axes:
            raise RuleRefused(f"Rule 'grouped' needs a channel axis '{letter}' of {array.name}; it has none.")
        found.append(axes[0])
    f, g = found
    if f.extent != g.extent:
        raise RuleRefused(
            f"Rule 'grouped' needs as many {f.symbol} as {g.symbol}; there are {f.extent} and {g.extent}."
        )
    return f, g


def _param(param: Param, f: Axis, g: Axis) -> Param:
    axes = tuple(axis for axis in param.array.axes if axis.symbol != g.symbol)
    reader = tuple((s, e.xreplace({g.symbol: f.symbol})) for s, e in param.reader if s != g.symbol)
    return Param(Array(param.name, axes), param.free.xreplace({g.symbol: f.symbol}), reader)


def _subscripts(form: Form, g: Axis) -> tuple[Symbol, ...]:
    (param,) = form.weights
    assert isinstance(form.weight, Read)
    pairs = zip(param.array.symbols, form.weight.subscripts, strict=True)
    return tuple(value for letter, value in pairs if letter != g.symbol)


def _clauses(form: Form, f: Axis, g: Axis) -> tuple[Clause, ...]:
    inside = And(form.output.holds(), form.input.holds(), Ne(f.symbol, g.symbol))
    places = ", ".join(s.name for s in form.output.symbols), ", ".join(s.name for s in form.input.symbols)
    coefficient = form.coefficient(form.input.symbols)
    law = f"c({places[0]}; {places[1]}) = 0 unless {f.symbol} = {g.symbol}"
    return (Clause(law, (*form.output.symbols, *form.input.symbols), inside, coefficient, Integer(0)),)


_DENSE = dense_form(rank=1, channels=Channels((("c", "C"),), (("d", "C"),)))
EXAMPLE = Case(_DENSE, grouped("d", "c"))
COUNTEREXAMPLE = Case(dense_form(rank=1, channels=Channels()), grouped("d", "c"), residue="there are D and C")
