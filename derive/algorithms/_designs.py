"""Which program in blocks a form has: strips where rows of the input pass through registers, tiles where a block shares entries."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from derive.algorithms._proved import proved
from derive.algorithms._strips import narrowed, strip_obligations, strips
from derive.algorithms._tiles import fitted, tile_obligations, tiles
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.blocks import Blocked
from derive.ir.nodes import Program
from derive.ir.tiles import Tiled
from derive.proof.goal import Obligation, Verdict

__all__ = ["blocked"]

_Made = TypeVar("_Made", Blocked, Tiled)


@lru_cache(maxsize=256)
def blocked(form: Form, plain: Program, items: frozenset[str]) -> tuple[Blocked | Tiled, tuple[Verdict, ...]]:
    """The program in blocks that does what a plain program of threads does, proved. `items` are the arrays of a batch.

    Raises NoLowering with the reason where the form has none or no proof is found, ObligationFailed where one is refuted.
    """
    made, obligations = _made(form, plain, items)
    return made, proved(obligations, "the program in blocks")


def _made(form: Form, plain: Program, items: frozenset[str]) -> tuple[Blocked | Tiled, tuple[Obligation, ...]]:
    """The program and what is to be proved of it."""
    try:
        strip = _as_plain(strips(form, items, plain.name.replace("direct", "strips", 1)), plain)
    except NoLowering:
        tile = _as_plain(tiles(form, items, plain.name.replace("direct", "tiles", 1)), plain)
        tile = fitted(tile, form)
        return tile, tile_obligations(tile, form)
    strip = narrowed(strip, form)
    return strip, strip_obligations(strip, form)


def _as_plain(made: _Made, plain: Program) -> _Made:
    """A program in blocks that takes what the plain one takes."""
    return replace(made, program=replace(made.program, arguments=plain.arguments, sources=plain.sources))
