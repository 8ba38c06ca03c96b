"""The limit of BLAS: held by whoever works, and lifted by the last."""

from __future__ import annotations

import os
import threading

import pytest

from derive.runtime import threads as held


def test_blas_is_held_to_one_thread_whoever_comes_first_and_leaves_last():
    control = pytest.importorskip("threadpoolctl").ThreadpoolController().select(internal_api="openblas")
    # Another library, such as SciPy, may have brought an OpenBLAS of its own since limits were first asked for.
    blas = next((library for library in control.lib_controllers if "numpy" in library.filepath), None)
    if blas is None:
        pytest.skip("another BLAS")
    seen, entered, left = [], threading.Event(), threading.Event()

    def first():
        with held.one_blas_thread():
            seen.append(blas.get_num_threads())
            entered.set()
            left.wait(10)

    def last():
        entered.wait(10)
        with held.one_blas_thread():
            left.set()
            one.join()
            seen.append(blas.get_num_threads())

    with control.limit(limits=2):
        with held.one_blas_thread():
            seen.append(blas.get_num_threads())
        one, other = threading.Thread(target=first), threading.Thread(target=last)
        one.start(), other.start(), other.join()
        seen.append(blas.get_num_threads())
    assert seen == [1, 1, 1, 2]


def test_what_the_pool_has_not_begun_is_done_by_the_caller():
    pool, free = held._pool(1), threading.Event()
    pool.submit(free.wait, 10)
    seen: list[int] = []
    held.run_together([lambda: seen.append(threading.get_ident())] * 2)
    free.set()
    assert seen == [threading.get_ident()] * 2


@pytest.mark.parametrize("failing", range(3))
def test_an_error_is_raised_when_all_tasks_have_ended(failing: int):
    ended: list[int] = []

    def task(number: int) -> None:
        if number == failing:
            raise ValueError(str(number))
        ended.append(number)

    with pytest.raises(ValueError, match=str(failing)):
        held.run_together([lambda k=k: task(k) for k in range(3)])
    assert failing == 0 or 0 in ended
    held.run_together([lambda: ended.append(9)] * 3)
    assert ended.count(9) == 3


def test_a_thread_of_the_pool_leaves_the_processor_of_the_caller():
    if held._processor_of() is None or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor, or a system that doesn't tell")
    before, seen, begun = os.sched_getaffinity(0), [], threading.Event()

    def other() -> None:
        seen.append((os.sched_getaffinity(0), held._processor_of()()))
        begun.set()

    held.run_together([lambda: begun.wait(10), other])
    ((allowed, here),) = seen
    assert here in allowed and allowed < before and len(allowed) == len(before) - 1
    assert os.sched_getaffinity(0) == before


def test_where_processors_are_not_told_threads_stay_where_they_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(held, "_processor_of", lambda: None)
    assert held._others() == set()
    done: list[int] = []
    held.run_together([lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
