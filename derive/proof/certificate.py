"""A derivation as a file that anyone can re-check: forms, maps, constraints, obligations as SMT-LIB 2 text.

    certificate(start, steps)   the data            dumps(data)   its text, the same bytes every time
    verify(file)                proves the theorem anew and trusts nothing in the file

`verify` reads forms and maps, builds every obligation again from them, requires the file's texts to be those,
and discharges them. The names of rules, their statements and the words of a constraint are labels: nothing is proved
of them. With `named`, which makes a step from a label and a form, each step must be the one that its label names, words
included; a label that names nothing known is printed as the file's own. Digests tell where a file was damaged; no proof
rests on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from importlib.metadata import version
from typing import Any

from derive.errors import CertificateError, DeriveError
from derive.forms.form import Form
from derive.proof.displays import certificate_html, lines_html
from derive.proof.encoding import read_form, read_step, write_form, write_step
from derive.proof.everywhere import Everywhere
from derive.proof.goal import Goal, Obligation, Status
from derive.proof.json_data import Data, digest, digested, dumps, fields, line, listed, plain
from derive.proof.obligations import form_obligations, step_obligations
from derive.proof.solver import decide, solver_version
from derive.proof.step import Step
from derive.proof.theorem import Theorem, compare, theorem, write_theorem

__all__ = [
    "FORMAT",
    "Certificate",
    "Decide",
    "Verified",
    "certificate",
    "discharge_by",
    "dumps",
    "guarded",
    "mended",
    "read",
    "verify",
    "write_obligations",
]

FORMAT = "derive certificate 1"
_STEP_KEYS = (
    "rule kind statement before after embeddings sections to_before to_after clauses instances assume view selected inner "
    "obligations digest"
)
_ODD = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)

Decide = Callable[[str], Status]
Named = Callable[[str, Form], Step | None]


class Certificate(dict[str, Any]):
    """The data of a certificate, and what a notebook shows of them."""

    def _repr_html_(self) -> str:
        return certificate_html(self)


@dataclass(frozen=True, slots=True)
class Verified:
    """A theorem that was proved anew, and how much that took."""

    theorem: Theorem
    steps: int
    obligations: int
    goals: int
    solvers: tuple[str, ...]
    points: int = 0
    unknown: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = " and ".join(self.solvers)
        proved = f"{self.obligations} obligations ({self.goals} goals) of {self.steps} steps"
        how = (
            f"at these sizes, {self.points} of the goals entry by entry, the others by"
            if self.points
            else "for all sizes, by"
        )
        own = "".join(f"\nNot known    {label}: what it is called is the file's own word" for label in self.unknown)
        besides = "".join(f"\n{claim}" for claim in self.claims)
        return f"{self.theorem}\nProved       {proved}, {how} {by}{own}{besides}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the same lines."""
        return lines_html(str(self))


def certificate(
    start: Form, steps: tuple[Step, ...], proved: Iterable[Iterable[Obligation]] | None = None
) -> Certificate:
    """The derivation as JSON data. `proved` are the obligations of the first form and of each step, where they are at hand.

    Raises DeriveError for a derivation that the formula language cannot write.
    """
    own, *each = proved or (form_obligations(start), *map(step_obligations, steps))
    first = {"form": write_form(start), "obligations": write_obligations(own), "digest": ""}
    later = [
        write_step(step) | {"obligations": write_obligations(those), "digest": ""}
        for step, those in zip(steps, each, strict=True)
    ]
    data: Data = {
        "format": FORMAT,
        "made_with": {"sympy": version("sympy"), "solver": solver_version()},
        "theorem": write_theorem(theorem(start, steps)),
        "start": first,
        "steps": later,
        "digest": "",
    }
    return Certificate(mended(data))


def write_obligations(obligations: Iterable[Obligation]) -> list[Data]:
    """Obligations as data: what they say, and every goal as SMT-LIB 2 text."""
    return [
        {"name": o.name, "says": o.says, "witness": o.witness, "goals": [goal.smt for goal in o.goals]}
        for o in obligations
    ]


