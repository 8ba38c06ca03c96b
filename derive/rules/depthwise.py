"""Depthwise: every channel has a filter of its own, and channels don't mix.

    Σ_c V[p(o, d), c]·X[ι(o), c]   ⟶   V[p(o, d)]·X[ι(o), d]        where c(o, d; k, c) = 0 unless d = c

for as many output channels as input channels. A restriction: groups of one channel each.
"""

from __future__ import annotations

from dataclasses import replace

from derive.forms.dense import Channels, dense_form
from derive.forms.form import Form
from derive.proof.step import Clause, Kind, Step
from derive.rules._rule import Case, rule
from derive.rules.grouped import grouped

__all__ = ["depthwise"]


@rule(Kind.RESTRICTION)
def depthwise(form: Form, output: str = "d", inputs: str = "c") -> Step:
    """Connect every output channel to the input channel of its number."""
    return replace(grouped(output, inputs).apply(form), statement=depthwise.statement)


@depthwise.constraint
def clauses(form: Form, output: str = "d", inputs: str = "c") -> tuple[Clause, ...]:
    """The coefficients between different channels are 0."""
    return grouped(output, inputs).clauses(form)


_DENSE = dense_form(rank=1, channels=Channels((("c", "C"),), (("d", "C"),)))
EXAMPLE = Case(_DENSE, depthwise())
COUNTEREXAMPLE = Case(dense_form(rank=1, channels=Channels()), depthwise(), residue="there are D and C")
