"""Finds a C++ compiler, drives it, and keeps what it made by the hash of everything that went in."""

import functools
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from .faults import CompileError, NoCompiler

__all__ = ["Compiler", "build_library", "cache_folder", "find_compiler", "unit_key", "write_beside"]

COMMON = (
    *(
        "-std=c++17",
        "-fPIC",
        "-fvisibility=hidden",
        "-w",
        "-fno-exceptions",
        "-fno-rtti",
        "-fno-threadsafe-statics",
    ),
    *("-fno-strict-aliasing", "-ffp-contract=off", "-fno-stack-protector", "-fno-math-errno"),
)
# Optimised loops may be assumed to end; an endless one must stay, to be found.
UNIT = ("-g1", "-gdwarf-4", "-gz=none", "-fno-finite-loops")
CHECKS = (
    *(
        "-fsanitize=thread,undefined,float-cast-overflow",
        "-fno-sanitize=vptr",
        "-fno-sanitize=function",
        "-fsanitize-coverage=trace-pc",
    ),
    *("-ftrivial-auto-var-init=pattern", "-DCU_CHECKED"),
)


@dataclass(frozen=True, slots=True)
class Compiler:
    command: tuple[str, ...]
    version: str
    clang: bool

    def run(self, *arguments: str) -> None:
        """Runs the compiler; what it says on failure becomes the log of a CompileError."""
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompileError("The C++ compiler refuses the kernel:", done.stderr.strip())

    def unit_flags(self, checked: bool, functions: bool) -> tuple[str, ...]:
        """A checked kernel is launched a few times, on small arrays: optimising it takes much longer than it saves.

        But what a function takes by value is seen to be read only where it is inlined.
        """
        flags: tuple[str, ...] = (*COMMON, *UNIT, "-O1" if functions or not checked else "-O0")
        if not checked:
            # Some drivers turn their own sanitizers on unless told otherwise.
            return (*flags, *(("-fno-sanitize=all",) if self.clang else ()))
        flags += CHECKS
        return (
            (*flags, "-fno-sanitize-trap=all")
            if self.clang
            else tuple(f for f in flags if f != "-fno-sanitize=function")
        )


def _candidates() -> list[tuple[str, ...]]:
    if chosen := os.environ.get("DERIVE_CUDA_CHECK_CXX"):
        return [tuple(shlex.split(chosen))]
    found: list[tuple[str, ...]] = [(path,) for name in ("g++", "clang++", "c++") if (path := shutil.which(name))]
    if importlib.util.find_spec("ziglang"):
        found.append((sys.executable, "-m", "ziglang", "c++"))
    return found


@functools.cache
def find_compiler() -> Compiler:
    """$DERIVE_CUDA_CHECK_CXX, else g++, clang++ or c++ on the path, else the one inside `ziglang`."""
    if not sys.platform.startswith("linux"):
        raise NoCompiler(f"Running CUDA C on the CPU needs ELF libraries, which '{sys.platform}' does not load.")
    for command in _candidates():
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return Compiler(command, done.stdout, "clang" in done.stdout)
    raise NoCompiler("No C++ compiler was found: install g++ or clang++, or `pip install ziglang`.")


def cache_folder() -> Path:
    """$DERIVE_CUDA_CHECK_CACHE, else the user's cache folder, else a temporary one."""
    if chosen := os.environ.get("DERIVE_CUDA_CHECK_CACHE"):
        folder = Path(chosen)
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "derive-cuda-check"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derive-cuda-check"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _temporary_folder()


@functools.cache
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="derive-cuda-check-"))


@functools.cache
def _headers() -> Path:
    """The C++ files on disk, also when the package is read from an archive."""
    folder = resources.files("derive.cuda_check") / "cpp"
    if isinstance(folder, Path):
        return folder
    copy = _temporary_folder() / "cpp"
    copy.mkdir(exist_ok=True)
    for item in folder.iterdir():
        (copy / item.name).write_text(item.read_text())
    return copy


@functools.cache
def _headers_digest() -> str:
    return _digest(*(path.read_text() for path in sorted(_headers().iterdir()) if path.is_file()))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def unit_key(text: str, checked: bool, exact: bool, functions: bool) -> str:
    """The content hash of one source under this compiler and these flags."""
    compiler = find_compiler()
    flags = " ".join(compiler.unit_flags(checked, functions))
    return _digest(_headers_digest(), compiler.version, *compiler.command, flags, str(exact), text)


def _compile(compiler: Compiler, source: Path, target: Path, flags: Sequence[str]) -> None:
    compiler.run(*flags, f"-I{_headers()}", "-c", str(source), "-o", str(target))


def _runtime(compiler: Compiler, checked: bool, scratch: Path) -> Path:
    flags = (
        *COMMON,
        "-O2",
        *(("-fno-sanitize=all",) if compiler.clang else ()),
        *(("-DCU_CHECKED",) if checked else ()),
    )
    kept = cache_folder() / f"runtime-{_digest(_headers_digest(), compiler.version, *compiler.command, *flags)}.o"
    if not kept.exists():
        fresh = scratch / "runtime.o"
        _compile(compiler, _headers() / "runtime.cpp", fresh, flags)
        write_beside(kept, fresh.read_bytes())
    return kept


def write_beside(target: Path, content: bytes) -> None:
    """Writes beside and renames, so that no other process ever reads half a file."""
    beside = target.with_name(f"{target.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(target)


def build_library(text: str, checked: bool, exact: bool, functions: bool) -> Path:
    """The shared library of a translation unit, from the cache where it is there; `functions` has it some besides kernels."""
    compiler = find_compiler()
    kept = cache_folder() / f"{unit_key(text, checked, exact, functions)}.so"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(prefix="derive-cuda-") as name:
        scratch = Path(name)
        source, compiled, library = scratch / "kernels.cpp", scratch / "kernels.o", scratch / "kernels.so"
        source.write_text(text)
        flags = (*compiler.unit_flags(checked, functions), *(("-DCU_MODULAR",) if exact else ()))
        _compile(compiler, source, compiled, flags)
        plain = ("-fno-sanitize=all",) if compiler.clang else ()
        compiler.run("-shared", *plain, str(compiled), str(_runtime(compiler, checked, scratch)), "-o", str(library))
        write_beside(kept, library.read_bytes())
    return kept