def mended(data: Data) -> Data:
    """A copy with digests that fit its content."""
    parts = {"start": digested(data["start"]), "steps": [digested(step) for step in data["steps"]]}
    return digested({**data, **parts})


def verify(
    data: Data | str | os.PathLike[str],
    against: Theorem | Data | None = None,
    also: Mapping[str, Decide] | None = None,
    named: Named | None = None,
    claimed: Callable[..., Any] | None = None,
) -> Verified:
    """Prove the theorem of a certificate, given as data or as a file's path, anew.

    `against` is the theorem that it must be, or the certificate of a derivation that was proved here; `also`
    has other solvers by name, which must agree on every goal; `named` gives the step that a label names, or None; `claimed`
    proves the certificate of a claim about the last form. Raises CertificateError with one sentence that names the step.
    """
    content = plain(data)
    keys = "format made_with theorem start steps digest"
    _, _, stated, start_data, steps_data, _, besides = fields(content, keys, "The certificate", "claims")
    _check_format(content)
    start, steps = read(start_data, steps_data)
    claims = _rebuilt(start, steps, start_data, steps_data)
    _check_digests(content, steps)
    solvers: dict[str, Decide] = {solver_version(): decide, **(also or {})}
    for where, obligation in claims:
        for goal in obligation.goals:
            discharge_by(goal, obligation, where, solvers)
    with guarded("The theorem"):
        proved = theorem(start, steps)
        _check_stated(stated, write_theorem(proved))
    if against is not None:
        compare(proved, against if isinstance(against, Theorem) else _theorem_of(against))
    unknown = _check_labels(steps, named) if named is not None else ()
    goals = sum(len(obligation.goals) for _, obligation in claims)
    points = sum(isinstance(goal, Everywhere) for _, obligation in claims for goal in obligation.goals)
    shown = _besides(besides, proved.last, claimed, also)
    return Verified(proved, len(steps), len(claims), goals, tuple(solvers), points, unknown, shown)


def _besides(
    claims: Any, last: Form, claimed: Callable[..., Any] | None, also: Mapping[str, Decide] | None
) -> tuple[str, ...]:
    """The claims that a certificate has besides its steps, each proved anew, and about the last form."""
    found = [] if claims is None else listed(claims, "'claims'")
    if found and claimed is None:
        raise CertificateError("The certificate has claims besides its steps, and nothing was given that proves these.")
    for claim in found:
        about = claim.get("about") if isinstance(claim, dict) else None
        if not isinstance(about, dict) or about.get("layer") != {"form": write_form(last)}:
            raise CertificateError("The certificate has a claim about another layer than its last form.")
    return tuple(str(claimed(claim, also=also)) for claim in found if claimed is not None)


def _check_format(content: Data) -> None:
    if content["format"] != FORMAT:
        raise CertificateError(f"The certificate's format is not '{FORMAT}', the one that is read here.")
    for value in fields(content["made_with"], "sympy solver", "'made_with'"):
        line(value, "'made_with'")


def read(start_data: Any, steps_data: Any) -> tuple[Form, tuple[Step, ...]]:
    """The forms and steps, each step beginning where the one before it ended."""
    form, *_ = fields(start_data, "form obligations digest", "The start")
    start = last = read_form(form, "The first form")
    steps = []
    for number, item in enumerate(listed(steps_data, "'steps'"), 1):
        fields(item, _STEP_KEYS, f"Step {number}", "tables")
        where = _name(number, line(item["rule"], f"Step {number}: its rule"))
        step = read_step(item, where)
        if step.before != last:
            raise CertificateError(f"{where} does not begin with the form that comes before it.")
        steps.append(step)
        last = step.after
    return start, tuple(steps)


def _name(number: int, rule: str) -> str:
    return f"Step {number}, {rule},"


