"""Goals as SMT-LIB 2 text: integers, uninterpreted functions for arrays, reals for their entries.

A solver knows words of its own (`abs`, `mod`, z3 even `sin`). A name that could be one gets a dot at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    Pow,
    Rational,
    Symbol,
    ceiling,
    floor,
)
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import TextError
from derive.forms.expr import Gcd, Read, Where
from derive.proof.remainders import abstracted
from derive.remembered import fraction, letters_of, text

__all__ = ["ABSTRACTED", "in_fixed_order", "is_linear", "is_plain", "joint_script", "script", "smt_name", "to_smt"]

ABSTRACTED = "; remainders by a size are abstracted: a model proves nothing"

_PLAIN = re.compile(r"[A-Z][a-z]*[0-9_]*|[a-z][0-9_]*")

_RELATIONS: Mapping[type[Any], str] = {Eq: "=", Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}


def in_fixed_order(conditions: Iterable[Any]) -> list[Any]:
    """Parts that SymPy keeps in a set, in the order of their texts."""
    parts = list(conditions)
    return sorted(parts, key=text) if len(parts) > 1 else parts


def script(given: list[Any], show: Any) -> str:
    """The text that is unsatisfiable exactly when `given` implies `show` for all integers and arrays.

    With remainders by a size it is so only in one direction, and says so in its first line.
    """
    (*given, show), known = abstracted([*given, show])
    given = [*given, *known]
    lines = [*_declared([*given, show]), *(f"(assert {to_smt(fact)})" for fact in given if fact is not BooleanTrue())]
    lines = [ABSTRACTED, *lines] if known else lines
    return "\n".join([*lines, f"(assert (not {to_smt(show)}))", "(check-sat)", ""])


def joint_script(goals: Sequence[tuple[Sequence[Any], Any]]) -> str | None:
    """The text that is unsatisfiable only if what is given implies what is to be shown, in each of several goals.

    What they are all given is said once, and what is known of their remainders by a size. None where the goals are not of one
    kind: linear, with names that mean the same in all.
    """
    parts = list(dict.fromkeys(e for given, show in goals for e in (*given, show)))
    if not is_linear(parts):
        return None
    divided = [e for e in parts if _divides_by_size(e)]
    letters, known = abstracted(divided) if divided else ([], [])
    plain = dict(zip(parts, parts, strict=True)) | dict(zip(divided, letters, strict=True))
    try:
        lines = _declared([*plain.values(), *known])
    except TextError:
        return None
    first, *others = (dict.fromkeys(given) for given, _ in goals)
    common = dict.fromkeys(fact for fact in first if all(fact in other for other in others))
    stated = (*(plain[fact] for fact in common if fact is not BooleanTrue()), *known)
    lines += [f"(assert {to_smt(fact)})" for fact in stated]
    failing = (
        _fold("and", [*(to_smt(plain[f]) for f in given if f not in common), f"(not {to_smt(plain[show])})"])
        for given, show in goals
    )
    return "\n".join([*lines, f"(assert {_fold('or', list(failing))})", "(check-sat)", ""])


def is_linear(expressions: Iterable[Any]) -> bool:
    """Whether they speak of sums alone, with no product of letters or entries."""
    return not any(map(_multiplies, expressions))


def _declared(expressions: Sequence[Any]) -> list[str]:
    """The logic and the names that the expressions need."""
    symbols = sorted(frozenset().union(*map(letters_of, expressions)), key=text)
    arrays = sorted(frozenset().union(*map(_arrays, expressions)))
    _check_names([*(s.name for s in symbols), *(name for name, _ in arrays)])
    linear = not any(map(_multiplies, expressions))
    lines = [f"(set-logic {'QF_UFLIRA' if linear else 'QF_UFNIRA'})"]
    lines += [f"(declare-const {smt_name(s.name)} Int)" for s in symbols]
    return lines + [f"(declare-fun {smt_name(name)} ({' '.join(['Int'] * rank)}) Real)" for name, rank in arrays]


def is_plain(name: str) -> bool:
    """Whether a name is one letter or a capitalised word, with digits: no solver's or prover's word looks so."""
    return _PLAIN.fullmatch(name) is not None


def smt_name(name: str) -> str:
    """The name in the text: one letter or a capitalised word, with digits; any other word gets a dot."""
    if is_plain(name):
        return name
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"${ord(c):x}$" for c in name) + "."


def _check_names(names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TextError(f"'{twice[0]}' names two things in one statement: indices, sizes and arrays need their own.")


@lru_cache(maxsize=65536)
def _arrays(expression: Any) -> frozenset[tuple[str, int]]:
    own = {(expression.array, len(expression.subscripts))} if isinstance(expression, Read) else set()
    return frozenset(own).union(*map(_arrays, expression.args))


@lru_cache(maxsize=65536)
def _multiplies(expression: Any) -> bool:
    here = isinstance(expression, Mul) and sum(f.has(Symbol, Read) for f in expression.args) > 1
    return (
        here or (isinstance(expression, Pow) and expression.has(Symbol, Read)) or any(map(_multiplies, expression.args))
    )


@lru_cache(maxsize=65536)
def _divides_by_size(expression: Any) -> bool:
    """Whether a remainder or a divisor in it is to be abstracted."""
    here = isinstance(expression, Gcd) or (isinstance(expression, Mod) and not isinstance(expression.args[1], Integer))
    return here or any(map(_divides_by_size, expression.args))


@lru_cache(maxsize=65536)
def to_smt(expression: Any) -> str:
    """A condition as SMT-LIB 2 text."""
    if isinstance(expression, BooleanTrue):
        return "true"
    if isinstance(expression, BooleanFalse):
        return "false"
    if isinstance(expression, (And, Or)):
        name = "and" if isinstance(expression, And) else "or"
        return f"({name} {' '.join(to_smt(a) for a in in_fixed_order(expression.args))})"
    if isinstance(expression, Implies):
        return f"(=> {to_smt(expression.args[0])} {to_smt(expression.args[1])})"
    if isinstance(expression, Not):
        return f"(not {to_smt(expression.args[0])})"
    if isinstance(expression, Ne):
        return f"(not {to_smt(Eq(*expression.args, evaluate=False))})"
    for kind, sign in _RELATIONS.items():
        if isinstance(expression, kind):
            term = _real if _is_real(expression) else _integer
            return f"({sign} {term(expression.args[0])} {term(expression.args[1])})"
    raise TextError(f"'{expression}' is not a condition that the solver can read.")


def _is_real(expression: Any) -> bool:
    return bool(expression.has(Read)) or any(map(_is_fraction, expression.args))


def _is_fraction(e: Any) -> bool:
    """Whether a number, or one of several by cases, is no integer."""
    if isinstance(e, (Add, Mul)):
        return any(_is_fraction(a) for a in e.args if isinstance(a, Where))
    return any(map(_is_fraction, e.args[1:])) if isinstance(e, Where) else isinstance(e, Rational) and e.q != 1


def _fold(name: str, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({name} {' '.join(parts)})"


def _extreme(sign: str, parts: list[str]) -> str:
    first, *rest = parts
    if not rest:
        return first
    other = _extreme(sign, rest)
    return f"(ite ({sign} {first} {other}) {first} {other})"


@lru_cache(maxsize=65536)
def _integer(e: Any) -> str:
    if isinstance(e, Integer):
        return str(e) if e >= 0 else f"(- {-e})"
    if isinstance(e, Symbol):
        return smt_name(e.name)
    if isinstance(e, (floor, ceiling)):
        return _divided(e)
    if isinstance(e, Mod) and not (isinstance(e.args[1], Integer) and e.args[1] > 0):
        raise TextError(f"'{e}' divides by something that is not a positive number.")
    if isinstance(e, Where):
        return f"(ite {to_smt(e.args[0])} {_integer(e.args[1])} {_integer(e.args[2])})"
    for kind, write in _INTEGERS.items():
        if isinstance(e, kind):
            return write([_integer(a) for a in e.args])
    raise TextError(f"'{e}' is not linear integer arithmetic.")


def _divided(e: Any) -> str:
    top, bottom = fraction(e.args[0])
    if not (isinstance(bottom, Integer) and bottom > 0):
        raise TextError(f"'{e}' divides by something that is not a positive number.")
    if isinstance(e, floor):
        return f"(div {_integer(top)} {_integer(bottom)})"
    return f"(- (div {_integer(-top)} {_integer(bottom)}))"


_INTEGERS: Mapping[type[Any], Callable[[list[str]], str]] = {
    Add: lambda parts: _fold("+", parts),
    Mul: lambda parts: _fold("*", parts),
    Max: lambda parts: _extreme(">=", parts),
    Min: lambda parts: _extreme("<=", parts),
    Mod: lambda parts: _fold("mod", parts),
    Abs: lambda parts: f"(abs {parts[0]})",
}


@lru_cache(maxsize=65536)
def _real(e: Any) -> str:
    if isinstance(e, Read):
        inside = " ".join(_integer(s) for s in e.subscripts)
        return f"({smt_name(e.array)} {inside})" if inside else smt_name(e.array)
    if isinstance(e, Where):
        return f"(ite {to_smt(e.args[0])} {_real(e.args[1])} {_real(e.args[2])})"
    if isinstance(e, Rational):
        text = f"{abs(e.p)}.0" if e.q == 1 else f"(/ {abs(e.p)}.0 {e.q}.0)"
        return text if e >= 0 else f"(- {text})"
    if isinstance(e, (Add, Mul)):
        return _fold("+" if isinstance(e, Add) else "*", [_real(a) for a in e.args])
    if isinstance(e, Pow) and isinstance(e.exp, Integer) and e.exp > 0:
        return _fold("*", [_real(e.base)] * int(e.exp))
    raise TextError(f"'{e}' is not an entry of an array, a number, or a sum or product of those.")
