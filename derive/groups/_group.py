"""What a group gives a rule: its elements, and the orbits of its action on the entries of an array."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from sympy import Expr, Integer, Symbol, true

from derive.errors import RuleRefused
from derive.forms.arguments import is_count, is_whole, said
from derive.forms.form import Form, Table
from derive.forms.polyhedron import Polyhedron

__all__ = [
    "Action",
    "AtSizes",
    "Block",
    "Composed",
    "Element",
    "Group",
    "Joining",
    "Linear",
    "Mixing",
    "Motion",
    "Tabled",
    "Tie",
    "channel_acts",
    "chosen_axes",
    "steps_along",
]

ONE = Integer(1)


@dataclass(frozen=True, slots=True)
class Element:
    """One case of a group's elements, general in its letters: how it moves places, and with which sign.

    letters    what the case leaves open, such as a shift; `given` is what they must satisfy
    out        g·o, as values of the output's letters; a letter that is not there stays
    source     g·k, as values of the input's letters
    signs      the sign that g gives H[o], and the one that it gives X[k], in their letters
    says       the element in words, for refusals
    """

    letters: tuple[Symbol, ...]
    given: Any
    out: Mapping[Symbol, Expr]
    source: Mapping[Symbol, Expr]
    notation: str
    says: str = ""
    signs: tuple[Expr, Expr] = (ONE, ONE)


@dataclass(frozen=True, slots=True)
class Action:
    """How the elements move the entries p of one array.

    letters    p's letters, in their order
    moved      for each element the entry that it carries p to
    places     the output's and the input's place of one pair that reads p
    signs      for each element the sign of that: the entry there is the sign times the entry at p
    few        letters of channels and of remainders, with few values, which elements permute: the least and the largest
    wrapped    which letters are differences that wrap around, each with the output's letter and the size
    periods    by which the entry that a place reads repeats along the output's letters, where it does
    entries    the affine conditions on the entries that count, and on sizes
    window     the same without those of a grid of so few places: what names an orbit names it on any grid
    rest       the other conditions on them
    implies    whether a condition holds wherever another one does, at sizes as they are given
    closed     whether every element carries every entry that counts to one that counts
    still      what the identity does to letters, where that isn't the letter itself at all few letters
    """

    letters: tuple[Symbol, ...]
    elements: tuple[Element, ...]
    moved: tuple[Mapping[Symbol, Expr], ...]
    places: Mapping[Symbol, Expr]
    signs: tuple[Expr, ...]
    few: Mapping[Symbol, tuple[int, int]]
    periods: Mapping[Symbol, int]
    wrapped: Mapping[Symbol, tuple[Symbol, Expr]]
    entries: Polyhedron
    window: Polyhedron
    rest: Any
    given: Any
    implies: Callable[[Any, Any], bool]
    closed: Callable[[], bool]
    still: Mapping[Symbol, Expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tie:
    """The orbits of an action on the entries p of an array.

    orbit            the letters that name an orbit, each with its value at p
    orbits           which values of those letters name an orbit, as polyhedra that cover them
    free             the same, exactly
    representative   one entry of the orbit that counts: values of p's letters in terms of the orbit's
    carries          the instances of the law that tie p to its representative, one after the other: the number of an
                     element, and the values, at p, of its letters and of those places where it isn't applied at p's own
    sign             the entry at p is this times the orbit's weight
    sign_back        the orbit's weight is this times the representative's entry, in the orbit's letters
    kept             where a sign doesn't force the entry at p to be 0
    """

    orbit: tuple[tuple[Symbol, Expr], ...]
    orbits: tuple[Polyhedron, ...]
    free: Any
    representative: Mapping[Symbol, Expr]
    carries: tuple[tuple[int, Mapping[Symbol, Expr]], ...]
    sign: Expr = ONE
    sign_back: Expr = ONE
    kept: Any = true


def chosen_axes(group: object, axes: Any, rank: int) -> tuple[int, ...]:
    """Which of a grid's axes a group names, by default all. Raises RuleRefused for what is no tuple of some of them."""
    if axes is None:
        return tuple(range(rank))
    if not isinstance(axes, tuple) or not all(map(is_whole, axes)):
        raise RuleRefused(f"axes= is a tuple of the grid's axes, such as (0,); {said(axes)} is none.")
    if not axes or len(set(axes)) < len(axes) or not set(axes) <= set(range(rank)):
        raise RuleRefused(f"{group} names an axis that a grid of {rank} axes doesn't have.")
    return axes


