"""Every support with every dilation, stride and edge is derived, counted and emitted within seconds, or refused in a sentence."""

from __future__ import annotations

import random
from itertools import product

import pytest

import derive
from derive.errors import DeriveError, EmitError
from derive.pipeline import Layer
from derive.render.numbers import cost_text
from tests.pace import within

SECONDS = 20  # of CPU; most take 1 to 4, the worst 10 on a busy machine, and some did not end
SUPPORTS = {
    "box": lambda rank: derive.Box((1,) * rank, (2,) + (0,) * (rank - 1)),
    "a named radius": lambda rank: "2*Delta",
    "diamond": lambda rank: derive.Diamond(2),
    "a named diamond": lambda rank: derive.Diamond("r"),
    "a diamond of twice a name": lambda rank: derive.Diamond("2*r"),
    "cross": lambda rank: derive.Cross("r"),
    "disk": lambda rank: derive.Disk(2),
    "causal": lambda rank: derive.Causal("2*r"),
}
STEPS = (None, 2, 3, ((3,), (2, 3), (2, 1, 3)))
EDGES = (None, "zero", "valid", "periodic", "reflect", "nearest")
CASES = list(product((1, 2, 3), SUPPORTS, STEPS, EDGES, STEPS))
random.Random(4).shuffle(CASES)


def derived(
    rank: int, support: str, dilation: object, edge: str | None, stride: object
) -> derive.derivation.Derivation:
    layer = derive.dense(rank=rank).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    layer = layer.then(derive.local(SUPPORTS[support](rank)))
    if dilation is not None:
        layer = layer.then(derive.dilated(dilation[rank - 1] if isinstance(dilation, tuple) else dilation))
    if edge is not None:
        layer = layer.then(derive.boundary(edge))
    return (
        layer
        if stride is None
        else layer.then(derive.strided(stride[rank - 1] if isinstance(stride, tuple) else stride))
    )


HANGING = [
    (3, "a named diamond", None, None, STEPS[3]),
    (3, "a diamond of twice a name", None, "zero", 3),
    (3, "causal", 2, "zero", 3),
]


@pytest.mark.parametrize(
    "case", [*HANGING, *CASES[:8], *(pytest.param(c, marks=pytest.mark.nightly) for c in CASES[8:400])], ids=str
)
def test_it_ends(case):
    with within(SECONDS):
        layer = derived(*case)
        made = Layer("layer", layer, "A layer of a test.", "", "")
        assert all(verdict.proved for verdict in layer.verdicts)
        assert layer.free_parameters["weight"] != 0 and cost_text(layer.form)
        try:
            assert made.source("numpy")
        except EmitError as refusal:
            with pytest.raises(DeriveError, match=r"can't be read off any shape, so a kernel doesn't know it; fix it"):
                raise refusal
