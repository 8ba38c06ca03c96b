"""Working arrays within the memory of others: what is refused, on the program of transforms of tiles."""

from dataclasses import replace
from functools import cache

import pytest

from derive.algorithms._inlined import staged_obligations
from derive.algorithms.fft import fft
from derive.errors import NoLowering
from derive.ir.stages import Staged
from derive.lowering import batched
from derive.pipeline import layer
from derive.proof.solver import discharge_all


@cache
def form():
    return layer("conv2d").derivation.form


def program() -> Staged:
    return fft(form(), batched(form()))


def within(name: str, owner: str, **changes: object) -> Staged:
    """The program with one working array in the memory of another, and changed besides."""
    made = program()
    rooms = tuple(replace(room, within=owner, **changes) if room.name == name else room for room in made.rooms)
    return replace(made, rooms=rooms)


def test_the_memory_that_is_shared() -> None:
    shared = {room.name: room.within for room in program().rooms if room.within}
    assert shared == {"Q": "Yi", "Bi": "Yj", "Bj": "R"}
    assert all(v.proved for v in discharge_all(staged_obligations(program(), form())))


@pytest.mark.parametrize(
    ("name", "owner", "changes", "says"),
    [
        ("Yi", "Yj", {}, "Yj is read after Yi was written in its memory."),
        ("Bi", "Yi", {}, "Q is read after Bi was written in its memory."),
        ("Q", "Bi", {}, "Bi has no memory of its own that another array may take."),
        ("Q", "Wi", {}, "Wi has no memory of its own that another array may take."),
        ("Q", "R", {}, "Q can't live in R, which holds something else."),
        ("Bj", "R", {"zeroed": True}, "Bj can't live in R, which holds something else."),
    ],
)
def test_memory_that_is_still_read_is_refused(name: str, owner: str, changes: dict[str, bool], says: str) -> None:
    with pytest.raises(NoLowering, match=says):
        staged_obligations(within(name, owner, **changes), form())


def test_an_array_larger_than_the_memory_it_takes_is_refused() -> None:
    made = program()
    (k, rows, columns) = next(room.shape for room in made.rooms if room.name == "R")
    wrong = within("Bj", "R", shape=(k, rows + 1, columns))
    found = {v.obligation.name: v.proved for v in discharge_all(staged_obligations(wrong, form()))}
    assert not found["in bounds"]
