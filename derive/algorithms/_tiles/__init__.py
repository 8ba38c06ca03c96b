"""Tiles of places and channels a block of threads, from chunks that it holds in shared memory."""

from derive.algorithms._tiles.making import tiles
from derive.algorithms._tiles.obligations import fitted, tile_obligations

__all__ = ["fitted", "tile_obligations", "tiles"]
