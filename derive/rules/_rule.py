"""What makes a function a rule: its kind, its statement, and the constraint that it imposes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from derive.errors import ObligationFailed, RuleRefused
from derive.forms.expr import Read
from derive.forms.form import Form, Table
from derive.proof.claim import check_claim
from derive.proof.step import Clause, Kind, Step
from derive.rules._entries import Entrywise, entrywise
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
            self.__signature__.bind(*args, **options)
        except TypeError as cause:
            given = ", ".join(str(p.replace(annotation=p.empty)) for p in self.__signature__.parameters.values())
            raise RuleRefused(f"Rule '{self.name}' is called as {self.name}({given}): {cause}.") from cause
        return Application(self, args, tuple(options.items()))

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
        if form.tables and not self.rule.after_tables:
            raise RuleRefused(
                f"Rule '{self.rule.name}' refused: the weight {form.weight} is read by a table, "
                f"and this rule names weights by formulas in their places."
            )
        seen = entrywise(form) if self.rule.clauses is not None and self.rule.kind is Kind.RESTRICTION else None
        if self.rule.clauses is not None and seen is None and not isinstance(form.weight, Read) and not form.tables:
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
            raise RuleRefused(f"Rule '{self.rule.name}' refused: {cause}") from cause
        kind = step.kind if step.kind in self.rule.kinds else self.rule.kind
        return replace(step, rule=str(self), kind=kind)

    def _narrowed(self, form: Form, seen: Entrywise) -> Step:
        return narrowed(form, seen, self.clauses(seen.form), self.tables(seen.form), self.rule.statement)

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
    return f'"{value}"' if isinstance(value, str) else str(value)


@dataclass(frozen=True, slots=True)
class Case:
    """A form and a rule: an EXAMPLE to prove, or a COUNTEREXAMPLE with the residue that it is refused with."""

    form: Form
    application: Application
    residue: str = ""
