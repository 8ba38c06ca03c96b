"""Rules and groups run again, one module of them mutated: what imports it, directly or not, is run again on it.

Each module is run in a namespace of its own, in memory: no file and no module that others see is changed. Assignments that
nothing in the module uses, such as EXAMPLE, are left out, with what is there for them alone.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import CodeType, ModuleType
from typing import Any

import sympy

from tests.rules.source_mutants import OTHER, SWAPPED, SourceMutant, parsed

__all__ = ["FINITE", "MODULAR", "MODULES", "World"]

FINITE = "derive.groups._finite"
MODULAR = "derive.forms.modular"  # the elimination that matrix groups solve with
MODULES = tuple(
    f"{folder}.{part.name}"
    for folder in ("derive.rules", "derive.groups", FINITE)
    for part in iter_modules(import_module(folder).__path__)
    if not part.ispkg
)
_ALL = frozenset({*MODULES, FINITE, MODULAR})


class World:
    """The modules as they are with a mutant in the place of one; without any, all of them as they are, run again."""

    def __init__(self, mutant: SourceMutant | None = None) -> None:
        self.mutant = mutant
        self._modules: dict[str, ModuleType] = {}

    def touches(self, module: str) -> bool:
        """Whether a module is another one here."""
        return module in _ALL and (self.mutant is None or _rests_on(module, self.mutant.module))

    def module(self, name: str) -> ModuleType:
        """A module as it is here."""
        if not self.touches(name):
            return import_module(name)
        if name not in self._modules:
            instead = {n: self.module(n) for n in _imported(name) if self.touches(n)}
            self._modules[name] = _executed(name, self._code(name), instead)
        return self._modules[name]

    def _code(self, name: str) -> CodeType:
        if self.mutant is None or self.mutant.module != name:
            return _compiled(name)
        with self.mutant.planted():
            return _compile(name)

    def value(self, given: Any) -> Any:
        """An object, such as a group, made by the class that is here in the place of its own."""
        if not is_dataclass(given) or isinstance(given, type) or not self.touches(type(given).__module__):
            return given
        made = getattr(self.module(type(given).__module__), type(given).__name__)
        return made(**{f.name: self.value(getattr(given, f.name)) for f in fields(given) if f.init})


@cache
def _rests_on(module: str, other: str) -> bool:
    return module == other or any(_rests_on(name, other) for name in _imported(module))


@cache
def _imported(module: str) -> frozenset[str]:
    """The modules of rules and groups that a module imports from, but for its cases."""
    import_module(module)
    found = frozenset(s.module for s in _kept(module) if isinstance(s, ast.ImportFrom) and s.module)
    return found & _ALL


@cache
def _kept(module: str) -> tuple[ast.stmt, ...]:
    """The statements of a module without its cases, and without imports and assignments that only those use.

    Finite groups and elimination have no cases.
    """
    if module.startswith((FINITE, MODULAR)):
        return tuple(parsed(module).body)
    kept: list[ast.stmt] = []
    used: set[str] = set()
    for statement in reversed(parsed(module).body):
        bound = set(_bound(statement))
        if not bound or bound & used:
            kept.append(statement)
            used |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    return tuple(reversed(kept))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that an import or an assignment binds."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)) and getattr(statement, "module", "") != "__future__":
        yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))


@cache
def _compiled(name: str) -> CodeType:
    return _compile(name)


def _compile(name: str) -> CodeType:
    return compile(ast.Module(list(_kept(name)), []), f"<{name}>", "exec")


def _executed(name: str, code: CodeType, instead: dict[str, ModuleType]) -> ModuleType:
    """A module's code run under its own name, with other modules in the place of some that it imports."""

    def importing(target: str, *rest: Any) -> Any:
        return instead[target] if target in instead else builtins.__import__(target, *rest)

    made = ModuleType(name)
    shown = {n: getattr(sympy, n) for n in (*OTHER, *SWAPPED)}
    made.__dict__.update(
        shown, __builtins__=vars(builtins) | {"__import__": importing}, __file__=sys.modules[name].__file__
    )
    exec(code, made.__dict__)
    return made
