"""What must be true of a form or a step before obligations about it mean anything: who may mention what.

The obligations are formulas with all letters free. A letter that is also a size, a map that leaves an array
out, or a condition on sizes that speaks of an index would make them say something else: refused first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any

from sympy import Integer, Sum, Symbol, nan, oo, prod, true

from derive.forms.expr import Read, index
from derive.forms.form import Array, Form, Param, Table
from derive.forms.products import sums
from derive.forms.spans import span_of_terms
from derive.proof.checker import Checker, Symbols, check_bound
from derive.proof.roles import check_roles
from derive.proof.step import ArrayMap, Kind, Step, View
from derive.remembered import text

__all__ = ["PROVED_KINDS", "check_first", "check_form", "check_step", "form_sizes", "misnamed"]

PROVED_KINDS = (Kind.EQUIVALENCE, Kind.RESTRICTION, Kind.EXTENSION, Kind.FACTORISATION, Kind.TRANSFORMATION)

_KERNEL_WORDS = "abs acc batch cp ceil double float floor for if int long max min new np range real thread z"
_TAKEN = frozenset(_KERNEL_WORDS.split())
_HELD = re.compile(r"[ijh][01]")  # the bounds of a sweep, held by name


def form_sizes(form: Form) -> Symbols:
    """Every symbol that a bound of an axis or a precondition mentions."""
    axes = [*form.reduction, *(a for array in _arrays(form) for a in array.axes)]
    bounds = [bound for axis in axes for bound in (axis.lower, axis.upper)]
    return frozenset().union(form.given.free_symbols, *(e.free_symbols for e in bounds))


def _arrays(form: Form) -> tuple[Array, ...]:
    return (form.output, form.input, *(p.array for p in form.params))


def _letters(form: Form) -> Symbols:
    return frozenset(form.reduction_symbols).union(*(a.symbols for a in _arrays(form)))


def misnamed(form: Form) -> str | None:
    """Why a size can't be called as it is, and what to do; None where all can."""
    arrays = {a.name for a in _arrays(form)}
    for name in sorted(s.name for s in form_sizes(form)):
        means = (
            "the letter of an index of the layer"
            if index(name) in _letters(form)
            else "an array of the layer"
            if name in arrays
            else "something else in the code of kernels"
            if iskeyword(name) or name in _TAKEN or _HELD.fullmatch(name)
            else None
        )
        if means is not None:
            return f'{name} is {means}, and a size can\'t be called so too; call the size otherwise, such as "{name}_"'
    return None


def check_form(form: Form, subject: str = "The form") -> None:
    """Raise ObligationFailed where letters, sizes and arrays of a form are mixed up."""
    letters, sizes = _letters(form), form_sizes(form)
    check = Checker(subject, sizes, form.tables)
    both = sorted(s.name for s in letters & sizes)
    check.demand(not both, f"{', '.join(both)} is an index and a size")
    why = misnamed(form)
    check.demand(why is None, str(why))
    for symbol in sorted(letters | sizes, key=str):
        check.demand(symbol == index(symbol.name), f"{symbol.name} is not a plain integer symbol")
        check.demand(symbol.name.isidentifier(), f"'{symbol.name}' is not a name")
    arrays = {a.name for a in _arrays(form)}
    terms = (*form.output.symbols, *form.reduction_symbols)
    check.distinct(terms, "the letters of places and terms")
    check.distinct((*form.output.symbols, *form.input.symbols), "the letters of places")
    check.distinct((a.name for a in _arrays(form)), "the arrays")
    for array in _arrays(form):
        check.demand(array.name.isidentifier(), f"'{array.name}' is not a name")
        check.distinct(array.symbols, f"the letters of {array.name}")
    check_tables(form.tables, arrays, check)
    _check_sum(form, check, terms)
    added = check_bound(form.bias, letters | sizes, check)
    for params, named in ((form.weights, terms), (form.biases, (*form.output.symbols, *added))):
        for param in params:
            if param.data and (param in form.weights or param.values is not None):
                _check_values(param, check)
            else:
                check.demand(param.values is None, f"{param.name} is learned, and has values all the same")
                check.demand(not param.data, f"{param.name} is no bias")
                _check_param(param, named, check)


