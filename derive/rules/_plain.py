"""A law said so that it can be written out: cases that can't occur are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Sum

from derive.forms.expr import Where, index
from derive.forms.form import Form
from derive.proof.step import Clause
from derive.remembered import both, replaced, text
from derive.rules._known import implied

__all__ = ["plain"]


def plain(law: Clause, form: Form) -> Clause:
    """The same law: what its condition implies of a case is used.

    Letters that the form has for something else, such as a shift s beside a bias Σ_s C[i, s]·u[s], are renamed.
    """
    law = _renamed(law, form)
    known = both(form.given, law.given)
    left, right = (_settled(side, known) for side in (law.left, law.right))
    return replace(law, left=left, right=right)


def _renamed(law: Clause, form: Form) -> Clause:
    places = {*form.output.symbols, *form.input.symbols}
    bound = {limits[0] for e in form.bias.atoms(Sum) for limits in e.limits}
    taken = {s.name for s in bound.union(*(p.array.symbols for p in form.params), form.reduction_symbols)}
    taken |= {s.name for s in law.binders} | {a.name for a in (form.input, form.output)} | {s.name for s in form.sizes}
    names: dict[Any, Any] = {}
    for letter in (s for s in law.binders if s not in places and s in bound):
        name = letter.name
        while name in taken:
            name += "_"
        taken.add(name)
        names[letter] = index(name)
    if not names:
        return law
    given, left, right = (replaced(e, names) for e in (law.given, law.left, law.right))
    return Clause(law.says, tuple(names.get(s, s) for s in law.binders), given, left, right)


def _settled(expression: Any, known: Any) -> Any:
    for case in sorted(expression.atoms(Where), key=text):
        if implied(known, case.condition):
            expression = expression.xreplace({case: case.args[1]})
    return expression
