"""Programs of another shape than the obligations speak of are refused, each with its sentence."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sympy import Integer, Symbol, true

from derive.algorithms._obligations import program_obligations
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Access, Guard, Launch, Loop, MultiplyAdd, Node, Program, Scratch
from derive.pipeline import layer
from derive.proof.solver import discharge_all

Change = Callable[[Program], Program]
NAME = "conv2d"


def _form() -> Form:
    return layer(NAME).derivation.form


def _program(backend: str) -> Program:
    return layer(NAME).program(backend)


def _body(change: Callable[[tuple[Node, ...]], tuple[Node, ...]]) -> Change:
    """A change of the body, or of the one launch's body."""

    def changed(program: Program) -> Program:
        if program.batch is None:
            return replace(program, body=change(program.body))
        (launch,) = program.body
        assert isinstance(launch, Launch)
        return replace(program, body=(replace(launch, body=change(launch.body)),))

    return changed


def _inner(change: Callable[[Node], Node]) -> Change:
    """A change of the innermost statement."""

    def go(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(
            replace(n, body=go(n.body)) if isinstance(n, Loop) else change(n) if isinstance(n, MultiplyAdd) else n
            for n in nodes
        )

    return _body(go)


def _swapped_extents(program: Program) -> Program:
    first, *rest = program.arguments
    return replace(program, arguments=(replace(first, shape=first.shape[::-1]), *rest))


def _wrong_source(program: Program) -> Program:
    return replace(program, sources=tuple(replace(s, offset=0) for s in program.sources))


def _launch(change: Callable[[Launch], Launch]) -> Change:
    def changed(program: Program) -> Program:
        (launch,) = program.body
        assert isinstance(launch, Launch)
        return replace(program, body=(change(launch),))

    return changed


def _first_item(launch: Launch) -> Launch:
    return replace(launch, threads=(replace(launch.threads[0], start=Integer(1)), *launch.threads[1:]))


def _other_item(node: Node) -> Node:
    assert isinstance(node, MultiplyAdd)
    weight, data = node.factors
    moved = Access(data.array, (data.subscripts[0] + 1, *data.subscripts[1:]))
    return replace(node, factors=(weight, moved))


def _bound_twice(node: Node) -> Node:
    assert isinstance(node, MultiplyAdd)
    return Loop(node.over[0], (node,))


def _contracted(node: Node) -> Node:
    assert isinstance(node, MultiplyAdd)
    return replace(node, over=(*node.over, replace(node.over[0], symbol=Symbol("t", integer=True))))


def _triangular(node: Node) -> Node:
    assert isinstance(node, MultiplyAdd)
    rows, columns = node.over
    return replace(node, over=(rows, replace(columns, stop=rows.symbol)))


def _without(position: int) -> Change:
    return _body(lambda nodes: (*nodes[:position], *nodes[position + 1 :]))


PLANTS: tuple[tuple[str, str, Change, str], ...] = (
    ("numpy", "swapped extents", _swapped_extents, "stores other arrays"),
    ("cupy", "swapped extents", _swapped_extents, "stores other arrays"),
    ("numpy", "size from a wrong extent", _wrong_source, "reads Delta off an extent of V"),
    ("numpy", "the bias last", _body(lambda nodes: (*nodes[1:], nodes[0])), "copies the bias, sums"),
    ("numpy", "the bias twice", _body(lambda nodes: (nodes[0], *nodes)), "copies the bias, sums"),
    ("numpy", "no bias", _without(0), "copies the bias, sums"),
    ("numpy", "a letter bound twice", _inner(_bound_twice), "binds 'i' twice"),
    ("numpy", "a sweep that is no box", _inner(_triangular), "'j' depends on another"),
    ("numpy", "a sum that only adds", _inner(_contracted), "sums over an index"),
    ("numpy", "scratch without use", _body(lambda n: (Scratch("S", ()), *n)), "needs no scratch"),
    ("cupy", "the store first", _body(lambda n: (n[0], n[1], n[-1], *n[2:-1])), "copies the bias, sums"),
    ("cupy", "no store", _without(-1), "copies the bias, sums"),
    ("cupy", "no register", _without(0), "keeps its sum in one register"),
    ("cupy", "a store under a guard", _body(lambda n: (*n[:-1], Guard(true, n[-1:]))), "stores it last"),
    ("cupy", "a register in a loop", _body(lambda n: (n[1], n[0], *n[2:])), "stores it last"),
    ("cupy", "the first item left out", _launch(_first_item), "must run through the batch"),
    ("cupy", "another item's input", _inner(_other_item), "X must be read or written at the item"),
)


@pytest.mark.parametrize(("backend", "fault", "change", "says"), PLANTS, ids=[f"{p[0]}: {p[1]}" for p in PLANTS])
def test_refused(backend: str, fault: str, change: Change, says: str) -> None:
    faulty = change(_program(backend))
    assert faulty != _program(backend)
    with pytest.raises(NoLowering, match=says):
        program_obligations(faulty, _form())


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_the_program_itself_is_proved(backend: str) -> None:
    assert all(v.proved for v in discharge_all(program_obligations(_program(backend), _form())))


def test_a_weight_that_is_no_product_of_entries_is_refused() -> None:
    with pytest.raises(NoLowering, match="is no product of entries"):
        program_obligations(_program("numpy"), replace(_form(), weight=_form().weight + 1))


def test_another_number_in_front_is_another_layer() -> None:
    doubled = program_obligations(_program("numpy"), replace(_form(), weight=_form().weight * 2))
    assert [(v.obligation.name, v.proved) for v in discharge_all(doubled)] == [("denotes", False), ("in bounds", True)]


def test_a_loop_whose_empty_turn_reads_outside_is_not_in_bounds() -> None:
    """`V[2n - 1]` fails in NumPy even where the slice beside it is empty."""
    wide = layer("convolution2d")
    program = wide.program("numpy")
    first, loop = program.body
    assert isinstance(loop, Loop)
    longer = replace(loop, range=replace(loop.range, stop=loop.range.stop + 1))
    verdicts = discharge_all(program_obligations(replace(program, body=(first, longer)), wide.derivation.form))
    assert [(v.obligation.name, v.proved) for v in verdicts] == [("denotes", True), ("in bounds", False)]
