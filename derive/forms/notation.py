"""Formulas for people, as Unicode or as LaTeX, with one order of terms and factors for both.

    2*C*D*m*n*(2*Delta + 1)**2   ⟶   2·n·m·(2Δ + 1)²·C·D        V[a, b]*X[a + i]   ⟶   V[a, b]·X[i + a]

Nothing here is read back: `derive.forms.text` holds the language that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import (
    Abs,
    Add,
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
    Mul,
    Ne,
    Not,
    Or,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    ceiling,
    expand,
    floor,
)
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.forms.expr import Gcd, Named, Read, Where, reads
from derive.forms.ranges import SIZES, affine_part, write_conditions
from derive.ordering import OrderedTerms, members
from derive.remembered import text

__all__ = ["LATEX", "SOURCE", "UNICODE", "Notation", "in_order"]

_SUM, _PRODUCT, _ATOM = range(3)
_ORDERED = OrderedTerms()


def _factor_key(factor: Expr) -> tuple[Any, ...]:
    if isinstance(factor, Read):
        return (2, factor.array, text(factor))
    names = sorted(s.name for s in factor.free_symbols)
    rank = min((SIZES.index(name) if name in SIZES else len(SIZES) for name in names), default=-1)
    return (int(bool(factor.atoms(Read))), rank, names, text(factor))


def in_order(expressions: Any) -> list[Any]:
    """Factors, or members of a set, as one writes them: numbers, sizes, radius, channels, reads."""
    return sorted(expressions, key=_factor_key)


@dataclass(frozen=True, slots=True)
class Notation:
    """One way of writing. The fields are templates; `{}` stands for what is written inside."""

    symbol: Callable[[str], str]
    read: Callable[[str, str], str]
    power: Callable[[str, str], str]
    fraction: str
    product: str
    group: str
    least: str
    greatest: str
    divisor: str
    named: str
    remainder: str
    lower: str
    upper: str
    size: str
    summation: str
    cases: Callable[[list[tuple[str, str]]], str]
    otherwise: str
    at_most: str
    at_least: str
    unequal: str
    less: str
    more: str
    both: str
    either: str
    member: str
    negated: str
    truth: tuple[str, str]
    mark: str

    def __call__(self, expression: Any) -> str:
        """The expression as text."""
        return self._at(expression, _SUM)

    def _at(self, e: Any, level: int) -> str:
        text, own = self._written(e)
        return self._around(self.group, text) if own < level else text

    def _around(self, brackets: str, text: str) -> str:
        """Text in brackets; in LaTeX they grow with the fractions and cases that stand in them."""
        tall = self is LATEX and (r"\frac" in text or r"\begin" in text)
        return (_TALL.get(brackets, brackets) if tall else brackets).format(text)

    def _written(self, e: Any) -> tuple[str, int]:
        """The text and how tightly it holds together."""
        if isinstance(e, Symbol):
            return self.symbol(e.name), _ATOM
        if isinstance(e, Integer):
            return str(e), _ATOM if e >= 0 else _SUM
        if isinstance(e, Read):
            return self.read(e.array, ", ".join(map(self.apart, e.subscripts))), _ATOM
        if isinstance(e, Add):
            return (self._sum(e), _SUM) if (short := _with_remainders(e)) is e else self._written(short)
        if isinstance(e, (Mul, Rational)):
            return self._product(e)
        if isinstance(e, Pow) and e.exp.is_positive is not False:
            return self.power(self._at(e.base, _ATOM), self(e.exp)), _ATOM
        if isinstance(e, Sum):
            signs = "".join(self.summation.format(self(limit[0])) for limit in e.limits)
            return signs + self._at(e.function, _PRODUCT), _PRODUCT
        return self._special(e)

    def _special(self, e: Any) -> tuple[str, int]:
        if isinstance(e, Where):
            found = [*self._options(e)]
            return self.cases(found) if len(found) > 1 else found[0][0], _SUM
        if isinstance(e, Piecewise):
            pairs = [(self(v), self.otherwise if isinstance(c, BooleanTrue) else self(c)) for v, c in e.args]
            return self.cases(pairs), _SUM
        for kind, template in self._calls().items():
            if isinstance(e, kind):
                ordered = in_order(e.args) if kind in (Min, Max, Gcd) else e.args
                return self._around(template, ", ".join(map(self.apart, ordered))), _ATOM
        if isinstance(e, Named):
            return self.named.format(e.called, ", ".join(map(self.apart, e.sizes))), _ATOM
        if isinstance(e, Mod):
            return self.remainder.format(self._at(e.args[0], _ATOM), self._at(e.args[1], _ATOM)), _SUM
        return self._condition(e), _SUM

    def factor(self, e: Any) -> str:
        """In parentheses where it couldn't be multiplied else."""
        return self._at(e, _PRODUCT)

    def apart(self, e: Any) -> str:
        """Cases in parentheses where nothing else holds them together, anything else as it is."""
        return self.group.format(self(e)) if isinstance(e, Where) and self is not LATEX else self(e)

    def places(self, found: Iterable[Any]) -> str:
        """Places side by side, sums without blanks."""
        return ", ".join(str(e).replace(" ", "") if e.is_polynomial() else self.apart(e) for e in found)

    def _options(self, e: Any) -> Iterator[tuple[str, str]]:
        """The cases of an expression that can be, those inside its last one too."""
        while isinstance(e, Where):
            condition, value, other = e.args
            letters = {s for read in reads(e) for s in read.free_symbols} or condition.free_symbols
            if not affine_part(condition)[0].is_empty():
                yield self.apart(value), self.both.join(write_conditions(condition, letters, self))
            e = other
        yield self(e), self.otherwise

    def _calls(self) -> dict[Any, str]:
        return {
            Min: self.least,
            Max: self.greatest,
            Gcd: self.divisor,
            Abs: self.size,
            floor: self.lower,
            ceiling: self.upper,
        }

    def _condition(self, e: Any) -> str:
        if isinstance(e, (BooleanTrue, BooleanFalse)):
            return self.truth[0 if e else 1]
        signs = {
            Le: self.at_most,
            Ge: self.at_least,
            Lt: self.less,
            Gt: self.more,
            Eq: " = ",
            Ne: self.unequal,
        }
        for kind, sign in signs.items():
            if isinstance(e, kind):
                return f"{self.apart(e.lhs)}{sign}{self.apart(e.rhs)}"
        if isinstance(e, Not):
            return self.negated.format(self(e.args[0]))
        if isinstance(e, And):
            return self.both.join(sorted(map(self, e.args)))
        return self._either(e) if isinstance(e, Or) else str(e)

    def _either(self, e: Or) -> str:
        chosen, others = members(e)
        parts = [self.group.format(p) for p in sorted(map(self, others))]
        for letters, places in chosen.items():
            name = self._listed([self.symbol(letter) for letter in letters])
            parts.append(self.member.format(name, ", ".join(self._listed(map(str, place)) for place in places)))
        return self.either.join(parts)

    def _listed(self, entries: Iterable[str]) -> str:
        found = list(entries)
        return self.group.format(", ".join(found)) if len(found) > 1 else found[0]

    def _sum(self, e: Expr) -> str:
        text = ""
        for term in sorted(_ORDERED._as_ordered_terms(e), key=lambda t: bool(t.has(Sum))):
            negative = term.could_extract_minus_sign()
            part = self._at(-term if negative else term, _PRODUCT)
            text += (f" {'-' if negative else '+'} " if text else "-" * negative) + part
        return text

    def _product(self, e: Expr) -> tuple[str, int]:
        if e.could_extract_minus_sign():
            return f"-{self._at(-e, _PRODUCT)}", _SUM
        top, bottom = e.as_numer_denom()
        if bottom != 1:
            return self.fraction.format(self(top), self._at(bottom, _ATOM), top=self._at(top, _PRODUCT)), _PRODUCT
        factors = in_order(Mul.make_args(e))
        if len(factors) == 2 and factors[0].is_Integer and isinstance(factors[1], Symbol):
            return f"{factors[0]}{self(factors[1])}", _PRODUCT
        return self.product.join(
            self._at(f, _PRODUCT if f is factors[-1] and isinstance(f, Sum) else _ATOM) for f in factors
        ), _PRODUCT


