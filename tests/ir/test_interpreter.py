"""The meaning of every node, by hand, and what the interpreter refuses."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Abs, Eq, Expr, Ge, Integer, Le, Max, Min, Mod, Symbol, ceiling, floor

from derive.errors import EmitError
from derive.forms.expr import Where
from derive.ir import nodes
from derive.ir.interpreter import _of_numbers, _python, interpret
from derive.ir.nodes import (
    NODES,
    Access,
    Accumulate,
    Barrier,
    Contract,
    Copy,
    Fill,
    Gather,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scatter,
    Scratch,
    SizeFrom,
    Storage,
    walk,
)
from derive.remembered import replaced

n, i, j, k, s, z, batch = (Symbol(name, integer=True) for name in ("n", "i", "j", "k", "s", "z", "batch"))
ZERO = Integer(0)
ALL_I, ALL_J = Range(i, ZERO, n), Range(j, ZERO, n)
H, X, V = Access("H", (i,)), Access("X", (i,)), Access("V", (i,))
START = Copy(H, (ALL_I,), Access("u", ()))


def _program(*body: Node, rank: int = 1, size: Symbol | None = None) -> Program:
    shape = (n,) * rank
    arguments = (Storage("X", (n,), batched=True), Storage("V", (n,)), Storage("u", ()))
    sources = (SizeFrom(n, "X", 0, 1, 0),)
    return Program("made", "By hand", arguments, Storage("H", shape, True), (n,), sources, body, size)


def _run(*body: Node, rank: int = 1, X: Any = (1, 2, 3), V: Any = (10, 20, 30)) -> Any:
    arrays = {"X": np.array(X, object), "V": np.array(V, object), "u": np.array(Fraction(1, 2), object)}
    return interpret(_program(*body, rank=rank), arrays, {n: 3}).tolist()


def test_copy_repeats_a_source_that_stands_still() -> None:
    assert _run(START) == [Fraction(1, 2)] * 3
    assert _run(Copy(Access("H", (i, j)), (ALL_I, ALL_J), X), rank=2) == [[1] * 3, [2] * 3, [3] * 3]


def test_fill() -> None:
    assert _run(Fill(H, (ALL_I,))) == [0, 0, 0]
    assert _run(START, Fill(H, (Range(i, Integer(1), n),))) == [Fraction(1, 2), 0, 0]


def test_multiply_add_goes_point_by_point() -> None:
    assert _run(Copy(H, (ALL_I,), V), MultiplyAdd(H, (ALL_I,), (V, X))) == [20, 60, 120]
    assert _run(Copy(H, (ALL_I,), V), MultiplyAdd(H, (Range(i, ZERO, ZERO),), (V, X))) == [10, 20, 30]


def test_contract_sums_what_does_not_move_the_target() -> None:
    both = Contract(H, (ALL_I, ALL_J), (V, Access("X", (j,))))
    assert _run(Copy(H, (ALL_I,), V), both) == [70, 140, 210]


def test_loop_and_let_and_their_scope() -> None:
    shifted = MultiplyAdd(Access("H", (ZERO,)), (), (Access("V", (j,)), Access("X", (j,))))
    loop = Loop(Range(s, ZERO, Integer(2)), (Let(j, s + 1), shifted))
    assert _run(Copy(H, (ALL_I,), V), loop) == [10 + 40 + 90, 20, 30]
    with pytest.raises(EmitError, match="'j' has no value here"):
        _run(START, loop, MultiplyAdd(Access("H", (j,)), (), (Access("X", (ZERO,)),)))


def test_guard() -> None:
    add = MultiplyAdd(Access("H", (s,)), (), (Access("X", (s,)),))
    loop = Loop(Range(s, ZERO, n), (Guard(Ge(s, 1), (add,)),))
    assert _run(Copy(H, (ALL_I,), V), loop) == [10, 22, 33]


def test_launch_with_a_register_for_each_thread() -> None:
    acc = Access("acc", ())
    body = (
        Scratch("acc", ()),
        Copy(acc, (), Access("u", ())),
        MultiplyAdd(acc, (), (V, Access("X", (z, i)))),
        Copy(Access("H", (z, i)), (), acc),
    )
    launch = Launch((Range(z, ZERO, batch), ALL_I), body)
    arrays = {
        "X": np.array([[1, 2, 3], [4, 5, 6]], object),
        "V": np.array([10, 20, 30], object),
        "u": np.array(1, object),
    }
    got = interpret(_program(launch, size=batch), arrays, {n: 3, batch: 2})
    assert got.tolist() == [[11, 41, 91], [41, 101, 181]]


def test_scratch_array() -> None:
    held = Access("S", (i,))
    assert _run(Scratch("S", (n,)), Copy(held, (ALL_I,), X), Copy(H, (ALL_I,), held)) == [1, 2, 3]


@pytest.mark.parametrize("place", [Integer(-1), n, n + 5])
def test_reads_and_writes_outside_an_array(place: Expr) -> None:
    with pytest.raises(EmitError, match=r"X\[-?\d+\] is outside X, whose shape is \(3,\)\."):
        _run(START, MultiplyAdd(H, (ALL_I,), (V, Access("X", (place,)))))
    with pytest.raises(EmitError, match=r"H\[-?\d+\] is outside H"):
        _run(Copy(Access("H", (place,)), (), Access("u", ())))


def test_a_wrong_number_of_subscripts() -> None:
    with pytest.raises(EmitError, match=r"X\[0, 0\] is outside X"):
        _run(Copy(H, (ALL_I,), Access("X", (i, i))))


def test_a_result_that_is_read_before_it_is_written() -> None:
    with pytest.raises(EmitError, match=r"H\[0\] is read before it is written\."):
        _run(MultiplyAdd(H, (ALL_I,), (V, X)))
    with pytest.raises(EmitError, match=r"S\[\] is read before it is written\."):
        _run(Scratch("S", ()), Copy(H, (ALL_I,), Access("S", ())))


def test_a_working_array_is_zero_at_first() -> None:
    assert _run(Scratch("S", (n,)), Copy(H, (ALL_I,), Access("S", (i,)))) == [0, 0, 0]


def test_gather_and_scatter_along_an_axis() -> None:
    wide = Range(s, Integer(-1), n + 1)
    copied = (Gather("Z", "X", 0, 1, (wide,), (Mod(s, n),)), Copy(H, (ALL_I,), Access("Z", (i,))))
    assert _run(*copied) == [3, 1, 2]
    held = (Scratch("Z", (n + 2,)), MultiplyAdd(Access("Z", (i + 2,)), (ALL_I,), (X,)))
    assert _run(Fill(H, (ALL_I,)), *held, Scatter("H", "Z", 0, 1, (wide,), Mod(s, n))) == [3, 1 + 0, 2]
    assert _run(Fill(H, (ALL_I,)), *held, Scatter("H", "Z", 0, 1, (wide,), Max(0, Min(s, n - 1)))) == [0, 1, 2 + 3]


def test_a_place_outside_an_axis() -> None:
    with pytest.raises(EmitError, match="X has no place -1 along an axis of 3"):
        _run(Gather("Z", "X", 0, 1, (Range(s, Integer(-1), n),), (s,)))


def test_a_bound_may_depend_on_an_outer_loop() -> None:
    add = Contract(Access("H", (s,)), (Range(j, Max(0, s - 1), s + 1),), (Access("X", (j,)),))
    got = _run(Copy(H, (ALL_I,), V), Loop(Range(s, ZERO, n), (add,)))
    assert got == [10 + 1, 20 + 1 + 2, 30 + 2 + 3]


def test_the_ranges_of_one_statement_are_a_box() -> None:
    triangle = Contract(H, (ALL_I, Range(j, ZERO, i + 1)), (V, Access("X", (j,))))
    with pytest.raises(EmitError, match=r"'i \+ 1' has no value here"):
        _run(START, triangle)


def test_along_keeps_the_order_of_the_axes() -> None:
    access = Access("V", (j + k, ZERO, i))
    assert access.along((ALL_I, ALL_J)) == (j, i)


def test_walk_meets_every_kind_of_node() -> None:
    inner: tuple[Node, ...] = (
        Scratch("acc", ()),
        Let(j, i),
        START,
        Fill(H, ()),
        MultiplyAdd(H, (), (X,)),
        Contract(H, (), (X,)),
        Gather("Z", "X", 0, 1, (ALL_I,), (i,)),
        Accumulate("Z", "X", 0, 1, ALL_I, i),
        Scatter("H", "Z", 0, 1, (ALL_I,), i),
        Barrier(),
    )
    body = (Launch((ALL_J,), (Loop(ALL_I, (Guard(Ge(i, 0), inner),)),)),)
    assert {type(node) for node in walk(body)} == set(NODES)
    assert [type(node) for node in walk(body)][:3] == [Launch, Loop, Guard]


def test_storage_by_name() -> None:
    program = _program(START)
    assert [program.storage(name).name for name in ("X", "u", "H")] == ["X", "u", "H"]


def test_every_node_is_frozen() -> None:
    for node in nodes.NODES:
        assert node.__dataclass_params__.frozen and "__slots__" in vars(node)  # type: ignore[attr-defined]


_I, _J = (Symbol(name, integer=True) for name in "ij")
_SPOKEN = (
    Where(Le(_I, _J), _I + 1, Where(Eq(_I, 2), -_J, Abs(_I - 3))),
    Eq(_I, Where(_J < 0, _J + 4, _J)) & Le(ceiling(_I / 2), 2),
    ceiling((_I - 3 * _J) / 4) + floor((2 * _I + 1) / 3) - Abs(_J - _I),
    Where(Le(_I, 0), ceiling(_J / 2), Max(_I, _J)) * Mod(_J, 3),
)


@pytest.mark.parametrize("expression", _SPOKEN, ids=str)
def test_an_expression_said_in_python_has_the_value_that_sympy_gives_it(expression: Any) -> None:
    assert _python(expression, {}) is not None
    for i, j in product(range(-5, 6), repeat=2):
        found = _of_numbers(expression)({_I: i, _J: j})
        assert found == replaced(expression, {_I: Integer(i), _J: Integer(j)}), (i, j)
