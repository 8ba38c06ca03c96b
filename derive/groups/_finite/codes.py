"""Signed permutations as arrays of codes: e_k ⟶ ±e_{k'} is code[k] = 2·k' + (1 where the sign is −).

A *signed point* is such a code by itself, so an element acts on signed points as it composes with elements:
(g·h)[k] = g[h[k] >> 1] ^ (h[k] & 1). A permutation without signs is the case in which every code is even.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes", "Ints", "Word", "compose", "doubled", "identity", "inverse", "inverse_word"]

Codes: TypeAlias = NDArray[np.int32]
Ints: TypeAlias = NDArray[Any]
Word: TypeAlias = tuple[int, ...]
"""Letters in the order in which they act: i is generator i, ~i its inverse."""


def identity(size: int) -> Codes:
    """The codes of the identity, shape (size,)."""
    return np.arange(0, 2 * size, 2, dtype=np.int32)


def compose(g: Codes, h: Codes) -> Codes:
    """g∘h, h first. Shapes (n,) and (..., n), or the reverse; h may also be any array of signed points."""
    composed: Codes = g[..., h >> 1] ^ (h & 1)
    return composed


def inverse(g: Codes) -> Codes:
    """g⁻¹ of codes of shape (n,): where g carries k to ±k', g⁻¹ carries k' to ±k."""
    back = np.empty_like(g)
    back[g >> 1] = identity(len(g)) | (g & 1)
    return back


def doubled(g: Codes) -> Codes:
    """The same element as a permutation, without signs, of the 2n signed points: its codes, shape (2n,)."""
    both = np.empty(2 * len(g), np.int32)
    both[0::2], both[1::2] = 2 * g, 2 * (g ^ 1)
    return both


def inverse_word(word: Word) -> Word:
    """The word of the inverse element."""
    return tuple(~letter for letter in reversed(word))
