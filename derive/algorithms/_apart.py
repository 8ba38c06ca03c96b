"""Tiles, and what is known of them: places of a result, or, where they are apart, of what is summed over.

A store that adds is in tiles that are apart alone, so that what a term belongs to is one of them. Each term that is composed in a
tile has its place there: then no other tile adds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import And, Eq, Expr, Le, Lt, Or, Symbol

from derive.errors import NoLowering
from derive.ir.stages import Staged, Store, Tiles
from derive.remembered import both, built

__all__ = ["check_adding", "placed_in", "tile_facts"]


def tile_facts(node: Tiles) -> Any:
    """What holds of a tile's ends: it is inside, and no longer than a step; one that is apart is that long, or the last."""
    low, high = node.low, node.high
    facts = both(
        built(Le, 0, low), built(Lt, low, high), built(Le, high, node.extent), built(Le, high - low, node.step)
    )
    if not node.apart:
        return facts
    return both(facts, Or(built(Eq, high, low + node.step), built(Eq, high, node.extent)))


def placed_in(tiles: Iterable[Tiles], down: Mapping[Symbol, Expr]) -> Any:
    """The condition that a term has its place in the tiles where it is composed, with `down` from the form's letters."""
    places = ((t, t.place.xreplace(dict(down))) for t in tiles)
    return And(*(And(built(Le, t.low, place), built(Lt, place, t.high)) for t, place in places))


def check_adding(program: Staged, store: Store, tiles: Iterable[Tiles], loops: bool) -> None:
    """Raises NoLowering for tiles that overlap or loops where results are added up, and for tiles that are apart elsewhere."""
    if any(t.apart != store.adds for t in tiles):
        raise NoLowering(
            f"What is added to {program.result.name} comes in tiles that are apart, and nothing else does."
        )
    if store.adds and loops:
        raise NoLowering(f"What is added to {program.result.name} comes once a tile, and a loop would add it again.")
    if store.adds and (store.bias is not None or store.held or program.result.batched):
        raise NoLowering(f"{program.result.name} starts as zeros, and what is added to it has no bias and no item.")
