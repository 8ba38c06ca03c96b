"""`python -m derive`, whose processes say besides what Coq is asked about each layer, in files of the folder that THEOREMS names.

They have derived all of it by then. Their files are opened before the layers, which may open none but their own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from derive import workers

__all__ = ["Theorems", "theorems_in", "theorems_of"]


@dataclass(frozen=True)
class Theorems:
    """A layer's file for Coq, under names that begin with the layer's, how many theorems it has, and what it lacks."""

    text: str
    theorems: int
    obligations: int
    left_out: tuple[str, ...]


def theorems_of(layer: Any) -> Theorems:
    """What Coq is asked about a layer."""
    from derive.making import coq_claims
    from derive.proof.coq import Claim, coq_file, left_out

    claims = [Claim(f"{layer.name}: {c.place}", f"{layer.name}__{c.prefix}", c.obligation) for c in coq_claims(layer)]
    made = coq_file(layer.name, claims)
    reasons = {*(why for _, why in made.left_out), *(left_out(c.obligation) for c in claims)} - {""}
    return Theorems(made.text, made.theorems, made.obligations, tuple(sorted(reasons)))


def theorems_in(folder: Path) -> dict[str, Theorems]:
    """What those processes left, by layer."""
    lines = [line for file in folder.iterdir() for line in file.read_text(encoding="utf-8").splitlines()]
    return {
        said.pop("name"): Theorems(**said | {"left_out": tuple(said["left_out"])}) for said in map(json.loads, lines)
    }


def _saying(answer: Callable[[str], Any], file: int) -> Callable[[str], Any]:
    def say(name: str) -> Any:
        made = answer(name)
        if isinstance(made, tuple):
            from derive.pipeline import layer

            line = json.dumps({"name": name, **asdict(theorems_of(layer(name)))}) + "\n"
            with os.fdopen(os.dup(file), "w", encoding="utf-8") as out:
                out.write(line)
        return made

    return say


if __name__ == "__mp_main__":
    own = os.open(Path(os.environ["THEOREMS"]) / str(os.getpid()), os.O_CREAT | os.O_WRONLY, 0o644)
    workers._answer = _saying(workers._answer, own)

if __name__ == "__main__":
    from derive.__main__ import main

    main()
