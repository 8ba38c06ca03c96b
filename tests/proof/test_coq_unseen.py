"""Coq accepts, in seconds, what ties weights in ways that nobody ships: each goal has many cases beside its instances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sympy import Integer, true

import derive
from derive.forms.expr import index
from derive.groups._group import Element
from derive.groups._orbits import tie_finite
from derive.proof.coq import Claim, coq_file
from tests.proof.coqc import coqc, needs_coq

CLOSED = (0, "Closed under the global context\n")
# A few times what each takes; by all cases of all conditions at once none ended within four minutes.
SECONDS = 60
s, t, v = map(index, "stv")


@dataclass(frozen=True, slots=True)
class Group:
    """Elements from a form's places, which are tied as their own."""

    made: Callable[[Any, Any], tuple[Element, ...]]

    def __str__(self) -> str:
        return "Group()"

    def elements(self, form: Any) -> tuple[Element, ...]:
        return self.made(*([a.symbols[p] for p in form.grid(a)] for a in (form.output, form.input)))

    def tie(self, action: Any) -> Any:
        return tie_finite(action)

    def keeps(self, elements: Any) -> str:
        return "every element" if elements else "no element"


def staggered(out: Any, into: Any) -> tuple[Element, ...]:
    """A shift by one place along any axis turns the sign of every value."""
    steps = [(1,)] if len(out) == 1 else [(1, 0), (0, 1), (1, 1)]

    def element(by: tuple[int, ...]) -> Element:
        moved, read = (
            {x: x + n + 2 * c for x, n, c in zip(places, by, (s, t), strict=False)} for places in (out, into)
        )
        signs = (Integer((-1) ** sum(by)), Integer(1))
        return Element((s, t)[: len(by)], true, moved, read, f"S_{sum(by)}", "a staggered shift", signs)

    return tuple(map(element, steps))


def screws(out: Any, into: Any) -> tuple[Element, ...]:
    """One place along the first axis, and a quarter turn of the others."""
    turns = (lambda y, z: (t - z, y + v), lambda y, z: (t - y, v - z), lambda y, z: (z + t, v - y))

    def element(n: int, turn: Any) -> Element:
        moved, read = (dict(zip(x, (x[0] + n + 4 * s, *turn(*x[1:])), strict=True)) for x in (out, into))
        return Element((s, t, v), true, moved, read, f"S_{n}", "a screw")

    return tuple(element(n, turn) for n, turn in enumerate(turns, start=1))


def tied(rank: int, step: Any, made: Any, radius: Any, **options: Any) -> Any:
    layer = (
        derive.dense(rank, **options).then(derive.reindex()).then(derive.equivariant(derive.Translations(step=step)))
    )
    return layer.then(derive.local(radius)).then(derive.equivariant(Group(made))).then(derive.boundary("zero"))


def turned(channels: bool) -> Any:
    return derive.convolution(3, symmetry=derive.PointGroup("C4"), channels=channels, dilation=2)


def screwed() -> Any:
    sizes = ("p", "n", "n")
    layer = derive.dense(3, sizes, sizes).then(derive.reindex())
    return layer.then(derive.equivariant(derive.Translations(step=(4, 1, 1)))).then(derive.equivariant(Group(screws)))


UNSEEN = {
    "staggered signs": lambda: tied(1, 2, staggered, "Delta"),
    "staggered signs on the plane": lambda: tied(2, 2, staggered, "Delta"),
    "staggered signs with channels": lambda: tied(2, 2, staggered, "Delta", channels=derive.Channels()),
    "turned, dilated": lambda: turned(channels=False),
    "turned, dilated, with channels": lambda: turned(channels=True),
    "screws": screwed,
}
LONG = ("turned, dilated, with channels", "staggered signs on the plane", "staggered signs with channels", "screws")


@needs_coq
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.nightly] * (n in LONG)) for n in UNSEEN])
def test_what_ties_them_is_accepted(name: str, tmp_path: Path) -> None:
    made = coq_file(name, [Claim(name, "layer", verdict.obligation) for verdict in UNSEEN[name]().verdicts])
    assert made.left_out == () and made.theorems > 20
    assert coqc(made.text, tmp_path, SECONDS) == CLOSED
