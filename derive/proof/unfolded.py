"""Two layers behind reflecting edges with the same terms: what a reflection has turned around is turned back.

    e(e(i + a) + b) = e(i + a + b)  where i + a isn't reflected,  e(i + a - b)  where it is

since e sees the same from both sides of its mirrors. So an offset b that is added to a reflected place counts as -b on the line
that goes on, and a term of the one layer is that of the other with the same offsets there. That it is, for all sizes, and that each
map undoes the other, are goals for the solver. What is known of its remainders: those of numbers that are congruent are equal,
however often these went around.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Abs, Eq, Expr, Le, Min, Mod, Symbol

from derive.errors import TextError
from derive.forms.expr import Read, Where, index, map_reads
from derive.forms.form import Form, equal_places
from derive.forms.products import same_product
from derive.proof.goal import Goal, Obligation, Verdict
from derive.proof.remainders import by_cases, congruent
from derive.proof.solver import discharge
from derive.remembered import both, replaced

__all__ = ["proved_by_unfolding"]

Letters = dict[Symbol, Expr]
Turns = dict[
    Symbol, tuple[Any, Expr, Expr]
]  # a condition, and the signs of the letter where it holds and where it doesn't


def proved_by_unfolding(one: Form, other: Form, letters: Mapping[Symbol, Expr], says: str) -> Verdict | None:
    """The verdict that two forms have the same terms, where each letter of the other is one of the one; None if none is found."""
    theirs = {s: index(f"{s.name}°") for s in other.reduction_symbols}
    one = _even(one)
    called = _called(_even(other), theirs | dict(zip(other.output.symbols, one.output.symbols, strict=True)))
    pairs = {theirs[s]: e for s, e in letters.items()}
    turns, others = _turns(one), _turns(called)
    if not turns or not others or {*pairs.values()} != {*one.reduction_symbols}:
        return None
    there = _followed(turns, others, pairs)
    back = _followed(others, turns, {e: s for s, e in pairs.items()})
    goals = (_carried(one, called, there, back), _carried(called, one, back, there))
    try:
        verdict = discharge(Obligation("same terms", says, tuple(map(_known, goals))))
    except TextError:
        return None
    return verdict if verdict.proved else None


def _called(form: Form, letters: Mapping[Symbol, Symbol]) -> Form:
    """The form by other letters."""
    return replace(
        form,
        output=replace(form.output, axes=tuple(replace(a, symbol=letters[a.symbol]) for a in form.output.axes)),
        reduction=tuple(replace(a, symbol=letters[a.symbol]) for a in form.reduction),
        domain=replaced(form.domain, letters),
        weight=replaced(form.weight, letters),
        read=tuple(replaced(e, letters) for e in form.read),
    )


def _even(form: Form) -> Form:
    """The form with numbers that are the same on both sides of a window's middle read on one side of it."""
    held = {p.name: p for p in form.params if p.values is not None}

    def value(read: Read) -> Expr:
        param = held.get(read.array)
        if param is None or not all(a.extent.is_Integer for a in param.array.axes):
            return read
        numbers = np.array([*map(str, param.values or ())]).reshape([int(e) for e in param.array.shape])
        even = [
            axis.lower == -axis.upper and bool((np.flip(numbers, p) == numbers).all())
            for p, axis in enumerate(param.array.axes)
        ]
        return Read(read.array, *(Abs(s) if e else s for s, e in zip(read.subscripts, even, strict=True)))

    return replace(form, weight=map_reads(form.weight, value)) if held else form


def _turns(form: Form) -> Turns:
    """The letters of the sum that are added to a reflected place, with when that is turned around."""
    found: Turns = {}
    for around in (m for e in form.read for m in e.atoms(Mod)):
        for fold in (term for term in around.args[0].args if isinstance(term, Min) and len(term.args) == 2):
            signs = [_sign(part) for part in fold.args]
            rest = around.args[0] - fold
            for s in form.reduction_symbols:
                if {*signs} == {1, -1} and rest.coeff(s) in (1, -1):
                    found[s] = (Le(*fold.args), signs[0], signs[1])
    return found


def _sign(part: Expr) -> Expr:
    """With which sign a number has the one remainder in it."""
    found = [part.coeff(m) for m in part.atoms(Mod) if part.coeff(m) != 0]
    return found[0] if len(found) == 1 else part * 0


def _followed(turns: Turns, others: Turns, pairs: Mapping[Any, Any]) -> Letters:
    """The letters of the others, each by its partner, such that both are one offset on the line that goes on."""
    found: Letters = {}
    straight = {s: Where(turns[t][0], turns[t][1] * t, turns[t][2] * t) if t in turns else t for s, t in pairs.items()}
    for s in sorted(pairs, key=lambda s: (s in others, str(s))):
        condition, first, second = others.get(s, (True, 1, 1))
        value = straight[s]
        found[s] = Where(replaced(condition, found), first * value, second * value) if s in others else value
    return found


def _carried(form: Form, other: Form, there: Letters, back: Letters) -> Goal:
    """A term of the one form goes to a term of the other with the same weight and input, and comes back."""
    reads = equal_places(form.read, (replaced(e, there) for e in other.read))
    undone = both(*(Eq(s, replaced(back[s], there)) for s in form.reduction_symbols))
    same = both(*(Eq(a.extent, b.extent) for a, b in zip(form.output.axes, other.output.axes, strict=True)))
    alike = same_product(form.weight, replaced(other.weight, there))
    return Goal((form.given, other.given, form.live), both(replaced(other.live, there), reads, alike, undone, same))


def _known(goal: Goal) -> Goal:
    """The goal with what is known of its remainders."""
    given, show = tuple(map(by_cases, goal.given)), by_cases(goal.show)
    return Goal((*given, *congruent((*given, show))), show)
