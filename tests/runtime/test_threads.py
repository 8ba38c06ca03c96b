"""The limit of BLAS: held by whoever works, and lifted by the last."""

from __future__ import annotations

import threading

import pytest

from derive.runtime import threads as held


def test_blas_is_held_to_one_thread_whoever_comes_first_and_leaves_last():
    control = pytest.importorskip("threadpoolctl").ThreadpoolController().select(internal_api="openblas")
    if not control.lib_controllers:
        pytest.skip("another BLAS")
    seen, entered, left = [], threading.Event(), threading.Event()

    def first():
        with held.one_blas_thread():
            seen.append(control.lib_controllers[0].get_num_threads())
            entered.set()
            left.wait(10)

    def last():
        entered.wait(10)
        with held.one_blas_thread():
            left.set()
            one.join()
            seen.append(control.lib_controllers[0].get_num_threads())

    with control.limit(limits=2):
        with held.one_blas_thread():
            seen.append(control.lib_controllers[0].get_num_threads())
        one, other = threading.Thread(target=first), threading.Thread(target=last)
        one.start(), other.start(), other.join()
        seen.append(control.lib_controllers[0].get_num_threads())
    assert seen == [1, 1, 1, 2]
