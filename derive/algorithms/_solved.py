"""Which point of a statement wrote an entry of its array: letters as the entry's subscripts tell them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Eq, Expr, Integer, Symbol, expand

from derive.ir.nodes import Access
from derive.ir.stages import Halo, Statement
from derive.remembered import built, replaced

__all__ = ["at", "nodes", "solved"]

ZERO = Integer(0)


def nodes(body: tuple[Any, ...]) -> Iterator[Any]:
    """Every node of a body and of those within."""
    for node in body:
        yield node
        if hasattr(node, "body"):
            yield from nodes(node.body)


def at(access: Access, values: Mapping[Symbol, Expr]) -> Access:
    """An entry with letters replaced."""
    return Access(access.array, tuple(replaced(e, values) for e in access.subscripts))


def solved(
    node: Statement, places: tuple[Expr, ...], letters: set[Symbol]
) -> tuple[dict[Symbol, Expr], tuple[Any, ...]]:
    """The letters whose value the places tell, each by one subscript of its own; and the equations that are left.

    In the target of a halo a subscript may have letters besides that subscripts before it tell.
    """
    known: dict[Symbol, Expr] = {}
    left = []
    for subscript, place in zip(node.target.subscripts, places, strict=True):
        met = subscript.free_symbols & letters
        told = met & set(known) if isinstance(node, Halo) else set()
        symbol = next(iter(met - told)) if len(met - told) == 1 else None
        rest = ZERO if symbol is None or subscript == symbol else subscript - symbol
        if symbol is not None and symbol not in known and not rest.free_symbols & (letters - told):
            known[symbol] = expand(place if rest is ZERO else place - replaced(rest, known))
        else:
            left.append((subscript, place))
    return known, tuple(built(Eq, replaced(s, known), p) for s, p in left)
