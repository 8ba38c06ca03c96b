"""Layers made by several processes, each of which takes next what shares most with what it has made.

A derivation extends another by importing it, so processes that work on two layers with one beginning prove it twice.
A free process takes the layer that costs the fewest such repetitions. What a layer becomes depends on the layer alone:
any number of processes gives the same bytes.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from derive.artifacts import Made
from derive.errors import DeriveError, internal

__all__ = ["Result", "make_all", "processors"]

_REMEMBERED = "100000"  # results that SymPy keeps of each function; its own 1000 last for less than a layer


@dataclass(frozen=True, slots=True)
class Result:
    """A layer, what it became, and the files that were opened for it."""

    name: str
    made: Made
    opened: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why there is no layer, in words."""

    says: str


@dataclass(slots=True)
class _Lane:
    """A process, what it is making, and the modules of the catalogue that it has loaded."""

    process: BaseProcess
    ends: Connection
    making: str = ""
    loaded: set[str] = field(default_factory=set)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def make_all(closures: Mapping[str, frozenset[str]], jobs: int) -> Generator[Result, None, None]:
    """Make layers, each given with the modules of the catalogue that it loads, in the order in which they are done.

    Raises DeriveError with a layer's own sentence, or for a process that ended. Closing the iterator ends all processes.
    """
    left = set(closures)
    lanes: list[_Lane] = []
    try:
        with _uninterrupted():
            lanes += [_started() for _ in range(min(jobs, len(left)))]
        for lane in lanes:
            _give(lane, lanes, left, closures)
        while busy := {lane.ends: lane for lane in lanes if lane.making}:
            for ends in wait(list(busy)):
                lane = busy[ends]  # type: ignore[index]
                result = _received(lane)
                _give(lane, lanes, left, closures)
                yield result
    finally:
        _end(lanes)


def _give(lane: _Lane, lanes: list[_Lane], left: set[str], closures: Mapping[str, frozenset[str]]) -> None:
    """Let a process begin with the layer that repeats least of what others have done, and of these the longest."""
    lane.making = ""
    if not left:
        return
    others: set[str] = set().union(*(other.loaded for other in lanes if other is not lane))

    def cost(name: str) -> tuple[int, int, str]:
        new = closures[name] - lane.loaded
        return len(new & others), -len(new), name

    name = min(left, key=cost)
    left.discard(name)
    lane.making = name
    lane.loaded |= closures[name]
    with suppress(BrokenPipeError):  # the process has ended, which receiving its answer will say
        lane.ends.send(name)


def _received(lane: _Lane) -> Result:
    try:
        result: Result | _Refusal = lane.ends.recv()
    except (EOFError, ConnectionError):
        lane.process.join()
        raise DeriveError(
            f"The process that made '{lane.making}' ended with code {lane.process.exitcode}; nothing was written."
        ) from None
    if isinstance(result, _Refusal):
        raise DeriveError(result.says)
    return result


def _started() -> _Lane:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Lane(process, ours)


def _end(lanes: list[_Lane]) -> None:
    for lane in lanes:
        lane.ends.close()
        lane.process.terminate()
    for lane in lanes:
        lane.process.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which a terminal sends to a whole group: the first one answers for all."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it unblocks the signal when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(ends: Connection) -> None:
    """Make what is asked for until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("SYMPY_CACHE_SIZE", _REMEMBERED)  # which SymPy reads when the first layer loads it
    gc.disable()  # what a layer makes is remembered till the process ends, or no cycle: looking through it frees next to nothing
    opened: set[str] = set()

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            opened.add(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100  (a hook opens and resolves nothing)

    sys.addaudithook(hear)
    with suppress(EOFError, ConnectionError):
        while True:
            answer = _answer(ends.recv())
            ends.send(Result(*answer, frozenset(opened)) if isinstance(answer, tuple) else answer)
            opened.clear()
            del answer


def _answer(name: str) -> tuple[str, Made] | _Refusal:
    try:
        from derive.making import make
        from derive.pipeline import layer

        return name, make(layer(name))
    except DeriveError as error:
        return _Refusal(str(error))
    except Exception as fault:  # noqa: BLE001  (whatever it is, it is told in the process that asked)
        return _Refusal(internal(fault, f"making '{name}'"))
