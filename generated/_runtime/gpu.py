"""What launches cost on a device, in seconds: the planner's arithmetic with a GPU's constants in the place of a processor's.

Nothing here was measured. The constants of `Device` are published ones of NVIDIA's H100 (SXM5); what nobody publishes is a
guess, and says so. They are the same on every device, so that the same sizes are computed the same way, to the same bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

__all__ = ["DEVICE", "Device", "Launched", "launched"]

_BEGUN = 60  # instructions of a thread before and after its sum: a guess
_ROLLED = 1  # and for each product whose places are computed anew, beside its reads: a guess
_ALONE = 6  # cycles from one instruction of a sum to the next, where no others fill them: a guess
_UNDERWAY = 16  # entries of memory that a thread waits for at once, at most: a guess
_LATENCY = 600e-9  # seconds until an entry of memory is there: a guess
_HIDDEN = 0.2  # the part of all that isn't slowest that isn't hidden behind what is: a guess
_BARRIER = 30  # instructions that a thread could do while it waits for the others: a guess
_WARP = 32  # threads that go together, whether or not all of them do something
_SLOTS = {"float32": 1, "float64": 2, "int64": 4}  # of a product; whole numbers of 64 bits are put together from halves


class Launched(NamedTuple):
    """What a launch does, `times` times: how many threads it has, `block` of them together, and what each of them does.

    products    multiply-adds
    rolled      those of them that are in loops which aren't unrolled, so that places are computed anew
    accesses    reads and stores of memory, of one entry or of several neighbours, `entries` together
    shared      reads and stores of shared memory
    barriers    how often it waits for its block
    sums        how many sums it has under way at once
    moved       entries of memory that all threads together read or store, each counted once
    own         whether its text is compiled for its numbers alone
    """

    kind: str
    times: int
    threads: int
    block: int
    products: float
    rolled: float
    accesses: float
    entries: float
    shared: float
    barriers: float
    sums: int
    own: bool
    moved: int


def launched(
    *,
    threads: int,
    block: int,
    products: float,
    accesses: float,
    entries: float,
    moved: int,
    rolled: float = 0,
    shared: float = 0,
    barriers: float = 0,
    sums: int = 1,
    own: bool = False,
) -> Launched:
    """One launch."""
    return Launched(
        "launch", 1, threads, block, products, rolled, accesses, entries, shared, barriers, sums, own, moved
    )


@dataclass(frozen=True, slots=True)
class Device:
    """Rates of a device. Seconds are those of a launch alone.

    multiprocessors, clock   how many there are, and their cycles a second
    lanes, served            instructions of threads a cycle of one of them, and 32-bit words of caches and shared memory
    dram_bytes               bytes a second of memory
    launch                   seconds that a launch takes at least: a guess
    text                     what a text that is compiled for its numbers must save: a guess
    kind                     the type that computes
    """

    multiprocessors: int = 132
    clock: float = 1.98e9
    lanes: int = 128
    served: int = 32
    dram_bytes: float = 3.35e12
    launch: float = 3e-6
    text: float = 1e-7
    kind: str = "float32"
    source: str = "published figures of an H100; not measured"

    def computing(self, kind: str) -> "Device":
        """The device at work in a type."""
        return replace(self, kind=kind)

    def seconds(self, works: Iterable[Any], itemsize: int) -> float:
        """How long launches take on arrays whose entries have so many bytes."""
        return float(sum(w.times * self._seconds(w, itemsize) for w in works if w[0] == "launch"))

    def _seconds(self, done: Launched, itemsize: int) -> float:
        """The slowest of instructions, words of caches, memory, and one thread alone; the others are hidden, for the most part."""
        blocks = -(-done.threads // done.block)
        rounds = -(-blocks // self.multiprocessors)
        busy = self.clock * blocks / rounds  # cycles a second of all multiprocessors that are at work
        plain = _BEGUN + done.rolled * _ROLLED + done.accesses + done.shared + done.barriers * _BARRIER
        instructions = plain + done.products * _SLOTS[self.kind]
        threads = blocks * _WARP * -(-done.block // _WARP)
        words = done.entries * itemsize / 4 + done.shared * max(4, itemsize) / 4
        underway = done.threads * min(_UNDERWAY, done.entries) * itemsize
        parts = (
            threads * instructions / (self.lanes * busy),
            threads * words / (self.served * busy),
            done.moved * itemsize / min(self.dram_bytes, max(1, underway) / _LATENCY),
            instructions * max(1.0, _ALONE / done.sums) / self.clock,
        )
        begun = self.launch + self.text * done.own
        return begun + max(parts) + _HIDDEN * (sum(parts) - max(parts))


DEVICE = Device()
