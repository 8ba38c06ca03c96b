"""Blocks of results a thread, from registers that rows of the input move through."""

from derive.algorithms._strips.making import strips
from derive.algorithms._strips.obligations import narrowed, strip_obligations

__all__ = ["narrowed", "strip_obligations", "strips"]
