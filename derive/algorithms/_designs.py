"""Which program in blocks a form has: strips where rows of the input pass through registers, tiles where a block shares entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from derive.algorithms._proved import proved
from derive.algorithms._strips import narrowed, strip_obligations, strips
from derive.algorithms._tiles import fitted, tile_obligations, tiles
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine
from derive.ir.blocks import Blocked
from derive.ir.nodes import Program
from derive.ir.tiles import Tiled
from derive.proof.goal import Obligation, Verdict

__all__ = ["blocked", "unblocked"]

_Made = TypeVar("_Made", Blocked, Tiled)
_Proved = tuple[Blocked | Tiled, tuple[Verdict, ...]]


def blocked(form: Form, plain: Program, items: frozenset[str]) -> _Proved:
    """The program in blocks that does what a plain program of threads does, proved. `items` are the arrays of a batch.

    Raises NoLowering with the reason where the form has none or no proof is found, ObligationFailed where one is refuted.
    """
    found, reasons = _tried(form, plain, items)
    if found is None:
        raise NoLowering(reasons["tiles"])
    return found


def unblocked(form: Form, plain: Program, items: frozenset[str]) -> dict[str, str]:
    """Why a form has no program in strips, or in tiles; of what stands behind one that it has, nothing is said."""
    return dict(_tried(form, plain, items)[1])


@lru_cache(maxsize=256)
def _tried(form: Form, plain: Program, items: frozenset[str]) -> tuple[_Proved | None, Mapping[str, str]]:
    """Strips, or else tiles, or neither, and why not."""
    reasons: dict[str, str] = {}
    for name, make in (("strips", _strips), ("tiles", _tiles)):
        try:
            made, obligations = make(form, plain, items)
            return (made, proved(obligations, "the program in blocks")), reasons
        except (NoLowering, NotAffine) as cause:
            reasons[name] = str(cause).rstrip(".")
    return None, reasons


def _strips(form: Form, plain: Program, items: frozenset[str]) -> tuple[Blocked, tuple[Obligation, ...]]:
    made = narrowed(_as_plain(strips(form, items, plain.name.replace("direct", "strips", 1)), plain), form)
    return made, strip_obligations(made, form)


def _tiles(form: Form, plain: Program, items: frozenset[str]) -> tuple[Tiled, tuple[Obligation, ...]]:
    made = fitted(_as_plain(tiles(form, items, plain.name.replace("direct", "tiles", 1)), plain), form)
    return made, tile_obligations(made, form)


def _as_plain(made: _Made, plain: Program) -> _Made:
    """A program in blocks that takes what the plain one takes."""
    return replace(made, program=replace(made.program, arguments=plain.arguments, sources=plain.sources))