def steps_along(step: Any, rank: int) -> tuple[int, ...]:
    """The step of shifts along each of `rank` axes. Raises RuleRefused for what is none."""
    steps = step if isinstance(step, tuple) else (step,) * rank
    if len(steps) != rank or not all(map(is_count, steps)):
        raise RuleRefused(f"Shifts go by a step from 1, one for each of {rank} axes or for all; {said(step)} is none.")
    return steps


def channel_acts(acts: Any) -> Mapping[str, Any]:
    """How a group acts on channels, by their letters. Raises RuleRefused for what says no such thing."""
    if acts is None:
        return {}
    pairs = isinstance(acts, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in acts)
    if not (pairs or isinstance(acts, Mapping)) or not all(map(_acts, dict(acts).items())):
        raise RuleRefused(
            f'channels= says how a group acts, such as {{"c": "regular"}}; {said(acts)} says no such thing.'
        )
    return dict(acts)


def _acts(item: tuple[Any, Any]) -> bool:
    """Whether it is a letter with a name of an action, or with a representation."""
    letter, how = item
    return isinstance(letter, str) and (isinstance(how, str) or hasattr(how, "codes"))


class Group(Protocol):
    """A family of maps of the grid onto itself, acting where source and target are both inside."""

    def elements(self, form: Form) -> tuple[Element, ...]:
        """Every element but the identity, in finitely many cases, acting on the form's places."""
        ...

    def tie(self, action: Action) -> Tie:
        """The orbits of the elements on an array's entries."""
        ...

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """What these of its elements are together, in words: a group by its name, where it has one."""
        ...


@runtime_checkable
class Composed(Protocol):
    """A group that comes with others, such as a point group with shifts: all of them together are meant."""

    def parts(self) -> tuple[Group, ...]:
        """The others, which it follows."""
        ...


@runtime_checkable
class Joining(Protocol):
    """A group that may be stated as one with another of its kind, such as two point groups about one centre."""

    def joined(self, other: Group, form: Form) -> Group | None:
        """The group that both generate, acting on a form; None where they are better stated one after the other."""
        ...


@runtime_checkable
class Mixing(Protocol):
    """A group whose elements may add channels, as matrices that are no signed permutations."""

    def matrices_on_channels(self, form: Form) -> tuple[Mapping[Symbol, tuple[tuple[int, ...], ...]], ...]:
        """For each element the matrices, by the letters of the channels that they add."""
        ...


@runtime_checkable
class Tabled(Protocol):
    """A group whose elements say by tables where they move places; it acts at numeric sizes."""

    def tables(self, form: Form) -> tuple[Table, ...] | None:
        """The tables that its elements read; None where they are formulas after all."""
        ...


@runtime_checkable
class AtSizes(Protocol):
    """A group with one case for many elements: which of them keep a mask is told at numeric sizes."""

    def kept_at(self, form: Form, inside: Any) -> str:
        """Those that keep the pairs of places `inside`, a table of booleans of the form's shape at some sizes, in words."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """A matrix that acts along these axes of an array at once: on their places in row-major order, as on the coordinates."""

    axes: tuple[int, ...]
    matrix: tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True, slots=True)
class Motion:
    """One generator: the blocks by which it acts on the output and on the input, no axis twice; other axes stay."""

    notation: str
    out: tuple[Block, ...]
    source: tuple[Block, ...]


@runtime_checkable
class Linear(Protocol):
    """A group whose elements are matrices, so that a moved value is a sum; it acts along axes of numeric sizes."""

    def motions(self, form: Form) -> tuple[Motion, ...] | None:
        """Its generators; None where they move places instead."""
        ...
