"""What windows bilinear algorithms of tiles are for, whatever their matrices."""

from __future__ import annotations

from derive.algorithms._window import Window
from derive.errors import NoLowering

__all__ = ["check_tiles", "check_window"]


def check_window(found: Window, batched: frozenset[str]) -> None:
    """Refuses what no bilinear algorithm of tiles is for."""
    check_tiles(found, batched)
    if any(m.stride != 1 for m in found.taps):
        raise NoLowering("it needs a window that moves by one place")


def check_tiles(found: Window, batched: frozenset[str]) -> None:
    """Refuses what has no tiles of windows with channels."""
    form = found.form
    if not found.contracted and not found.filters:
        raise NoLowering("it needs channels in or filters out")
    if not found.taps or not {form.input.name, form.output.name} <= batched:
        raise NoLowering("it needs a window along some axis")
    places = {m.place for m in found.moving}
    if found.bias is not None and {s for e in found.bias.subscripts for s in e.free_symbols} & places:
        raise NoLowering("it needs a bias that is the same at every place")
