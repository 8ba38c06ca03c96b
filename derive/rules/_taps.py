"""The taps that a symmetry carries an entry's own to: where a selected place may read what the first one doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from sympy import Abs, And, Expr, Integer, Max, Min, Symbol

from derive.forms.branches import branches
from derive.forms.expr import Read, Where
from derive.forms.form import Form, Param, Role, equal_places
from derive.groups._cases import written
from derive.remembered import replaced
from derive.rules._images import mirrored, repeated
from derive.rules._known import implied

__all__ = ["read_taps"]

Letters = Mapping[Symbol, Expr]
_MOST_AXES = 3
_LARGE = 9


def read_taps(param: Param, source: Read, after: Form, cases: Sequence[Letters], named: Any) -> Iterator[Letters]:
    """The taps that images of an entry's offsets carry its own to, where they read it too, at one channel or another.

    Images are mirrored ones, and those that the old reader's cases have one after the other, as of turns of the hexagonal lattice.
    """
    offsets = [a.symbol for a in param.array.axes if a.role is Role.GRID and a.symbol in after.reduction_symbols]
    if not any(e.has(Abs, Max, Min, Where) for e in source.subscripts) or len(offsets) > _MOST_AXES:
        return
    term, known = dict(param.reader), And(after.given, param.array.holds(), named)
    still = {s: s for s in offsets}
    images = list(mirrored(offsets))
    images += [at for at in repeated(cases, offsets) if at not in (still, *images)]
    for channels in _channels(param, source, after):
        for moved in (*([still] if channels else []), *images):
            tap = {**{s: moved.get(s, term[s]) for s in after.reduction_symbols}, **channels}
            hit = equal_places((replaced(e, tap) for e in source.subscripts), param.array.symbols)
            window = And(*(axis.holds(tap[axis.symbol]) for axis in after.reduction))
            if _may_hold(known, And(hit, window), offsets) and implied(known, And(hit, window)):
                yield tap


def _channels(param: Param, source: Read, after: Form) -> Iterator[Letters]:
    """The channels at which an entry may be read: its reader's, then others that a representation carries these to.

    Output channels of numbers that the reader has one of take each other one; for it the entry's own channels say which are summed.
    """
    yield {}
    term, summed = dict(param.reader), set(after.reduction_symbols)
    few = {
        a.symbol: a for a in (*after.output.axes, *after.reduction) if a.role is Role.CHANNEL and a.extent.is_Integer
    }
    own = [
        a.symbol for a in param.array.axes if a.symbol in few and a.symbol in summed and term[a.symbol].has(a.symbol)
    ]
    numbers = {s: [e[s].is_Integer for _, e in branches({s: term[s]})] for s in few if s in term and s not in own}
    chosen = [s for s, whole in numbers.items() if all(whole)]
    places = {s: [Integer(v) for v in range(int(a.lower), int(a.upper) + 1)] for s, a in few.items()}
    subscripts = dict(zip(param.array.symbols, source.subscripts, strict=True))
    for values in product(*(places[s] for s in chosen)):
        at = dict(zip(chosen, values, strict=True))
        read: dict[tuple[Expr, ...], tuple[Expr, ...]] = {}
        for inputs in product(*(places[s] for s in own)):
            here = at | dict(zip(own, inputs, strict=True))
            read.setdefault(tuple(replaced(subscripts[s], here) for s in own), inputs)
        names = list(product(*(places[s] for s in own)))
        if at != {s: term[s] for s in chosen} and all(name in read for name in names):
            tables = [{tuple(map(int, name)): read[name][p] for name in names} for p in range(len(own))]
            yield at | {s: written(tuple(own), table) for s, table in zip(own, tables, strict=True)}


def _may_hold(known: Any, claim: Any, offsets: list[Symbol]) -> bool:
    """Whether no offset of a few refutes that the claim follows, on a large grid: the solver is asked about the others."""
    others = dict.fromkeys((known & claim).free_symbols - set(offsets), Integer(_LARGE))
    for place in product(range(-1, 3), repeat=len(offsets)):
        at = others | dict(zip(offsets, map(Integer, place), strict=True))
        if replaced(claim, at) == False and replaced(known, at) == True:  # noqa: E712  SymPy's
            return False
    return True
