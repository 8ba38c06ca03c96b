"""What is remembered is what SymPy would give."""

import gc
import random

import pytest
from sympy import And, Eq, Ge, Gt, Le, Lt, Max, Min, Mod, Ne, Not, Or, Sum, Symbol, false, floor, symbols, true

from derive.affine import EXTREMES, RELATIONS
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, Where
from derive.remembered import both, built, fraction, letters_of, replaced, text

i, j, n, m = symbols("i j n m", integer=True)
EXPRESSIONS = (
    i + 2 * j - n,
    And(Le(0, i), Le(i, n - 1), Eq(j, i)),
    Or(Not(Eq(i, j)), Le(Max(i, j, 0), Min(n, m))),
    Read("V", i + j, Mod(i, n)),
    Where(Le(i, j), Read("V", i), Read("V", floor(j / 2))),
    true,
)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("values", [{i: j, j: i}, {n: i + 1, i: 0}, {Le(i, j): true}, {Symbol("x"): i}, {}], ids=str)
def test_parts_are_replaced_all_at_once_as_sympy_does(expression, values):
    assert replaced(expression, values) == expression.xreplace(values)
    assert replaced(expression, values).func is expression.xreplace(values).func


@pytest.mark.parametrize(
    "expression", [*EXPRESSIONS, i, Sum(i * j, (j, 0, n)), 1 + Sum(Max(j, n), (j, 0, i + 1))], ids=str
)
def test_letters_are_those_that_sympy_finds_free(expression):
    assert letters_of(expression) == expression.free_symbols
    assert letters_of(Eq(i, j) & Eq(m, n)) == {i, j, m, n}


def test_no_cycle_is_left_behind():
    """Where layers are made the collector is off."""
    asked = (lambda: replaced(EXPRESSIONS[2], {i: j, j: i}), lambda: evaluate(EXPRESSIONS[2], {i: 1, j: 2, n: 3, m: 4}))
    for ask in asked:
        ask()
        gc.collect()
        ask()
        assert gc.collect() == 0


def test_a_conjunction_is_the_one_that_sympy_makes():
    parts = (Le(0, i), Le(i, n), And(Le(j, n), Le(0, i)))
    assert both(*parts) == And(*parts)
    assert both() is true
    assert both(*parts) is both(*parts)


PARTS = (
    *(r(a, b) for r in (Le, Lt, Ge, Gt, Eq, Ne) for a, b in ((i, j), (j, i), (0, i), (i, n - 1), (2 * i, n - 1))),
    Or(Eq(i, j), Le(Max(i, j, 0), Min(n, m))),
    Not(Eq(Mod(i, n), 0)),
    And(Lt(j, n), Le(0, j)),
    true,
    True,
    false,
)


def test_conjunctions_of_anything_are_those_that_sympy_makes():
    chance = random.Random(5)
    for _ in range(400):
        parts = chance.choices(PARTS, k=chance.randrange(1, 7))
        made, wanted = built(And, *parts), And(*parts)
        assert (made, made.args, type(made)) == (wanted, wanted.args, type(wanted)), parts
        assert And.make_args(made) == And.make_args(wanted)


def test_numbers_and_truths_that_python_holds_equal_are_told_apart():
    assert built(Eq, i, 1) == Eq(i, 1)
    assert built(Eq, i, True) == Eq(i, True)
    assert built(Eq, i, 1) != built(Eq, i, True)


def test_texts_are_those_that_sympy_prints():
    assert text(And(Le(0, i), Le(i, n - 1))) == str(And(Le(0, i), Le(i, n - 1)))


SUPPOSED = Symbol("p", integer=True, positive=True)
SIDES = (
    0,
    3,
    i,
    2 * i,
    2 * i + 1,
    i - 1,
    2 * j - 4,
    i + 2 * j - n,
    SUPPOSED,
    SUPPOSED + i,
    Mod(i, n),
    i * j,
    i / 2,
    Max(i, j),
)


@pytest.mark.parametrize("kind", sorted(RELATIONS, key=str), ids=lambda k: k.__name__)
def test_relations_are_those_that_sympy_makes(kind):
    for left in SIDES:
        for right in SIDES:
            made, wanted = built(kind, left, right), kind(left, right)
            assert (made, made.args, type(made)) == (wanted, wanted.args, type(wanted)), (left, right)


@pytest.mark.parametrize("kind", sorted(EXTREMES, key=str), ids=lambda k: k.__name__)
def test_extremes_are_those_that_sympy_makes(kind):
    chance = random.Random(7)
    plain = (0, 3, i, 2 * i, i - 1, 2 * j - 4, i + 2 * j - n, SUPPOSED, j + floor(i / 2), Max(0, i), Min(0, j))
    for _ in range(60):
        parts = chance.choices(plain, k=chance.randrange(1, 4))
        made, wanted = built(kind, *parts), kind(*parts)
        assert (made, made.args, type(made)) == (wanted, wanted.args, type(wanted)), parts
        assert kind.make_args(made) == kind.make_args(wanted)


def test_a_quotient_is_what_is_divided_and_by_what():
    assert fraction(i / 2 - n / 3 + 1) == (3 * i - 2 * n + 6, 6)
    assert fraction(i + 1) == (i + 1, 1)
