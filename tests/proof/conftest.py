"""Obligations remembered between the hundreds of times that these tests verify one step."""

from __future__ import annotations

import json

import pytest

from derive.proof import certificate as module
from derive.proof.encoding import write_step


@pytest.fixture(scope="module", autouse=True)
def obligations_built_once():
    """For each step's data."""
    built = {}
    original = module.step_obligations

    def step_obligations(step):
        key = json.dumps(write_step(step))
        if key not in built:
            built[key] = original(step)
        return built[key]

    patch = pytest.MonkeyPatch()
    patch.setattr(module, "step_obligations", step_obligations)
    yield
    patch.undo()
