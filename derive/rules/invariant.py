"""Invariance: moving the input leaves the output as it is, which ties weights together.

    Σ_k W[o, k]·X[k]   ⟶   Σ_k V[τ(o, k)]·X[k]        where c(o, g·k) = c(o, k)

for every element g of the group that keeps k inside: H(gX) = H(X), where equivariance says H(gX) = g H(X). A restriction: it
keeps exactly those layers. Under all translations one weight is left for all places, so the layer pools: it sums X over the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import Integer, Symbol

from derive.forms.dense import dense_form
from derive.forms.expr import index
from derive.forms.form import Array, Form, Role, Table
from derive.groups._group import Action, Element, Group, Linear, Mixing, Motion, Tabled, Tie
from derive.groups.translations import Translations
from derive.proof.step import Clause, Kind, Step
from derive.rules._rule import Case, rule
from derive.rules.equivariant import equivariant
from derive.rules.reindex import reindex

__all__ = ["invariant"]


@dataclass(frozen=True, slots=True)
class _OnInput:
    """The same group where it moves the input alone."""

    group: Group

    def __str__(self) -> str:
        return str(self.group)

    def elements(self, form: Form) -> tuple[Element, ...]:
        """The elements as they act on a layer from the input's grid to itself, the output's part left out."""
        places = tuple(replace(a, symbol=index(f"{a.symbol}_")) for a in form.input.axes if a.role is Role.GRID)
        features = tuple(a for a in form.output.axes if a.role is Role.CHANNEL)
        whole = replace(form, output=Array(form.output.name, (*places, *features)))
        found = self.group.elements(whole)
        return tuple(replace(e, out={}, signs=(Integer(1), e.signs[1])) for e in found)

    def tables(self, form: Form) -> tuple[Table, ...] | None:
        """What the group's own elements read."""
        return self.group.tables(form) if isinstance(self.group, Tabled) else None

    def matrices_on_channels(self, form: Form) -> tuple[Mapping[Symbol, tuple[tuple[int, ...], ...]], ...]:
        """The group's own, on the input alone."""
        found = self.group.matrices_on_channels(form) if isinstance(self.group, Mixing) else ()
        return tuple({s: m for s, m in each.items() if s in form.input.symbols} for each in found)

    def motions(self, form: Form) -> tuple[Motion, ...] | None:
        """The group's own matrices, on the input alone."""
        if not isinstance(self.group, Linear):
            return None
        axes = tuple(replace(a, symbol=index(f"{a.symbol}_")) for a in form.input.axes)
        found = self.group.motions(replace(form, output=Array(form.output.name, axes)))
        return None if found is None else tuple(replace(m, out=()) for m in found)

    def tie(self, action: Action) -> Tie:
        """The group's own orbits, of the entries as they are moved now."""
        return self.group.tie(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """As the group names them."""
        return self.group.keeps(elements)


@rule(Kind.RESTRICTION)
def invariant(form: Form, group: Group) -> Step:
    """Tie the weights of each orbit of input places; the output stays where it is."""
    step = equivariant(_OnInput(group)).apply(form)
    reason = "A move of the input leaves the output, so all places of one orbit have one weight."
    return replace(step, statement=invariant.statement, reason=reason)


@invariant.constraint
def clauses(form: Form, group: Group) -> tuple[Clause, ...]:
    """The law on coefficients, for each element."""
    return equivariant(_OnInput(group)).clauses(form)


@invariant.reading
def tables(form: Form, group: Group) -> tuple[Table, ...]:
    """What the law reads."""
    return equivariant(_OnInput(group)).tables(form)


EXAMPLE = Case(dense_form(rank=1, places=False), invariant(Translations()))
COUNTEREXAMPLE = Case(
    reindex().apply(dense_form(rank=1)).after.with_weight("V[i, a]*V[i, a]"),
    invariant(Translations()),
    residue="V[0, 0]",
)
