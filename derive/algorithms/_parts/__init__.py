"""Parts of large sums a thread, added up afterwards in a fixed order."""

from derive.algorithms._parts.making import parts
from derive.algorithms._parts.obligations import part_obligations

__all__ = ["part_obligations", "parts"]
