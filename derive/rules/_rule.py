"""What makes a function a rule: its kind, its statement, and the constraint that it imposes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from derive.errors import ObligationFailed, OrbitCut, RuleRefused
from derive.forms.arguments import called_as, said
from derive.forms.equation import formula
from derive.forms.expr import Read, reads
from derive.forms.form import Form, Table
from derive.groups._finite import PermutationGroup
from derive.groups._group import Joining
from derive.proof.claim import check_claim
from derive.proof.step import Clause, Kind, Step
from derive.rules._entries import Entrywise, entrywise
from derive.rules._maps import same_entries, same_letters
from derive.rules._narrowed import narrowed

__all__ = ["Application", "Case", "Rule", "rule"]

Rewrite = Callable[..., Step]
Constraint = Callable[..., tuple[Clause, ...]]
Reading = Callable[..., tuple[Table, ...]]


class Rule:
    """A rewrite with its kind. Calling it with its arguments gives an `Application` to a form."""

    def __init__(self, kinds: tuple[Kind, ...], rewrite: Rewrite, after_tables: bool = False) -> None:
        self.kind, self.kinds, self.rewrite, self.after_tables = kinds[0], kinds, rewrite, after_tables
        self.name = rewrite.__name__
        self.module_doc = inspect.getdoc(inspect.getmodule(rewrite)) or ""
        self.__doc__ = rewrite.__doc__
        taken = inspect.signature(rewrite)
        self.__signature__ = taken.replace(
            parameters=list(taken.parameters.values())[1:], return_annotation="Application"
        )
        self.clauses: Constraint | None = None
        self.tables: Reading | None = None

    def __call__(self, *args: Any, **options: Any) -> Application:
        try:
            given = self.__signature__.bind(*args, **options)
        except TypeError as cause:
            called = called_as(self.name, self.__signature__, cause)
            raise RuleRefused(f"Rule '{self.name}' is called as {called}") from cause
        for name, value in given.arguments.items():
            self._judge(name, value)
        return Application(self, args, tuple(options.items()))

    def _judge(self, name: str, value: Any) -> None:
        """Names and groups are told by the rewrite's annotations; numbers, tables and layers are the rewrite's to judge."""
        annotation = self.__signature__.parameters[name].annotation
        asked = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        acts = not isinstance(value, type) and (hasattr(value, "motions") or hasattr(value, "tie"))
        if asked == "Group" and isinstance(value, PermutationGroup):
            raise RuleRefused(
                f"Rule '{self.name}' takes a group that acts on places or channels; permutations of {value.degree} points act by "
                f"Permutations(...)."
            )
        if asked == "Group" and not acts:
            raise RuleRefused(f"Rule '{self.name}' takes a group, such as Translations(); {said(value)} is none.")
        if asked in ("str", "str | None") and not isinstance(value, str) and not (value is None and "None" in asked):
            raise RuleRefused(f"Rule '{self.name}' takes a name as {name}=; {said(value)} is none.")

    def constraint(self, function: Constraint) -> Constraint:
        """Decorates the function that states what the rule demands of a form, as clauses."""
        self.clauses = function
        return function

    def reading(self, function: Reading) -> Reading:
        """Decorates the function that gives the tables which the constraint reads."""
        self.tables = function
        return function

    @property
    def statement(self) -> str:
        """The line of the module's docstring that has an arrow in it."""
        return next(line.strip() for line in self.module_doc.splitlines() if "⟶" in line)

    @property
    def headline(self) -> str:
        """The first sentence of the module's docstring."""
        return " ".join(self.module_doc.split("\n\n")[0].split())

    @property
    def home(self) -> str | None:
        """Where a shipped rule stands in the checkout; None for a rule of the user's own."""
        module = self.rewrite.__module__
        return f"{module.replace('.', '/')}.py" if module.startswith("derive.rules.") else None

    def __repr__(self) -> str:
        return f"rule {self.name} ({self.kind.value})"


def rule(*kinds: Kind, after_tables: bool = False) -> Callable[[Rewrite], Rule]:
    """Makes a function `(form, ...) -> Step` a rule of that kind, or of one of several, as its arguments say.

    `after_tables` says that it applies where the weights are read by tables too.
    """
    return lambda rewrite: Rule(kinds, rewrite, after_tables)


