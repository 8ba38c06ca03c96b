"""A forger edits one formula and then writes every obligation, theorem and digest as this package would.

What `verify` still accepts must be true: checked on numbers at small sizes, by the forms' own meaning.
"""

from __future__ import annotations

import json
import random
from functools import cache
from itertools import product

import numpy as np
import pytest

from derive.derivation import dense
from derive.errors import CertificateError, DeriveError
from derive.forms.denote import denote, entry_reader, matrix
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.groups.translations import Translations
from derive.proof.certificate import certificate, verify
from derive.proof.encoding import read_form, read_step, write_form, write_step
from derive.proof.step import substitute
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from tests.proof.edits import changed, edits, leaves


@cache
def line():
    return dense(rank=1).then(reindex()).then(equivariant(Translations())).then(local("Delta")).then(boundary("zero"))


@cache
def chain():
    return {"start": write_form(line().start), "steps": [write_step(p.step) for p in line().steps]}


def accepted(data):
    """The start and the steps of what verify accepts; None for what it refuses."""
    try:
        start = read_form(data["start"], "The first form")
        steps = tuple(read_step(step, "A step") for step in data["steps"])
        verify(certificate(start, steps))
    except DeriveError:
        return None
    return start, steps


def holds(start, steps, n: int, radius: int) -> bool:
    """Whether the last form, for drawn parameters, is the first one at those that the embeddings give."""
    last = steps[-1].after
    sizes = {index("n"): n, index("Delta"): radius}
    if not evaluate(last.given, sizes):
        return True
    draw = np.random.default_rng(n)
    shapes = {p.name: tuple(int(evaluate(e, sizes)) for e in p.array.shape) for p in last.params}
    arrays = {name: np.array(draw.integers(1, 99, shape), dtype=object) for name, shape in shapes.items()}
    read = entry_reader(last, arrays, sizes)
    before = {}
    for param in start.params:
        value = param.array.entry()
        for step in steps:
            value = substitute(value, step.embeddings)
        box = {a.symbol: (int(evaluate(a.lower, sizes)), int(evaluate(a.upper, sizes))) for a in param.array.axes}
        extents = tuple(high - low + 1 for low, high in box.values())
        before[param.name] = np.array(np.broadcast_to(evaluate(value, dict(sizes) | grid(box), read), extents))
    nothing = np.zeros(n, dtype=object)
    same_bias = denote(last, arrays | {"X": nothing}, sizes) == denote(start, before | {"X": nothing}, sizes)
    return bool((matrix(last, arrays, sizes) == matrix(start, before, sizes)).all() and same_bias.all())


def test_the_numbers_can_tell():
    start, steps = accepted(chain())
    assert all(holds(start, steps, n, radius) for n, radius in product((1, 2, 4), (0, 1, 5)))
    wrong = json.loads(json.dumps(chain()["steps"][0]).replace("k - i", "i - k"))
    assert not holds(start, (read_step(wrong, "A step"), *steps[1:]), 4, 1)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_forger_gets_accepted_is_true(seed):
    draw = random.Random(seed)
    texts = [leaf for leaf in leaves(chain()) if leaf[0][-1] not in ("kind", "edge", "role")]
    refused = 0
    for path, text in draw.sample(texts, 24):
        # the forger keeps the chain joined: an edited form is edited wherever it stands
        new = edits(text, draw)
        data = changed(chain(), path, new)
        if path[0] == "steps" and path[2] == "after" and path[1] + 1 < len(chain()["steps"]):
            data = changed(data, ("steps", path[1] + 1, "before", *path[3:]), new)
        if path[0] == "steps" and path[2] == "before" and path[1]:
            data = changed(data, ("steps", path[1] - 1, "after", *path[3:]), new)
        found = accepted(data)
        refused += found is None
        if found is not None:
            assert all(holds(*found, n, radius) for n, radius in product((1, 3, 4), (0, 1, 3))), (
                path,
                text,
                new,
            )
    assert refused >= 12


def test_a_step_that_is_joined_to_another_form_is_refused():
    other = dense(rank=1, outputs="N", inputs="K")
    with pytest.raises(CertificateError, match="Step 1, reindex"):
        verify(certificate(other.start, tuple(p.step for p in line().steps)))
