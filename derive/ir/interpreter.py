"""Runs a program point by point on exact numbers: the meaning of every node, and the oracle for backends.

The threads of a block come one after the other, each of which fills all shared cells itself, so that none waits at a barrier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from sympy import Abs, Add, And, Eq, Ge, Gt, Integer, Le, Lt, Max, Min, Mod, Mul, Ne, Not, Or, Symbol, ceiling, floor
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from derive.errors import EmitError
from derive.ir.nodes import (
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
)
from derive.remembered import fraction, replaced

__all__ = ["interpret"]

Env = dict[Symbol, int]


def interpret(program: Program, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The result's entries as an object array. Arguments of a program with a batch size carry that axis first.

    Raises EmitError for a read or write outside an array, and for a result entry that is read before it is written.
    """
    env = {s: int(v) for s, v in sizes.items()}
    tables = {t.name: np.array(t.values, dtype=object).reshape(t.shape) for t in program.tables}
    run = _Run({name: np.asarray(a, dtype=object) for name, a in arrays.items()}, tables)
    shape = [run.value(e, env) for e in program.result.shape]
    if program.batch is not None and program.result.batched:
        shape.insert(0, env[program.batch])
    run.memory[program.result.name] = np.full(shape, None, dtype=object)
    run.run(program.body, env)
    return run.memory[program.result.name]


