"""What the choice among designs is held against, and what views are of arrays."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from derive.cuda_check import standing_in_for_cupy
from tests.cuda.killing import loaded, runtime_module
from tests.ladder.subjects import subject

__all__ = [
    "launches_are_chosen",
    "plans_are_chosen",
    "stages_are_views",
    "sums_on_the_host_have_scratch",
    "what_is_made_once_is_taken",
]

_V = np.ones((3, 3), np.float32)
_CHANNELS = {"n": 56, "m": 56, "C": 64, "D": 64, "Delta": 1, "batch": 8}
_SINGLE, _HALF, _WHOLE = np.dtype("float32"), np.dtype("float16"), np.dtype("int64")


@cache
def _layer(name: str) -> Any:
    return loaded(name, subject(name, "cupy").text)


def _types(stored: Any, compute: Any) -> Any:
    return runtime_module("dtypes").Types(stored, compute, stored)


def _names(found: Any) -> list[str]:
    return [candidate.choice.name for candidate in found]


def plans_are_chosen() -> None:
    """Every design that has a launch is there, with what it takes; those that add up zeros are not where weights aren't finite."""
    designs, of = runtime_module("designs"), _layer("conv2d")
    single, sizes = _types(_SINGLE, _SINGLE), {"n": 1024, "m": 1024, "Delta": 1, "batch": 2}
    found = designs.designs_of(of, sizes, single)
    assert _names(found) == ["strips", "halos", "direct"]
    assert [c.seconds for c in found] == sorted(c.seconds for c in found)
    wide, narrow = (designs.designs_of(of, sizes | {"m": m}, single)[0] for m in (1024, 1023))
    assert narrow.seconds > 1.01 * wide.seconds
    halves = designs.designs_of(of, sizes, _types(_HALF, _SINGLE))[0]
    assert halves.seconds < 0.8 * wide.seconds
    counted = [designs.instructions(of, c.choice, sizes, single, 2 * 1024**2) for c in found]
    assert counted[0] == (60 + 8 * 4 * 9 + 10 * 3 + 9 + 1 + 8) / 32 and counted == sorted(counted)
    many = _layer("conv2d_channels")
    every = _names(designs.designs_of(many, _CHANNELS, single))
    assert set(every) == {"direct", "tiles", "im2col", "shifts", "winograd"}
    assert set(_names(designs.designs_of(many, _CHANNELS, _types(_WHOLE, _WHOLE)))) == {"direct", "tiles"}
    whole = designs.designs_of(many, _CHANNELS, single, False)
    assert [c.seconds for c in whole] != [c.seconds for c in designs.designs_of(many, _CHANNELS, single, True)]
    winograd = next(c.choice for c in whole if c.choice.name == "winograd")
    assert math.isnan(designs.instructions(many, winograd, _CHANNELS, single, 1))
    assert math.isnan(designs.instructions(replace(of, work=None), found[-1].choice, sizes, single, 1))
    kept, why = designs.exact_designs(many, "because")
    assert [d.name for d in kept.algorithms] == ["tiles"]
    assert why == dict.fromkeys(("im2col", "shifts", "winograd"), "because")
    wild = next(a for a in many.algorithms if a.name == "winograd")
    wild = replace(many, algorithms=(replace(wild, bound=lambda **_: (10**9, 1, 1, 0, 0, 0)),))
    assert _names(designs.designs_of(wild, _CHANNELS, single)) == ["direct"]
    assert set(_names(designs.designs_of(wild, _CHANNELS, single, bounded=False))) == {"direct", "winograd"}
    assert set(_names(designs.designs_of(replace(wild, terms=None), _CHANNELS, single))) == {"direct", "winograd"}
    assert designs.lacking(of, sizes) == {}
    assert set(designs.lacking(of, sizes | {"Delta": 40})) == {"strips", "halos"}
    parted = _layer("conv2d").gradients["V"]
    window = {"n": 64, "m": 64, "Delta": 4, "batch": 1}
    assert designs.lacking(parted, window) == {"parts": "81 results keep a device busy"}
    assert [parted.algorithms[0].fits({**window, "threads": 1 << k}) for k in (11, 17)] == [False, True]
    assert parted.algorithms[0].amplifies({}) == 0
    assert "alone" in designs.lacking(many, _CHANNELS | {"Delta": 9})["winograd"]
    assert set(designs.lacking(many, _CHANNELS | {"Delta": 9})) == {"winograd"}


def _refused(of: Any, name: str) -> str:
    """What is said of a design of that name."""
    try:
        runtime_module("designs").using_design(of, name, {})
    except TypeError as refusal:
        return str(refusal)
    return ""


