"""The first line of an equivariance's argument: the layer of a moved input at the moved place, term by term."""

from __future__ import annotations

from itertools import product

from sympy import Expr, Integer

import derive
from derive.forms.expr import reads

N = 3
LINE = derive.dense(outputs=N, inputs=N)


def number(array: str, *places: int) -> Integer:
    """A number of its own for every entry."""
    digits = sum(place * 7**power for power, place in enumerate(places))
    return Integer((31 * digits + 17) ** ("WXU".index(array) + 1) % 10007)


def summed(expression: Expr, at: dict[Expr, Expr]) -> Expr:
    """The value with numbers for letters and for entries."""
    written = expression.xreplace(at).doit()
    return written.xreplace({read: number(read.array, *map(int, read.subscripts)) for read in reads(written)})


def test_every_entry_has_a_number_of_its_own():
    entries = [("W", *p) for p in product(range(N), repeat=2)] + [(a, p) for a in "XU" for p in range(N)]
    assert len({number(*entry) for entry in entries}) == len(entries)


def test_the_moved_layer_reads_at_each_place_what_was_carried_there():
    """U[g·i] + Σ_q W[g·i, q]·(g·X)[q], where (g·X)[g·k] = X[k]."""
    group = derive.Symmetric()
    line, (element, *_) = LINE.then(derive.equivariant(group)).steps[-1].step.argument[0], group.elements(LINE.form)
    (i,), (k,) = LINE.form.output.symbols, LINE.form.input.symbols
    for numbers in product(range(N), repeat=1 + len(element.letters)):
        at = dict(zip((i, *element.letters), map(Integer, numbers), strict=True))
        carried = {int(element.source[k].xreplace(at | {k: Integer(p)})): p for p in range(N)}
        place = int(element.out[i].xreplace(at))
        by_hand = sum(number("W", place, q) * number("X", p) for q, p in carried.items())
        assert summed(line.left, at) == number("U", place) + by_hand
