"""Mutants of a rule's source: one sign, bound, argument or substitution changed, and the module that it then is.

A mutated module is run in a namespace of its own. A rule that imports it is run again on it, in memory too: no file and no module
that others see is changed.
"""

from __future__ import annotations

import ast
import builtins
import copy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import sympy

__all__ = ["SourceMutant", "loaded", "source_mutants"]

_OTHER = {
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
_SWAPPED = {"Le", "Lt", "Ge", "Gt"}
# What only people read: no claim, and no part of the rewrite.
_WORDS = {"reason", "argument", "statement", "rule", "says"}


@dataclass(frozen=True, slots=True)
class SourceMutant:
    """A module's source with one fault: what it is, and where."""

    module: str
    fault: str
    tree: ast.Module

    def run(self) -> ModuleType:
        """The module that the mutated source is."""
        return _executed(self.module, self.tree, {})

    def __str__(self) -> str:
        return f"{self.module.removeprefix('derive.')}: {self.fault}"


def source_mutants(module: str) -> Iterator[SourceMutant]:
    """Every mutant of the functions and classes of a module. What refuses wrong arguments is left alone, and so are words."""
    tree = _parsed(module)
    for path in _places(tree, ()):
        for fault, new in _changes(_at(tree, path)):
            mutated = copy.deepcopy(tree)
            old = _at(mutated, path)
            _put(mutated, path, ast.copy_location(new, old))
            ast.fix_missing_locations(mutated)
            yield SourceMutant(module, f"line {old.lineno}, {fault}: {ast.unparse(new)[:60]}", mutated)


def _parsed(module: str) -> ast.Module:
    file = sys.modules[module].__file__ or ""
    return ast.parse(Path(file).read_text(encoding="utf-8"))


Path_ = tuple[tuple[str, int | None], ...]


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
    if name in _OTHER:
        yield "other function", ast.Call(ast.Name(_OTHER[name], ast.Load()), node.args, node.keywords)
    if name in _SWAPPED and len(node.args) == 2:
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


def _executed(name: str, tree: ast.Module, instead: dict[str, ModuleType]) -> ModuleType:
    """A module's source run under its own name, with other modules in the place of some that it imports."""

    def importing(target: str, *rest: Any) -> Any:
        return instead[target] if target in instead else builtins.__import__(target, *rest)

    made = ModuleType(name)
    shown = {n: getattr(sympy, n) for n in (*_OTHER, *_SWAPPED)}
    made.__dict__.update(
        shown, __builtins__=vars(builtins) | {"__import__": importing}, __file__=sys.modules[name].__file__
    )
    kept = [s for s in tree.body if not _is_case(s)]
    exec(compile(ast.Module(kept, []), f"<{name}>", "exec"), made.__dict__)
    return made


def _is_case(statement: ast.stmt) -> bool:
    names = {t.id for t in getattr(statement, "targets", []) if isinstance(t, ast.Name)}
    return bool(names & {"EXAMPLE", "COUNTEREXAMPLE"})


def _imports(module: str, other: str) -> bool:
    return any(isinstance(s, ast.ImportFrom) and s.module == other for s in _parsed(module).body)


def loaded(mutant: SourceMutant, rule: str) -> Any | None:
    """The rule of that name on the mutated module; None where the rule does not use it."""
    name = f"derive.rules.{rule}"
    import_module(name)
    if name == mutant.module:
        return getattr(mutant.run(), rule)
    if not _imports(name, mutant.module):
        return None
    return getattr(_executed(name, _parsed(name), {mutant.module: mutant.run()}), rule)
