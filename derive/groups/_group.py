"""What a group gives a rule: a general element, and the orbits of its action on weight entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sympy import Expr, Symbol

from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron

__all__ = ["Element", "Group", "Tie"]


@dataclass(frozen=True, slots=True)
class Element:
    """A general element g: its letters, and g·o and g·k as values of the output's and the input's letters."""

    letters: tuple[Symbol, ...]
    given: Any
    out: Mapping[Symbol, Expr]
    source: Mapping[Symbol, Expr]
    notation: str


@dataclass(frozen=True, slots=True)
class Tie:
    """The orbits of an action on the entries p of an array.

    orbit            the letters that name an orbit, each with its value at p
    representative   one entry of the orbit: values of p's letters in terms of the orbit's
    carry            the element that carries p there: values of the element's letters in terms of p's
    """

    orbit: tuple[tuple[Symbol, Expr], ...]
    representative: Mapping[Symbol, Expr]
    carry: Mapping[Symbol, Expr]


class Group(Protocol):
    """A family of maps of the grid onto itself, acting where source and target are both inside."""

    def element(self, form: Form) -> Element:
        """A general element, acting on the form's grid."""
        ...

    def tie(self, moved: Mapping[Symbol, Expr], element: Element, entries: Polyhedron) -> Tie:
        """The orbits on entries p, when g carries p's letters to `moved`; `entries` holds all p."""
        ...
