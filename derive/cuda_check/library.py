"""A compiled translation unit: its kernels, and how one of them is run."""

import ctypes
import functools
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .compiler import build_library, cache_folder, unit_key, write_beside
from .elf import name_of, scope_of, symbol_sizes
from .faults import CompileError
from .shared_arrays import room_for
from .source import Source, translation_unit
from .variables import template_arrays

__all__ = [
    "CONSTANT",
    "DYNAMIC",
    "SHARED",
    "VARIABLE",
    "CFault",
    "CLaunch",
    "CompiledKernel",
    "Parameter",
    "load_kernels",
    "prebuild",
    "run",
]

SHARED, DYNAMIC, CONSTANT, VARIABLE = -2, -3, -4, -5  # kinds of memory, in the place of an argument's number


class CParameter(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_char),
        ("pointer", ctypes.c_bool),
        ("writable", ctypes.c_bool),
        ("size", ctypes.c_uint),
    ]


class CKernel(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("run", ctypes.c_void_p),
        ("count", ctypes.c_int),
        ("parameters", ctypes.POINTER(CParameter)),
        ("launch_bound", ctypes.c_int),
    ]


class CArgument(ctypes.Structure):
    _fields_ = [
        ("low", ctypes.c_ulong),
        ("high", ctypes.c_ulong),
        ("writable", ctypes.c_int),
        ("index", ctypes.c_int),
    ]


class CLaunch(ctypes.Structure):
    _fields_ = [
        ("run", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("argument_count", ctypes.c_int),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("dynamic_shared", ctypes.c_uint),
        ("schedule", ctypes.c_int),
        ("seed", ctypes.c_ulong),
        ("step_limit", ctypes.c_ulong),
        ("granule", ctypes.c_int),
        ("prime", ctypes.c_ulong),
        ("trace", ctypes.c_void_p),
        ("trace_capacity", ctypes.c_ulong),
        ("known", ctypes.c_void_p),
        ("known_count", ctypes.c_int),
    ]


class CFault(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("kind", "argument", "line", "earlier_line", "write", "size")),
        *((name, ctypes.c_ulong) for name in ("place", "earlier_place", "offset")),
        *((name, ctypes.c_uint * 3) for name in ("block", "thread", "other")),
        ("other_block", ctypes.c_int),
        ("text", ctypes.c_char * 240),
    ]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: str
    pointer: bool
    writable: bool
    size: int


@dataclass(frozen=True, slots=True)
class CompiledKernel:
    name: str
    parameters: tuple[Parameter, ...]
    launch_bound: int
    static_shared: int
    source: Source
    unit: int
    path: Path
    handle: ctypes.CDLL = field(repr=False)
    address: int = field(repr=False)


TOGETHER = 24  # sources of one translation unit: more take a compiler's memory, and no less of its time

_lock = threading.Lock()
_loaded: dict[str, dict[str, CompiledKernel]] = {}


def load_kernels(source: Source, checked: bool) -> dict[str, CompiledKernel]:
    """The kernels of a source by name, compiled unless this process or the cache folder has them."""
    key = _key(source, checked)
    if key not in _loaded:
        path, unit = _find(key) or (
            build_library(translation_unit([source]), checked, source.exact, source.functions),
            0,
        )
        _loaded[key] = _read_table(path, unit, source)
    return _loaded[key]


def prebuild(sources: Iterable[Source], checked: bool = True) -> None:
    """Compiles what the cache lacks, many sources in one translation unit; faulty ones are left to report themselves."""
    groups: dict[tuple[bool, bool], dict[str, Source]] = {}
    for source in dict.fromkeys(sources):
        if not _find(key := _key(source, checked)):
            groups.setdefault((source.exact, source.functions), {})[key] = source
    for missing in groups.values():
        every = list(missing.items())
        for start in range(0, len(every), TOGETHER):
            _build_together(every[start : start + TOGETHER], checked)


def _build_together(sources: Sequence[tuple[str, Source]], checked: bool) -> None:
    try:
        text, first = translation_unit([source for _, source in sources]), sources[0][1]
        path = build_library(text, checked, first.exact, first.functions)
    except CompileError:
        half = len(sources) // 2
        for part in (sources[:half], sources[half:]) if half else ():
            _build_together(part, checked)
        return
    for unit, (key, _) in enumerate(sources):
        write_beside(cache_folder() / f"{key}.json", json.dumps({"library": path.name, "unit": unit}).encode())


