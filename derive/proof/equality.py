"""Whether two layers are one, for all values of their weights: proved by a map between terms or by sums written out, else refuted.

The map carries each term of the one to a term of the other, which reads the same input with the same weights. Where each product
of weights has a term of its own, terms that differ are different layers. Else they are told apart by what they mean at small
sizes, with one entry of each array as 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Mul, Symbol, expand

from derive.errors import ObligationFailed, RuleRefused
from derive.forms.denote import entry_reader, matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, reads
from derive.forms.extension import places_beyond
from derive.forms.form import Form, equal_places
from derive.forms.products import product_of, same_product
from derive.proof.composition import composed
from derive.proof.counterexample import Box, Counterexample, Entries, boxes, in_python, smallest_model
from derive.proof.enumerated import proved_by_enumeration
from derive.proof.goal import Goal, Obligation, Status, Verdict
from derive.proof.pasted import results
from derive.proof.small import LARGEST, Arrays, admits, differing_at_small_sizes, numbered
from derive.proof.solver import discharge
from derive.proof.unfolded import proved_by_unfolding

__all__ = ["Convolved", "convolved", "equal_layers"]

Letters = Mapping[Symbol, Expr]


@dataclass(frozen=True, slots=True)
class Convolved:
    """The window of a layer after another one: the letters of `whole` for a pair of terms, and its weights from theirs."""

    whole: Form
    letters: Letters

    def arrays(self, one: Form, arrays: Arrays, sizes: Mapping[Symbol, int]) -> Arrays:
        """V'[c] = Σ V[a]·T[b] over the pairs of terms of `one` whose letters are c; what is outside of the window is left out."""
        axes = (*one.reduction, *(a for a in one.output.axes if a.symbol in _features(one)))
        ends = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in axes}
        shape = tuple(high - low + 1 for low, high in ends.values())
        at = dict(sizes) | grid(ends)
        kept = np.broadcast_to(evaluate(And(*_windows(one)), at), shape)
        terms = np.broadcast_to(evaluate(one.weight, at, entry_reader(one, arrays, sizes)), shape)
        (param,), (entry,) = self.whole.weights, reads(self.whole.weight)
        found = np.zeros([int(evaluate(e, sizes)) for e in param.array.shape], dtype=object)
        places = [evaluate(e.xreplace(dict(self.letters)), at) for e in param.array.storage(entry.subscripts)]
        spots = np.stack([np.broadcast_to(p, shape)[kept] for p in places], -1)
        inside = ((spots >= 0) & (spots < found.shape)).all(-1)
        np.add.at(found, tuple(spots[inside].T), terms[kept][inside])
        return {param.name: found}


def convolved(outer: Form, inner: Form, whole: Form) -> Convolved:
    """Of which letters of the whole a term of the outer and one of the inner layer are together, as no edge changes it.

    Raises RuleRefused for a whole whose window isn't one of free entries, or numbers that aren't those of the other two.
    """
    if [a.role for a in whole.input.axes] != [a.role for a in inner.input.axes]:
        raise RuleRefused(
            f"The whole layer reads {len(whole.input.axes)} axes of {whole.input.name}; the inner one {len(inner.input.axes)}."
        )
    for form in (outer, inner, whole):
        if own := sorted(form.weight.free_symbols - {*form.reduction_symbols, *_features(form)}, key=str):
            raise RuleRefused(f"One window has the same weights at every place; {form.weight} depends on {own[0]}.")
    factors = product_of(whole.weight) or {}
    subscripts = {s for r in factors.values() for s in r.subscripts}
    if len(factors) != 1 or not {*whole.reduction_symbols} <= subscripts:
        raise RuleRefused(
            f"The whole layer has one window of free entries; {whole.weight} isn't an entry of its own for each place."
        )
    fitted = _plain(composed(_plain(outer), inner))
    at = dict(zip(inner.output.symbols, fitted.read, strict=True))
    place = tuple(expand(e.xreplace(at)) for e in _plain(inner).read)
    return Convolved(whole, _plain(whole).solve_read(place))


def _features(form: Form) -> set[Symbol]:
    places = {form.output.symbols[p] for p in form.grid(form.output)}
    return {*form.output.symbols} - places


def _plain(form: Form) -> Form:
    """The form without what its edge does to its reads."""
    beyond = places_beyond(form.input, form.read)
    return replace(form, read=form.read if beyond is None else beyond[1], shared=False)


