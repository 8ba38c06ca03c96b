"""A mask on weights that tables tie: whole orbits are kept or dropped, and the table numbers those that are kept.

Σ_k S[o, k]·V[T[o, k]]·X[k]   ⟶   Σ_{k : (o, k) inside} S[o, k]·V[L[o, k]]·X[k]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import And, Expr, Integer, Not, Symbol, false

from derive.errors import OrbitCut, RuleRefused
from derive.forms.conditions import simplified
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, map_reads
from derive.forms.form import Array, Axis, Form, Param, Table
from derive.forms.products import weighted
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import instance_at_reader, same_entries, same_letters

__all__ = ["masked"]


def masked(form: Form, near: Any, clauses: tuple[Clause, ...], named: str) -> Step:
    """Drop the orbits outside; `near` is the condition on output and input places, in the form's letters.

    Raises RuleRefused for weights that are tied otherwise, and for a mask that cuts an orbit in two.
    """
    numbers, letter = _tabled(form)
    (param,) = form.weights
    labels = np.array(numbers.values)
    live = _where(form.domain, numbers) & (_signs(form, numbers) != 0)
    inside = _where(near, numbers)
    met = [np.unique(labels[part & live]) for part in (inside, ~inside)]
    if cut := sorted({*met[0].tolist()} & {*met[1].tolist()}):
        said = _cut(numbers, labels, inside & live, ~inside & live, int(cut[0]), named)
        raise OrbitCut(said, replace(form, domain=And(form.domain, near)))
    tie = _Renamed.of(form, param, numbers, letter, met[0])
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement="",
        reason=f"Inputs outside {named} have coefficient 0, so orbits of pairs outside fall out of the sum.",
        before=form,
        after=_after(form, near, tie, numbers),
        embeddings=(ArrayMap(param.name, param.array.symbols, tie.embedding), *same_entries(form.biases)),
        sections=(*tie.sections, *same_entries(form.biases)),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=tuple(replace(c, given=And(form.live, Not(near)), left=form.weight) for c in clauses),
        instances=(instance_at_reader(form, param),),
        argument=(SubStep("Outside the support a coefficient is 0", param.array.entry(), tie.embedding),),
        tables=tie.tables,
    )


def _tabled(form: Form) -> tuple[Table, Symbol]:
    """The table that numbers the entry that a term reads, and the letter of numbers."""
    tables = {t.name: t for t in form.tables}
    product = weighted(form.weight, tables)
    if product is not None and len(product.factors) == len(form.weights) == 1 and form.read == form.input.symbols:
        entry = product.factors[0]
        first, *rest = entry.subscripts
        plain = not any(e.has(Read) for e in rest) and isinstance(first, Read) and first.array in tables
        if plain and first.subscripts == tables[first.array].array.symbols:
            return tables[first.array], form.weights[0].array.symbols[0]
    raise RuleRefused(
        f"Rule 'local' drops orbits that one table numbers; the weight '{form.weight}' is tied otherwise."
    )


def _where(condition: Any, numbers: Table) -> np.ndarray:
    """At which entries of the table a condition holds. Raises RuleRefused for one in symbols, or about other letters."""
    at = grid({a.symbol: (int(a.lower), int(a.upper)) for a in numbers.array.axes})
    if not condition.free_symbols <= set(at):
        loose = min(s.name for s in condition.free_symbols - set(at))
        raise RuleRefused(f"Rule 'local' restricts a table at numeric sizes; '{loose}' is a symbol.")
    shape = [int(e) for e in numbers.array.shape]
    found = np.broadcast_to(evaluate(condition, at), shape)
    return np.array(found, bool).ravel()


def _signs(form: Form, numbers: Table) -> np.ndarray:
    """The sign of each pair: 0 where a sign forces the entry to vanish."""
    held = {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in form.tables}
    at = grid({a.symbol: (int(a.lower), int(a.upper)) for a in numbers.array.axes})
    product = weighted(form.weight, held)
    assert product is not None
    signs = evaluate(product.times, at, lambda name, *p: held[name][p])
    return np.array(np.broadcast_to(signs, [int(e) for e in numbers.array.shape])).ravel()


def _cut(numbers: Table, labels: np.ndarray, inside: np.ndarray, outside: np.ndarray, orbit: int, named: str) -> str:
    shape = [int(e) for e in numbers.array.shape]
    pairs = [np.unravel_index(int(np.flatnonzero(part & (labels == orbit))[0]), shape) for part in (inside, outside)]
    letters = ", ".join(s.name for s in numbers.array.symbols)
    here, there = (f"({', '.join(str(int(p)) for p in pair)})" for pair in pairs)
    return (
        f"Rule 'local' refused: the pairs ({letters}) = {here} and {there} have one weight by a symmetry stated before, and only "
        f"{here} is in {named}; the support must be kept by the symmetry."
    )


@dataclass(frozen=True, slots=True)
class _Renamed:
    """The orbits that are kept, numbered anew, with the tables from the old numbers to the new ones and back."""

    param: Param | None
    numbers: Table | None
    embedding: Expr
    sections: tuple[ArrayMap, ...]
    tables: tuple[Table, ...]
    readers: tuple[Table, ...]

    @classmethod
    def of(cls, form: Form, param: Param, numbers: Table, letter: Symbol, kept: np.ndarray) -> _Renamed:
        if not len(kept):
            return cls(None, None, Integer(0), (), (), ())
        taken = {t.name for t in form.tables} | {p.name for p in form.params} | {form.input.name, form.output.name}
        again = (
            "_" + numbers.name[1:] if numbers.name.startswith("L") else ""
        )  # tables of one derivation have names of their own
        old, *rest = param.array.axes
        new = Axis(letter, Integer(0), Integer(len(kept) - 1))
        count = int(old.extent)
        places = np.searchsorted(kept, np.arange(count)).clip(max=len(kept) - 1)
        is_kept = np.isin(np.arange(count), kept)
        onto = Table(Array(_fresh("N" + again, taken), (old,)), _whole(np.where(is_kept, places, 0)))
        alive = Table(Array(_fresh("K" + again, taken), (old,)), _whole(is_kept))
        back = Table(Array(_fresh("B" + again, taken), (new,)), _whole(kept))
        labels = np.array(numbers.values)
        named = Table(
            Array(_fresh("L" + again, taken), numbers.array.axes), _whole(np.where(is_kept, places, 0)[labels])
        )
        held = {t.name: t for t in form.tables}
        readers: dict[str, Table] = {}

        def through(read: Read) -> Expr:
            """A table over the old numbers as one over the new ones."""
            values = held[read.array].values
            if read.array not in readers:
                readers[read.array] = Table(Array(_fresh(read.array, taken), (new,)), _whole(np.array(values)[kept]))
            return readers[read.array].array.entry()

        reader = tuple((s, map_reads(e, through)) for s, e in param.reader)
        after = Param(Array(param.name, (new, *rest)), param.free, reader)
        others = tuple(a.symbol for a in rest)
        embedding = alive.array.entry() * Read(param.name, onto.array.entry(), *others)
        section = ArrayMap(param.name, after.array.symbols, Read(param.name, back.array.entry(), *others))
        return cls(after, named, embedding, (section,), (onto, alive, back), tuple(readers.values()))


def _after(form: Form, near: Any, tie: _Renamed, numbers: Table) -> Form:
    gone = {numbers.name} | {r.array for _, e in form.weights[0].reader for r in e.atoms(Read)}
    tables = tuple(t for t in form.tables if t.name not in gone)
    if tie.param is None or tie.numbers is None:
        return replace(form, weight=Integer(0), weights=(), domain=false, tables=tables)
    named = tie.numbers.name
    weight = map_reads(form.weight, lambda read: read if read.array != numbers.name else Read(named, *read.subscripts))
    known = (form.output.holds(), form.given, *(axis.holds() for axis in form.reduction))
    return replace(
        form,
        domain=simplified(And(form.domain, near), *known),
        weight=weight,
        weights=(tie.param,),
        tables=(tie.numbers, *tables, *tie.readers),
    )


def _fresh(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _whole(values: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, values.ravel()))
