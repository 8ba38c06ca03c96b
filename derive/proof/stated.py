"""A claim that was proved, with what it says: a certificate that anyone can re-check, and theorems for Coq.

    found = derive.commute(one, other)        found.certificate()        found.coq("commute.v").text

A statement is a kind of claim and what it is about: forms, derivations, clauses, formulas. Who re-checks a certificate proves that
statement anew, by the same kind of claim, and requires the file to say what this gives: every word, and every goal. Other solvers
must agree on each goal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from typing import Any, Self

from sympy import Expr, Symbol

from derive.errors import CertificateError
from derive.forms.form import Form, Table
from derive.forms.text import show
from derive.proof.certificate import (
    Decide,
    certificate,
    discharge_by,
    guarded,
    read,
    verify,
    write_obligations,
)
from derive.proof.checker import Checker
from derive.proof.coq import Claim, CoqFile, coq_file
from derive.proof.encoding import (
    each,
    read_clause,
    read_form,
    read_letter,
    read_number,
    read_table,
    write_clause,
    write_form,
    write_tables,
)
from derive.proof.everywhere import Everywhere
from derive.proof.goal import Verdict
from derive.proof.json_data import Data, digest, digested, fields, line, listed, plain
from derive.proof.obligations import any_form_obligations
from derive.proof.small import dense_like
from derive.proof.solver import decide, solver_version
from derive.proof.step import Step
from derive.proof.theorem import Constraint, boxes_of

__all__ = [
    "CLAIM_FORMAT",
    "NOTHING",
    "Claimed",
    "Claims",
    "Derived",
    "Prover",
    "Reproved",
    "Stated",
    "Statement",
    "reprove",
]

CLAIM_FORMAT = "derive certificate of a claim 1"
_KEYS = "format made_with claim says about obligations digest"


@dataclass(frozen=True, slots=True)
class Derived:
    """A derivation that a claim is about, as its first form and its steps."""

    start: Form
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A kind of claim, what it says in words, and what it is about, by name."""

    kind: str
    says: str
    about: tuple[tuple[str, Any], ...]

    def written(self) -> Data:
        """As data, every formula as text."""
        return {name: _write(part) for name, part in self.about}


NOTHING = Statement("", "", ())


class Stated:
    """What has verdicts and a statement: it can be certified."""

    __slots__ = ()
    statement: Statement
    verdicts: tuple[Verdict, ...]

    def certificate(self) -> dict[str, Any]:
        """The claim as JSON data, for `reprove` and `python -m derive verify`. Raises DeriveError for what can't be written."""
        return digested(
            {
                "format": CLAIM_FORMAT,
                "made_with": {"sympy": version("sympy"), "solver": solver_version()},
                "claim": self.statement.kind,
                "says": self.statement.says,
                "about": self.statement.written(),
                "obligations": write_obligations(v.obligation for v in self.verdicts),
                "digest": "",
            }
        )

    def coq(self, file: str = "claim.v") -> CoqFile:
        """The claim's obligations as theorems for Coq, as far as Coq's language has them."""
        claims = [Claim(self.statement.says, "claim", v.obligation) for v in self.verdicts]
        return coq_file(f"{self.statement.says}\n\nChecked by `coqc {file}`.", claims)


class Claims(Stated, tuple[Verdict, ...]):
    """The verdicts on the clauses of a claim."""

    statement: Statement

    @classmethod
    def of(cls, verdicts: Iterable[Verdict], statement: Statement) -> Self:
        """The verdicts, with what they are of."""
        made = cls(verdicts)
        made.statement = statement
        return made

    @property
    def verdicts(self) -> tuple[Verdict, ...]:  # type: ignore[override]
        """The same, as a tuple."""
        return tuple(self)

    def __str__(self) -> str:
        return "\n".join(map(str, self))


@dataclass(frozen=True)
class Claimed(Stated, Verdict):
    """The verdict on a claim that is one obligation."""

    statement: Statement = NOTHING

    @classmethod
    def of(cls, verdict: Verdict, statement: Statement) -> Self:
        """The verdict, with what it is of."""
        return cls(verdict.obligation, verdict.status, verdict.goal, statement)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:  # type: ignore[override]
        """The one verdict."""
        return (self,)


Prover = Callable[..., Stated]


@dataclass(frozen=True, slots=True)
class Reproved:
    """A claim that was proved anew, and how much that took."""

    says: str
    shown: tuple[str, ...]
    goals: int
    solvers: tuple[str, ...]
    points: int
    unknown: bool

    def __str__(self) -> str:
        solved = self.goals - self.points
        how = [f"{_goals(solved)} for all sizes, by {' and '.join(self.solvers)}"] if solved else []
        how += [f"{_goals(self.points)} exactly, entry by entry"] if self.points else []
        how += ["at these sizes, from what the form means"] if not self.goals else []
        own = ["Not known    what it is called is the file's own word"] if self.unknown else []
        return "\n".join([f"Claim        {self.says}", *self.shown, f"Proved       {', and '.join(how)}", *own])


def _goals(number: int) -> str:
    return f"{number} goal{'s' * (number != 1)}"


