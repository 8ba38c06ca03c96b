"""Formulas as text for Coq: integers in Z, conditions as propositions and as booleans, entries in K or Q.

    Eq(Min(n, i + a), m - 1)         Z.min n (i + a) = m - 1
    Where(i >= 0, V[i, a], 0)        if 0 <=? i then V i a else zero

What linear arithmetic of integers and equality of entries can't say is refused with the reason, as TextError.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sympy import (
    Abs,
    Add,
    And,
    Eq,
    Ge,
    Gt,
    Implies,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mod,
    Mul,
    Ne,
    Not,
    Or,
    Rational,
    Symbol,
    ceiling,
    floor,
)
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import TextError
from derive.forms.expr import Read, Where
from derive.forms.text import show
from derive.ordering import OrderedTerms
from derive.proof.smt import in_fixed_order, is_plain
from derive.remembered import fraction

__all__ = ["ANY", "RATIONAL", "Entries", "coq_name", "integer", "truth"]

_TAKEN = frozenset({"False", "K", "Prop", "Q", "Set", "True", "Type", "Z"})
_SUM, _PRODUCT, _CALL, _ATOM = range(4)
_ORDERED = OrderedTerms()


def coq_name(name: str) -> str:
    """The name in the text: one letter or a capitalised word, with digits; any other word gets a prime."""
    if is_plain(name) and name not in _TAKEN:
        return name
    return "".join(c if c.isascii() else f"u{ord(c):x}'" for c in name) + "'"


def integer(e: Any) -> str:
    """A linear integer expression in Z. Raises TextError for any other."""
    return _integer(e)[0]


def _atom(e: Any, level: int = _ATOM) -> str:
    text, own = _integer(e)
    return f"({text})" if own < level else text


@lru_cache(maxsize=1 << 16)
def _integer(e: Any) -> tuple[str, int]:
    """The text, and how tightly it holds together."""
    if isinstance(e, Integer):
        return str(e), _ATOM if e >= 0 else _SUM
    if isinstance(e, Symbol):
        return coq_name(e.name), _ATOM
    if isinstance(e, (Add, Mul)):
        return (_sum(e), _SUM) if isinstance(e, Add) else _product(e)
    if isinstance(e, (Max, Min)):
        parts = [_atom(a) for a in in_fixed_order(e.args)]
        return _nested("Z.max" if isinstance(e, Max) else "Z.min", parts), _CALL
    if isinstance(e, Abs):
        return f"Z.abs {_atom(e.args[0])}", _CALL
    if isinstance(e, (Mod, floor, ceiling)):
        return _divided(e), _SUM
    if isinstance(e, Where):
        return f"(if {truth(e.args[0])} then {integer(e.args[1])} else {integer(e.args[2])})", _ATOM
    raise TextError(f"`{show(e)}` is not linear arithmetic of integers")


def _nested(operation: str, parts: list[str]) -> str:
    """A binary operation of several operands, the later ones inside."""
    first, *rest = parts
    if not rest:
        return first
    inside = _nested(operation, rest)
    return f"{operation} {first} {f'({inside})' if len(rest) > 1 else inside}"


def _sum(e: Any) -> str:
    text = ""
    for term in _ORDERED._as_ordered_terms(e):
        negative = term.could_extract_minus_sign()
        part = _atom(-term if negative else term, _PRODUCT)
        text += (f" {'-' if negative else '+'} " if text else "- " * negative) + part
    return text


def _product(e: Any) -> tuple[str, int]:
    factor, rest = e.as_coeff_Mul()
    if not isinstance(factor, Integer) or isinstance(rest, Mul):
        raise TextError(f"`{show(e)}` is not linear arithmetic of integers")
    if factor == -1:
        return f"- {_atom(rest, _PRODUCT)}", _SUM
    return f"{_atom(factor, _CALL)} * {_atom(rest, _CALL)}", _PRODUCT


def _divided(e: Any) -> str:
    if isinstance(e, Mod):
        return f"{_atom(e.args[0])} mod {_atom(e.args[1])}"
    top, bottom = fraction(e.args[0])
    if not (isinstance(bottom, Integer) and bottom > 0):
        raise TextError(f"`{show(e)}` divides by something that is not a positive number")
    if isinstance(e, ceiling):
        return f"- ({_atom(-top)} / {bottom})"
    return f"{_atom(top)} / {bottom}"


_SIGNS: dict[type[Any], tuple[str, bool]] = {
    Eq: ("=", False),
    Le: ("<=", False),
    Lt: ("<", False),
    Ge: ("<=", True),
    Gt: ("<", True),
}


@lru_cache(maxsize=1 << 16)
def _relation(e: Any, mark: str) -> str:
    """A comparison of integers, with the smaller side first."""
    for kind, (sign, turned) in _SIGNS.items():
        if isinstance(e, kind):
            left, right = reversed(e.args) if turned else e.args
            return f"{integer(left)} {sign}{mark} {integer(right)}"
    raise TextError(f"`{show(e)}` is not a condition on integers")


def truth(e: Any) -> str:
    """A condition on integers as a boolean. Raises TextError where it reads an entry."""
    if isinstance(e, (BooleanTrue, BooleanFalse)):
        return "true" if e else "false"
    if isinstance(e, (And, Or)):
        parts = (_apart(truth(a), a) for a in in_fixed_order(e.args))
        return f" {'&&' if isinstance(e, And) else '||'} ".join(parts)
    if isinstance(e, Not):
        return f"negb ({truth(e.args[0])})"
    if isinstance(e, Ne):
        return f"negb ({truth(Eq(*e.args, evaluate=False))})"
    return _relation(e, "?")


def _apart(text: str, e: Any) -> str:
    return text if isinstance(e, (BooleanTrue, BooleanFalse)) else f"({text})"


@dataclass(frozen=True, slots=True)
class Entries:
    """What entries of arrays are, and so which propositions can be stated of them."""

    zero: str
    equality: str
    subscript: str
    arithmetic: bool

    def proposition(self, e: Any) -> str:
        """A condition as a proposition; what concerns integers alone comes first in a conjunction or disjunction."""
        return _proposition(self, e)

    def written(self, e: Any) -> str:
        """The same, written anew."""
        if isinstance(e, (BooleanTrue, BooleanFalse)):
            return "True" if e else "False"
        if isinstance(e, (And, Or)):
            return self._joined("/\\" if isinstance(e, And) else "\\/", e.args)
        if isinstance(e, Implies):
            given, then = (self._operand(a) for a in e.args)
            return f"{given} -> {then}"
        if isinstance(e, Not):
            return f"~ {self._operand(e.args[0])}"
        if isinstance(e, Ne):
            return f"~ ({self.proposition(Eq(*e.args, evaluate=False))})"
        if isinstance(e, Eq) and e.has(Read):
            return self.equality.format(*map(self._apart, e.args))
        return _relation(e, "")

    def _joined(self, sign: str, args: Iterable[Any]) -> str:
        groups: dict[bool, list[str]] = {False: [], True: []}
        for part in in_fixed_order(args):
            groups[part.has(Read)].append(self._operand(part))
        integers, entries = groups[False], groups[True]
        if integers and entries and len(integers) > 1:
            integers = [f"({f' {sign} '.join(integers)})"]
        return f" {sign} ".join((*integers, *entries))

    def _operand(self, e: Any) -> str:
        text = self.proposition(e)
        return f"({text})" if isinstance(e, (And, Or, Not, Implies)) else text

    def entry(self, e: Any) -> str:
        """The value of an entry, a number or a case. Raises TextError for what these entries can't be."""
        if isinstance(e, Read):
            return " ".join((coq_name(e.array), *(self._place(s) for s in e.subscripts)))
        if isinstance(e, Where):
            return f"if {truth(e.args[0])} then {self.entry(e.args[1])} else {self.entry(e.args[2])}"
        if e == 0:
            return self.zero
        if self.arithmetic:
            return self._computed(e)
        raise TextError(f"`{show(e)}` is not an entry of an array, 0, or one of two such")

    def _apart(self, e: Any) -> str:
        text = self.entry(e)
        return f"({text})" if " " in text else text

    def _place(self, e: Any) -> str:
        text = _atom(e)
        return f"{text}{self.subscript}" if text.startswith("(") else text

    def _computed(self, e: Any) -> str:
        if isinstance(e, Rational):
            return f"Qmake {f'({e.p})' if e.p < 0 else e.p} {e.q}"
        if isinstance(e, Mul) and sum(a.has(Read) for a in e.args) > 1:
            raise TextError(f"`{show(e)}` multiplies two entries")
        if isinstance(e, (Add, Mul)):
            return _nested("Qplus" if isinstance(e, Add) else "Qmult", [self._apart(a) for a in e.args])
        raise TextError(f"`{show(e)}` is not a sum of multiples of entries")


@lru_cache(maxsize=1 << 16)
def _proposition(entries: Entries, e: Any) -> str:
    return entries.written(e)


ANY = Entries(zero="zero", equality="{} = {}", subscript="", arithmetic=False)
RATIONAL = Entries(zero="0%Q", equality="Qeq {} {}", subscript="%Z", arithmetic=True)