def _key(source: Source, checked: bool) -> str:
    instances = [kernel.name for kernel in source.kernels if kernel.instance]
    text = repr((source.defines, instances)) + source.body
    return unit_key(text, checked, source.exact, source.functions)


def _find(key: str) -> tuple[Path, int] | None:
    note = cache_folder() / f"{key}.json"
    try:
        entry = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    path = note.with_name(entry["library"])
    return (path, int(entry["unit"])) if path.exists() else None


@functools.cache
def _open(path: Path) -> ctypes.CDLL:
    handle = ctypes.CDLL(str(path))
    handle.cu_run.restype = ctypes.POINTER(CFault)
    handle.cu_run.argtypes = [ctypes.POINTER(CLaunch)]
    handle.cu_traced.restype = ctypes.c_ulong
    return handle


def _read_table(path: Path, unit: int, source: Source) -> dict[str, CompiledKernel]:
    handle = _open(path)
    texts = {kernel.name: kernel for kernel in source.kernels}
    table = ctypes.cast(ctypes.addressof(ctypes.c_char.in_dll(handle, "cu_kernels")), ctypes.POINTER(CKernel))
    kernels: dict[str, CompiledKernel] = {}
    row = 0
    while (entry := table[row]).name:
        number, name = entry.name.decode().split(":", 1)
        row += 1
        if int(number) != unit:
            continue
        parameters = tuple(
            Parameter(
                label,
                entry.parameters[i].kind.decode(),
                entry.parameters[i].pointer,
                entry.parameters[i].writable,
                entry.parameters[i].size,
            )
            for i, label in enumerate(texts[name].parameters[: entry.count])
        )
        fixed = room_for(_shared_sizes(path).get((unit, name), {}), dict(texts[name].shared))
        kernels[name] = CompiledKernel(
            name, parameters, entry.launch_bound, fixed, source, unit, path, handle, entry.run
        )
    return kernels


@functools.cache
def _shared_sizes(path: Path) -> dict[tuple[int, str], dict[str, int]]:
    """How many bytes each shared array of each kernel takes, by unit and name; those of functions that it calls apart."""
    found: dict[tuple[int, str], dict[str, int]] = {}
    for symbol, size in symbol_sizes(path.read_bytes(), "cu_shared"):
        scope = [part for part in scope_of(symbol) if part != "cu_linkage"]
        if size and len(scope) == 2 and scope[0].startswith("unit"):
            own = found.setdefault((int(scope[0].removeprefix("unit")), scope[1]), {})
            own[name_of(symbol)] = size
    return found


def run(
    kernel: CompiledKernel,
    launch: CLaunch,
    values: Sequence[bytes],
    spans: Sequence[tuple[int, int, bool, int]],
    known: Sequence[int] = (),
) -> tuple[CFault, int]:
    """Runs one launch: its fault, and how many accesses it traced. A span is (low, high, writable, index).

    Threads go on past faults at places that are `known`.
    """
    spans = (
        *spans,
        *((low, high, True, SHARED) for low, high in template_arrays(kernel.path, kernel.handle, kernel.unit)),
    )
    cells = [ctypes.create_string_buffer(value, max(16, len(value))) for value in values]
    pointers = (ctypes.c_void_p * (len(cells) + 1))(*[ctypes.addressof(cell) for cell in cells])
    arguments: Any = (CArgument * (len(spans) + 1))(*[CArgument(*span) for span in spans])
    launch.run = kernel.address
    launch.values = ctypes.addressof(pointers)
    launch.arguments = ctypes.addressof(arguments)
    launch.argument_count = len(spans)
    places = (ctypes.c_ulong * (len(known) + 1))(*known)
    launch.known, launch.known_count = ctypes.addressof(places), len(known)
    with _lock:
        fault = CFault.from_buffer_copy(kernel.handle.cu_run(ctypes.byref(launch)).contents)
        return fault, int(kernel.handle.cu_traced())
