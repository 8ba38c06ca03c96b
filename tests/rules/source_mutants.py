"""Mutants of a rule's source: one sign, bound, argument or substitution changed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["OTHER", "SWAPPED", "SourceMutant", "parsed", "source_mutants"]

OTHER = {
    "Max": "Min",
    "Min": "Max",
    "floor": "ceiling",
    "ceiling": "floor",
    "Eq": "Ne",
    "Ne": "Eq",
    "And": "Or",
    "Or": "And",
}
_VARIADIC = {"And", "Or", "Max", "Min", "simplified"}
SWAPPED = {"Le", "Lt", "Ge", "Gt"}
# What only people read: no claim, and no part of the rewrite.
_WORDS = {"reason", "argument", "statement", "rule", "says"}


Path_ = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class SourceMutant:
    """A module's source with one fault: what it is, and where."""

    module: str
    fault: str
    path: Path_
    new: ast.expr

    @contextmanager
    def planted(self) -> Iterator[ast.Module]:
        """The module's tree, with the fault while it lasts."""
        tree = parsed(self.module)
        old = _at(tree, self.path)
        _put(tree, self.path, ast.fix_missing_locations(ast.copy_location(self.new, old)))
        try:
            yield tree
        finally:
            _put(tree, self.path, old)

    @property
    def lines(self) -> range:
        """The lines of the innermost statement that holds the fault, without those of statements within it."""
        found = node = parsed(self.module)
        for field, position in self.path:
            node = getattr(node, field) if position is None else getattr(node, field)[position]
            found = node if isinstance(node, ast.stmt) else found
        inner = [s.lineno for field in ("body", "orelse", "handlers") for s in getattr(found, field, ())]
        return range(found.lineno, min(inner, default=found.end_lineno + 1))

    @property
    def source(self) -> str:
        """The line of the module that the fault's statement begins on."""
        return _text(self.module).splitlines()[self.lines.start - 1].strip()

    def __str__(self) -> str:
        return f"{self.module.removeprefix('derive.')}: {self.fault}"


def source_mutants(module: str) -> Iterator[SourceMutant]:
    """Every mutant of the functions and classes of a module. What refuses wrong arguments is left alone, and so are words."""
    tree = parsed(module)
    for path in _places(tree, ()):
        old = _at(tree, path)
        for fault, new in _changes(old):
            yield SourceMutant(module, f"line {old.lineno}, {fault}: {ast.unparse(new)[:60]}", path, new)


@cache
def parsed(module: str) -> ast.Module:
    """The source of a module that is imported. Only `planted` changes the tree, and puts it back."""
    return ast.parse(_text(module))


@cache
def _text(module: str) -> str:
    return Path(sys.modules[module].__file__ or "").read_text(encoding="utf-8")


def _at(node: ast.AST, path: Path_) -> Any:
    for field, position in path:
        value = getattr(node, field)
        node = value if position is None else value[position]
    return node


def _put(tree: ast.AST, path: Path_, new: ast.AST) -> None:
    *most, (field, position) = path
    parent = _at(tree, tuple(most))
    if position is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[position] = new


def _places(node: ast.AST, path: Path_) -> Iterator[Path_]:
    """Paths of all expressions that a mutant may change."""
    if path and isinstance(node, ast.expr):
        yield path
    for field, value in ast.iter_fields(node):
        children = [(field, None, value)] if isinstance(value, ast.AST) else []
        if isinstance(value, list):
            children = [(field, p, v) for p, v in enumerate(value) if isinstance(v, ast.AST)]
        for name, position, child in children:
            if not _left_alone(node, name, child):
                yield from _places(child, (*path, (name, position)))


def _left_alone(parent: ast.AST, field: str, child: ast.AST) -> bool:
    refusal = isinstance(child, ast.If) and all(isinstance(s, ast.Raise) for s in child.body)
    words = isinstance(child, ast.keyword) and child.arg in _WORDS
    top = isinstance(parent, ast.Module) and not isinstance(child, (ast.FunctionDef, ast.ClassDef))
    text = isinstance(child, (ast.JoinedStr, ast.Raise)) or (isinstance(child, ast.Constant) and field == "value")
    return refusal or words or top or text or field in ("decorator_list", "annotation", "returns", "defaults", "bases")


def _changes(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The same expression with one fault."""
    if isinstance(node, ast.BinOp):
        other = {ast.Add: ast.Sub, ast.Sub: ast.Add}.get(type(node.op))
        if other:
            yield "sign", ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Mult, ast.Div)):
            yield "one half dropped", node.left
            yield "one half dropped", node.right
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "sign", node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield "off by one", ast.Constant(node.value + 1)
        yield "off by one", ast.Constant(node.value - 1)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other_op = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In}.get(type(node.ops[0]))
        if other_op:
            yield "comparison turned", ast.Compare(node.left, [other_op()], node.comparators)
    if isinstance(node, ast.Call):
        yield from _of_call(node)
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        for p in range(len(node.elts)):
            yield "element dropped", type(node)([*node.elts[:p], *node.elts[p + 1 :]], node.ctx)


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in OTHER:
        yield "other function", ast.Call(ast.Name(OTHER[name], ast.Load()), node.args, node.keywords)
    if name in SWAPPED and len(node.args) == 2:
        yield "bound turned", ast.Call(node.func, node.args[::-1], [])
        yield (
            "bound off by one",
            ast.Call(node.func, [node.args[0], ast.BinOp(node.args[1], ast.Add(), ast.Constant(1))], []),
        )
        yield (
            "bound off by one",
            ast.Call(node.func, [node.args[0], ast.BinOp(node.args[1], ast.Sub(), ast.Constant(1))], []),
        )
    if name in _VARIADIC and len(node.args) > 1:
        for p in range(len(node.args)):
            yield "argument dropped", ast.Call(node.func, [*node.args[:p], *node.args[p + 1 :]], node.keywords)
    if name == "xreplace" and isinstance(node.func, ast.Attribute):
        yield "substitution dropped", node.func.value
    for p, word in enumerate(node.keywords):
        if word.arg is not None and word.arg not in _WORDS:
            yield f"{word.arg} dropped", ast.Call(node.func, node.args, [*node.keywords[:p], *node.keywords[p + 1 :]])