def launches_are_chosen() -> None:
    """A call is by the quickest design; a layer by one of them is by that wherever it has a launch."""
    designs, of, single = runtime_module("designs"), _layer("conv2d"), _types(_SINGLE, _SINGLE)
    sizes = {"n": 1024, "m": 1024, "Delta": 1, "batch": 2}
    assert designs.choose_design(of, sizes, single) == designs.designs_of(of, sizes, single)[0].choice
    assert designs.choose_design(of, sizes, single).knobs == {"R": 8, "S": 4}
    assert designs.choose_design(replace(of, algorithms=()), sizes, single).algorithm is None
    assert _refused(of, "tiles") == "conv2d has no design 'tiles'; there are strips, halos, parts."
    bare = replace(of, algorithms=(), gradients={key: replace(g, algorithms=()) for key, g in of.gradients.items()})
    assert _refused(bare, "strips") == "conv2d has no design 'strips'; there are none."
    assert _refused(replace(of, gradients={"V": of.gradients["V"]}), "tiles").endswith(
        "there are strips, halos, parts."
    )
    assert _refused(replace(of, gradients={}), "parts").endswith("there are strips, halos.")
    one = designs.using_design(of, "strips", {"R": 2})
    assert [d.knobs for d in one.algorithms] == [{"R": (2,), "S": (4,)}] and one.work is None
    assert {key: [d.name for d in g.algorithms] for key, g in one.gradients.items()} == {
        "X": ["strips"],
        "V": [],
        "u": [],
    }
    assert designs.choose_design(one, sizes, single).knobs == {"R": 2, "S": 4}
    assert designs.choose_design(one, sizes | {"Delta": 40}, single).algorithm is None
    weights = {"V": np.ones((3, 3), np.float16), "u": np.zeros((), np.float32)}
    given = {"X": np.ones((2, 2), np.float16), **weights}
    found = designs.weights_of(of, given, _SINGLE)
    assert {key: str(a.dtype) for key, a in found.items()} == {"X": "float16", "V": "float32", "u": "float32"}
    assert found["X"] is given["X"] and found["u"] is given["u"]


def sums_on_the_host_have_scratch() -> None:
    """Direct sums of NumPy's arrays, whose scratch is of the type that computes."""
    host = SimpleNamespace(body=lambda X, H, new: np.multiply(X, new(X.shape).itemsize, out=H))
    X, H = np.arange(6, dtype=np.float32), np.empty(6, np.float32)
    runtime_module("designs").run_design(runtime_module("planning").Choice(None, {}), host, (X,), H, np.float64, np)
    assert np.array_equal(H, 8 * X)


def what_is_made_once_is_taken() -> None:
    """A program in stages makes nothing of weights again."""
    designs, of, single = runtime_module("designs"), _layer("conv2d_channels"), _types(_SINGLE, _SINGLE)
    sizes = {"n": 4, "m": 3, "C": 2, "D": 3, "Delta": 1, "batch": 1}
    choice = next(c.choice for c in designs.designs_of(of, sizes, single) if c.choice.name == "winograd")
    unmade = replace(choice, algorithm=replace(choice.algorithm, fixed=None))
    with standing_in_for_cupy() as cupy:
        shapes = of.shapes(**{key: sizes[key] for key in ("n", "m", "C", "D", "Delta")})
        given = {key: cupy.ones(shapes[key], dtype="float32") for key in of.arguments}
        made = runtime_module("device_stages").made_of(choice, given, sizes, lambda s: cupy.empty(s, dtype="float32"))
        results = [cupy.empty(shapes["H"], dtype="float32") for _ in range(2)]
        designs.run_chosen(of, of, "H", choice, given, results[0], sizes, single)
        designs.run_chosen(of, of, "H", unmade, given, results[1], sizes, single, made)
        assert np.array_equal(results[0].get(), results[1].get())


def stages_are_views() -> None:
    """Of what lies inside and has the type; nothing is copied, and nothing is read that isn't there."""
    stages = runtime_module("device_stages")
    source = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    room = np.zeros((3, 4, 5), np.float32)
    assert np.shares_memory(stages.viewed(source, (0, 0, 0), room), source)
    assert np.array_equal(
        stages.viewed(source[None], (0, 1, 0, 0), np.zeros((1, 2, 4, 5), np.float32)), source[None, 1:]
    )
    assert stages.viewed(source, (-1, 0, 0), room) is room
    part = np.zeros((3, 4, 4), np.float32)
    assert stages.viewed(source, (0, 0, 1), part) is part
    every = np.zeros((3, 2, 5), np.float32)
    assert stages.viewed(source, (0, 0, 0), every, None, (1, 2, 1)) is every
    last = stages.viewed(source, (1, 0, 0), np.zeros((1, 4, 5), np.float32), None, (2, 1, 1))
    assert np.array_equal(last, source[1:2])
    assert stages.viewed(source.astype(np.float16), (0, 0, 0), room) is room
    turned = np.zeros((4, 3, 5), np.float32)
    assert stages.viewed(source, (0, 0, 0), turned, (1, 0, 2)) is turned
    single = source[:1]
    found = stages.viewed(single, (0, 0, 0), np.zeros((4, 1, 5), np.float32), (1, 0, 2))
    assert np.shares_memory(found, source) and np.array_equal(found, single.transpose(1, 0, 2))
    for target, inside in (
        (room, True),
        (room.reshape(12, 5), True),
        (room.astype(np.float16), False),
        (np.zeros((3, 4, 10), np.float32)[..., ::2], False),
        (np.zeros((3, 4, 6), np.float32), False),
    ):
        assert np.shares_memory(stages.held(target, room.copy()), target) == inside
    assert stages.held(room.reshape(12, 5), room.copy()).shape == room.shape
    strided = stages.strided_on(np)
    assert np.array_equal(strided(source, (1, 0, 0), (2, 3, 2), ((0, 1), (1, 1), (2, 2))), source[1:3, :3, :4:2])
    assert np.array_equal(strided(source, (0, 0, 0), (3, 5), ((0, 1, 1, 1), (2, 1))), source[range(3), range(3)])
