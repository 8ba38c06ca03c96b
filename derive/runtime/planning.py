"""Algorithms of a kernel besides its direct sums, and the choice among them.

A choice rests on sizes, element type, threads and accuracy alone, never on values: it holds for every filter of a shape.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np

from .banded import BAND, WHOLE
from .costs import Counted, allocated_by, brought, counted, held_by, seconds, swept_by, worked_by
from .gpu import Device
from .primitives import aligned

if TYPE_CHECKING:
    from .machine import Machine

__all__ = [
    "Algorithm",
    "Candidate",
    "Choice",
    "Reading",
    "candidates",
    "jobs",
    "places_of",
    "quickest_first",
    "run_staged",
    "this_machine",
    "within_room",
]

_MOST_ROOM = WHOLE  # bytes of working arrays that one thread may take
_WORST = 150  # times the bound of direct sums that the default accuracy admits: F(4×4, 3×3) is at 30 with 64 channels
_MARGIN = 1.15  # how much quicker than direct sums an algorithm is worth other roundings
_GAIN = 1.2  # how much quicker more threads are to be
_HANDED = 0.1  # what a call among several threads costs more, as a part of handing on a task
_LARGEST = 4096  # of a knob that is free


@dataclass(frozen=True, slots=True)
class Reading:
    """What an algorithm supposes of the values of weights: that `seen(*weights, new, **sizes)`, the window, is made of `parts`.

    `by` and `axes` say what finds these, and `sizes` are those that they alone tell: see `values`.
    """

    seen: Callable[..., Any]
    weights: tuple[str, ...]
    by: str
    axes: tuple[int, ...]
    parts: tuple[str, ...]
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A program in stages: `fixed(*weights, new, **sizes)` makes arrays once, `room(new, **sizes)` makes working arrays, and
    `body(*arrays, result, *made, *rooms, items, span, **sizes)` writes the result's items z in range(*items), and of these the
    places in range(*span) along its axis `tiled`.

    weights   the letters of what `fixed` takes; `arrays` of what `body` takes before the result
    knobs     the values that each knob may have; none for any natural number
    extents   what those knobs divide that say how much of an extent a tile has
    work      what it does, as counts: see `costs`
    strict    whether its error bound is that of direct sums
    parts     how many tiles there are along that axis
    cases     letters of knobs and sizes, and the values that these have together; for others there is no program
    admits    whether it is for some sizes and knobs
    bound     q, the numerator and denominator of α, l, x and w where |error| ≤ γ_q·M + (1 + γ_q)·(l + x·max|x| + w·Σ|w|)·η,
              M = α·Σ|w|·max|x| + |u|, the maximum over the inputs that a block of results reads
    normwise  whether M isn't what the program gives for absolute values: then (Σ error²)^½ ≤ γ_q·Σ|w|·(Σ x²)^½ over a tile
    repeated  whether a tile may hold an entry of the data more than once, so that its norm may be beyond that of the item
    reading   what it supposes of the weights' values, if anything: then it is for plans alone
    """

    name: str
    says: str
    fixed: Callable[..., tuple[Any, ...]]
    room: Callable[..., tuple[Any, ...]]
    body: Callable[..., None]
    weights: tuple[str, ...]
    arrays: tuple[str, ...]
    knobs: Mapping[str, tuple[int, ...]]
    work: Callable[..., tuple[tuple[Any, ...], ...]]
    tiled: int | None = None
    parts: Callable[..., int] | None = None
    extents: Callable[..., dict[str, int]] | None = None
    strict: bool = True
    cases: tuple[tuple[str, ...], tuple[tuple[int, ...], ...]] | None = None
    bound: Callable[..., tuple[int, int, int, int, int, int]] | None = None
    admits: Callable[..., bool] | None = None
    normwise: bool = False
    repeated: bool = False
    reading: Reading | None = None

    def fits(self, values: Mapping[str, int]) -> bool:
        """Whether there is a program for these sizes and knobs."""
        names, every = self.cases or ((), ((),))
        return tuple(values[name] for name in names) in every and (self.admits is None or self.admits(**values))

    def serves(self, sizes: Mapping[str, int]) -> bool:
        """Whether there is a program for these sizes, and knobs if they are given, with some others."""
        names, every = self.cases or ((), ((),))
        return any(all(sizes.get(n, v) == v for n, v in zip(names, case, strict=True)) for case in every)

    def amplifies(self, values: Mapping[str, int]) -> float:
        """q·α of its bound; 0 for the bound of direct sums."""
        if self.bound is None:
            return 0.0
        q, above, below, *_ = self.bound(**values)
        return q * above / below

    @property
    def only(self) -> str:
        """For what alone there is a program."""
        names, every = self.cases or ((), ())
        cases = (", ".join(f"{n} = {v}" for n, v in zip(names, values, strict=True)) for values in every)
        return " or ".join(cases) or "windows that fit in its tiles"


