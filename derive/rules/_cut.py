"""What is said of a mask that cuts the orbits of a group, whichever was stated first.

The largest subgroup that keeps the mask is named, and a layer is shown that has the symmetry, of which the mask leaves one
without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from derive.errors import OrbitCut, RuleRefused
from derive.forms.form import Form
from derive.proof.counterexample import Counterexample
from derive.proof.cut import cut
from derive.proof.small import dense_like
from derive.rules._rule import Application
from derive.rules._tabled import surviving as surviving_of_tables
from derive.rules.equivariant import surviving

__all__ = ["told"]


def told(cause: RuleRefused, application: Application, stated: Sequence[tuple[Form, Application]]) -> RuleRefused:
    """The refusal of a rule, with what there is to say of a mask; `stated` are the groups before it, with forms before them."""
    if not isinstance(cause, OrbitCut) or not isinstance(cause.masked, Form):
        return cause
    if application.group is not None:
        return OrbitCut(str(cause), cause.masked, partial(_shown, cause.masked, (application,)))
    kept = next((k for form, a in reversed(stated) if (k := _kept(form, a, application)) is not None), None)
    says = str(cause) if kept is None else f"{str(cause).rstrip('.')}, of which it keeps {kept}."
    return OrbitCut(says, cause.masked, partial(_shown, cause.masked, tuple(a for _, a in reversed(stated))))


def _kept(first: Form, stated: Application, mask: Application) -> str | None:
    """The largest part of a group that keeps the mask, in words, where the mask comes first."""
    if stated.rule.name != "equivariant" or first.tables:
        return None
    masked = mask.apply(first).after
    return surviving(masked, stated.group) or surviving_of_tables(masked, stated.group)


def _shown(masked: Form, stated: Sequence[Application]) -> Counterexample | None:
    """A layer of which the mask leaves one without the symmetry, for the first group for which there is one."""
    dense = dense_like(masked)
    found = (cut(masked, a.clauses(dense), a.tables(dense)) for a in stated)
    return next((one for one in found if one is not None), None)
