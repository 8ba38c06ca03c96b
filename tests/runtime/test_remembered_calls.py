"""What calls leave behind for the next ones is bounded."""

from __future__ import annotations

import threading

import numpy as np

from generated import conv2d
from generated._runtime import choices, quick


def test_choices_and_shapes_are_bounded_by_their_number():
    for remembered in (choices.ranked, quick._known):
        assert remembered.cache_parameters()["maxsize"] == 1024


def test_working_arrays_of_a_thread_are_those_of_a_few_kinds_of_call(monkeypatch):
    monkeypatch.setattr(quick, "_local", threading.local())
    V = np.ones((3, 3), np.float32)
    for side in range(24, 24 + 2 * quick._KEPT):
        conv2d(np.ones((side, side), np.float32), V, np.float32(0))
        assert len(quick._local.__dict__.get("rooms", ())) <= quick._KEPT
    assert quick._local.rooms