def equal_layers(one: Form, other: Form, letters: Letters, says: str, window: Convolved | None = None) -> Verdict:
    """Prove that two layers are equal where each term of one is that of the other with these letters, for all weights.

    With a window its weights are those of the other. Raises ObligationFailed, with a counterexample where the layers differ.
    """
    _check_numbers(one, window)
    verdict = _by_terms(one, other, letters, says, window)
    if verdict.proved:
        return verdict
    alike = [a.extent for a in one.output.axes] == [a.extent for a in other.output.axes]
    if verdict.status is Status.REFUTED and alike and _told_apart(one) and (window is not None or _told_apart(other)):
        raise _refuted(one, other, _at(one, other, letters), verdict, window)
    written = None
    if window is None and alike:
        written = proved_by_unfolding(one, other, letters, says) or proved_by_enumeration(one, other, says)
    if written is not None:
        return written
    found = differing_at_small_sizes(one, other, None if window is None else partial(window.arrays, one))
    if found is not None:
        raise _refused(says, found)
    if not (one.sizes or other.sizes):
        return Verdict(Obligation("same terms", says, ()), Status.EXHAUSTIVE)
    raise ObligationFailed(
        f"{says[:-1]}: not decided: no bijection between their terms was found that proves it, and that it holds at all sizes "
        f"whose sum is at most {LARGEST}, and at some larger ones, is no proof."
    )


def _check_numbers(one: Form, window: Convolved | None) -> None:
    """Raise ObligationFailed for a window of given numbers that those of the two layers don't make."""
    numbers = None if window is None else window.whole.weights[0].values
    if window is None or numbers is None:
        return
    (param,) = window.whole.weights
    ends = [e for a in (*one.reduction, *param.array.axes) for e in (a.lower, a.upper)]
    if any(p.values is None for p in one.weights) or not all(e.is_Integer for e in ends):
        raise RuleRefused(
            f"The whole layer has the numbers {param.name} as weights; those of the other two aren't known."
        )
    held = {
        p.name: np.array([*p.values, None], object)[:-1].reshape([int(e) for e in p.array.shape])
        for p in one.weights
        if p.values
    }
    made = window.arrays(one, held, {})[param.name].ravel()
    for spot, (number, wanted) in enumerate(zip(made, numbers, strict=True)):
        if number != wanted:
            at = np.unravel_index(spot, [int(e) for e in param.array.shape])
            entry = Read(param.name, *(Integer(int(p)) + a.lower for p, a in zip(at, param.array.axes, strict=True)))
            raise ObligationFailed(
                f"The two layers are no layer with these numbers: together they have {number} where {entry} = {wanted}.",
                differing_at_small_sizes(one, window.whole),
            )


def _told_apart(form: Form) -> bool:
    """Whether each product of entries of the weights, none of which is a given number, has a term of its own."""
    factors = product_of(form.weight) or {}
    letters = {s for r in factors.values() for s in r.subscripts}
    return {*form.reduction_symbols} <= letters and not any(p.values for p in form.weights)


@dataclass(frozen=True, slots=True)
class _Called:
    """The term of another layer that is said to be one of the first: by the first one's letters."""

    live: Any
    read: tuple[Expr, ...]
    weight: Expr


def _at(one: Form, other: Form, letters: Letters) -> _Called:
    at = dict(letters) | dict(zip(other.output.symbols, one.output.symbols, strict=True))
    read = tuple(expand(e.xreplace(at)) for e in other.read)
    return _Called(other.live.xreplace(at), read, other.weight.xreplace(at))


def _by_terms(one: Form, other: Form, letters: Letters, says: str, window: Convolved | None) -> Verdict:
    """Whether the terms of one are those of the other, at these values of the other's letters, with the same input."""
    given = And(one.given, other.given)
    ranges = And(*(axis.holds() for axis in one.reduction), *_windows(one))
    called = _at(one, other, letters)
    live = called.live
    same = [equal_places(one.read, called.read)]
    same += [Eq(a.extent, b.extent) for a, b in zip(one.output.axes, other.output.axes, strict=True)]
    if window is None:
        same.append(same_product(one.weight, called.weight))
    goals = (
        Goal((given, one.live), And(live, *same)),
        Goal((given, one.output.holds(), ranges, live), one.live),
    )
    return discharge(Obligation("same terms", says, goals))


