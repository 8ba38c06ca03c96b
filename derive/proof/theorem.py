"""What a derivation proves, in one piece: which layers of the first form those of the last one are.

Constraints are stated of the first form's own coefficients: a clause about V[i, j, a, b] is pulled back
through the sections of the steps before it to one about W[i, j, i + a, j + b].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from sympy import And, Expr, Symbol, true

from derive.errors import CertificateError, DeriveError
from derive.forms.equation import formula
from derive.forms.expr import Read, Where, reads
from derive.forms.form import Array, Form, Param, Table
from derive.forms.notation import UNICODE
from derive.forms.ranges import write_conditions
from derive.forms.text import show
from derive.proof.counts import Counts
from derive.proof.displays import lines_html
from derive.proof.encoding import write_form, write_tables
from derive.proof.folding import Whole, folded, named_again, wholes_after
from derive.proof.goal import Goal, Status
from derive.proof.json_data import Data
from derive.proof.solver import decide
from derive.proof.step import ArrayMap, Clause, Kind, Step, View, substitute
from derive.remembered import text

__all__ = ["Constraint", "Extension", "Theorem", "Transform", "boxes_of", "compare", "theorem", "write_theorem"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """For all letters with `given`: left = right, in coefficients and biases of the first form, or of a later layer.

    `of` is the form that so many transformations, `after`, make of the first one's layers.
    """

    says: str
    letters: tuple[Symbol, ...]
    given: Any
    left: Expr
    right: Expr
    tables: tuple[Table, ...] = ()
    numbers: tuple[Param, ...] = ()
    after: int = 0
    of: Form | None = None

    def __str__(self) -> str:
        names = ", ".join(s.name for s in self.letters)
        where = ", ".join(write_conditions(self.given, self.letters, UNICODE))
        return f"{UNICODE(self.left)} = {UNICODE(self.right)} for all {names} with {where}"


@dataclass(frozen=True, slots=True)
class Extension:
    """A form that is the special case `when` of the next one."""

    form: Form
    when: Any


@dataclass(frozen=True, slots=True)
class Transform:
    """From here on another layer: this view of the one of `form`, at these of its places."""

    form: Form
    view: View
    places: tuple[Expr, ...]

    def __str__(self) -> str:
        if self.view is View.FACTORED:
            return f"{' = '.join(map(UNICODE, self.places))} in {formula(self.form)}"
        at = f" at {', '.join(map(UNICODE, self.places))}" if self.view is View.SELECTED else ""
        return f"{self.view.value}{at} of {formula(self.form)}"


@dataclass(frozen=True, slots=True)
class Theorem:
    """The layers of `last` are those of `first` under the constraints, each for one choice of parameters.

    With transformations, `last` is what they make of those layers, those of which satisfy the constraints stated after them.
    """

    extends: tuple[Extension, ...]
    first: Form
    constraints: tuple[Constraint, ...]
    last: Form
    counts: Counts | None
    transforms: tuple[Transform, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        """What a notebook shows: the same lines."""
        return lines_html(str(self))

    def _lines(self) -> Iterator[str]:
        for extension in self.extends:
            yield f"Extends      {formula(extension.form)}"
            case = ", ".join(sorted(map(UNICODE, And.make_args(extension.when))))
            yield f"             which is the first form where {case}"
        yield f"First form   {formula(self.first)}"
        yield from boxes_of(self.first)
        yield from self._stated(0)
        for number, transform in enumerate(self.transforms, 1):
            yield f"Transformed  {transform}"
            yield from self._stated(number)
        yield f"Last form    {formula(self.last)}"
        yield from boxes_of(self.last)
        if self.counts is not None:
            yield f"Weights      {self._count(self.counts.exact_weight, self.counts.weight)}"
            yield f"Biases       {self._count(self.counts.exact_bias, self.counts.bias)}"

    def _stated(self, after: int) -> Iterator[str]:
        """The constraints of the layer that so many transformations make."""
        found = [c for c in self.constraints if c.after == after]
        if found and found[0].of is not None:
            yield f"Which is     {formula(found[0].of)}"
            yield from boxes_of(found[0].of)
        if not self.constraints and not after:
            yield "Constraints  none: the same layers"
        for head, constraint in zip_longest(["Constraints"], found) if found else ():
            yield f"{head or '':<13}{constraint}"

    def _count(self, exact: Expr | None, short: Expr) -> str:
        if exact is None:
            return f"{UNICODE(short)} when {UNICODE(self.counts.when)}" if self.counts else ""
        if self.counts and self.counts.is_long and short != exact and exact == self.counts.exact_weight:
            elsewhere = f" when {UNICODE(self.counts.when)}, at other sizes `counts.exact_weight`"
            return f"{UNICODE(short)}{elsewhere if self.counts.when != true else ''}"
        when = f", which is {UNICODE(short)} when {UNICODE(self.counts.when)}" if self.counts and short != exact else ""
        return f"{UNICODE(exact)}{when}"


def boxes_of(form: Form) -> Iterator[str]:
    """A line with the boxes of a form's arrays, and the preconditions."""
    arrays = (form.output, form.input, *(p.array for p in form.params))
    yield f"             {', '.join(map(_box, arrays))}; {_conditions(form.given)}"


def _box(array: Array) -> str:
    return f"{array.name}[{', '.join(f'{UNICODE(a.lower)}..{UNICODE(a.upper)}' for a in array.axes)}]"


def _conditions(condition: Any) -> str:
    letters = tuple(sorted(condition.free_symbols, key=text))
    return ", ".join(write_conditions(condition, letters, UNICODE))