def _rebuilt(
    start: Form, steps: tuple[Step, ...], start_data: Data, steps_data: list[Data]
) -> list[tuple[str, Obligation]]:
    """Every obligation, built from the forms and maps; the file must state the same ones."""
    claims = []
    sources: list[tuple[str, Data, Form | Step]] = [("The first form", start_data, start)]
    sources += [
        (_name(number, step.rule), item, step)
        for number, (step, item) in enumerate(zip(steps, steps_data, strict=True), 1)
    ]
    for where, item, source in sources:
        with guarded(where):
            obligations = form_obligations(source) if isinstance(source, Form) else step_obligations(source)
            wanted = write_obligations(obligations)
        _check_obligations(item["obligations"], wanted, where)
        claims += [(where, obligation) for obligation in obligations]
    return claims


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Failures to make sense of data that could be read become one sentence."""
    try:
        yield
    except CertificateError:
        raise
    except DeriveError as cause:
        raise CertificateError(f"{where} proves nothing: {cause}") from cause
    except _ODD as cause:
        raise CertificateError(f"{where} proves nothing: its formulas make no sense together.") from cause


def _check_obligations(stated: Any, wanted: list[Data], where: str) -> None:
    found = listed(stated, f"{where} 'obligations'")
    for number, mine in enumerate(wanted):
        if number >= len(found):
            raise CertificateError(f"{where} lacks the obligation '{mine['name']}'.")
        values = fields(found[number], "name says witness goals", f"{where} obligation {number + 1}")
        theirs = dict(zip(mine, values, strict=True))
        if wrong := [key for key in mine if mine[key] != theirs[key]]:
            raise CertificateError(
                f"{where} needs another obligation '{mine['name']}': "
                f"its '{wrong[0]}' in the file is not what the forms and maps give."
            )
    if len(found) > len(wanted):
        raise CertificateError(f"{where} has an obligation more than it needs.")


def _check_digests(content: Data, steps: tuple[Step, ...]) -> None:
    parts = [("The first form", content["start"])]
    parts += [(_name(k, steps[k - 1].rule), item) for k, item in enumerate(content["steps"], 1)]
    for where, item in (*parts, ("The certificate", content)):
        if item["digest"] != digest(item):
            raise CertificateError(f"{where} was changed: its digest does not fit.")


def discharge_by(goal: Goal, obligation: Obligation, where: str, solvers: Mapping[str, Decide]) -> None:
    """Raise CertificateError for a goal that doesn't hold, or that a solver doesn't prove."""
    if isinstance(goal, Everywhere):
        if goal.decide() is not Status.EXHAUSTIVE:
            raise CertificateError(f"{where} has an obligation '{obligation.name}' that does not hold for every entry.")
        return
    for name, solve in solvers.items():
        status = solve(goal.smt)
        if status is not Status.PROVED:
            raise CertificateError(f"{where} has an obligation '{obligation.name}' that is {status.value} by {name}.")


def _check_stated(stated: Any, proved: Data) -> None:
    keys = fields(stated, " ".join(proved), "The theorem")
    if wrong := [key for key, value in zip(proved, keys, strict=True) if value != proved[key]]:
        raise CertificateError(f"The theorem that the steps prove is another one: the file's '{wrong[0]}' differs.")


def _check_labels(steps: tuple[Step, ...], named: Named) -> tuple[str, ...]:
    """The labels that name nothing known; each other one must name the step that it stands at."""
    unknown = []
    for number, step in enumerate(steps, 1):
        where = _name(number, step.rule)
        unlike = f"{where} is not what that rule makes of the form before"
        try:
            made = named(step.rule, step.before)
        except (DeriveError, *_ODD) as cause:
            raise CertificateError(f"{unlike}: {cause}") from cause
        if made is None:
            unknown.append(where.removesuffix(","))
            continue
        plain = replace(made, reason="", argument=())
        if wrong := [f.name for f in dataclass_fields(Step) if getattr(plain, f.name) != getattr(step, f.name)]:
            raise CertificateError(f"{unlike}: its '{wrong[0]}' differs.")
    return tuple(unknown)


def _theorem_of(trusted: Data) -> Theorem:
    with guarded("The certificate to compare with"):
        return theorem(*read(trusted["start"], trusted["steps"]))
