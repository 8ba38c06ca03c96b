"""The formula language as text: `show` writes it, `parse` reads it back; nothing is evaluated as Python.

V[a, b]   u[()]   Max(0, -a)   Mod(i, 2)   floor(n/2)   (a <= Delta) & (-Delta <= a)   Where(c, x, y)
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeGuard

from sympy import (
    Abs,
    And,
    Eq,
    Expr,
    Ge,
    Gt,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Mod,
    Ne,
    Not,
    Or,
    Sum,
    ceiling,
    false,
    floor,
    true,
)
from sympy.printing.str import StrPrinter

from derive.errors import TextError
from derive.forms.expr import Gcd, Read, Where, index
from derive.ordering import OrderedTerms
from derive.remembered import text

__all__ = ["parse", "show"]

_CALLS: Mapping[str, Callable[..., Any]] = {
    "Abs": Abs,
    "Eq": Eq,
    "Gcd": Gcd,
    "Max": Max,
    "Min": Min,
    "Mod": Mod,
    "Ne": Ne,
    "Where": Where,
    "ceiling": ceiling,
    "floor": floor,
}
_BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda x, y: x + y,
    ast.BitAnd: And,
    ast.BitOr: Or,
    ast.Div: lambda x, y: x / y,
    ast.FloorDiv: lambda x, y: floor(x / y),
    ast.Mod: Mod,
    ast.Mult: lambda x, y: x * y,
    ast.Pow: lambda x, y: x**y,
    ast.Sub: lambda x, y: x - y,
}
_COMPARE: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: Eq,
    ast.Gt: Gt,
    ast.GtE: Ge,
    ast.Lt: Lt,
    ast.LtE: Le,
    ast.NotEq: Ne,
}


class _Printer(OrderedTerms, StrPrinter):  # type: ignore[misc]
    """SymPy's text, with every operand of & and | in parentheses."""

    def _joined(self, expr: Any, sign: str) -> str:
        return f" {sign} ".join(f"({self._print(a)})" for a in sorted(expr.args, key=text))

    def _print_And(self, expr: Any) -> str:
        return self._joined(expr, "&")

    def _print_Or(self, expr: Any) -> str:
        return self._joined(expr, "|")

    def _print_Not(self, expr: Any) -> str:
        return f"~({self._print(expr.args[0])})"


_PRINTER = _Printer()


@lru_cache(maxsize=65536)
def show(expression: Any) -> str:
    """The expression as text that `parse` reads back to the same tree."""
    return str(_PRINTER.doprint(expression))


def parse(text: str) -> Any:
    """The expression that a text states. Raises TextError where the text is not in the language."""
    try:
        return _build(ast.parse(text.strip(), mode="eval").body, text)
    except SyntaxError as cause:
        raise TextError(f"Cannot read the formula '{text}': it is no expression.") from cause
    except (RecursionError, TypeError, ValueError, ZeroDivisionError) as cause:
        raise TextError(f"Cannot read the formula '{text}': {cause}.") from cause


def _build(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Constant(value=bool(value)):
            return true if value else false
        case ast.Constant(value=int(value)):
            return Integer(value)
        case ast.Name(id=name):
            return index(name)
        case ast.Subscript(value=ast.Name(id=name), slice=inside):
            return Read(name, *_subscripts(inside, text))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_build(left, text), _build(right, text))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_build(operand, text)
        case ast.UnaryOp(op=ast.Invert(), operand=operand):
            return Not(_build(operand, text))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            return _comparison(left, ops, rights, text)
        case ast.Call(func=ast.Name(id="Sum"), args=[term, *ranges], keywords=[]) if _are_ranges(ranges):
            return Sum(_build(term, text), *(tuple(_build(e, text) for e in span.elts) for span in ranges))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS:
            return _CALLS[name](*(_build(a, text) for a in args))
    raise TextError(f"Cannot read the formula '{text}': '{ast.unparse(node)}' is not part of the language.")


def _are_ranges(nodes: list[ast.expr]) -> TypeGuard[list[ast.Tuple]]:
    """Whether each is a letter with two ends."""
    return bool(nodes) and all(isinstance(node, ast.Tuple) and len(node.elts) == 3 for node in nodes)


def _subscripts(inside: ast.expr, text: str) -> tuple[Expr, ...]:
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    return tuple(_build(part, text) for part in parts)


def _comparison(left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr], text: str) -> Any:
    values = [_build(e, text) for e in (left, *rights)]
    if any(type(op) not in _COMPARE for op in ops):
        raise TextError(f"Cannot read the formula '{text}': a comparison is one of < <= > >= == !=.")
    return And(*(_COMPARE[type(op)](x, y) for op, x, y in zip(ops, values, values[1:], strict=False)))
