"""Tiles with a halo: what a block reads, or a first pass over it, is kept in shared memory."""

from derive.algorithms._halos.making import halos
from derive.algorithms._halos.obligations import halo_obligations, settled

__all__ = ["halo_obligations", "halos", "settled"]
