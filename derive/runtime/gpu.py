"""What launches cost on a device, in seconds: the planner's arithmetic with a GPU's constants in the place of a processor's.

Nothing here was measured. The constants of `Device` are published ones of NVIDIA's H100 (SXM5); what nobody publishes is a
guess, and says so. They are the same on every device, so that the same sizes are computed the same way, to the same bits.
"""

from collections.abc import Iterable, Sequence
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
_BYTES = {"float32": 4, "float64": 8, "int64": 8}  # of an entry of a working array
_MOVED = 150  # instructions of a thread that copies one entry, most of them for its place: a guess
_ADDED = 10  # and of one that adds an entry that others made: a guess
_SECTOR = 32  # bytes that an entry costs at least, whose neighbours aren't used
_TILED = (
    (128, 0.85),
    (64, 0.6),
    (32, 0.35),
)  # sides of a block of a library's product, and its part of the peak: guesses


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
    statement                seconds until a program in stages comes to its next statement: a guess
    cache, cached_bytes      bytes of the second-level cache, and how many a second it gives: the latter is a guess
    scratch                  bytes that the working arrays of a program in stages may take
    kind                     the type that computes
    """

    multiprocessors: int = 132
    clock: float = 1.98e9
    lanes: int = 128
    served: int = 32
    dram_bytes: float = 3.35e12
    launch: float = 3e-6
    text: float = 2.5e-7
    statement: float = 8e-6
    cache: int = 50 << 20
    cached_bytes: float = 5.5e12
    scratch: int = 1 << 28
    kind: str = "float32"
    source: str = "published figures of an H100; not measured"

    def computing(self, kind: str) -> "Device":
        """The device at work in a type."""
        return replace(self, kind=kind)

    @property
    def itemsize(self) -> int:
        """Bytes of an entry of a working array."""
        return _BYTES[self.kind]

    def seconds(self, works: Iterable[Any], itemsize: int, fixed: bool = True) -> float:
        """How long launches take on arrays whose entries have so many bytes, and statements of programs in stages.

        `fixed` counts what those make of weights.
        """
        every = tuple(works)
        held = sum(sizes[0] for kind, _, *sizes in every if kind == "room") * self.itemsize
        rate = self.cached_bytes if 2 * held <= self.cache else self.dram_bytes
        found = 0.0
        for work in every:
            kind, times, *sizes = work
            if kind == "launch":
                found += times * self._seconds(work, itemsize)
            elif kind == "matmul":
                found += times * self._multiplied(sizes, rate)
            elif kind not in ("room", "edge") and (fixed or not kind.startswith("make")):
                found += times * self._moved(kind, sizes, rate)
        return float(found)

    def _multiplied(self, sizes: Sequence[Any], rate: float) -> float:
        """A product of matrices, or several, by the library: in blocks of the best size, or as fast as memory gives both sides."""
        products, rows, inner, columns, *_ = sizes
        peak = 2 * self.lanes * self.clock / _SLOTS[self.kind]
        several = []
        for side, part in _TILED:
            blocks = products * -(-rows // side) * -(-columns // side)
            several.append(-(-blocks // self.multiprocessors) * 2.0 * side * side * inner / (part * peak))
        read = products * (rows * inner + inner * columns + rows * columns) * self.itemsize / rate
        return self.statement + _slowest(min(several), float(read))

    def _moved(self, kind: str, sizes: Sequence[Any], rate: float) -> float:
        """A launch of one thread an entry; a view is a statement, and so is what lives in the result."""
        elements, *runs = sizes
        if kind in ("view", "held"):
            return self.statement
        if kind == "fold":  # in the registers of a store
            read = elements * runs[0] * self.itemsize / rate
            return _slowest(elements * runs[0] * _ADDED / (self.lanes * self.clock * self.multiprocessors), read)
        run = max(1, int(runs[0])) if kind in ("copy", "make copy") else 1 if kind in ("gather", "turned") else elements
        apart = max(1.0, _SECTOR / (run * self.itemsize))
        moved = elements * self.itemsize * (1 + apart) / rate
        return self.statement + _slowest(elements * _MOVED / (self.lanes * self.clock * self.multiprocessors), moved)

    def instructions(self, works: Iterable[Any], itemsize: int) -> float:
        """Instructions of all threads of launches; 0 where nothing is launched but by statements."""
        launches = (work for work in works if work[0] == "launch")
        return float(sum(done.times * done.threads * self._of_thread(done, itemsize) for done in launches))

    def _of_thread(self, done: Launched, itemsize: int) -> float:
        """Instructions of a thread, in those that a multiprocessor does at full rate; halves are converted."""
        converted = (done.entries + done.shared) * (itemsize != self.itemsize)
        plain = _BEGUN + done.rolled * _ROLLED + done.accesses + done.shared + converted + done.barriers * _BARRIER
        return plain + done.products * _SLOTS[self.kind]

    def _seconds(self, done: Launched, itemsize: int) -> float:
        """The slowest of instructions, words of caches, memory, and one thread alone; the others are hidden, for the most part."""
        blocks = -(-done.threads // done.block)
        rounds = -(-blocks // self.multiprocessors)
        busy = self.clock * blocks / rounds  # cycles a second of all multiprocessors that are at work
        instructions = self._of_thread(done, itemsize)
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
        return begun + _slowest(*parts)


def _slowest(*parts: float) -> float:
    """The slowest of several things at once, and what of the others isn't hidden behind it."""
    return max(parts) + _HIDDEN * (sum(parts) - max(parts))


DEVICE = Device()