def _with_remainders(e: Add) -> Expr:
    """A sum with x mod m for x - m·⌊x/m⌋, m > 0."""
    terms = set(e.args)
    for term in e.args:
        negative, whole = term.as_coeff_Mul()
        if not (isinstance(whole, floor) and negative.is_Integer and negative < 0):
            continue
        divided = expand(-negative * whole.args[0])
        if terms.issuperset(own := Add.make_args(divided)):
            return Add(*terms.difference((term, *own)), Mod(divided, -negative, evaluate=False))
    return e


_GREEK = {"Delta": "Δ"}
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _raised(base: str, exponent: str) -> str:
    return f"{base}{exponent.translate(_RAISED)}" if exponent.isdigit() else f"{base}^({exponent})"


def _plain_cases(pairs: list[tuple[str, str]]) -> str:
    return "; ".join(f"{value} {'' if c == 'otherwise' else 'where '}{c}" for value, c in pairs)


def _plain_symbol(name: str) -> str:
    bare = name.rstrip("_")
    return _GREEK.get(bare, bare) + "′" * (len(name) - len(bare))


def _latex_symbol(name: str) -> str:
    if name in _GREEK:
        return rf"\{name}"
    if name.endswith("_"):
        return f"{_latex_symbol(name[:-1])}'"
    letter, number = name.rstrip("0123456789"), name[len(name.rstrip("0123456789")) :]
    shown = letter if len(letter) == 1 else rf"\mathit{{{letter}}}"
    return f"{shown}_{{{number}}}" if number else shown


