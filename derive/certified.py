"""Claims made again from their certificates: which claim proves each kind of statement, and what its words mean.

Nothing in a file is run. A layer is read as a form, a claim as clauses about it, a group as a call of a group by its name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from derive.claims import additive, by_meaning_at_its_sizes, by_terms, claim, commuting, in_one_window, same_layer
from derive.derivation import Derivation, ProvedStep
from derive.errors import ObligationFailed
from derive.forms.form import Form, Table
from derive.groups.point import PointGroup
from derive.labels import named_value
from derive.proof.certificate import Decide
from derive.proof.claim import check_claim, check_linear
from derive.proof.goal import Verdict
from derive.proof.stated import Claims, Derived, Prover, Reproved, Stated, Statement, reprove
from derive.proof.step import Clause
from derive.rules._rule import Application
from derive.symmetry import symmetry

__all__ = ["PROVERS", "verify_claim"]

Verdicts = tuple[Verdict, ...]


def verify_claim(data: dict[str, Any] | str | os.PathLike[str], also: Mapping[str, Decide] | None = None) -> Reproved:
    """Prove the claim of a certificate anew, trusting nothing in the file; `also` has other solvers by name.

    Raises CertificateError with one sentence where it doesn't hold, or the file says something else than what was proved.
    """
    return reprove(data, PROVERS, also, _called)


def _clauses(kind: str) -> Prover:
    """Claims that a layer has a structure."""

    def prover(says: str, layer: Form, clauses: tuple[Clause, ...], tables: tuple[Table, ...] = ()) -> Stated:
        verdicts = _KINDS[kind](layer, clauses, tables)
        if verdicts is None or not all(v.proved for v in verdicts):
            raise ObligationFailed(f"{says} is not proved.")
        about = (("layer", layer), ("clauses", clauses), *((("tables", tables),) if tables else ()))
        return Claims.of(verdicts, Statement(kind, says, about))

    return prover


_KINDS: Mapping[str, Any] = {
    "coefficients": lambda form, clauses, tables: check_claim(form, clauses),
    "entries": check_linear,
    "terms": lambda form, clauses, tables: by_terms(form, clauses),
    "meaning": by_meaning_at_its_sizes,
}


def _same_layer(says: str, one: Derived, other: Derived) -> Stated:
    return same_layer(*(Derivation(d.start, (), tuple(ProvedStep(s, ()) for s in d.steps)) for d in (one, other)))


def _symmetry(says: str, layer: Form, group: str) -> Stated:
    named = named_value(group)
    if not isinstance(named, PointGroup):
        raise ObligationFailed(f"'{group}' names no point group.")
    return symmetry(layer, named)


PROVERS: Mapping[str, Prover] = {
    **{kind: _clauses(kind) for kind in _KINDS},
    "same layer": _same_layer,
    "commuting": lambda says, one, other: commuting(one, other),
    "one window": lambda says, outer, inner, whole: in_one_window(outer, inner, whole),
    "additive": lambda says, function, letters: additive(function, letters),
    "symmetry": _symmetry,
}


def _called(statement: Statement) -> Statement | None:
    """What the words of a claim about a structure say of its layer; None where they name no rule that is known."""
    named = named_value(statement.says) if statement.kind in _KINDS else None
    return claim(dict(statement.about)["layer"], named).statement if isinstance(named, Application) else None