def theorem(start: Form, steps: tuple[Step, ...]) -> Theorem:
    """What the steps prove, once their obligations are discharged."""
    extends: list[Extension] = []
    constraints: list[Constraint] = []
    sections: list[tuple[ArrayMap, ...]] = []
    transforms: list[Transform] = []
    wholes: dict[str, Whole] = {}
    read: tuple[Table, ...] = ()
    first = last = start
    stated: Form | None = None
    for step in steps:
        if step.kind is Kind.FACTORISATION:
            sums = tuple(e for m in step.embeddings for e in (Read(m.array, *m.binders), m.value))
            transforms.append(Transform(step.before, step.view, sums[:2]))
        elif step.kind is Kind.TRANSFORMATION:
            places = tuple(step.to_before[s] for s in step.before.output.symbols)
            transforms.append(Transform(step.before, step.view, places))
        elif step.kind is Kind.EXTENSION:
            if constraints or sections or transforms:
                raise DeriveError("An extension re-bases a derivation, so it comes before every other step.")
            extends.append(Extension(first, step.assume))
            first = step.after
        else:
            pulled = [_pulled(clause, step, sections, wholes, read) for clause in step.clauses]
            constraints += [replace(c, after=len(transforms), of=stated) for c in pulled]
            wholes = wholes_after(step, wholes, len(sections))
            sections.append(step.sections)
            read = tuple(dict.fromkeys((*read, *step.tables)))
        last = step.after
        if step.kind in (Kind.FACTORISATION, Kind.TRANSFORMATION):
            sections, wholes, stated = [], {}, last
    return Theorem(tuple(extends), first, tuple(constraints), last, _counts(last), tuple(transforms))


def _counts(form: Form) -> Counts | None:
    """None where the numbers are no expression in the sizes."""
    try:
        return Counts.of(form)
    except DeriveError:
        return None


def _pulled(
    clause: Clause,
    step: Step,
    sections: list[tuple[ArrayMap, ...]],
    wholes: dict[str, Whole],
    earlier: tuple[Table, ...],
) -> Constraint:
    left, right = (folded(side, step.before, wholes) for side in (clause.left, clause.right))
    for depth, maps in reversed(list(enumerate(sections))):
        left, right = (substitute(named_again(side, wholes, depth + 1), maps) for side in (left, right))
    left, right = (named_again(side, wholes, 0) for side in (left, right))
    known = And(step.before.given, clause.given)
    sides = _settled(left, known), _settled(right, known)
    read = {r.array for side in sides for r in reads(side)}
    own = {t.name for t in (*step.before.tables, *step.tables)}
    other = tuple(t for t in earlier if t.name not in own)
    tables = tuple(t for t in (*step.before.tables, *step.tables, *other) if t.name in read)
    if len({t.name for t in tables}) < len(tables):
        raise DeriveError("Two tables of one name are read by a constraint, so it is none that can be stated.")
    numbers = tuple(p for p in step.before.params if p.values is not None and p.name in read)
    return Constraint(clause.says, clause.binders, clause.given, *sides, tables, numbers)


def _settled(expression: Expr, known: Any) -> Expr:
    """Without the cases that cannot occur."""
    for case in sorted(expression.atoms(Where), key=text):
        if decide(Goal((known,), case.condition).smt) is Status.PROVED:
            expression = expression.xreplace({case: case.args[1]})
    return expression


def write_theorem(found: Theorem) -> Data:
    """The theorem as data: forms whole, formulas as text."""
    counts = found.counts
    return {
        "extends": [{"form": write_form(e.form), "when": show(e.when)} for e in found.extends],
        "first": write_form(found.first),
        "constraints": [
            {
                "says": c.says,
                "letters": [s.name for s in c.letters],
                "given": show(c.given),
                "left": show(c.left),
                "right": show(c.right),
            }
            | write_tables(c.tables)
            | _write_numbers(c.numbers)
            | ({"after": c.after, "of": write_form(c.of)} if c.of is not None else {})
            for c in found.constraints
        ],
        "transforms": [
            {"form": write_form(t.form), "view": t.view.value, "places": list(map(show, t.places))}
            for t in found.transforms
        ],
        "last": write_form(found.last),
        "free": None
        if counts is None
        else {
            "weight": str(counts.weight),
            "bias": str(counts.bias),
            "when": str(counts.when),
            "exact_weight": str(counts.exact_weight),
            "exact_bias": str(counts.exact_bias),
        },
    }


def _write_numbers(params: tuple[Param, ...]) -> Data:
    """Arrays of numbers with all their values, where there are any."""
    held = [{"name": p.name, "values": [show(v) for v in p.values or ()]} for p in params]
    return {"numbers": held} if held else {}


def compare(found: Theorem, wanted: Theorem) -> None:
    """Raise CertificateError, naming the first part in which two theorems differ."""
    pairs = (("first form", found.first, wanted.first), ("last form", found.last, wanted.last))
    for part, mine, theirs in pairs:
        if mine != theirs:
            raise CertificateError(
                f"The {part} proved is '{formula(mine)}'; it should be '{formula(theirs)}'{_unlike(mine, theirs)}."
            )
    if found.extends != wanted.extends:
        raise CertificateError("The forms that are extended differ from those that should be.")
    if found.transforms != wanted.transforms:
        raise CertificateError("The transformations differ from those that should be.")
    for number, (mine_, theirs_) in enumerate(zip_longest(found.constraints, wanted.constraints), 1):
        if mine_ != theirs_:
            raise CertificateError(
                f"Constraint {number} proved is '{mine_ or 'none'}'; it should be '{theirs_ or 'none'}'."
            )


def _unlike(mine: Form, theirs: Form) -> str:
    """Which part differs, where the two formulas read alike."""
    if formula(mine) != formula(theirs):
        return ""
    data, other = write_form(mine), write_form(theirs)
    return f", with another {', '.join(k for k in data if data[k] != other[k])}"
