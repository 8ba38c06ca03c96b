"""From a place in a compiled kernel to the line of its source: the line table of an ELF file (DWARF 4)."""

import bisect
import functools
import struct
from dataclasses import dataclass
from pathlib import Path

from .elf import section

__all__ = ["line_of"]


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def take(self, code: str) -> int:
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return int(value)

    def text(self) -> str:
        end = self.data.index(0, self.at)
        found, self.at = self.data[self.at : end].decode(), end + 1
        return found

    def uleb(self) -> int:
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def sleb(self) -> int:
        start = self.at
        value = self.uleb()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if value >> (bits - 1) else value


@dataclass(frozen=True, slots=True)
class _Program:
    version: int
    step: int
    line_base: int
    line_range: int
    opcode_base: int
    lengths: tuple[int, ...]
    files: tuple[str, ...]
    end: int


def line_of(library: Path, unit: int, offset: int) -> int | None:
    """The line of `unit` that holds the instruction at `offset` from the start of the library."""
    addresses, lines = _table(library, f"unit{unit}")
    row = bisect.bisect_right(addresses, offset) - 1
    return lines[row] if row >= 0 else None


@functools.lru_cache(maxsize=64)
def _table(library: Path, file: str) -> tuple[list[int], list[int]]:
    rows = sorted(
        (address, order, line) for order, (address, name, line) in enumerate(_rows(library)) if name == file and line
    )
    return [address for address, _, _ in rows], [line for _, _, line in rows]


@functools.lru_cache(maxsize=8)
def _rows(library: Path) -> list[tuple[int, str, int]]:
    reader = _Reader(section(library.read_bytes(), ".debug_line"))
    rows: list[tuple[int, str, int]] = []
    while reader.at + 4 <= len(reader.data):
        program = _header(reader)
        if program.version <= 4:
            rows += _run(reader, program)
        reader.at = program.end
    return rows


def _header(reader: _Reader) -> _Program:
    end = reader.take("I") + reader.at
    version = reader.take("H")
    if version > 4:
        return _Program(version, 1, 0, 1, 1, (), (), end)
    body = reader.take("I") + reader.at
    step = reader.take("B")
    if version == 4:
        reader.take("B")
    reader.take("B")
    line_base, line_range, opcode_base = reader.take("b"), reader.take("B"), reader.take("B")
    lengths = tuple(reader.take("B") for _ in range(opcode_base - 1))
    while reader.text():
        pass
    files = [""]
    while name := reader.text():
        files.append(name)
        reader.uleb(), reader.uleb(), reader.uleb()
    reader.at = body
    return _Program(version, step, line_base, line_range, opcode_base, lengths, tuple(files), end)


def _run(reader: _Reader, program: _Program) -> list[tuple[int, str, int]]:
    rows: list[tuple[int, str, int]] = []
    address, file, line = 0, 1, 1
    while reader.at < program.end:
        opcode = reader.take("B")
        if opcode >= program.opcode_base:
            special = opcode - program.opcode_base
            address += special // program.line_range * program.step
            line += program.line_base + special % program.line_range
            rows.append((address, program.files[file], line))
        elif opcode == 0:
            after = reader.uleb() + reader.at
            code = reader.take("B")
            if code == 1:
                address, file, line = 0, 1, 1
            elif code == 2:
                address = reader.take("Q")
            reader.at = after
        elif opcode == 1:
            rows.append((address, program.files[file], line))
        elif opcode == 2:
            address += reader.uleb() * program.step
        elif opcode == 3:
            line += reader.sleb()
        elif opcode == 4:
            file = reader.uleb()
        elif opcode == 8:
            address += (255 - program.opcode_base) // program.line_range * program.step
        elif opcode == 9:
            address += reader.take("H")
        else:
            for _ in range(program.lengths[opcode - 1]):
                reader.uleb()
    return rows
