"""One row: every result against the reference first, then the clock, in turns."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from derive.bench.figures import quartiles, ratio
from derive.bench.problem import Problem, arrays
from derive.bench.process import Died, Worker
from derive.bench.reference import reference
from derive.bench.rows import Row

__all__ = ["OURS", "Turns", "measure", "posed", "timed"]

OURS = "derive"
_SHORTEST = 100e-6  # seconds; shorter calls are timed by the group
_FEWEST, _MOST = 3, 11
_SETTLE = 0.03  # seconds for another library's threads to stop looking for work
_STRAY = 0.2

Workers = Callable[[str, int], Worker]


@dataclass(slots=True)
class Turns:
    """What one participant did in a row: its figures, or why there are none."""

    agreed: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    rounds: list[list[float]] = field(default_factory=list)
    stray: float = 0.0


@contextmanager
def posed(problem: Problem) -> Iterator[str]:
    """A folder that holds the reference of a problem, for other processes."""
    with tempfile.TemporaryDirectory(prefix="derive-bench-") as folder:
        right = reference(problem, arrays(problem))
        for name in ("H", "magnitude"):
            np.save(Path(folder) / f"{name}.npy", getattr(right, name))
        del right
        yield folder


def timed(row: Row, folder: str, worker_of: Workers, budget: float, threads: int) -> dict[str, Turns]:
    """Ours and every peer, in about so many seconds; with one thread by its CPU time, with more by the clock."""
    found = {peer: _prepared(row.problem, peer, worker_of, folder, threads) for peer in (OURS, *row.peers)}
    _in_turns({peer: turns for peer, turns in found.items() if not turns.refused}, worker_of, budget, threads)
    for worker in {id(w): w for peer in found if (w := _held(worker_of, peer, threads)) is not None}.values():
        worker.ask("forget")
    return found


def _held(worker_of: Workers, peer: str, threads: int) -> Worker | None:
    try:
        worker = worker_of(peer, threads)
    except Died:
        return None
    return None if worker.missing else worker


def _prepared(problem: Problem, peer: str, worker_of: Workers, folder: str, threads: int) -> Turns:
    """Computed once and compared, or the reason why it won't be timed."""
    try:
        worker = worker_of(peer, threads)
        if worker.missing:
            return Turns(refused=worker.missing)
        answer = worker.ask("prepare", problem=asdict(problem), folder=folder, peer=peer)
    except Died as end:
        return Turns(refused=str(end).rstrip("."))
    if "failed" in answer:
        return Turns(refused=answer["failed"])
    if "seconds" not in answer:
        said = f"wrong by {answer['error']:.1e} of the largest result, {answer['share']:.1e} times what rounding can do"
        return Turns(agreed=answer, refused=said)
    return Turns(agreed=answer)


def _in_turns(turns: Mapping[str, Turns], worker_of: Workers, budget: float, threads: int) -> None:
    """Rounds in which everyone has a turn, first this one and then the other."""
    if not turns:
        return
    each = sum(t.agreed["seconds"] for t in turns.values())
    rounds = max(_FEWEST, min(_MOST, int(budget / max(each, 1e-9))))
    share = budget / rounds / len(turns)
    for number in range(rounds):
        for peer in sorted(turns, reverse=bool(number % 2)):
            if not turns[peer].refused:
                _turn(peer, turns[peer], worker_of, share, threads)


def _turn(peer: str, own: Turns, worker_of: Workers, share: float, threads: int) -> None:
    """About so many seconds for one of them. One that fails or dies now is refused after all."""
    group = max(1, math.ceil(_SHORTEST / max(own.agreed["seconds"], 1e-9)))
    calls = max(1, int(share / (group * own.agreed["seconds"])))
    if threads > 1:
        time.sleep(_SETTLE)
    try:
        answer = worker_of(peer, threads).ask("measure", peer=peer, calls=calls, group=group)
    except Died as end:
        own.refused = str(end).rstrip(".")
        return
    if "failed" in answer:
        own.refused = answer["failed"]
        return
    own.rounds.append(answer["cpu" if threads == 1 else "wall"])
    own.stray = max(own.stray, answer["stray"])


def measure(row: Row, one: Mapping[str, Turns], more: Mapping[str, Turns] | None) -> dict[str, Any]:
    """A row's figures as they are kept: `one` at one thread by CPU time, `more` at several by the clock."""
    participants: dict[str, Any] = {}
    for peer, turns in one.items():
        held: dict[str, Any] = {"refused": turns.refused} if turns.refused else {"cpu": _spread(turns)}
        held |= {key: value for key, value in turns.agreed.items() if key != "seconds" and value != ""}
        if turns.stray > _STRAY:
            held["stray"] = round(turns.stray, 2)
        if more is not None and not more[peer].refused:
            held["wall"] = _spread(more[peer])
        participants[peer] = held
    problem = asdict(row.problem) | {"derivation": row.problem.derivation, "says": row.problem.says}
    figures = {"name": row.name, "problem": problem, "peers": list(row.peers), "goal": row.goal, "tried": row.tried}
    figures |= {"operations": row.problem.operations, "bytes": row.problem.bytes, "participants": participants}
    figures |= {"cpu": _against(one), "wall": None if more is None else _against(more)}
    return figures


def _spread(turns: Turns) -> dict[str, float]:
    calls = [seconds for made in turns.rounds for seconds in made]
    return {**quartiles(calls), "calls": len(calls), "rounds": len(turns.rounds)}


def _against(found: Mapping[str, Turns]) -> dict[str, Any] | None:
    """The ratio to the fastest peer, if there are both."""
    medians = {p: _spread(t)["median"] for p, t in found.items() if p != OURS and not t.refused}
    if not medians or found[OURS].refused:
        return None
    best = min(medians, key=lambda peer: medians[peer])
    return {"best": best, **ratio(found[OURS].rounds, found[best].rounds)}
