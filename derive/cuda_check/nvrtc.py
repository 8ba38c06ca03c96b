"""Compiles CUDA C for real architectures with NVRTC from the wheel `nvidia-cuda-nvrtc`. No GPU takes part."""

import ctypes
import functools
import importlib.util
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from .faults import CompileError, NoCompiler

__all__ = [
    "ARCHITECTURES",
    "Compiled",
    "Resources",
    "compile_cuda",
    "compile_for",
    "find_nvrtc",
    "nvidia_folders",
    "nvrtc_version",
]

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
ENTRY = re.compile(r"Compiling entry function '(?P<name>[^']+)' for '[^']+'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")
HALF = "cuda_fp16.h"  # comes with CUDA's runtime; where that is not installed, what stores need of it stands in
# NVRTC itself asks for this on architectures that have a successor; it says nothing about the kernel.
DEPRECATED = re.compile(r".*architectures? .*(?:deprecated|removed in a future).*", re.I)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one kernel takes: registers a thread, bytes of stack, spills and static shared memory."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


@dataclass(frozen=True, slots=True)
class Compiled:
    architecture: str
    log: str
    cubin: bytes = field(repr=False)
    kernels: dict[str, Resources]


def nvidia_folders() -> Iterator[Path]:
    """The folders of NVIDIA's wheels."""
    spec = importlib.util.find_spec("nvidia")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        yield from (path for path in sorted(Path(root).glob("*")) if path.is_dir())


@functools.cache
def find_nvrtc() -> ctypes.CDLL:
    """The NVRTC library of the installed wheel."""
    for folder in nvidia_folders():
        libraries = [
            p
            for where in ("lib", "bin", "bin/x86_64")
            for p in sorted((folder / where).glob("*nvrtc*"))
            if _is_nvrtc(p)
        ]
        if libraries:
            library = ctypes.CDLL(str(libraries[-1]))
            library.nvrtcGetErrorString.restype = ctypes.c_char_p
            return library
    raise NoCompiler("NVRTC was not found: `pip install nvidia-cuda-nvrtc`.")


def nvrtc_version() -> str:
    """Such as 13.0."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    find_nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def _is_nvrtc(path: Path) -> bool:
    return bool(re.fullmatch(r"(?:libnvrtc\.so[.\d]*|nvrtc64_\d+_\d+\.dll)", path.name))


def _includes() -> tuple[str, ...]:
    return tuple(f"--include-path={folder / 'include'}" for folder in nvidia_folders() if (folder / "include").is_dir())


class _Program:
    def __init__(self, library: ctypes.CDLL, code: str) -> None:
        self.library = library
        self.handle = ctypes.c_void_p()
        headers = [] if any((folder / "include" / HALF).is_file() for folder in nvidia_folders()) else [HALF]
        texts = (ctypes.c_char_p * 1)((resources.files("derive.cuda_check") / "cpp" / "stored_half.h").read_bytes())
        names = (ctypes.c_char_p * 1)(HALF.encode())
        given = (len(headers), texts, names)
        self.call("CreateProgram", ctypes.byref(self.handle), code.encode(), b"kernel.cu", *given)

    def call(self, name: str, *values: object) -> None:
        if status := getattr(self.library, f"nvrtc{name}")(*values):
            raise CompileError(f"NVRTC fails in {name}: {self.library.nvrtcGetErrorString(status).decode()}.", "")

    def fetch(self, name: str) -> bytes:
        size = ctypes.c_size_t()
        self.call(f"Get{name}Size", self.handle, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(f"Get{name}", self.handle, buffer)
        return buffer.raw

    def compile(self, options: Sequence[str]) -> bool:
        values = [option.encode() for option in options]
        return not self.library.nvrtcCompileProgram(self.handle, len(values), (ctypes.c_char_p * len(values))(*values))

    def lowered(self, expression: str) -> str:
        """The name that a kernel named by an expression has in the machine code."""
        name = ctypes.c_char_p()
        self.call("GetLoweredName", self.handle, expression.encode(), ctypes.byref(name))
        return (name.value or b"").decode()

    def close(self) -> None:
        self.library.nvrtcDestroyProgram(ctypes.byref(self.handle))


def compile_cuda(
    code: str, architecture: str = "sm_90", options: Sequence[str] = (), expressions: Sequence[str] = ()
) -> Compiled:
    """Compiles to machine code; an error or a warning is a CompileError that carries the log.

    Kernels that `expressions` name, such as f<float>, are found by these.
    """
    program = _Program(find_nvrtc(), code)
    try:
        for expression in expressions:
            program.call("AddNameExpression", program.handle, expression.encode())
        done = program.compile([f"--gpu-architecture={architecture}", "--ptxas-options=-v", *_includes(), *options])
        log = program.fetch("ProgramLog").rstrip(b"\0").decode().strip()
        if not done:
            raise CompileError(f"NVRTC refuses the source for {architecture}:", log)
        told = "\n".join(line for line in log.splitlines() if not DEPRECATED.fullmatch(line))
        if re.search(r"\bwarning\b", told, re.I):
            raise CompileError(f"NVRTC warns about the source for {architecture}:", told)
        found = _resources(log)
        found |= {expression: found[program.lowered(expression)] for expression in expressions}
        return Compiled(architecture, log, program.fetch("CUBIN"), found)
    finally:
        program.close()


def compile_for(
    code: str, architectures: Sequence[str] = ARCHITECTURES, options: Sequence[str] = ()
) -> tuple[Compiled, ...]:
    return tuple(compile_cuda(code, architecture, options) for architecture in architectures)


def _resources(log: str) -> dict[str, Resources]:
    found: dict[str, Resources] = {}
    entries = list(ENTRY.finditer(log))
    ends = [entry.start() for entry in entries[1:]] + [len(log)]
    for entry, end in zip(entries, ends, strict=True):
        part = log[entry.end() : end]
        used, spills = USED.search(part), SPILLS.search(part)
        if used and spills:
            stack, stores, loads = (int(text) for text in spills.groups())
            found[entry["name"]] = Resources(int(used[1]), stack, stores, loads, int(used[2] or 0))
    return found
