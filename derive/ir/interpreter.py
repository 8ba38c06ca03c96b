"""Runs a program point by point on exact numbers: the meaning of every node, and the oracle for backends."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from sympy import Expr, Integer, Symbol

from derive.errors import EmitError
from derive.ir.nodes import (
    Access,
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
from derive.remembered import replaced

__all__ = ["interpret"]

Env = dict[Symbol, Integer]


def interpret(program: Program, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The result's entries as an object array. Arguments of a program with a batch size carry that axis first.

    Raises EmitError for a read or write outside an array, and for a result entry that is read before it is written.
    """
    env = {s: Integer(v) for s, v in sizes.items()}
    shape = [_value(e, env) for e in program.result.shape]
    if program.batch is not None and program.result.batched:
        shape.insert(0, int(env[program.batch]))
    memory = {name: np.asarray(a, dtype=object) for name, a in arrays.items()}
    memory[program.result.name] = np.full(shape, None, dtype=object)
    _run(program.body, env, memory)
    return memory[program.result.name]


def _value(expression: Expr, env: Env) -> int:
    value = replaced(expression, env)
    if not value.is_Integer:
        raise EmitError(f"'{expression}' has no value here, or none that is an integer.")
    return int(value)


def _points(ranges: tuple[Range, ...], env: Env) -> Any:
    spans = [range(_value(r.start, env), _value(r.stop, env)) for r in ranges]
    for point in product(*spans):
        yield env | {r.symbol: Integer(p) for r, p in zip(ranges, point, strict=True)}


def _place(access: Access, env: Env, memory: dict[str, np.ndarray]) -> tuple[int, ...]:
    place = tuple(_value(e, env) for e in access.subscripts)
    shape = memory[access.array].shape
    if len(place) != len(shape) or any(not 0 <= p < extent for p, extent in zip(place, shape, strict=True)):
        raise EmitError(f"{access.array}{list(place)} is outside {access.array}, whose shape is {shape}.")
    return place


def _read(access: Access, env: Env, memory: dict[str, np.ndarray]) -> Any:
    value = memory[access.array][_place(access, env, memory)]
    if value is None:
        raise EmitError(
            f"{access.array}{[int(replaced(e, env)) for e in access.subscripts]} is read before it is written."
        )
    return value


def _run(body: tuple[Node, ...], env: Env, memory: dict[str, np.ndarray]) -> None:
    for node in body:
        match node:
            case Let(symbol=symbol, value=value):
                env = env | {symbol: Integer(_value(value, env))}
            case Scratch(array=array, shape=shape):
                memory[array] = np.full([_value(e, env) for e in shape], 0 if shape else None, dtype=object)
            case Copy(target=target, over=over, source=source):
                for point in _points(over, env):
                    memory[target.array][_place(target, point, memory)] = _read(source, point, memory)
            case Fill(target=target, over=over):
                for point in _points(over, env):
                    memory[target.array][_place(target, point, memory)] = 0
            case Gather() | Scatter():
                _along(node, env, memory)
            case MultiplyAdd() | Contract():
                _accumulate(node, env, memory)
            case Loop(range=span, body=inner):
                for point in _points((span,), env):
                    _run(inner, point, memory)
            case Guard(condition=condition, body=inner):
                if bool(replaced(condition, env)):
                    _run(inner, env, memory)
            case Launch(threads=threads, body=inner):
                for point in _points(threads, env):
                    _run(inner, point, memory)


def _accumulate(node: MultiplyAdd | Contract, env: Env, memory: dict[str, np.ndarray]) -> None:
    for point in _points(node.over, env):
        term = 1
        for factor in node.factors:
            term = term * _read(factor, point, memory)
        place = _place(node.target, point, memory)
        memory[node.target.array][place] = _read(node.target, point, memory) + term


def _along(node: Gather | Scatter, env: Env, memory: dict[str, np.ndarray]) -> None:
    """One axis of working arrays; those of a program that counts items have them in front."""
    places = [_value(node.place, point) for point in _points((node.over,), env)]
    name = node.source if isinstance(node, Gather) else node.target
    axis = node.axis - node.rank
    extent = memory[name].shape[axis]
    if any(not 0 <= p < extent for p in places):
        raise EmitError(
            f"{name} has no place {next(p for p in places if not 0 <= p < extent)} along an axis of {extent}."
        )
    if isinstance(node, Gather):
        memory[node.target] = memory[name].take(places, axis=axis)
        return
    moved = np.moveaxis(memory[name], axis, 0)
    for place, part in zip(places, np.moveaxis(memory[node.source], axis, 0), strict=True):
        moved[place] = moved[place] + part
