"""What a rule hands over to be proved: two forms, and the maps between their parameters and terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sympy import Expr, Symbol, true

from derive.forms.expr import Read, map_reads
from derive.forms.form import Form, Table
from derive.remembered import replaced

__all__ = ["ArrayMap", "Clause", "Instance", "Kind", "Step", "SubStep", "View", "substitute"]


class Kind(Enum):
    """What a rewrite does to the set of layers that a form describes."""

    EQUIVALENCE = "equivalence"
    RESTRICTION = "restriction"
    EXTENSION = "extension"
    FACTORISATION = "factorisation"
    TRANSFORMATION = "transformation"
    LOWERING = "lowering"


@dataclass(frozen=True, slots=True)
class ArrayMap:
    """`array[binders] = value`, where the value reads arrays of the other form."""

    array: str
    binders: tuple[Symbol, ...]
    value: Expr

    def at(self, subscripts: Iterable[Expr]) -> Expr:
        """The value at these subscripts."""
        places = dict(zip(self.binders, subscripts, strict=True))
        return replaced(self.value, places)


class View(Enum):
    """As the factor of which array a transformation sees the layer's sum, or as sums of what: see `derive.proof.transform`."""

    SELECTED = "selected places"
    ADJOINT = "adjoint"
    WEIGHT = "gradient by the weights"
    BIAS = "gradient by the biases"
    FIXED = "fixed weights"
    COMPOSED = "composition"
    FACTORED = "factorisation"
    SPANNED = "linear combination"
    PERIODIC = "periodic extension"
    REFLECTED = "extension reflected in the last place"
    SYMMETRIC = "extension reflected behind the last place"
    NEAREST = "extension by the nearest place"


def substitute(expression: Any, maps: Iterable[ArrayMap]) -> Any:
    """The expression with every read of a mapped array replaced by its value."""
    table = {m.array: m for m in maps}

    def value(read: Read) -> Any:
        return table[read.array].at(read.subscripts) if read.array in table else read

    return map_reads(expression, value)


@dataclass(frozen=True, slots=True)
class Clause:
    """For all binders with `given`: left = right, in reads of the form before the step; either may be a sum of them."""

    says: str
    binders: tuple[Symbol, ...]
    given: Any
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Instance:
    """A witness: to determine the entry of `array` at its own letters, use this clause at these values."""

    array: str
    clause: int
    values: tuple[tuple[Symbol, Expr], ...]

    def apply(self, clause: Clause) -> tuple[Any, Expr, Expr]:
        """The clause's condition, left and right side at the witness."""
        at = dict(self.values)
        return replaced(clause.given, at), replaced(clause.left, at), replaced(clause.right, at)


@dataclass(frozen=True, slots=True)
class SubStep:
    """One line of a rule's argument: a sentence, the two sides of the equation it leads to, and `where` what new letters are."""

    says: str
    left: Any
    right: Any
    where: tuple[tuple[Symbol, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One rewrite. The maps are claims: `obligations(step)` says what must be proved of them.

    embeddings   the parameters before, in terms of those after
    sections     the parameters after, in terms of those before
    to_before    letters of the form before, in terms of those of the form after: which old term a new one is
    to_after     the reverse
    assume       the special case in which an extension is the form before
    view         of a transformation: which view of the sum it is
    selected     of a transformation: the places, in the old letters, that it keeps
    inner        of a composition: the layer whose output is the input of the one before, in letters of its own
    tables       what clauses and sections read places, signs and coefficients from, such as the images under a permutation
    """

    rule: str
    kind: Kind
    statement: str
    reason: str
    before: Form
    after: Form
    embeddings: tuple[ArrayMap, ...]
    sections: tuple[ArrayMap, ...]
    to_before: Mapping[Symbol, Expr]
    to_after: Mapping[Symbol, Expr]
    clauses: tuple[Clause, ...] = ()
    instances: tuple[Instance, ...] = ()
    argument: tuple[SubStep, ...] = ()
    assume: Any = field(default=true)
    view: View = View.SELECTED
    selected: Any = field(default=true)
    inner: Form | None = None
    tables: tuple[Table, ...] = ()
