"""The formula language: integer index expressions, reads of arrays, and cases, as SymPy trees.

Integers are symbols without any assumption but being integers, so a name means one symbol
everywhere. `V[a, b]` is a `Read`; `Where(c, x, y)` is x where c holds and y elsewhere; `Gcd(n, m)` is their
greatest common divisor; `Named` is a number at each choice of sizes for which there is no formula.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Expr, Function, Integer, S, Symbol, expand, gcd, igcd, sympify
from sympy.core.symbol import Str
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from derive.remembered import built, text

__all__ = ["Gcd", "Named", "Read", "Where", "index", "indices", "map_reads", "names_of", "reads", "rename_arrays"]


def index(name: str) -> Symbol:
    """The integer symbol of that name: an index or a size."""
    return Symbol(name, integer=True)


def indices(names: str) -> tuple[Symbol, ...]:
    """Integer symbols from a list of names separated by blanks or commas."""
    return tuple(index(name) for name in names.replace(",", " ").split())


class Read(Expr):  # type: ignore[misc]
    """One entry of an array, `V[a, b]`; without subscripts, the single entry of a scalar, `u[()]`."""

    is_commutative = True
    is_real = True

    def __new__(cls, array: str | Str, *subscripts: Any) -> Read:
        name = array if isinstance(array, Str) else Str(array)
        read: Read = Expr.__new__(cls, name, *map(sympify, subscripts))
        return read

    @property
    def array(self) -> str:
        """The array's name."""
        return str(self.args[0].name)

    @property
    def subscripts(self) -> tuple[Expr, ...]:
        """Where the array is read."""
        return tuple(self.args[1:])

    def _sympystr(self, printer: Any) -> str:
        inside = ", ".join(printer._print(e) for e in self.subscripts)
        return f"{self.array}[{inside or '()'}]"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inside = ", ".join(printer._print(e) for e in self.subscripts)
        text = rf"\mathsf{{{self.array}}}_{{{inside}}}" if inside else rf"\mathsf{{{self.array}}}"
        return text if exp is None else rf"{{{text}}}^{{{exp}}}"


class Where(Expr):  # type: ignore[misc]
    """`value` where the condition holds, `other` elsewhere."""

    is_commutative = True
    is_real = True

    def __new__(cls, condition: Any, value: Any, other: Any = 0) -> Expr:
        condition, value, other = sympify(condition), sympify(value), sympify(other)
        if isinstance(condition, BooleanTrue) or value == other:
            return value
        if isinstance(condition, BooleanFalse):
            return other
        return Expr.__new__(cls, condition, value, other)

    @property
    def condition(self) -> Boolean:
        """When the first value holds."""
        return self.args[0]

    def _latex(self, printer: Any) -> str:
        condition, value, other = (printer._print(a) for a in self.args)
        return rf"\begin{{cases}} {value} & {condition} \\ {other} & \text{{otherwise}} \end{{cases}}"


class Gcd(Function):  # type: ignore[misc]
    """The greatest common divisor of two whole numbers, 0 of 0 and 0; that of two polynomials is SymPy's `gcd`.

    >>> n, m = indices("n, m")
    >>> Gcd(2*n - 2, 2*m - 2), Gcd(n, n), Gcd(12, 18)
    (2*Gcd(m - 1, n - 1), Abs(n), 6)
    """

    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, one: Expr, other: Expr) -> Expr | None:
        """Without what is a factor of both, and in a fixed order."""
        one, other = (expand(e) for e in (one, other))
        if one.is_Integer and other.is_Integer:
            return Integer(igcd(one, other))
        if S.One in (one, other):
            return S.One
        common = gcd([value for e in (one, other) for value in e.as_coefficients_dict().values()])
        if common not in (0, 1):
            return common * cls(expand(one / common), expand(other / common))
        if one == other or S.Zero in (one, other):
            return abs(one if other == 0 else other)
        return None if text(one) <= text(other) else cls(other, one)


class Named(Expr):  # type: ignore[misc]
    """A whole number that sizes determine, called by a name; a subclass says what it is where these are numbers.

    The first argument tells those of one name apart.
    """

    is_commutative = True
    is_integer = True
    is_nonnegative = True
    called = ""

    @property
    def sizes(self) -> tuple[Expr, ...]:
        """What it depends on."""
        return tuple(self.args[1:])

    def _sympystr(self, printer: Any) -> str:
        return f"{self.called}({', '.join(map(printer._print, self.sizes))})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\operatorname{{{self.called}}}({', '.join(map(printer._print, self.sizes))})"
        return text if exp is None else f"{text}^{{{exp}}}"


def reads(expression: Any) -> tuple[Read, ...]:
    """Every read in an expression, in a fixed order."""
    return tuple(sorted(sympify(expression).atoms(Read), key=text))


def map_reads(expression: Any, value: Callable[[Read], Any]) -> Any:
    """The expression with each read replaced, innermost subscripts first."""
    expression = sympify(expression)
    if not expression.args or not expression.has(Read):
        return expression
    args = [map_reads(a, value) for a in expression.args]
    rebuilt = built(expression.func, *args) if tuple(args) != expression.args else expression
    return value(rebuilt) if isinstance(rebuilt, Read) else rebuilt


def rename_arrays(expression: Any, names: Mapping[str, str]) -> Any:
    """The expression with arrays renamed."""
    return map_reads(expression, lambda r: Read(names.get(r.array, r.array), *r.subscripts))


def names_of(expression: Any) -> frozenset[str]:
    """The names of the integers that an expression mentions."""
    return frozenset(s.name for s in sympify(expression).free_symbols)


ZERO = S.Zero
ONE = Integer(1)
