"""Programs in parts in a test: launches that take them at small sizes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from tests.cuda.blocks import designed
from tests.ladder.subjects import subject

__all__ = ["parted", "parts_of"]


@cache
def parts_of(name: str) -> tuple[Any, ...]:
    """The kernels in parts of a layer's module."""
    module = subject(name, "cupy").kernel.body.__globals__
    return tuple(value for value in module.values() if type(value).__name__ == "CudaParts")


@contextmanager
def parted(threads: int = 1 << 12) -> Iterator[None]:
    """Launches in parts with so many threads."""
    with pytest.MonkeyPatch.context() as patch, designed("parts", threads):
        own = sys.modules["derive_compiled._runtime.cuda"].CudaParts.chunks
        patch.setitem(own.__globals__, "_LEAST", 1)
        yield
