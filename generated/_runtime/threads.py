"""Work split over threads, with BLAS held to one thread while it lasts.

The limit of BLAS belongs to the process, so one lock with a count of users holds it: the first to come sets it, the last to go
lifts it. That threads never outnumber cores is promised for one caller at a time.

A thread of the pool leaves the caller's processor: Linux wakes it where it was woken from, and there both would take turns.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from .errors import ArgumentError

__all__ = ["one_blas_thread", "run_together"]

_lock = threading.Lock()
_held: dict[str, Any] = {"users": 0, "limits": ()}


def one_blas_thread() -> Any:
    """A context in which BLAS has one thread. Raises ArgumentError where threadpoolctl isn't there."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError as missing:
        raise ArgumentError(
            "threads= needs threadpoolctl, which holds BLAS to one thread; install it, or leave threads at 1."
        ) from missing
    return _limited(_controller(ThreadpoolController))


@lru_cache(maxsize=1)
def _controller(kind: Any) -> Any:
    return kind()


@contextmanager
def _limited(controller: Any) -> Iterator[None]:
    with _lock:
        _held["users"] += 1
        if _held["users"] == 1:
            blas = [library for library in controller.lib_controllers if library.user_api == "blas"]
            _held["limits"] = [(library, library.num_threads) for library in blas]
            _set(controller, [(library, 1) for library in blas])
    try:
        yield
    finally:
        with _lock:
            _held["users"] -= 1
            if _held["users"] == 0:
                _set(controller, _held["limits"])
                _hand_over(controller)


def _set(controller: Any, limits: Sequence[tuple[Any, int]]) -> None:
    """Tell each library its threads; threadpoolctl's own limits do the same at twice the time."""
    _hand_over(controller)
    for library, count in limits:
        library.set_num_threads(count)


def _hand_over(controller: Any) -> None:
    """Let this thread set the limit: threadpoolctl from 3.7 on heeds only the thread that set it first, and no other says so."""
    for library in controller.lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


@lru_cache(maxsize=8)
def _pool(workers: int) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(workers, thread_name_prefix="derive")


@lru_cache(maxsize=1)
def _processor_of() -> Callable[[], int] | None:
    """What tells the processor that a thread is on, where threads can be moved to others."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    import ctypes  # what most programs never do is loaded when it is first done

    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def _others() -> set[int]:
    """The processors of this process but the one that this thread is on; none where that isn't known."""
    here = _processor_of()
    return set() if here is None else os.sched_getaffinity(0) - {here()}


def _on(processors: set[int], task: Callable[[], None]) -> None:
    """The task, on one of these processors if there are any."""
    if processors:
        with suppress(OSError):  # the system has taken them away meanwhile
            os.sched_setaffinity(0, processors)
    task()


def run_together(tasks: Sequence[Callable[[], None]]) -> None:
    """All tasks at once: the first in this thread, the others in a pool, or here if none of its threads has begun them by then.

    The first error is raised when all that were begun have ended.
    """
    first, *rest = tasks
    others = _others()
    waiting = [(_pool(len(rest)).submit(_on, others, task), task) for task in rest]
    try:
        first()
        for future, task in reversed(waiting):
            if future.cancel():
                task()
    finally:
        begun = [future for future, _ in waiting if not future.cancel()]
        for future in begun:
            future.exception()
    for future in begun:
        future.result()