@dataclass(frozen=True, slots=True)
class Choice:
    """An algorithm with numbers for its knobs; without an algorithm, the direct sums."""

    algorithm: Algorithm | None
    knobs: Mapping[str, int]

    @property
    def strict(self) -> bool:
        """Whether the error bound is that of direct sums."""
        return self.algorithm is None or self.algorithm.strict

    @property
    def name(self) -> str:
        """The algorithm's name."""
        return "direct" if self.algorithm is None else self.algorithm.name


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice with what is predicted of it: seconds by so many threads, counts, and bytes of working arrays of a thread."""

    choice: Choice
    seconds: float
    counted: Counted
    room: int
    threads: int = 1


def _knobs(algorithm: Algorithm, extents: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Every setting of the knobs, powers of two for those that are free, no larger than is of use."""
    largest = max(extents.values(), default=1)
    free = tuple(1 << k for k in range(13) if 1 << k < 2 * min(largest, _LARGEST))
    parts = {} if algorithm.extents is None else algorithm.extents(**extents)
    choices = [values or _parts(parts.get(knob)) or free for knob, values in algorithm.knobs.items()]
    for values in product(*choices):
        knobs = dict(zip(algorithm.knobs, values, strict=True))
        if algorithm.fits({**extents, **knobs}):
            yield knobs


def _parts(extent: int | None) -> tuple[int, ...]:
    """An extent in one part, two, four and so on, the smallest first."""
    if extent is None:
        return ()
    return tuple(sorted({-(-extent >> k) for k in range(max(1, extent).bit_length() + 1)}))


def this_machine() -> "Machine":
    """The machine, whose constants are read when they are first needed."""
    from .machine import machine

    return machine()


def candidates(
    algorithms: tuple[Algorithm, ...],
    direct: Callable[..., tuple[tuple[Any, ...], ...]] | None,
    sizes: Mapping[str, int],
    itemsize: int,
    strict: bool,
    fixed: bool,
    held: "Machine | Device | None" = None,
    terms: int | None = None,
    threads: int = 1,
    apart: bool = False,
) -> list[Candidate]:
    """Each algorithm in its best setting, the quickest first; one that rounds in its own way must be quicker by some margin.

    Predictions are for this machine, or for the one that is given, and for as many of the `threads` as make a call quicker. Where
    it is known how many `terms` a result adds at most, algorithms are left out whose bound of errors is much larger than that of
    direct sums. Those are of data whose entries are neighbours, unless they are `apart`.
    """
    found = []
    held = this_machine() if held is None else held
    if direct is not None:
        works = direct(**sizes)
        if apart:
            works = tuple((*work[:-1], 1) if work[0] == "sweep" else work for work in works)
        time = seconds(works, swept_by(works) * itemsize, itemsize, held, fixed)
        made, gathered = (elements * itemsize for elements in allocated_by(works))
        room = (BAND if made > WHOLE else made) + gathered
        found.append(Candidate(Choice(None, {}), time, counted(works, itemsize), room))
    for algorithm in algorithms:
        if not strict or algorithm.strict:
            found += _best(algorithm, sizes, itemsize, held, fixed, terms, threads)
    return quickest_first(found)


def within_room(found: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, str]]:
    """The candidates whose working arrays a thread may take, and why the others are none; all of them where none are so small."""
    kept = [c for c in found if c.room <= _MOST_ROOM]
    if not kept:
        return list(found), {}
    most = "the 8 MB that a thread may take"
    beyond = [c for c in found if c.room > _MOST_ROOM]
    return kept, {
        c.choice.name: f"it needs {c.room / 1e6:.1f} MB of working arrays at least, beyond {most}" for c in beyond
    }


def quickest_first(found: list[Candidate]) -> list[Candidate]:
    """In the order of their times; those that round in their own way take some margin longer."""
    return sorted(found, key=lambda c: _weighed(c) * (1 if c.choice.strict else _MARGIN))


