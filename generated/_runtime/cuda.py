"""Launching emitted CUDA C: compiled when first called, once for each device and element type."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from .errors import SizeError

__all__ = ["CudaKernel"]

_REAL = {"float32": "float", "float64": "double", "int64": "long long"}
_BLOCK = 256
_MOST_BLOCKS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CudaKernel:
    """One `extern "C"` function of a CUDA C text in which `real` is the element type.

    `kernel(threads, arrays, sizes)` runs `threads` threads on contiguous arrays of one type, on the current
    stream; sizes are passed as 64-bit integers. Raises SizeError for more threads than a launch can have.
    """

    xp: ModuleType
    source: str
    name: str
    _compiled: dict[tuple[int, str], Any] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, threads: int, arrays: Sequence[Any], sizes: Sequence[int]) -> None:
        blocks = -(-threads // _BLOCK)
        if blocks > _MOST_BLOCKS:
            raise SizeError(f"{self.name}: {threads} results are more than one launch can compute.")
        function = self._function(str(arrays[0].dtype))
        function((blocks,), (_BLOCK,), (*arrays, *map(np.int64, sizes)))

    def _function(self, dtype: str) -> Any:
        key = (int(self.xp.cuda.Device().id), dtype)
        if key not in self._compiled:
            options = (f"-Dreal={_REAL[dtype]}",)
            module = self.xp.RawModule(code=self.source, options=options)
            self._compiled[key] = module.get_function(self.name)
        return self._compiled[key]
