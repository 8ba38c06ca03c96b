"""What a launched kernel takes on real architectures, compiled by NVRTC with the launch's own options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .nvrtc import Compiled, Resources, compile_cuda
from .occupancy import occupancy
from .settings import Launched

__all__ = ["Footprint", "footprint"]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one kernel, by architecture; `occupancy` at the launch's number of threads and bytes of dynamic shared memory."""

    kernel: str
    options: tuple[str, ...]
    threads: int
    resources: Mapping[str, Resources]
    occupancy: Mapping[str, float]

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each architecture on which registers spill or no block finds room."""
        return tuple(
            f"Kernel '{self.kernel}' {what} on {architecture}."
            for architecture, used in self.resources.items()
            for what in _faults(used, self.threads, self.occupancy[architecture])
        )

    def text(self) -> str:
        """One line: registers, and how full a multiprocessor is."""
        each = ", ".join(f"{a} {r.registers} ({self.occupancy[a]:.0%})" for a, r in self.resources.items())
        return f"{' '.join((self.kernel, *self.options))}: registers (occupancy) {each}."


def _faults(used: Resources, threads: int, part: float) -> tuple[str, ...]:
    spilt = f"spills {used.spill_stores + used.spill_loads} bytes of registers"
    room = f"takes {used.registers} registers and {used.shared} bytes, so that no block of {threads} threads finds room"
    return (*([spilt] if used.spill_stores or used.spill_loads else []), *([room] if not part else []))


def footprint(launch: Launched, architectures: Sequence[str]) -> Footprint:
    """Raises CompileError where NVRTC refuses the source or warns, and NoCompiler without NVRTC."""
    named = (launch.kernel,) if launch.expression else ()
    found = {a: _compiled(launch.code, a, launch.options, named).kernels[launch.kernel] for a in architectures}
    parts = {a: occupancy(used, launch.threads, a, launch.shared) for a, used in found.items()}
    return Footprint(launch.kernel, launch.options, launch.threads, found, parts)


@lru_cache(maxsize=64)
def _compiled(code: str, architecture: str, options: tuple[str, ...], expressions: tuple[str, ...]) -> Compiled:
    """All kernels of a source are compiled at once, but for those that expressions name."""
    return compile_cuda(code, architecture, options, expressions)
