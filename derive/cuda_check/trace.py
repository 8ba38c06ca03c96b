"""The addresses that a launch touched, and what they would cost a memory system."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .debug_lines import line_of
from .library import DYNAMIC, SHARED, CompiledKernel

__all__ = ["TRACE", "Request", "Trace"]

TRACE = np.dtype(
    [
        ("address", "u8"),
        ("place", "u8"),
        ("thread", "u4"),
        ("block", "u4"),
        ("argument", "i4"),
        ("size", "u2"),
        ("write", "u2"),
    ],
    align=True,
)
SECTOR, BANKS, BANK_BYTES = 32, 32, 4


@dataclass(frozen=True, slots=True)
class Request:
    """What the lanes of one warp ask for with one instruction."""

    line: int | None
    argument: str | None
    write: bool
    bytes: int
    sectors: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Trace:
    kernel: CompiledKernel
    records: NDArray[Any]
    block: tuple[int, ...]

    def requests(self) -> Iterator[Request]:
        """Groups accesses by block, warp, instruction and how often the lane has been there before."""
        groups: dict[tuple[int, ...], list[Any]] = {}
        visits: dict[tuple[int, ...], int] = {}
        for record in self.records:
            lane = (int(record["block"]), int(record["thread"]), int(record["place"]))
            visits[lane] = visits.get(lane, 0) + 1
            groups.setdefault((lane[0], lane[1] // 32, lane[2], visits[lane]), []).append(record)
        for (_, _, place, _), records in groups.items():
            yield self._request(place, records)

    def _request(self, place: int, records: list[Any]) -> Request:
        first, argument = records[0], int(records[0]["argument"])
        words = {
            (int(r["address"]) + offset) // BANK_BYTES
            for r in records
            for offset in range(0, int(r["size"]), BANK_BYTES)
        }
        banks = np.bincount([word % BANKS for word in words], minlength=BANKS)
        # A wide access is served a quarter or half warp at a time, each in one pass without conflicts.
        passes = max(1, -(-len(words) // BANKS))
        name = self.kernel.parameters[argument].name if argument >= 0 else None
        sectors = len({word * BANK_BYTES // SECTOR for word in words})
        total = sum(int(r["size"]) for r in records)
        conflicts = max(0, int(banks.max()) - passes) if argument in (SHARED, DYNAMIC) else 0
        return Request(
            line_of(self.kernel.path, self.kernel.unit, place - 1),
            name,
            bool(first["write"]),
            total,
            sectors,
            conflicts,
        )