def reprove(
    data: Data | str | os.PathLike[str],
    provers: Mapping[str, Prover],
    also: Mapping[str, Decide] | None = None,
    called: Callable[[Statement], Statement | None] = lambda statement: None,
) -> Reproved:
    """Prove a claim's certificate, given as data or as a file's path, anew.

    `provers` prove each kind of claim of what it is about; `also` has other solvers by name, which must agree on every goal;
    `called` gives the statement that the words of one make, or None for words that aren't known. Raises CertificateError.
    """
    content = plain(data)
    kind, says, about, stated = _read(content, provers)
    solvers: dict[str, Decide] = {solver_version(): decide, **(also or {})}
    with guarded("The claim"):
        _check_about(about, solvers)
        proved = provers[kind](says=says, **about)
        wanted = proved.certificate()
        meant = called(proved.statement)
    for key in ("claim", "says", "about"):
        if content[key] != wanted[key]:
            raise CertificateError(f"The claim that is proved is another one: the file's '{key}' differs.")
    _compare(stated, wanted["obligations"])
    if content["digest"] != digest(content):
        raise CertificateError("The certificate was changed: its digest does not fit.")
    if meant is not None and meant.written() != wanted["about"]:
        raise CertificateError(f"The claim is not what it is called: '{says}' says something else of this layer.")
    for part in about.values():
        if isinstance(part, Derived):
            verify(certificate(part.start, part.steps), also=also)
    goals = [(goal, v.obligation) for v in proved.verdicts for goal in v.obligation.goals]
    for goal, obligation in goals:
        discharge_by(goal, obligation, "The claim", solvers)
    points = sum(isinstance(goal, Everywhere) for goal, _ in goals)
    return Reproved(says, _shown(about), len(goals), tuple(solvers), points, meant is None and kind in _NAMED)


_NAMED = ("coefficients", "entries", "terms", "meaning")  # kinds of claim of which the words are a rule's


def _read(content: Any, provers: Mapping[str, Prover]) -> tuple[str, str, dict[str, Any], list[Any]]:
    form, made, kind, says, about, stated, _ = fields(content, _KEYS, "The certificate")
    if form != CLAIM_FORMAT:
        raise CertificateError(f"The certificate's format is not '{CLAIM_FORMAT}', the one that is read here.")
    for value in fields(made, "sympy solver", "'made_with'"):
        line(value, "'made_with'")
    if not isinstance(kind, str) or kind not in provers:
        raise CertificateError("The certificate states a kind of claim that isn't known.")
    if not isinstance(about, dict):
        raise CertificateError("What the claim is about must be an object.")
    parts = {name: _part(part, f"'{name[:40]}'") for name, part in about.items()}
    return kind, line(says, "What the claim says"), parts, listed(stated, "'obligations'")


def _check_about(about: Mapping[str, Any], solvers: Mapping[str, Decide]) -> None:
    """Raise DeriveError for forms that are none or that no sizes satisfy, and for clauses about other arrays."""
    forms = [part for part in about.values() if isinstance(part, Form)]
    for obligation in (o for form in forms for o in any_form_obligations(form)):
        for goal in obligation.goals:
            discharge_by(goal, obligation, "The layer", solvers)
    for form, clause in product(forms, about.get("clauses", ())):
        arrays = (*(p.array for p in form.params), *(p.array for p in dense_like(form).params))
        known = frozenset().union(*(e.free_symbols for e in (clause.given, clause.left, clause.right)))
        check = Checker("A clause", known, (*form.tables, *about.get("tables", ())))
        for side in (clause.left, clause.right):
            check.entries(side, dict.fromkeys(arrays), clause.binders, f"'{clause.says}'")


def _compare(stated: list[Any], wanted: list[Data]) -> None:
    """Raise CertificateError for an obligation that isn't what the claim gives."""
    if len(stated) != len(wanted):
        raise CertificateError(f"The claim has {len(wanted)} obligations; the file has {len(stated)}.")
    for mine, theirs in zip(wanted, stated, strict=True):
        if mine != theirs:
            raise CertificateError(f"The claim needs another obligation '{mine['name']}' than the file's.")


def _shown(about: Mapping[str, Any]) -> tuple[str, ...]:
    """What a claim is about, a line each."""
    from derive.forms.equation import formula

    lines = []
    for name, part in about.items():
        if isinstance(part, (Form, Derived)):
            last = part if isinstance(part, Form) else part.steps[-1].after if part.steps else part.start
            lines += [f"{name.capitalize():<13}{formula(last)}", *boxes_of(last)]
        if name == "clauses":
            lines += [f"{'Says':<13}{Constraint(c.says, c.binders, c.given, c.left, c.right)}" for c in part]
    return tuple(lines)


def _write(part: Any) -> Data:
    if isinstance(part, Form):
        return {"form": write_form(part)}
    if isinstance(part, Derived):
        return {"derivation": certificate(part.start, part.steps)}
    if isinstance(part, Expr):
        return {"formula": show(part)}
    if isinstance(part, str):
        return {"text": part}
    kinds = {type(item) for item in part}
    if kinds <= {Table} and kinds:
        return write_tables(part)
    if kinds <= {Symbol} and kinds:
        return {"letters": [s.name for s in part]}
    return {"clauses": [write_clause(c) for c in part]}


def _part(data: Any, where: str) -> Any:
    if not isinstance(data, dict) or len(data) != 1:
        raise CertificateError(f"{where} must be an object of one kind of data.")
    ((kind, value),) = data.items()
    if kind not in _READ:
        raise CertificateError(f"{where} has '{kind[:40]}', which means nothing there.")
    return _READ[kind](value, where)


def _derived(data: Any, where: str) -> Derived:
    """A derivation by its certificate, which is compared with that of its steps when the whole claim is."""
    if not isinstance(data, dict) or not {"start", "steps"} <= {*data}:
        raise CertificateError(f"{where} is no derivation.")
    return Derived(*read(data["start"], data["steps"]))


_READ: Mapping[str, Callable[[Any, str], Any]] = {
    "form": read_form,
    "derivation": _derived,
    "formula": read_number,
    "text": line,
    "letters": lambda data, where: each(data, read_letter, where),
    "tables": lambda data, where: each(data, read_table, where),
    "clauses": lambda data, where: each(data, read_clause, where),
}
