"""Small kernels with one fault each, and what mends it.

A line that may be blamed ends in `// here`. `mend` is (wrong, right) text: the mended twin gives no fault.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.cuda_check import FaultKind, RawModule

N = 100


def floats(cupy: Any, count: int = N) -> Any:
    return cupy.asarray(np.arange(count, dtype=np.float32))


def one_in_one_out(cupy: Any) -> tuple[Any, ...]:
    return floats(cupy), cupy.zeros(N, cupy.float32), cupy.int32(N)


@dataclass(frozen=True)
class Plant:
    name: str
    kind: FaultKind
    code: str
    mend: tuple[str, str]
    grid: tuple[int, ...] = (4,)
    block: tuple[int, ...] = (32,)
    arguments: Callable[[Any], tuple[Any, ...]] = one_in_one_out
    shared: int = 0
    argument: str | None = None
    says: str = ""

    @property
    def lines(self) -> set[int]:
        return {number for number, line in enumerate(self.code.split("\n"), 1) if "// here" in line}

    def mended(self) -> str:
        assert self.mend[0] in self.code, self.name
        return self.code.replace(*self.mend)

    def launch(self, cupy: Any, code: str) -> tuple[Any, ...]:
        arguments = self.arguments(cupy)
        module: RawModule = cupy.RawModule(code=code)
        module.get_function("k")(self.grid, self.block, arguments, shared_mem=self.shared)
        return arguments
