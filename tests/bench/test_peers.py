"""Every adapter, and our kernels through theirs, agrees with the reference within its bound, on shapes that are small."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from derive.bench.peers.derived import planned
from derive.bench.problem import Problem, arrays
from derive.bench.reference import agreement, reference
from derive.bench.rows import ROWS
from derive.bench.running import families
from derive.registry import find

HEAVY = ("torch", "numba")  # seconds to import


def small(problem: Problem) -> Problem:
    """The same structure on a grid that is just larger than the window, with few channels."""
    grid = tuple(side + 6 + axis for axis, side in enumerate(problem.window))
    few = None if problem.channels is None else (problem.channels[0] % 5 + 2, problem.channels[1] % 5 + 2)
    if few is not None and problem.depthwise:
        few = (few[0], few[0])
    return replace(problem, grid=grid, channels=few, batch=None if problem.batch is None else 2)


def cases():
    """Every structure of the table once, with each participant."""
    seen = set()
    for row in ROWS:
        problem = small(row.problem)
        for peer in ("derive", *row.peers):
            if (str(problem), peer) not in seen:
                seen.add((str(problem), peer))
                heavy = families()[peer] in HEAVY
                yield pytest.param(problem, peer, id=f"{row.name}-{peer}", marks=[pytest.mark.nightly] if heavy else [])


@pytest.mark.parametrize(("problem", "peer"), list(cases()))
def test_it_agrees_with_the_reference(problem, peer):
    family = find("derive.bench.peers", families()[peer])
    if family.module != "generated" and find_spec(family.module) is None:
        pytest.skip(f"{family.package} is not installed")
    family.start(1)
    given = arrays(problem)
    kept = given.X.copy()
    participant = family.adapters[peer](problem, given, 1)
    result = participant.read(participant.call())
    made = reference(problem, given)
    found = agreement(problem, given, made, result, participant.fourier, participant.multiple)
    assert found.share <= 1
    again = participant.read(participant.call())
    assert agreement(problem, given, made, again, participant.fourier, participant.multiple).share <= 1
    assert (kept == given.X).all()


def test_a_plan_is_used_where_there_is_one():
    asked = []

    def plan(shape, *weights, dtype, **more):
        asked.append((shape, [w.shape for w in weights], dtype, more))
        return ready

    def ready(X, out):
        out[...] = 7
        return out

    X, V, u = np.zeros((4, 5), np.float32), np.zeros((3, 3), np.float32), np.zeros((), np.float32)
    kernel = SimpleNamespace(plan=plan)
    made = planned(kernel, (X, V, u), np.empty((4, 5), np.float32), 2)
    assert (made.call() == 7).all()
    assert asked == [((4, 5), [(3, 3), ()], np.float32, {"threads": 2})]
    planned(kernel, (X, V, u), np.empty((4, 5), np.float32), 1)
    assert asked[1][3] == {}