def check_tables(tables: tuple[Table, ...], arrays: Iterable[str], check: Checker) -> None:
    """A table is a box of numeric sides, full of whole numbers, with a name of its own."""
    check.distinct((*arrays, *(t.name for t in tables)), "the arrays and tables")
    for table in tables:
        numeric = all(isinstance(e, Integer) for a in table.array.axes for e in (a.lower, a.upper))
        check.demand(numeric and table.name.isidentifier(), f"the table {table.name} has a size that is no number")
        whole = all(type(v) is int and abs(v) < 2**31 for v in table.values)
        check.demand(whole, f"the table {table.name} holds something else than whole numbers")
        entries = prod(table.array.shape)
        check.demand(entries == len(table.values), f"the table {table.name} has not the {entries} values of its box")


def _check_sum(form: Form, check: Checker, terms: tuple[Symbol, ...]) -> None:
    axes = [*form.reduction, *(a for array in _arrays(form) for a in array.axes)]
    for bound in (b for axis in axes for b in (axis.lower, axis.upper)):
        check.integers(bound, (), "a range")
    summed = [
        *form.reduction,
        *(a for p in form.params for a in p.array.axes),
    ]  # of the plane's own places there is no end
    for bound in (b for axis in summed for b in (axis.lower, axis.upper)):
        if bound.has(oo, -oo, nan):
            check.demand(False, f"a range to {bound} has no end")
    check.integers(form.given, (), "the precondition")
    check.tabled(form.domain, terms, "the domain of the sum")
    check.demand(len(form.read) == len(form.input.axes), f"{form.input.name} is read with a wrong number of subscripts")
    for subscript in form.read:
        check.integers(subscript, terms, f"a subscript of {form.input.name}")
    check.entries(form.weight, (p.array for p in form.weights), terms, "the weight")
    check.demand(not form.weight.has(Sum), "the weight of one term is a sum itself")
    check.entries(form.bias, (p.array for p in form.biases), form.output.symbols, "the bias")


def _check_param(param: Param, terms: tuple[Symbol, ...], check: Checker) -> None:
    check.integers(param.free, param.array.symbols, f"what is free of {param.name}")
    pairs = all(isinstance(part, tuple) and len(part) == 2 for part in param.reader)
    check.demand(pairs, f"the term that reads an entry of {param.name} is not a value for each letter")
    named = [s for s, _ in param.reader]
    complete = len(named) == len(terms) and set(named) == set(terms)
    check.demand(complete, f"no one term is named that reads a given entry of {param.name}")
    for _, value in param.reader:
        check.tabled(value, param.array.symbols, f"the term that reads {param.name}")


def _check_values(param: Param, check: Checker) -> None:
    """An array of numbers has as many as its box has entries."""
    if param.values is not None:
        entries = prod(param.array.shape)
        check.demand(entries == len(param.values), f"{param.name} has {entries} entries and {len(param.values)} values")


def check_first(form: Form) -> None:
    """Raise ObligationFailed for a form that can't be the first: its coefficients must be free entries."""
    check_form(form)
    check = Checker("The first form", form_sizes(form))
    check.demand(isinstance(form.weight, Read), f"its weight, {text(form.weight)}, is not one free entry")
    check.demand(not form.shared, "its coefficients are sums of terms")
    check.demand(isinstance(form.bias, Read) or form.bias == 0, f"its bias, {text(form.bias)}, is not one free entry")


