"""What was chosen before is asked for by all that a choice rests on: each part of that alone makes another choice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest

import generated
from derive.runtime.choices import APART, GAPS, IN_ORDER, Asked, ranked, strides_of
from derive.runtime.machine import Machine
from generated._runtime import choices, quick

CONV, BANK = generated.conv2d.numpy, generated.conv2d_channels.numpy
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def sizes(n=20, m=20, radius=1, batch=1):
    return (("n", n), ("m", m), ("Delta", radius), ("batch", batch))


def layer(side, channels, **more):
    return (("n", side), ("m", side), ("C", channels), ("D", channels), ("Delta", 1), ("batch", 1))


PLAIN = Asked(sizes(), FLOAT32)
# For each part two questions that differ in nothing else, and a machine that answers them differently.
DIFFERENT = {
    "sizes": [
        (CONV, PLAIN, replace(PLAIN, sizes=sizes(n=4000, m=4000)), Machine()),  # X's shape
        (CONV, PLAIN, replace(PLAIN, sizes=sizes(batch=64)), Machine(ufunc_call=1e-3)),
        (CONV, PLAIN, replace(PLAIN, sizes=sizes(radius=7)), Machine()),  # V's
    ],
    "kind": [(CONV, PLAIN, replace(PLAIN, kind=FLOAT64), Machine(gemm64=(1.0,) * 125))],
    "strides": [
        (CONV, PLAIN, replace(PLAIN, strides=GAPS), Machine(copied_bytes=1.0)),
        (CONV, replace(PLAIN, strides=GAPS), replace(PLAIN, strides=APART), Machine(copied_bytes=3e8)),
    ],
    "threads": [(CONV, replace(PLAIN, sizes=sizes(n=4000, m=4000)), None, Machine())],
    "strict": [(BANK, Asked(layer(56, 64), FLOAT32), None, Machine())],
    "fixed": [(BANK, Asked(layer(7, 64), FLOAT32), None, Machine(ufunc_call=1e-9, matmul_call=1e-9))],
    "staged": [(CONV, PLAIN, None, Machine())],
    "bounded": [(CONV, replace(PLAIN, sizes=sizes(n=300, m=300)), None, Machine())],
}
CHANGED = {"threads": 8, "strict": True, "fixed": True, "staged": False, "bounded": False}


def told(candidates):
    """What a plan would make of it."""
    return [(c.choice.name, c.choice.knobs, c.threads, c.seconds) for c in candidates]


def test_there_is_an_example_of_every_part():
    assert set(DIFFERENT) == {field.name for field in fields(Asked)}


@pytest.mark.parametrize(
    ("part", "example"), [(part, k) for part, found in DIFFERENT.items() for k in range(len(found))]
)
@pytest.mark.parametrize("turned", [False, True])
def test_each_part_of_a_question_alone_makes_another_choice(part, example, turned):
    """Whichever was asked first; the choices themselves differ, and not their times alone."""
    of, one, other, held = DIFFERENT[part][example]
    other = replace(one, **{part: CHANGED[part]}) if other is None else other
    assert [f.name for f in fields(Asked) if getattr(one, f.name) != getattr(other, f.name)] == [part]
    ranked.cache_clear()
    first, second = (ranked(of, asked, held) for asked in ((other, one) if turned else (one, other)))
    assert [c[:3] for c in told(first)] != [c[:3] for c in told(second)]
    for asked, found in zip((other, one) if turned else (one, other), (first, second), strict=True):
        assert told(ranked.__wrapped__(of, asked, held)) == told(found)


def test_another_kernel_or_another_machine_is_another_question():
    both = [ranked(of, PLAIN, Machine()) for of in (CONV, generated.dilated2d.numpy)]
    assert told(both[0]) != told(both[1])
    assert told(ranked(CONV, PLAIN, Machine(ufunc_call=1.0))) != told(both[0])


def test_classes_of_strides():
    whole = np.zeros((6, 8, 4))
    for array, held in (
        (whole, IN_ORDER),
        (whole[2:], IN_ORDER),
        (np.zeros(()), IN_ORDER),
        (whole[:, ::2], GAPS),
        (whole[..., 1:], GAPS),
        (whole[::-1], GAPS),
        (whole[..., ::2], APART),
        (whole[..., ::-1], APART),
        (np.asfortranarray(whole), APART),
        (np.broadcast_to(np.zeros(()), (3, 3)), APART),
    ):
        assert strides_of(array) == held


@pytest.mark.parametrize("first", range(3))
def test_calls_choose_by_the_class_of_their_own_strides(first, monkeypatch):
    """If a copy took a second, data with gaps would be summed where they are, whatever was called before."""
    monkeypatch.setattr(choices, "seconds", lambda *of: 1.0)
    V, u = np.arange(9, dtype=np.float32).reshape(3, 3), np.float32(1)
    X = np.random.default_rng(0).integers(-3, 4, (20, 40)).astype(np.float32)
    inputs = [X[:, :20].copy(), X[:, :20], X[:, ::2]]
    names = {}
    quick._known.cache_clear(), choices.ranked.cache_clear()
    try:
        for k in (first, *range(3)):
            wanted = CONV(inputs[k].astype(int), V.astype(int), 1)
            assert np.array_equal(CONV(inputs[k], V, u), wanted)
            names[k] = quick.known(CONV, (inputs[k], V, u)).choice.name
        assert names[0] != "direct" and names[1] == names[2] == "direct"
    finally:
        quick._known.cache_clear(), choices.ranked.cache_clear()


class Nothing:
    """A layer that does nothing."""

    algorithms, terms, contiguous = (), None, False

    def work(self, **sizes):
        return (("fill", 1, 1),)


def test_no_more_than_so_many_are_kept():
    of = Nothing()
    ranked.cache_clear()
    for n in range(1100):
        ranked(of, replace(PLAIN, sizes=sizes(n=n)), Machine())
    assert ranked.cache_info().currsize == ranked.cache_info().maxsize == 1024


def test_eight_threads_choose_as_one_does():
    """Many questions at once, each from several threads, none of which was asked before."""
    asked = [
        Asked(sizes(n=n, m=37, radius=n % 4), kind, threads=t)
        for n in range(9, 12)
        for kind in (FLOAT32, FLOAT64)
        for t in (1, 2)
    ]
    alone = {one: told(ranked.__wrapped__(CONV, one, Machine())) for one in asked}
    ranked.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: (one, told(ranked(CONV, one, Machine()))), asked * 4))
    assert all(alone[one] == got for one, got in found)
