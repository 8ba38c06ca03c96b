"""`cupy.RawModule` and its kernels: the same calls, checked first and then run on the CPU."""

import re
from collections.abc import Sequence
from math import prod
from typing import Any

from .faults import CompileError, CudaFault, FaultKind
from .launch import launch
from .library import CompiledKernel, load_kernels
from .settings import Launched, current_settings
from .source import Source, parse_source
from .trace import Trace
from .variables import MemoryPointer, reset_variables, variable

__all__ = ["RawKernel", "RawModule"]

DEFINE = re.compile(r"(?:-D|--define-macro=)\s*(\w+)(?:=(.*))?")
# Options of NVRTC that change speed, rounding or debugging but not what the C means.
HARMLESS = re.compile(
    r"--?(?:std=c\+\+(?:11|14|17|20)|use_fast_math|fmad=\w+|ftz=\w+|prec-div=\w+|prec-sqrt=\w+|lineinfo|generate-line-info"
    r"|maxrregcount=\d+|device-int128|default-device|restrict|extra-device-vectorization|dopt=\w+|gpu-architecture=\w+|arch=\w+"
    r"|pre-include=cuda_fp16\.h|ptxas-options=.*|diag-\w+=.*|Werror|w)"
)


def _defines(options: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for option in options:
        if macro := DEFINE.fullmatch(option):
            found.append((macro[1], "1" if macro[2] is None else macro[2]))
        elif not HARMLESS.fullmatch(option):
            raise CompileError(f"NVRTC option '{option}' is not one that this harness knows.", "")
    return tuple(found)


class RawModule:
    """Compiles when a function is first asked for, as CuPy does; once a mode (checked, fast, exact)."""

    __module__ = "cupy"

    def __init__(
        self,
        *,
        code: str,
        options: Sequence[str] = (),
        backend: str = "nvrtc",
        name_expressions: Sequence[str] = (),
        **others: Any,
    ) -> None:
        if isinstance(options, str):
            raise TypeError("The options of a RawModule are a tuple of strings.")
        if backend not in ("nvrtc", "nvcc"):
            raise ValueError(f"The backend of a RawModule is 'nvrtc' or 'nvcc', not '{backend}'.")
        if unknown := set(others) - {"translate_cucomplex", "enable_cooperative_groups", "jitify"}:
            raise TypeError(f"RawModule takes no argument '{min(unknown)}' here.")
        self.code = code
        self.options = tuple(options)
        self.name_expressions = tuple(name_expressions or ())
        self._sources: dict[bool, Source] = {}
        self._loaded: set[tuple[bool, bool]] = set()

    def source(self, exact: bool) -> Source:
        if exact not in self._sources:
            included = any("pre-include=cuda_fp16.h" in option for option in self.options)
            self._sources[exact] = parse_source(
                self.code, _defines(self.options), exact, included, self.name_expressions
            )
        return self._sources[exact]

    def kernels(self) -> dict[str, CompiledKernel]:
        """By name; the module's variables hold what they begin with, when they are first asked for."""
        settings = current_settings()
        mode = (settings.checked, settings.prime is not None)
        found = load_kernels(self.source(mode[1]), settings.checked)
        if mode not in self._loaded:
            self._loaded.add(mode)
            for kernel in list(found.values())[:1]:
                reset_variables(kernel.path, kernel.handle, kernel.unit)
        return found

    def compile(self, log_stream: Any = None) -> None:
        self.kernels()

    def get_global(self, name: str) -> MemoryPointer:
        """Where a variable of constant or of global memory lies."""
        for kernel in list(self.kernels().values())[:1]:
            if found := variable(kernel.path, kernel.handle, kernel.unit, name):
                return found
        raise CudaFault(f"The module has no variable '{name}'.", FaultKind.ARGUMENTS, name)

    def get_function(self, name: str) -> "RawKernel":
        kernel = RawKernel._of(self, name)
        if current_settings().gathered is None:
            kernel.compile()
        return kernel


class RawKernel:
    """One kernel; `max_dynamic_shared_size_bytes` opts in to more than 48 KiB, as on a device."""

    __module__ = "cupy"

    def __init__(
        self, code: str, name: str, options: Sequence[str] = (), backend: str = "nvrtc", **others: Any
    ) -> None:
        self._module = RawModule(code=code, options=options, backend=backend, **others)
        self.name = name
        self.max_dynamic_shared_size_bytes = 48 * 1024
        self.last_trace: Trace | None = None
        self._compiled: dict[tuple[bool, bool], CompiledKernel] = {}

    @classmethod
    def _of(cls, module: RawModule, name: str) -> "RawKernel":
        kernel = cls("", name)
        kernel._module = module
        return kernel

    def compiled(self) -> CompiledKernel:
        settings = current_settings()
        mode = (settings.checked, settings.prime is not None)
        if mode not in self._compiled:
            kernels = self._module.kernels()
            if self.name not in kernels:
                known = ", ".join(kernels) or "none"
                raise CudaFault(
                    f"The module has no kernel extern \"C\" '{self.name}'; it has {known}.",
                    FaultKind.ARGUMENTS,
                    self.name,
                )
            self._compiled[mode] = kernels[self.name]
        return self._compiled[mode]

    def compile(self, log_stream: Any = None) -> None:
        self.compiled()

    @property
    def kernel(self) -> "RawKernel":
        return self

    @property
    def max_threads_per_block(self) -> int:
        return self.compiled().launch_bound

    @property
    def shared_size_bytes(self) -> int:
        return self.compiled().static_shared

    @property
    def attributes(self) -> dict[str, int]:
        """What is known of a kernel without a device; registers aren't."""
        known = (self.max_threads_per_block, self.shared_size_bytes, self.max_dynamic_shared_size_bytes)
        return dict(
            zip(("max_threads_per_block", "shared_size_bytes", "max_dynamic_shared_size_bytes"), known, strict=True)
        )

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        **_: Any,
    ) -> None:
        settings = current_settings()
        watch, most = settings.watch, self.max_dynamic_shared_size_bytes
        if settings.gathered is not None:
            settings.gathered.append(self._module.source(settings.prime is not None))
            return
        if watch is None:
            self.last_trace = launch(self.compiled(), grid, block, args, shared_mem, most)
            return
        named = self.name in self._module.name_expressions
        asked = Launched(self.name, self._module.code, self._module.options, _product(block), shared_mem, named)
        watch.launched(asked)
        try:
            self.last_trace = launch(self.compiled(), grid, block, args, shared_mem, most)
            watch.traced(asked, self.last_trace)
        except CudaFault as fault:
            watch.found(fault, "")


def _product(block: Sequence[int]) -> int:
    return prod(max(1, size) for size in block)