@dataclass(frozen=True)
class Application:
    """A rule with its arguments, ready for a form."""

    rule: Rule
    args: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        parts = [_shown(a) for a in self.args] + [f"{k}={_shown(v)}" for k, v in self.options]
        return f"{self.rule.name}({', '.join(parts)})"

    @property
    def group(self) -> Any:
        """The group that it was stated of, where it was of one."""
        given = dict(zip(self.rule.__signature__.parameters, self.args, strict=False)) | dict(self.options)
        return given.get("group")

    def together(self, other: Application, form: Form) -> Application | None:
        """The rule of the group that its own and the other's generate; None where they are better stated as two."""
        if self.rule is not other.rule or not isinstance(self.group, Joining):
            return None
        try:
            both = self.group.joined(other.group, form)
        except RuleRefused:
            return None
        return None if both is None else self.rule(both)

    def clauses(self, form: Form) -> tuple[Clause, ...]:
        """What the rule demands of a form. Raises RuleRefused for a rule that demands nothing."""
        if self.rule.clauses is None:
            raise RuleRefused(f"Rule '{self.rule.name}' states no constraint, so nothing can be claimed by it.")
        return self.rule.clauses(form, *self.args, **dict(self.options))

    def tables(self, form: Form) -> tuple[Table, ...]:
        """What the clauses read places, signs and coefficients from."""
        return () if self.rule.tables is None else self.rule.tables(form, *self.args, **dict(self.options))

    def apply(self, form: Form) -> Step:
        """The step that the rule makes of a form, not proved yet.

        Raises ObligationFailed with a counterexample for a weight that isn't one free entry and
        breaks the constraint, RuleRefused where the rule does not apply.
        """
        if (settled := self._settled(form)) is not None:
            return settled
        if form.tables and not self.rule.after_tables:
            raise RuleRefused(
                f"Rule '{self.rule.name}' refused: the weight {form.weight} is read by a table, "
                f"and this rule names weights by formulas in their places."
            )
        restricts = self.rule.clauses is not None and self.rule.kind is Kind.RESTRICTION
        seen = entrywise(form) if restricts and not form.vanishes else None
        tied = seen is None and not isinstance(form.weight, Read) and not form.vanishes
        if self.rule.clauses is not None and tied and not form.tables and self._demands_of_weights(form):
            self._refuse_tied(form)
        try:
            step = (
                self.rule.rewrite(form, *self.args, **dict(self.options))
                if seen is None
                else self._narrowed(form, seen)
            )
        except RuleRefused as cause:
            if f"'{self.rule.name}'" in str(cause):
                raise
            says = f"Rule '{self.rule.name}' refused: {cause}"
            raise (OrbitCut(says, cause.masked) if isinstance(cause, OrbitCut) else type(cause)(says)) from cause
        kind = step.kind if step.kind in self.rule.kinds else self.rule.kind
        return replace(step, rule=str(self), kind=kind)

    def _settled(self, form: Form) -> Step | None:
        """The form as it stands, where it has no terms and the constraint speaks of weights alone."""
        if not form.vanishes or self.rule.clauses is None:
            return None
        try:
            clauses = self.clauses(form)
        except RuleRefused:
            return None
        if any(reads(side) for clause in clauses for side in (clause.left, clause.right)):
            return None
        same, letters = same_entries(form.params), same_letters(form)
        return Step(
            rule=str(self),
            kind=self.rule.kind,
            statement=self.rule.statement,
            reason="No weight is left that the constraint could speak of.",
            before=form,
            after=form,
            embeddings=same,
            sections=same,
            to_before=letters,
            to_after=letters,
            clauses=clauses,
        )

    def _narrowed(self, form: Form, seen: Entrywise) -> Step:
        return narrowed(form, seen, self.clauses(seen.form), self.tables(seen.form), self.rule.statement)

    def _demands_of_weights(self, form: Form) -> bool:
        """Whether the constraint speaks of weights, and not of biases alone."""
        weights = {param.name for param in form.weights}
        sides = (side for clause in self.clauses(form) for side in (clause.left, clause.right))
        return any(read.array in weights for side in sides for read in reads(side))

    def _refuse_tied(self, form: Form) -> None:
        try:
            check_claim(form, self.clauses(form))
        except ObligationFailed as failure:
            raise ObligationFailed(f"Rule '{self.rule.name}' refused: {failure}", failure.counterexample) from failure
        raise RuleRefused(
            f"Rule '{self.rule.name}' refused: the weight {form.weight} satisfies the constraint already, "
            f"and is no free entry that could be tied."
        )


def _shown(value: Any) -> str:
    if isinstance(value, Form):
        return formula(value).partition(" " * 8)[0]
    return f'"{value}"' if isinstance(value, str) else str(value)


@dataclass(frozen=True, slots=True)
class Case:
    """A form and a rule: an EXAMPLE to prove, or a COUNTEREXAMPLE with the residue that it is refused with."""

    form: Form
    application: Application
    residue: str = ""