def check_step(step: Step) -> None:
    """Raise ObligationFailed where the maps of a step are not maps between its two forms."""
    check_form(step.before, "The form before the step")
    check_form(step.after, "The form after the step")
    sizes = form_sizes(step.before) | form_sizes(step.after)
    tables = tuple(dict.fromkeys(step.before.tables + step.after.tables + step.tables))
    check = Checker("The step", sizes, tables)
    check_tables(tables, {a.name for form in (step.before, step.after) for a in _arrays(form)}, check)
    check.demand(not step.tables or step.kind is Kind.RESTRICTION, "only a constraint reads tables of its own")
    binders = frozenset(s for clause in step.clauses for s in clause.binders)
    both = sorted(s.name for s in sizes & (_letters(step.before) | _letters(step.after) | binders))
    check.demand(not both, f"{', '.join(both)} is an index and a size")
    _check_kind(step, check)
    for one, other in ((step.before, step.after), (step.after, step.before)):
        check_bound(one.bias, _letters(other) | sizes, check)
    if step.view not in (View.COMPOSED, View.FACTORED, View.SPANNED):
        added = tuple(a.symbol for a in sums(step.before.bias)) if step.view is View.BIAS else ()
        _check_terms(step.to_before, step.before, step.after, check, added)
        _check_terms(step.to_after, step.after, step.before, check, (), added)
    if step.kind is Kind.TRANSFORMATION:
        _check_inner(step, check)
        check.integers(step.selected, (*step.before.output.symbols, *step.before.reduction_symbols), "the selection")
        check.demand(not step.embeddings and not step.sections, "a transformation keeps its parameters")
        check.demand(step.view is not View.FACTORED, "a transformation factors nothing")
        check.demand(step.view is not View.SPANNED, "a transformation combines no entries")
        check_roles(step, check.demand)
    elif step.kind is Kind.FACTORISATION:
        check.demand(step.view is View.FACTORED, "a factorisation is seen as one")
        _check_shapes(step, check)
        _check_kind(step, check)
    else:
        _check_correspondence(step, check)


def _check_correspondence(step: Step, check: Checker) -> None:
    """A step whose parameters correspond one to one, or under a constraint."""
    views = (View.SELECTED, View.SPANNED) if step.kind is Kind.RESTRICTION else (View.SELECTED,)
    plain = step.view in views and step.selected == true and step.inner is None
    check.demand(plain, f"{_an(step.kind)} is no view of another layer")
    combined = step.view is View.SPANNED
    check.demand(_tells(step, combined), f"{_an(step.kind)} has one coefficient an input")
    _check_shapes(step, check)
    _check_numbers(step, check)
    old, new = (tuple(p.array for p in form.params) for form in (step.before, step.after))
    learned = [tuple(p.array for p in form.params if p.values is None) for form in (step.before, step.after)]
    _check_maps(step.embeddings, learned[0], new, "the embedding", check)
    _check_maps(step.sections, learned[1], old, "the section", check)
    _check_clauses(step, old, check)
    _check_letters(step, check)


def _tells(step: Step, combined: bool) -> bool:
    """Whether parameters and layers correspond: terms may share inputs along the columns of a basis alone.

    The coordinates in a basis correspond to layers by the steps before, each of which was proved 'once'; behind an edge that
    adds up several terms of one input they need not.
    """
    if step.kind is Kind.EQUIVALENCE:
        return True
    if not step.before.shared:
        return step.after.shared is combined
    return step.kind is Kind.RESTRICTION and span_of_terms(step.before) is not None


def _check_numbers(step: Step, check: Checker) -> None:
    """One name of numbers means the same ones before and after, and nothing that is learned."""
    sides = [{p.name: p for p in form.params} for form in (step.before, step.after)]
    for name in sorted(set(sides[0]) & set(sides[1])):
        one, other = sides[0][name], sides[1][name]
        check.demand(one.values == other.values, f"{name} stands for other numbers after the step than before")


def _check_letters(step: Step, check: Checker) -> None:
    """No map or clause can put a letter into a sum that binds it."""
    letters = _letters(step.before) | _letters(step.after) | form_sizes(step.before) | form_sizes(step.after)
    old, new = (set(check_bound(form.bias, letters, check)) for form in (step.before, step.after))
    letters = letters | {s for clause in step.clauses for s in clause.binders}
    inner = {s for m in step.embeddings for s in check_bound(m.value, letters, check)}
    outer = {s for c in step.clauses for e in (c.left, c.right) for s in check_bound(e, letters | inner, check)}
    taken = (old | new) & (letters | outer) or old & inner
    check.demand(not taken, "a bias sums over a letter of something else")
    check.demand(not any(m.value.has(Sum) for m in step.sections), "the section adds entries")


def _check_inner(step: Step, check: Checker) -> None:
    """The inner layer of a composition has letters and arrays of its own."""
    if step.inner is None:
        return
    check_form(step.inner, "The inner layer")
    arrays = [{a.name for a in _arrays(form)} for form in (step.before, step.inner)]
    inner = {step.inner.output.name}
    check.demand(not (arrays[0] & arrays[1]) - inner - {step.inner.input.name}, "both layers have an array of one name")
    sums = frozenset(step.inner.reduction_symbols) & _letters(step.before)
    check.demand(not sums, f"{', '.join(sorted(s.name for s in sums))} is summed over in both layers")


