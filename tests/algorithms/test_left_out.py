"""An algorithm whose proof the solver leaves open is left out, and the kernel says so; one that is refuted is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import derive
from derive import lowering
from derive.algorithms import _proved
from derive.errors import ObligationFailed
from derive.proof.goal import Status


@cache
def signal():
    return derive.convolution(kernel=5, rank=1, edges="valid", channels=False)


LEFT = "toeplitz"


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Proofs are remembered, and these are made up; two algorithms are enough."""
    monkeypatch.setattr(lowering, "ALGORITHMS", (LEFT, "box"))
    forgotten()
    yield
    forgotten()


def forgotten() -> None:
    """What was proved before is proved again."""
    lowering._tried.cache_clear()
    lowering.by_algorithm.cache_clear()


def answering(monkeypatch: pytest.MonkeyPatch, status: Status) -> None:
    """What the solver says of one obligation of one algorithm."""
    real = _proved.discharge_all

    def answered(stated):
        return tuple(
            replace(v, status=status) if v.obligation.name == "denotes" and f"'{LEFT}'" in v.obligation.says else v
            for v in real(stated)
        )

    monkeypatch.setattr(_proved, "discharge_all", answered)


def test_what_no_proof_is_found_for_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    every = [program.name for program, _ in lowering.staged(signal().form)]
    forgotten()
    answering(monkeypatch, Status.UNKNOWN)
    assert LEFT in every
    assert [program.name for program, _ in lowering.staged(signal().form)] == [n for n in every if n != LEFT]
    says = f"No proof is found that the algorithm '{LEFT}' keeps its obligation 'denotes'"
    assert lowering.unfit(signal().form)[LEFT] == says
    layer = signal().compile()
    explained = " ".join(str(layer.plan((9,), np.ones(5), 0.0).explain()).split())
    assert f"{LEFT} does not apply: {says}." in explained
    assert (layer(np.arange(9.0), np.ones(5), 0.0) == [10, 15, 20, 25, 30]).all()


def test_what_is_refuted_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Status.REFUTED)
    with pytest.raises(ObligationFailed, match=rf"^The algorithm '{LEFT}' fails its obligation 'denotes'\.$"):
        lowering.staged(signal().form)
