"""A module's variables in constant and global memory: where they lie, and what they hold when the module is loaded."""

import ctypes
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path

from .elf import symbols

__all__ = ["MemoryPointer", "reset_variables", "template_arrays", "variable"]

SECTIONS = ("cu_constant", "cu_variable")


@dataclass(frozen=True, slots=True)
class MemoryPointer:
    """So many bytes of the device at an address; `owner` keeps them."""

    ptr: int
    size: int = 0
    owner: object = field(default=None, repr=False)
    device_id: int = 0

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> "MemoryPointer":
        return MemoryPointer(self.ptr + offset, self.size - offset, self.owner)


@functools.cache
def _symbols(path: Path, handle: ctypes.CDLL) -> tuple[tuple[str, int, int, str], ...]:
    """Every symbol of a loaded library: its name, its address, how many bytes it takes, and its section."""
    every = {name: (value, size, section) for name, value, size, section in symbols(path.read_bytes()) if name}
    loaded = ctypes.addressof(ctypes.c_char.in_dll(handle, "cu_kernels")) - every["cu_kernels"][0]
    return tuple((name, loaded + value, size, section) for name, (value, size, section) in every.items())


def _unit(number: int) -> str:
    """A unit's namespace, as symbols spell it."""
    name = f"unit{number}"
    return f"{len(name)}{name}"


@functools.cache
def _held(path: Path, handle: ctypes.CDLL, unit: int) -> dict[str, tuple[int, bytes]]:
    """By their names the addresses of a unit's variables, and what they held when it was loaded."""
    held = {}
    for symbol, address, size, section in _symbols(path, handle):
        found = re.fullmatch(rf"_ZN{_unit(unit)}(?:10cu_linkage)?L?(\d+)(\w+)E", symbol)
        if found and size and section in SECTIONS:
            held[found[2][: int(found[1])]] = (address, ctypes.string_at(address, size))
    return held


@functools.cache
def template_arrays(path: Path, handle: ctypes.CDLL, unit: int) -> tuple[tuple[int, int], ...]:
    """Where the shared arrays of templates lie, from the first byte to behind the last: g++ forgets their section."""
    return tuple(
        (address, address + size)
        for symbol, address, size, section in _symbols(path, handle)
        if size and symbol.startswith(f"_ZZN{_unit(unit)}") and re.match(r"\.(?:bss|data)\b", section)
    )


def variable(path: Path, handle: ctypes.CDLL, unit: int, name: str) -> MemoryPointer | None:
    """Where a variable of a unit lies; None where it has no such variable."""
    address, held = _held(path, handle, unit).get(name, (0, b""))
    return MemoryPointer(address, len(held), handle) if held else None


def reset_variables(path: Path, handle: ctypes.CDLL, unit: int) -> None:
    """What they hold when a module is loaded, they hold again."""
    for address, held in _held(path, handle, unit).values():
        ctypes.memmove(address, held, len(held))
