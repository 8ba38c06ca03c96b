"""Working arrays that live in the memory of others: none is written while another is still to be read."""

from __future__ import annotations

from itertools import pairwise

from derive.errors import NoLowering
from derive.ir.spectra import Product
from derive.ir.stages import Room, Staged, Statement, reads_of

__all__ = ["check_shared"]


def check_shared(program: Staged, nodes: tuple[Statement, ...]) -> None:
    """Raises NoLowering for an array that is read after what lives in its memory was written.

    A product may be written over a factor, whose entries it reads at its own places.
    """
    rooms = {room.name: room for room in program.rooms}
    order = [node.target.array for node in nodes]
    for owner in dict.fromkeys(room.within for room in program.rooms if room.within):
        if owner not in rooms or rooms[owner].within:
            raise NoLowering(f"{owner} has no memory of its own that another array may take.")
        group = [room for room in program.rooms if owner in (room.name, room.within)]
        _check_kinds(group, rooms[owner])
        for one, two in pairwise(sorted(group, key=lambda room: order.index(room.name))):
            _check_order(one, two, nodes, order)


def _check_kinds(group: list[Room], owner: Room) -> None:
    for room in group:
        if room.zeroed or room.spectrum != owner.spectrum or len(room.shape) != len(owner.shape):
            raise NoLowering(f"{room.name} can't live in {owner.name}, which holds something else.")


def _check_order(one: Room, two: Room, nodes: tuple[Statement, ...], order: list[str]) -> None:
    """The first of two arrays is read before the second is written, or by the product that writes it."""
    written = order.index(two.name)
    for place, node in enumerate(nodes):
        read = [a for a in reads_of(node) if a.array == one.name]
        over = (
            place == written and isinstance(node, Product) and all(a.subscripts == node.target.subscripts for a in read)
        )
        if read and place >= written and not over:
            raise NoLowering(f"{one.name} is read after {two.name} was written in its memory.")