def _check_kind(step: Step, check: Checker) -> None:
    check.demand(step.kind in PROVED_KINDS, f"nothing is known that would prove {_an(step.kind)}")
    constrained = bool(step.clauses)
    if step.kind is Kind.RESTRICTION:
        check.demand(constrained, "a restriction states a constraint, and this one states none")
    else:
        check.demand(not constrained and not step.instances, f"{_an(step.kind)} imposes no constraint")
    if step.kind is Kind.EXTENSION:
        old = form_sizes(step.before)
        check.integers(step.assume, (), "the special case")
        check.demand(not step.assume.free_symbols & old, "the special case restricts a size of the form before")
    else:
        check.demand(step.assume == true, f"{_an(step.kind)} assumes nothing")


def _an(kind: Kind) -> str:
    return f"{'an' if kind.value[0] in 'aeiou' else 'a'} {kind.value}"


def _check_shapes(step: Step, check: Checker) -> None:
    for name, old, new in (
        ("output", step.before.output, step.after.output),
        ("input", step.before.input, step.after.input),
    ):
        kept = new.axes[: len(old.axes)] if step.kind is Kind.EXTENSION else new.axes
        check.demand((old.name, old.axes) == (new.name, kept), f"the {name} {new.name} is not the {name} before")
    for symbol in step.before.output.symbols:
        stays = step.to_before.get(symbol) == symbol == step.to_after.get(symbol)
        check.demand(stays, f"the output moves along {symbol}")


def _check_maps(
    maps: tuple[ArrayMap, ...],
    source: tuple[Array, ...],
    target: tuple[Array, ...],
    what: str,
    check: Checker,
) -> None:
    arrays = {a.name: a for a in source}
    given, wanted = sorted(m.array for m in maps), ", ".join(arrays)
    check.demand(given == sorted(arrays), f"{what} maps {', '.join(given) or 'nothing'}, not {wanted} once each")
    for m in maps:
        own = m.binders == arrays[m.array].symbols
        check.demand(own, f"{what} of {m.array} does not name it by its own letters")
        check.entries(m.value, target, m.binders, f"{what} of {m.array}")


def _check_terms(
    terms: Mapping[Symbol, Any],
    target: Form,
    source: Form,
    check: Checker,
    added: tuple[Symbol, ...] = (),
    known: tuple[Symbol, ...] = (),
) -> None:
    """A value for each letter of one form's terms, those that its bias sums over `added`, in terms of the other's."""
    wanted = {*target.output.symbols, *target.reduction_symbols, *added}
    check.demand(
        set(terms) == wanted,
        "a letter of one form has no value, or a strange one has, in terms of the other's",
    )
    letters = (*source.output.symbols, *source.reduction_symbols, *known)
    for symbol, value in terms.items():
        check.tabled(value, letters, f"the value of {symbol}")


def _check_clauses(step: Step, old: tuple[Array, ...], check: Checker) -> None:
    for clause in step.clauses:
        check.distinct(clause.binders, "the letters of a clause")
        check.integers(clause.given, clause.binders, "the condition of a clause")
        check.entries(clause.left, old, clause.binders, "a clause")
        check.entries(clause.right, old, clause.binders, "a clause")
    arrays = {a.name: a for a in old}
    for instance in step.instances:
        check.demand(instance.array in arrays, f"an instance is for {instance.array}, which the form before lacks")
        known = isinstance(instance.clause, (int, Integer)) and 0 <= instance.clause < len(step.clauses)
        check.demand(known, f"an instance is of clause {instance.clause}, which is not stated")
        pairs = all(isinstance(part, tuple) and len(part) == 2 for part in instance.values)
        check.demand(pairs, "an instance is not a value for each letter of its clause")
        named = [s for s, _ in instance.values]
        binders = step.clauses[instance.clause].binders
        check.demand(
            sorted(named, key=str) == sorted(binders, key=str),
            "an instance does not give each letter of its clause a value",
        )
        for _, value in instance.values:
            check.tabled(value, arrays[instance.array].symbols, "an instance")