@dataclass(frozen=True)
class _Run:
    """One run, with all arrays by their names."""

    memory: dict[str, np.ndarray]
    tables: Mapping[str, np.ndarray]

    def value(self, expression: Any, env: Env) -> int:
        if isinstance(expression, Symbol) and expression in env:
            return env[expression]
        value = self.at(expression, env)
        if isinstance(value, int):
            return value
        if not getattr(value, "is_Integer", False):
            raise EmitError(f"'{expression}' has no value here, or none that is an integer.")
        return int(value)

    def at(self, expression: Any, env: Env) -> Any:
        """The expression with the letters' values, and entries of tables in the place of reads, inner ones first."""
        if not self.tables or not expression.args:
            return _of_numbers(expression)(env)
        name = getattr(expression, "array", None)
        if name is None:
            return expression.func(*(self.at(e, env) for e in expression.args))
        place = tuple(int(self.at(e, env)) for e in expression.subscripts)
        return Integer(self.tables[name][self.inside(name, place, self.tables)])

    def points(self, ranges: tuple[Range, ...], env: Env) -> Iterator[Env]:
        spans = [range(*(self.value(e, env) for e in (r.start, r.stop, r.step))) for r in ranges]
        for point in product(*spans):
            yield env | {r.symbol: p for r, p in zip(ranges, point, strict=True)}

    def inside(self, name: str, place: tuple[int, ...], arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
        shape = arrays[name].shape
        if len(place) != len(shape) or any(not 0 <= p < extent for p, extent in zip(place, shape, strict=True)):
            raise EmitError(f"{name}{list(place)} is outside {name}, whose shape is {shape}.")
        return place

    def place(self, access: Access, env: Env) -> tuple[int, ...]:
        return self.inside(access.array, tuple(self.value(e, env) for e in access.subscripts), self.memory)

    def read(self, access: Access, env: Env) -> Any:
        place = self.place(access, env)
        if (value := self.memory[access.array][place]) is None:
            raise EmitError(f"{access.array}{list(place)} is read before it is written.")
        return value

    def run(self, body: tuple[Node, ...], env: Env) -> None:
        for node in body:
            match node:
                case Let(symbol=symbol, value=value):
                    env = env | {symbol: self.value(value, env)}
                case Scratch(array=array, shape=shape):
                    entry = 0 if shape else None
                    self.memory[array] = np.full([self.value(e, env) for e in shape], entry, dtype=object)
                case Copy(target=target, over=over, source=source, times=times):
                    for at in self.points(over, env):
                        self.memory[target.array][self.place(target, at)] = self.value(times, at) * self.read(
                            source, at
                        )
                case Fill(target=target, over=over):
                    for at in self.points(over, env):
                        self.memory[target.array][self.place(target, at)] = 0
                case Gather() | Scatter():
                    self.along(node, env)
                case Accumulate():
                    self.run_up(node, env)
                case MultiplyAdd() | Contract():
                    self.accumulate(node, env)
                case Loop(range=span, body=inner):
                    for at in self.points((span,), env):
                        self.run(inner, at)
                case Guard(condition=condition, body=inner, otherwise=other):
                    self.run(inner if bool(self.at(condition, env)) else other, env)
                case Launch(threads=threads, body=inner):
                    for at in self.points(threads, env):
                        self.run(inner, at)
                case Barrier():
                    continue

    def accumulate(self, node: MultiplyAdd | Contract, env: Env) -> None:
        for at in self.points(node.over, env):
            term = self.value(node.times, at)
            for factor in node.factors:
                term = term * self.read(factor, at)
            self.memory[node.target.array][self.place(node.target, at)] = self.read(node.target, at) + term

    def along(self, node: Gather | Scatter, env: Env) -> None:
        """Some axes of working arrays; those of a program that counts items have them in front."""
        points = list(self.points(node.over, env))
        box = [self.value(r.stop, env) - self.value(r.start, env) for r in node.over]
        places = [tuple(self.value(e, at) for e in node.places) for at in points]
        signs = [self.value(node.times, at) for at in points]
        name, count = node.source if isinstance(node, Gather) else node.target, len(node.places)
        first = self.memory[name].ndim + node.axis - node.rank
        whole = np.moveaxis(self.memory[name], range(first, first + count), range(count))
        for p, extent in ((p, e) for place in places for p, e in zip(place, whole.shape, strict=False)):
            if not 0 <= p < extent:
                raise EmitError(f"{name} has no place {p} along an axis of {extent}.")
        if isinstance(node, Gather):
            rows = np.empty((len(places), *whole.shape[count:]), dtype=object)
            for number, (place, sign) in enumerate(zip(places, signs, strict=True)):
                rows[number] = sign * whole[place]
            self.memory[node.target] = _axes_at(rows.reshape(*box, *whole.shape[count:]), len(box), first)
            return
        source = np.moveaxis(self.memory[node.source], range(first, first + len(box)), range(len(box)))
        for place, sign, part in zip(places, signs, source.reshape(-1, *whole.shape[1:]), strict=True):
            whole[place] = whole[place] + sign * part

    def run_up(self, node: Accumulate, env: Env) -> None:
        """Running sums along one axis, from the first place on or from the last one back."""
        points = list(self.points((node.over,), env))
        whole = np.moveaxis(self.memory[node.source], node.axis - node.rank, 0)
        sums = np.zeros((len(points) + 1, *whole.shape[1:]), dtype=object)
        for number, at in reversed(list(enumerate(points))) if node.onwards else enumerate(points):
            place = self.value(node.place, at)
            if not 0 <= place < len(whole):
                raise EmitError(f"{node.source} has no place {place} along an axis of {len(whole)}.")
            old, new = (number + 1, number) if node.onwards else (number, number + 1)
            sums[new] = sums[old] + whole[place]
        self.memory[node.target] = np.moveaxis(sums, 0, node.axis - node.rank)


@lru_cache(maxsize=1 << 14)
def _of_numbers(expression: Any) -> Callable[[Env], Any]:
    """The expression as a function of its letters' values: in Python's integers where it can be said in these, else by SymPy."""
    letters: dict[Symbol, str] = {}
    text = _python(expression, letters)

    def by_sympy(env: Env) -> Any:
        return replaced(expression, {s: Integer(v) for s, v in env.items()})

    if text is None:
        return by_sympy
    known = {name: s for s, name in letters.items()}
    plain: Callable[[Env], Any] = eval(f"lambda env: {text}", known)

    def value(env: Env) -> Any:
        try:
            return plain(env)
        except KeyError:
            return by_sympy(env)

    return value


def _python(e: Any, letters: dict[Symbol, str]) -> str | None:
    """An expression as Python text; None for what has no integers in Python."""
    if isinstance(e, Symbol):
        return f"env[{letters.setdefault(e, f's{len(letters)}')}]"
    if isinstance(e, Integer | BooleanTrue | BooleanFalse):
        return f"({e})"
    if isinstance(e, floor | ceiling):
        top, bottom = (_python(part, letters) for part in fraction(e.args[0]))
        if top is None or bottom is None:
            return None
        return f"({top} // {bottom})" if isinstance(e, floor) else f"(-(-{top} // {bottom}))"
    if hasattr(e, "condition"):  # one of two values
        condition, one, other = (_python(part, letters) for part in e.args)
        return None if None in (condition, one, other) else f"({one} if {condition} else {other})"
    form = next((text for kind, text in _FORMS.items() if isinstance(e, kind)), None)
    parts = [_python(part, letters) for part in e.args]
    if form is None or None in parts:
        return None
    before, between = form
    return f"{before}({between.join(map(str, parts))})"


_FORMS: Mapping[Any, tuple[str, str]] = {
    Add: ("", " + "),
    Mul: ("", "*"),
    Mod: ("", " % "),
    And: ("", " and "),
    Or: ("", " or "),
    Not: ("not ", ""),
    Min: ("min", ", "),
    Max: ("max", ", "),
    Abs: ("abs", ", "),
    Eq: ("", " == "),
    Ne: ("", " != "),
    Ge: ("", " >= "),
    Gt: ("", " > "),
    Le: ("", " <= "),
    Lt: ("", " < "),
}


def _axes_at(array: np.ndarray, count: int, place: int) -> np.ndarray:
    """The array with its first axes, so many, moved to stand from a place on."""
    return np.moveaxis(array, range(count), range(place, place + count))
