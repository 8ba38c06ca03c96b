"""Letters in which a remainder is a letter of its own: V[i mod 2]·X[i + a] is V[r]·X[2·q + r + a] at i = 2·q + r.

Every place that such a letter is read through is then a slice with a whole step, and the remainder is a loop of its few values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import lcm
from typing import Any

from sympy import And, Expr, Ge, Integer, Le, Mod, Symbol, expand, floor

from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.nodes import Chart
from derive.remembered import built, fraction, replaced

__all__ = ["phase_cases", "phase_ranges", "phased"]


def phased(form: Form, chart: Chart) -> Chart | None:
    """The chart with two letters, a quotient and a remainder, for each that is read through one; None where nothing is."""
    down, up = dict(chart.down), dict(chart.up)
    found = False
    while (divided := _next(form, down, up)) is not None:
        (letter, value, ends), found = divided, True
        down = {s: expand(replaced(e, {letter: value})) for s, e in down.items()}
        inserted = [(s, replaced(e, up)) for s, e in ends.items()]
        up = dict(pair for s, e in up.items() for pair in (inserted if s == letter else [(s, e)]))
    return Chart(tuple(down.items()), tuple(up.items())) if found else None


Divided = tuple[Symbol, Expr, dict[Symbol, Expr]]


def _next(form: Form, down: dict[Symbol, Expr], up: dict[Symbol, Expr]) -> Divided | None:
    """A letter that a remainder by a number moves with by 1, its value in a quotient and a remainder, and these in it."""
    remainders = list(_remainders(form, down))
    phases = {s for s, e in up.items() if isinstance(e, Mod)}
    for inside, _ in remainders:
        letters = [
            s for s in reversed(up) if s in inside.free_symbols and s not in phases and inside.coeff(s) in (1, -1)
        ]
        if letters and inside.free_symbols <= {*up, *form.sizes} and _affine(inside, letters[0]):
            base = expand(inside - inside.as_coeff_Add()[0])
            period = lcm(*(c for other, c in remainders if expand(other - base).is_Integer))
            quotient, rest = _fresh({*up, *down, *form.sizes})
            sign = inside.coeff(letters[0])
            value = expand(sign * (period * quotient + rest - base) + letters[0])
            return letters[0], value, {rest: Mod(base, period), quotient: floor(base / period)}
    return None


def _remainders(form: Form, down: dict[Symbol, Expr]) -> Iterator[tuple[Expr, int]]:
    """What is divided in a subscript of the weight, and by which number, in the letters of a chart."""
    for part in sorted(form.weight.atoms(Mod, floor), key=str):
        part = replaced(part, down)
        if isinstance(part, Mod):
            top, bottom = part.args
        elif isinstance(part, floor):
            top, bottom = fraction(part.args[0])
        else:
            continue
        if isinstance(bottom, Integer) and bottom > 1:
            yield expand(top), int(bottom)


def _affine(inside: Expr, letter: Symbol) -> bool:
    return letter not in expand(inside - inside.coeff(letter) * letter).free_symbols


def phase_ranges(chart: Chart) -> Any:
    """The values that remainders have."""
    return And(*(And(built(Ge, s, 0), built(Le, s, e.args[1] - 1)) for s, e in chart.up if isinstance(e, Mod)))


def phase_cases(chart: Chart) -> Iterable[tuple[Expr, Expr]]:
    """What is left of a remainder and of a quotient of a letter that is a remainder itself."""
    for symbol, value in chart.up:
        if isinstance(value, Mod):
            yield Mod(symbol, value.args[1]), symbol
            yield floor(symbol / value.args[1]), Integer(0)


def _fresh(taken: Iterable[Symbol]) -> tuple[Symbol, Symbol]:
    """Two letters; none is another one with a digit, which is how held bounds are named."""
    names = {s.name for s in taken}
    pairs = (("q", "r"), ("s", "t"), ("x", "y"), *((f"q_{c}", f"r_{c}") for c in "abcdefghijklmnopqrstuvwxyz"))
    return next((index(q), index(r)) for q, r in pairs if not {q, r} & names)