def _latex_cases(pairs: list[tuple[str, str]]) -> str:
    rows = r" \\ ".join(f"{value} & {condition}" for value, condition in pairs)
    return rf"\begin{{cases}} {rows} \end{{cases}}"


_TALL = {
    "({})": r"\left( {} \right)",
    r"\min({})": r"\min\left( {} \right)",
    r"\max({})": r"\max\left( {} \right)",
    r"\gcd({})": r"\gcd\left( {} \right)",
    r"\lfloor {} \rfloor": r"\left\lfloor {} \right\rfloor",
    r"\lceil {} \rceil": r"\left\lceil {} \right\rceil",
}
UNICODE = Notation(
    symbol=_plain_symbol,
    read=lambda array, inside: f"{array}[{inside}]" if inside else array,
    power=_raised,
    fraction="{top}/{1}",
    product="·",
    group="({})",
    least="min({})",
    greatest="max({})",
    divisor="gcd({})",
    named="{}({})",
    remainder="{} mod {}",
    lower="⌊{}⌋",
    upper="⌈{}⌉",
    size="|{}|",
    summation="Σ_{} ",
    cases=_plain_cases,
    otherwise="otherwise",
    at_most=" ≤ ",
    at_least=" ≥ ",
    unequal=" ≠ ",
    less=" < ",
    more=" > ",
    both=", ",
    either=" or ",
    member="{} ∈ {{{}}}",
    negated="not ({})",
    truth=("always", "never"),
    mark="{}",
)
SOURCE = replace(
    UNICODE, symbol=lambda name: _GREEK.get(name, name)
)  # letters end in _ as in code, where others have primes
LATEX = Notation(
    symbol=_latex_symbol,
    read=lambda array, inside: rf"\mathsf{{{array}}}_{{{inside}}}" if inside else rf"\mathsf{{{array}}}",
    power=lambda base, exponent: f"{base}^{{{exponent}}}",
    fraction=r"\frac{{{0}}}{{{1}}}",
    product=" ",
    group="({})",
    least=r"\min({})",
    greatest=r"\max({})",
    divisor=r"\gcd({})",
    named=r"\operatorname{{{}}}({})",
    remainder=r"{} \bmod {}",
    lower=r"\lfloor {} \rfloor",
    upper=r"\lceil {} \rceil",
    size=r"\lvert {} \rvert",
    summation=r"\sum_{{{}}} ",
    cases=_latex_cases,
    otherwise=r"\text{otherwise}",
    at_most=r" \le ",
    at_least=r" \ge ",
    unequal=r" \ne ",
    less=" < ",
    more=" > ",
    both=r", \ ",
    either=r" \text{ or } ",
    member=r"{} \in \{{{}\}}",
    negated=r"\neg ({})",
    truth=(r"\text{always}", r"\text{never}"),
    mark=r"\underline{{{}}}",
)
