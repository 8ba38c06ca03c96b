"""When a layer at some of its places still has a symmetry of its window: a condition on sizes, derived from its reads.

A layer that reads X[s·o + a + c] with a window kept by g has H(gX)[g·o] = H(X)[o] for the symmetries g of the whole grid exactly if
g carries the places that are read for o to those for g·o. Along one axis that is an equation between sizes, such as
n - 1 = s·(n' - 1) for a reflection: the last window ends where the first one, mirrored, begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import And, Eq, Expr, Integer, Mod, Not, expand, floor, simplify, true

from derive.derivation import Derivation
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.form import Form, Role
from derive.groups.point import PointGroup
from derive.proof.claim import check_claim
from derive.proof.goal import Verdict
from derive.proof.step import Clause, Kind, View
from derive.rules.equivariant import equivariant

__all__ = ["Symmetry", "stated_symmetry", "symmetry"]

_WITHOUT_TURNS = {"C4": "C2", "D4": "D2"}


@dataclass(frozen=True, slots=True)
class Symmetry:
    """`condition` on the sizes under which a layer commutes with the group, proved; `counterexample` where it fails."""

    group: str
    condition: Any
    verdicts: tuple[Verdict, ...]
    counterexample: str

    def __str__(self) -> str:
        from derive.forms.notation import UNICODE

        where = "always" if self.condition is true else f"where {UNICODE(self.condition)}"
        return f"commutes with {self.group} about the grid's centre {where}"


def symmetry(layer: Derivation | Form, group: str = "D1") -> Symmetry:
    """The condition for a point group about the centre of the grid: proved under it, and refuted where it doesn't hold.

    Raises ObligationFailed where the layer doesn't commute with the group even then, RuleRefused for a layer whose reads
    don't step evenly along every grid axis.
    """
    form = layer.form if isinstance(layer, Derivation) else layer
    condition = _condition(form)
    clauses = equivariant(PointGroup(group, about="grid")).clauses(form)
    verdicts = check_claim(form, tuple(_under(c, condition) for c in clauses))
    return Symmetry(group, condition, verdicts, "" if condition is true else _failure(form, clauses, condition))


def _under(clause: Clause, condition: Any) -> Clause:
    return Clause(clause.says, clause.binders, And(clause.given, condition), clause.left, clause.right)


def _failure(form: Form, clauses: tuple[Clause, ...], condition: Any) -> str:
    try:
        check_claim(form, tuple(_under(c, Not(condition)) for c in clauses))
    except ObligationFailed as found:
        return str(found)
    raise RuleRefused("The layer has the symmetry also where its windows aren't carried onto each other.")


def _condition(form: Form) -> Any:
    """Along every axis: the first and the last place are read symmetrically about the grid's centre."""
    return And(*(_along(form, p, q) for p, q in zip(form.grid(form.output), form.grid(form.input), strict=True)))


def _along(form: Form, p: int, q: int) -> Any:
    """The least and the largest read of the first and of the last place have the grid's centre as their middle."""
    out, source, read = form.output.axes[p], form.input.axes[q], form.read[q]
    step = read.coeff(out.symbol)
    rest = expand(read - step * out.symbol)
    if not (step.is_Integer and step > 0) or not rest.free_symbols <= {*form.reduction_symbols, *form.sizes}:
        raise RuleRefused(f"The symmetry of a layer is derived from even steps; it reads {read}.")
    middle = _middle(form, rest)
    gap = expand(source.upper + source.lower - step * (out.upper + out.lower) - 2 * middle)
    return _divides(gap, step)


def _middle(form: Form, rest: Expr) -> Expr:
    """The middle of a window: each summed letter at the middle of its range."""
    at = {a.symbol: (a.lower + a.upper) / 2 for a in form.reduction if a.role is Role.GRID}
    value: Expr = expand(rest.xreplace(at))
    return value


def _divides(gap: Expr, step: Expr) -> Any:
    """gap = 0, as a remainder where the output's extent was rounded down."""
    for quotient in gap.atoms(floor):
        top, bottom = quotient.args[0].together().as_numer_denom()
        left = simplify(gap - gap.coeff(quotient) * quotient)
        if bottom == step and gap.coeff(quotient) == -step and expand(left - top) == 0:
            return Eq(Mod(top, step), 0)
    return Eq(gap, Integer(0))


def stated_symmetry(layer: Derivation) -> Symmetry | None:
    """The symmetry that a derivation states of its window, where places were selected after it; None where it states none.

    Of a group that needs a square grid, on another grid what is left of it without quarter turns.
    """
    named = [s.rule.split('"')[1] for s in layer.steps if s.rule.startswith('equivariant(PointGroup("')]
    selected = any(s.kind is Kind.TRANSFORMATION and s.step.view is View.SELECTED for s in layer.steps)
    for group in (*named, *(_WITHOUT_TURNS.get(name, name) for name in named)) if selected else ():
        try:
            return symmetry(layer, group)
        except (ObligationFailed, RuleRefused):
            continue
    return None
