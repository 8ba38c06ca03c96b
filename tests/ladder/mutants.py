"""Kernels with one fault each: in the text of an emitted body, and in a program before it is printed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Integer

from derive.ir.nodes import Access, Contract, Copy, Launch, Let, Loop, MultiplyAdd, Node, Program, Range

__all__ = ["Plant", "program_plants", "text_plants"]


@dataclass(frozen=True, slots=True)
class Plant:
    """A fault by name, and the text or program that has it."""

    fault: str
    made: Any


def text_plants(text: str) -> Iterator[Plant]:
    """Every way to plant one of the faults below in the function that computes."""
    tree = ast.parse(text)
    body = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    nodes = [n for n in ast.walk(body) if isinstance(n, (ast.expr, ast.stmt))]
    for fault, change in _CHANGES:
        for node in nodes:
            for changed in change(node):
                yield Plant(f"{fault}, line {node.lineno}: {ast.unparse(changed)}", _spliced(text, node, changed))


def _spliced(text: str, old: ast.expr | ast.stmt, new: ast.AST) -> str:
    """The text with one node's characters replaced. Columns count bytes."""
    lines = text.encode().splitlines(keepends=True)
    end = (old.end_lineno or old.lineno) - 1
    rest = lines[end][old.end_col_offset or 0 :]
    start = lines[old.lineno - 1][: old.col_offset]
    made = ast.unparse(new)
    middle = f"({made})" if isinstance(new, ast.BinOp) else made
    return b"".join([*lines[: old.lineno - 1], start, middle.encode(), rest, *lines[end + 1 :]]).decode()


def _sign(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    if isinstance(node, ast.AugAssign):
        yield ast.AugAssign(node.target, ast.Sub(), node.value)


def _bound(node: ast.AST) -> Iterator[ast.AST]:
    """One more and one less, in a slice's end, a loop's end and a held bound."""
    one = ast.Constant(1)
    if isinstance(node, ast.Slice):
        for end in ("lower", "upper"):
            if (value := getattr(node, end)) is not None:
                for op in (ast.Add(), ast.Sub()):
                    parts = {"lower": node.lower, "upper": node.upper, end: ast.BinOp(value, op, one)}
                    yield ast.Slice(**parts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        for position, value in enumerate(node.args):
            for op in (ast.Add(), ast.Sub()):
                moved = [*node.args[:position], ast.BinOp(value, op, one), *node.args[position + 1 :]]
                yield ast.Call(node.func, moved, [])


def _axes(node: ast.AST) -> Iterator[ast.AST]:
    """Two neighbouring subscripts, or the two letters of a contraction's operand, changed about."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        items = node.slice.elts
        for p in range(len(items) - 1):
            swapped = [*items[:p], items[p + 1], items[p], *items[p + 2 :]]
            if not isinstance(items[p], ast.Constant):
                yield ast.Subscript(node.value, ast.Tuple(swapped, node.ctx), node.ctx)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:
        text = node.value
        for p in range(len(text) - 1):
            if text[p].isalpha() and text[p + 1].isalpha():
                yield ast.Constant(text[:p] + text[p + 1] + text[p] + text[p + 2 :])


def _dropped(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        yield ast.Assign(node.targets, ast.Constant(0), lineno=node.lineno)
    if isinstance(node, ast.AugAssign):
        yield ast.Pass()


_CHANGES: tuple[tuple[str, Callable[[ast.AST], Iterator[ast.AST]]], ...] = (
    ("sign", _sign),
    ("off by one", _bound),
    ("swapped axes", _axes),
    ("dropped bias or sum", _dropped),
)


def program_plants(program: Program) -> Iterator[Plant]:
    """Every way to plant one of the faults below in a program; -a for a in |a| is the same text, and no fault."""
    for fault, change in _FAULTS:
        for body in (b for b in _changed(program.body, change) if b != program.body):
            yield Plant(f"{fault}: {_first_difference(program.body, body)}", replace(program, body=body))


def _changed(body: tuple[Node, ...], change: Callable[[Node], Iterator[Node | None]]) -> Iterator[tuple[Node, ...]]:
    """The body with one node changed, or gone where the change is None."""
    for position, node in enumerate(body):
        before, after = body[:position], body[position + 1 :]
        for new in change(node):
            yield (*before, *([] if new is None else [new]), *after)
        if isinstance(node, (Loop, Launch)):
            for inner in _changed(node.body, change):
                yield (*before, replace(node, body=inner), *after)


def _first_difference(old: tuple[Node, ...], new: tuple[Node, ...]) -> str:
    for left, right in zip(old, new, strict=False):
        if left != right:
            if isinstance(left, (Loop, Launch)) and isinstance(right, (Loop, Launch)) and left.body != right.body:
                return _first_difference(left.body, right.body)
            return str(right)
    return "a statement less"


def _ranges(node: Node) -> Iterator[tuple[Range, Callable[[Range], Node]]]:
    """The ranges of a node, each with the way to put another in its place."""
    if isinstance(node, Loop):
        yield node.range, lambda r: replace(node, range=r)
    name = {Launch: "threads"}.get(type(node), "over")
    ranges = getattr(node, name, ())
    if isinstance(ranges, Range):
        yield ranges, lambda r: replace(node, **{name: r})
        return
    for position, span in enumerate(ranges):

        def put(r: Range, p: int = position, ranges: tuple[Range, ...] = ranges) -> Node:
            return replace(node, **{name: (*ranges[:p], r, *ranges[p + 1 :])})

        yield span, put


def _bounds_moved(node: Node) -> Iterator[Node]:
    one = Integer(1)
    for span, put in _ranges(node):
        yield put(replace(span, start=span.start + one))
        yield put(replace(span, start=span.start - one))
        yield put(replace(span, stop=span.stop - one))
        yield put(replace(span, stop=span.stop + one))
    if isinstance(node, Let):
        yield replace(node, value=node.value + one)
        yield replace(node, value=node.value - one)


def _accesses(node: Node) -> Iterator[tuple[Access, Callable[[Access], Node]]]:
    if isinstance(node, Copy):
        yield node.source, lambda a: replace(node, source=a)
    if isinstance(node, (Copy, MultiplyAdd, Contract)):
        yield node.target, lambda a: replace(node, target=a)
    if isinstance(node, (MultiplyAdd, Contract)):
        for position, factor in enumerate(node.factors):
            before, after = node.factors[:position], node.factors[position + 1 :]
            yield factor, lambda a, b=before, c=after: replace(node, factors=(*b, a, *c))


def _axes_swapped(node: Node) -> Iterator[Node]:
    for access, put in _accesses(node):
        places = access.subscripts
        for p in range(len(places) - 1):
            yield put(replace(access, subscripts=(*places[:p], places[p + 1], places[p], *places[p + 2 :])))


def _signs_turned(node: Node) -> Iterator[Node]:
    for access, put in _accesses(node):
        for position, place in enumerate(access.subscripts):
            for symbol in sorted(place.free_symbols, key=str):
                turned: Expr = place.xreplace({symbol: -symbol})
                yield put(
                    replace(
                        access,
                        subscripts=(
                            *access.subscripts[:position],
                            turned,
                            *access.subscripts[position + 1 :],
                        ),
                    )
                )


def _statements_dropped(node: Node) -> Iterator[None]:
    if isinstance(node, (Copy, MultiplyAdd, Contract)):
        yield None


_FAULTS: tuple[tuple[str, Callable[[Node], Iterator[Any]]], ...] = (
    ("off by one", _bounds_moved),
    ("swapped axes", _axes_swapped),
    ("sign", _signs_turned),
    ("dropped bias, sum or store", _statements_dropped),
)
