"""Index expressions and conditions as Python text: of numbers, or with letters that are arrays of their values."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Mod, Symbol
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from derive.ordering import OrderedTerms, members
from derive.remembered import fraction

__all__ = ["PythonPrinter", "number", "python", "table_name", "table_reads", "vectorised"]

_FACTOR = PRECEDENCE["Atom"]


class PythonPrinter(OrderedTerms, StrPrinter):  # type: ignore[misc]
    """Index expressions as Python text."""

    printmethod = ""  # an entry of a table has another spelling than in formulas

    def _call(self, name: str, expr: Any) -> str:
        inside = ", ".join(sorted(map(self._print, expr.args), key=lambda t: (len(t) > 1, t)))
        return f"{name}({inside})"

    def _print_Max(self, expr: Any) -> str:
        return self._call("max", expr)

    def _print_Min(self, expr: Any) -> str:
        return self._call("min", expr)

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_Sum(self, expr: Any) -> str:
        term, (symbol, first, last) = expr.args
        return f"sum({self._print(term)} for {symbol} in range({self._print(first)}, {self._print(last + 1)}))"

    def _print_Where(self, expr: Any) -> str:
        condition, value, other = map(self._print, expr.args)
        return f"({value} if {condition} else {other})"

    def _print_Not(self, expr: Any) -> str:
        return f"not ({self._print(expr.args[0])})"

    def _print_Read(self, expr: Any) -> str:
        """An entry of a table that the module brings along."""
        return f"{table_name(expr.array)}[{', '.join(map(self._print, expr.subscripts)) or '()'}]"

    def _print_BooleanTrue(self, expr: Any) -> str:
        return "True"

    def _print_BooleanFalse(self, expr: Any) -> str:
        return "False"

    def _print_floor(self, expr: Any) -> str:
        top, bottom = fraction(expr.args[0])
        return f"({self.parenthesize(top, _FACTOR, strict=True)} // {self.parenthesize(bottom, _FACTOR, strict=True)})"

    def _print_ceiling(self, expr: Any) -> str:
        top, bottom = fraction(expr.args[0])
        return (
            f"(-({self.parenthesize(-top, _FACTOR, strict=True)} // {self.parenthesize(bottom, _FACTOR, strict=True)}))"
        )

    def _print_Relational(self, expr: Any) -> str:
        sign = {"Equality": "==", "Unequality": "!="}.get(type(expr).__name__) or expr.rel_op
        return f"{self._print(expr.args[0])} {sign} {self._print(expr.args[1])}"

    def _print_Mod(self, expr: Any) -> str:
        left, right = (self.parenthesize(a, _FACTOR, strict=True) for a in expr.args)
        return f"({left} % {right})"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(sorted(map(self._print, expr.args)))

    def _print_Or(self, expr: Any) -> str:
        chosen, others = members(expr)
        parts = [f"({p})" if " and " in p else p for p in sorted(map(self._print, others))]
        parts += [f"{_tuple(letters)} in ({', '.join(map(_tuple, places))})" for letters, places in chosen.items()]
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _tuple(entries: tuple[Any, ...]) -> str:
    return f"({', '.join(map(str, entries))})" if len(entries) > 1 else str(entries[0])


_PRINTER = PythonPrinter()


def table_name(name: str) -> str:
    """What a table is called in emitted text, where arrays have names of their own."""
    return f"table_{name}"


def table_reads(expression: Any) -> tuple[Any, ...]:
    """The entries of tables in an expression."""
    return tuple(e for e in expression.atoms(Expr) if hasattr(e, "subscripts"))


def python(expression: Any) -> str:
    """An index expression or condition as Python text."""
    return str(_PRINTER.doprint(expression))


def number(times: Expr) -> str:
    """A factor in front of an entry, as Python text."""
    if times in (1, -1):
        return "" if times == 1 else "-"
    text = python(times)
    return f"{text} * " if times.is_Atom or text.startswith(("(", "table_")) else f"({text}) * "


class _VectorPrinter(PythonPrinter):
    """Index expressions in letters that are arrays of their values, for NumPy."""

    def __init__(self, *symbols: Symbol) -> None:
        super().__init__()
        self.symbols = frozenset(symbols)

    def _call(self, name: str, expr: Any) -> str:
        moving = [a for a in expr.args if self.symbols & a.free_symbols]
        still = [a for a in expr.args if not self.symbols & a.free_symbols]
        if not moving:
            return str(super()._call(name, expr))
        parts: list[str] = [self._print(a) for a in moving]
        if still:
            parts.append(
                super()._call(name, type(expr)(*still, evaluate=False)) if len(still) > 1 else self._print(still[0])
            )
        text: str = parts[0]
        for other in parts[1:]:
            text = f"np.{name}imum({text}, {other})"
        return text

    def _print_Where(self, expr: Any) -> str:
        if not self.symbols & expr.args[0].free_symbols:
            return str(super()._print_Where(expr))
        condition, value, other = map(self._print, expr.args)
        return f"np.where({condition}, {value}, {other})"

    def _print_And(self, expr: Any) -> str:
        return " & ".join(f"({p})" for p in sorted(map(self._print, expr.args)))

    def _print_Or(self, expr: Any) -> str:
        return f"({' | '.join(f'({p})' for p in sorted(map(self._print, expr.args)))})"

    def _print_Not(self, expr: Any) -> str:
        return f"~({self._print(expr.args[0])})"


def vectorised(expression: Any, *symbols: Symbol) -> str:
    """An index expression as NumPy text in which these letters are arrays."""
    text = str(_VectorPrinter(*symbols).doprint(expression))
    return text[1:-1] if isinstance(expression, Mod) else text