def _weighed(candidate: Candidate) -> float:
    """Seconds, of which those of several threads count more, as predictions of them are worse."""
    return candidate.seconds * (_GAIN if candidate.threads > 1 else 1)


def _best(
    algorithm: Algorithm,
    sizes: Mapping[str, int],
    itemsize: int,
    held: "Machine | Device",
    fixed: bool,
    terms: int | None,
    threads: int,
) -> list[Candidate]:
    """An algorithm in its best setting; none where it has no setting that is admitted."""
    best: Candidate | None = None
    for knobs in _knobs(algorithm, sizes):
        every = {**sizes, **knobs}
        if terms is not None and algorithm.amplifies(every) > _WORST * (terms + 1):
            continue
        works = algorithm.work(**every)
        room = held_by(works) * (held.itemsize if isinstance(held, Device) else itemsize)
        if room > held.scratch if isinstance(held, Device) else room > _MOST_ROOM and best is not None:
            continue
        worked = worked_by(works) * itemsize
        timed = partial(seconds, room=worked, itemsize=itemsize, machine=held, fixed=fixed)
        if isinstance(held, Device):
            time, used = timed(works), 1
        else:
            time, used = _split(algorithm, every, timed, brought(worked, fixed) / held.dram_bytes, held, threads)
        here = Candidate(Choice(algorithm, knobs), time, counted(works, itemsize), room, used)
        if best is None or _weighed(here) < _weighed(best) or best.room > _MOST_ROOM >= room:
            best = here
    return [] if best is None else [best]


def _split(
    algorithm: Algorithm,
    every: Mapping[str, int],
    timed: Callable[..., float],
    new: float,
    held: "Machine",
    threads: int,
) -> tuple[float, int]:
    """The least seconds by 1, 2, 4 .. threads, and how many they are: each takes whole items, or tiles, as `jobs` hands them out.

    Threads share the memory, where each brings in working arrays of its own in `new` seconds, and hand the interpreter on from
    call to call; more of them must be quicker by some margin than fewer. A tile that is cut in two takes as long as two.
    """
    best, used = timed(algorithm.work(**every)) + new, 1
    for count in sorted({*(1 << k for k in range(1, threads.bit_length())), threads} - {1}):
        batch, share = every["batch"], 1.0
        if batch >= count:
            batch = -(-batch // count)
        else:
            parts = 1 if algorithm.parts is None else algorithm.parts(**every)
            share = -(-parts // count) / parts
        works = algorithm.work(**{**every, "batch": batch})
        together = replace(held, dram_bytes=held.dram_bytes / count)
        handed = counted(works, 1).calls * share * _HANDED + count - 1
        time = share * timed(works, machine=together) + count * new + handed * held.thread_start
        if _GAIN * time < best:
            best, used = time, count
    return best, used


def places_of(choice: Choice, result: Any) -> int:
    """How many places the axis of the result has that goes tile by tile; the result has one batch axis in front."""
    tiled = None if choice.algorithm is None else choice.algorithm.tiled
    return 1 if tiled is None else int(result.shape[1 + tiled])


def jobs(batch: int, places: int, threads: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(items, span) for each thread: whole items where there are enough of them, else places of each."""
    if threads == 1:
        return [((0, batch), (0, places))]
    if batch >= threads:
        ends = [batch * k // threads for k in range(threads + 1)]
        return [((low, high), (0, places)) for low, high in pairwise(ends)]
    ends = [places * k // threads for k in range(threads + 1)]
    return [((0, batch), (low, high)) for low, high in pairwise(ends) if low < high]


def run_staged(
    choice: Choice,
    arrays: Mapping[str, Any],
    result: Any,
    sizes: Mapping[str, int],
    places: int,
    new: Callable[[tuple[int, ...]], Any] | None = None,
) -> None:
    """The whole of an algorithm on arrays whose batch is one axis, in this thread."""
    algorithm = choice.algorithm
    if algorithm is None:
        raise TypeError("the direct sums are no program in stages")
    every = {**sizes, **choice.knobs}
    make = new or (lambda shape: aligned(shape, result.dtype))
    made = algorithm.fixed(*(arrays[key] for key in algorithm.weights), make, **every)
    rooms = algorithm.room(make, **every)
    given = (arrays[key] for key in algorithm.arrays)
    with np.errstate(invalid="ignore"):  # a structural zero times an infinity
        algorithm.body(*given, result, *made, *rooms, (0, sizes["batch"]), (0, places), **every)