def _windows(one: Form) -> Iterable[Any]:
    """What a diamond or a mask says of the letters of the sum alone: without it there is no weight, whatever the place.

    A radius that whole windows have left of one side's places is a size of the window still.
    """
    sides = ({s for a in array.axes for s in a.upper.free_symbols} for array in (one.output, one.input))
    places = {*one.output.symbols, *set.intersection(*sides)}
    return (part for part in And.make_args(one.domain) if not part.free_symbols & places)


def _refuted(one: Form, whole: Form, other: _Called, verdict: Verdict, window: Convolved | None) -> ObligationFailed:
    """The smallest term that only one of the two has: with its weights and its input 1, one gives 1 and the other 0."""
    assert verdict.goal is not None
    mentioned = verdict.goal.show.free_symbols.union(*(f.free_symbols for f in verdict.goal.given))
    sizes = [s for s in one.sizes if s in mentioned]
    letters = [s for s in (*one.output.symbols, *one.reduction_symbols) if s in mentioned]
    model = smallest_model(verdict.goal, [s.name for s in sizes], [s.name for s in letters])
    at = dict.fromkeys((*one.output.symbols, *one.reduction_symbols), Integer(0))  # on all integers any place will do
    at |= {s: Integer(model[s.name]) for s in (*sizes, *letters)}
    read = one.read if one.live.xreplace(at) == True else other.read  # noqa: E712  SymPy's
    entries = [e.xreplace(at) for e in (*(product_of(one.weight) or {}).values(), one.input.entry(read))]
    numbers = {s: model[s.name] for s in sizes}
    places = tuple(int(at[s]) for s in one.output.symbols)
    known, layers, sides = _pasted((one, whole), entries, places, numbers, window)
    found = Counterexample(
        sizes=tuple((s.name, model[s.name]) for s in sizes),
        indices=tuple(zip((s.name for s in one.output.symbols), places, strict=True)),
        residue=Integer(1),
        entries=tuple((str(e), 1) for e in entries),
        place="",
        boxes=known,
        sides=sides,
        layers=layers,
    )
    return _refused(verdict.obligation.says, found, "give 1 in one layer and 0 in the other")


def _pasted(
    layers: tuple[Form, Form],
    entries: list[Read],
    at: tuple[int, ...],
    numbers: Mapping[Symbol, int],
    window: Convolved | None,
) -> tuple[tuple[Box, ...], Entries, tuple[str, ...]]:
    """Both layers with these entries as 1, and what they make of the input; on an endless grid the product of the entries alone."""
    one, other = layers
    own, sizes = boxes(one, numbers), dict.fromkeys({*one.sizes, *other.sizes}, 1) | dict(numbers)
    product = in_python(Mul(*entries), own)
    if not all(_finite(form) and admits(form, sizes) for form in layers):
        return own, (), (product, "0")
    arrays = numbered(one, sizes)
    arrays |= {b.name: np.zeros(b.shape or (), object) for b in own}
    for read in entries:
        box = next(b for b in own if b.name == read.array)
        arrays[read.array][tuple(int(s) - low for s, low in zip(read.subscripts, box.first, strict=True))] = 1
    theirs = numbered(other, sizes) | (arrays if window is None else window.arrays(one, arrays, sizes))
    place = tuple(p - int(evaluate(a.lower, sizes)) for p, a in zip(at, one.output.axes, strict=True))
    dense = matrix(one, arrays, sizes), matrix(other, theirs, sizes)
    known, more, sides = results(dense, place, (b.name for b in own), one.input.name)
    return (*own, *known), more, sides


def _finite(form: Form) -> bool:
    return not any(a.upper.is_infinite for a in (*form.output.axes, *form.input.axes))


def _refused(says: str, found: Counterexample, what: str = "") -> ObligationFailed:
    """The sentence for entries that tell two layers apart."""
    shown = ", ".join(f"{entry} = {value}" for entry, value in found.entries)
    where = ", ".join(f"{name} = {value}" for name, value in (*found.sizes, *found.indices))
    given = what or f"give answers that differ by {found.residue}"
    return ObligationFailed(f"{says[:-1]}: refused at {where}, where {shown} and 0 elsewhere {given}.", found)
