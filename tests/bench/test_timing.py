"""What is wrong, missing or dead is refused before it is timed; the rest takes turns."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

from derive.bench.peers import scipy as scipy_peers
from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Problem
from derive.bench.process import Died, Worker, environment
from derive.bench.rows import Row
from derive.bench.running import figures, workers
from derive.bench.timing import measure, posed, timed
from derive.bench.worker import Holder, _first
from derive.calibration import FORCED
from derive.errors import UsageRefused

PROBLEM = Problem("conv2d", (20, 30), (3, 3))
ROW = Row("small", PROBLEM, ("right", "wrong", "broken"), 1.0, "nothing")


class Here:
    """A worker in this process that remembers what it was asked."""

    def __init__(self, family: Family, missing: str = "") -> None:
        self.missing, self.asked, self.holder = missing, [], Holder()
        self.told = {"blas": []}
        self.holder.family = family

    def ask(self, do, **more):
        self.asked.append((do, more.get("peer")))
        try:
            return json.loads(json.dumps(getattr(self.holder, do)(**more)))
        except ValueError as error:
            return {"failed": str(error)}


def _right(problem, given, threads):
    return scipy_peers.scipy.adapters["scipy.ndimage.correlate"](problem, given, threads)


def _wrong(problem, given, threads):
    """Forgets the last tap."""
    V = given.V.copy()
    V[-1, -1] = 0
    return Participant(
        lambda: scipy_peers.np.asarray(_right(problem, type(given)(given.X, V, given.u), threads).call()), np.asarray
    )


def _broken(problem, given, threads):
    raise ValueError("no such window")


FAMILY = Family("numpy", "numpy", lambda threads: None, {"derive": _right, "right": _right, "wrong": _wrong})


def timed_here(row=ROW, **more):
    worker = Here(FAMILY, **more)
    worker.holder.family = Family("numpy", "numpy", FAMILY.start, {**FAMILY.adapters, "broken": _broken})
    with posed(row.problem) as folder:
        return worker, timed(row, folder, lambda peer, threads: worker, 0.02, 1)


def test_a_wrong_peer_is_refused_and_never_timed():
    worker, found = timed_here()
    assert found["wrong"].refused.startswith("wrong by ") and "times what rounding can do" in found["wrong"].refused
    assert found["wrong"].rounds == []
    assert ("measure", "wrong") not in worker.asked
    assert "wrong" not in worker.holder.ready


def test_the_others_are_timed_in_turns_and_what_fails_says_why():
    worker, found = timed_here()
    assert found["broken"].refused == "no such window"
    turns = [peer for do, peer in worker.asked if do == "measure"]
    assert turns[:4] == ["derive", "right", "right", "derive"]
    assert len(found["right"].rounds) == len(found["derive"].rounds) >= 3
    assert all(seconds >= 0 for made in found["right"].rounds for seconds in made)
    assert worker.asked[-1] == ("forget", None)


def test_a_row_as_it_is_kept():
    _, found = timed_here()
    kept = json.loads(json.dumps(measure(ROW, found, None)))
    assert kept["cpu"]["best"] == "right"
    assert kept["wall"] is None
    assert set(kept["participants"]) == {"derive", "right", "wrong", "broken"}
    assert kept["participants"]["wrong"]["share"] > 1 and "cpu" not in kept["participants"]["wrong"]
    assert kept["participants"]["right"]["error"] < 1e-6
    assert kept["participants"]["derive"]["cpu"]["calls"] >= 3
    assert kept["problem"]["says"] == "3×3 on 20×30" and kept["goal"] == 1.0


def test_memory_beyond_the_arrays_is_seen():
    kept = np.empty(10, np.float32)

    def call():
        return kept + np.zeros((1000, 10), np.float32).sum(axis=0)

    made, held = _first(Participant(call, np.asarray))
    assert made.shape == (10,)
    assert 40_000 <= held < 60_000


def test_what_is_not_installed_is_left_out():
    _, found = timed_here(missing="torch is not installed")
    assert {turns.refused for turns in found.values()} == {"torch is not installed"}
    kept = measure(ROW, found, None)
    assert kept["cpu"] is None


def test_a_process_holds_a_library_and_ends_when_told():
    worker = Worker("scipy", 1)
    try:
        assert worker.missing == ""
        assert worker.told["version"]
        row = Row("small", PROBLEM, ("scipy.ndimage.correlate",), 1.0)

        def worker_of(peer, threads):
            if peer == "derive":
                raise Died("The process that measures derived ended with status 1.")
            return worker

        with posed(PROBLEM) as folder:
            found = timed(row, folder, worker_of, 0.02, 1)
        assert found["derive"].refused == "The process that measures derived ended with status 1"
        assert len(found["scipy.ndimage.correlate"].rounds) >= 3
        assert "failed" in worker.ask("prepare", problem={}, folder="", peer="scipy.ndimage.correlate")
    finally:
        worker.close()
    with pytest.raises((Died, ValueError)):
        worker.ask("forget")


def test_a_process_that_can_not_begin_says_so():
    with pytest.raises(
        Died,
        match=r"^The process that measures nothing can't begin: UnknownName: There is no 'nothing' in bench\.peers",
    ):
        Worker("nothing", 1)


def test_a_process_that_dies_says_so_and_is_begun_anew():
    with workers() as worker_of:
        first = worker_of("np.correlate", 1)
        assert worker_of("np.correlate", 1) is first
        os.kill(first.told["process"], signal.SIGKILL)
        with pytest.raises(Died, match=r"^The process that measures numpy ended with status -9\.$"):
            first.ask("forget")
        assert first.ended
        second = worker_of("np.correlate", 1)
        assert second is not first and second.ask("forget") == {}
    assert second.ended


def test_one_that_dies_while_it_is_timed_is_refused_after_all():
    class Mortal(Here):
        def ask(self, do, **more):
            if do == "measure" and more["peer"] == "right" and ("measure", "right") in self.asked:
                raise Died("The process that measures numpy ended with status -9.")
            return super().ask(do, **more)

    worker = Mortal(FAMILY)
    row = Row("small", PROBLEM, ("right",), 1.0)
    with posed(PROBLEM) as folder:
        found = timed(row, folder, lambda peer, threads: worker, 0.02, 1)
    assert found["right"].refused == "The process that measures numpy ended with status -9"
    assert measure(row, found, None)["cpu"] is None
    assert len(found["derive"].rounds) >= 3


def test_the_environment_of_a_measuring_process(monkeypatch):
    monkeypatch.setenv(FORCED[0], "Haswell")
    monkeypatch.setenv(FORCED[1], "512")
    assert environment(1, unforced=False)[FORCED[0]] == "Haswell"
    assert not set(FORCED) & set(environment(1, unforced=True))
    assert environment(3, unforced=True)["OPENBLAS_NUM_THREADS"] == "3"


def test_an_old_openblas_is_not_left_to_itself(monkeypatch):
    from derive.bench import running

    old = Here(FAMILY)
    old.told = {"blas": [{"internal_api": "openblas", "version": "0.3.15"}]}
    monkeypatch.setattr(running, "Worker", lambda *_, **__: old)
    old.close = lambda: None
    with pytest.raises(
        UsageRefused, match=r"^NumPy's OpenBLAS is 0\.3\.15; --unforced needs 0\.3\.27, or .* a reason\.$"
    ):
        figures([], unforced=True)
