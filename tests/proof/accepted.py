"""Which layers' theorems Coq has accepted as they stand: `python -m tests.proof.accepted` asks it of the others and keeps that.

A layer is kept by a digest of its statements and of the tactics: with another of either, or another Coq, it is one of the others.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import derive
from derive.pipeline import layer
from derive.registry import names
from tests.proof.coqc import COQC, coqc
from tests.regenerating import Theorems, theorems_of

__all__ = ["CLOSED", "KEPT", "LAYERS", "SECONDS", "TACTICS", "asked", "digest", "keep", "kept", "theorems", "together"]

LAYERS = names("derive.catalogue")
# A few times what all layers take, so that a proof that no longer ends is told.
SECONDS = 900
CLOSED = (0, "Closed under the global context\n")
TACTICS = (Path(derive.__file__).parent / "proof" / "tactics.v").read_text(encoding="utf-8")
KEPT = Path(__file__).with_name("accepted.json")
_THEOREM = re.compile(r"^Theorem (\w+) :\n(.*?)\nProof\. by_witness\. Qed\.$", re.M | re.S)


def theorems(name: str) -> Theorems:
    """A layer's, derived here."""
    return theorems_of(layer(name))


def _stated(found: Theorems) -> list[tuple[str, str]]:
    """The theorems by name, each with what it says."""
    stated = _THEOREM.findall(found.text)
    assert len(stated) == found.theorems
    return stated


def _plain(statement: str) -> tuple[str, ...]:
    """A statement's variables, its facts by their text, and what follows; their order depends on what was derived before."""
    variables, _, rest = " ".join(statement.split()).partition(", ")
    *facts, show = rest.split(" -> ")
    return variables, *sorted(facts), show


def digest(found: Theorems) -> str:
    """Of the statements and the tactics; comments say nothing to Coq."""
    said = sorted({_plain(statement) for _, statement in _stated(found)})
    return sha256(json.dumps([TACTICS, said]).encode()).hexdigest()[:32]


def together(of: Mapping[str, Theorems]) -> str:
    """One file for all layers, with each statement once."""
    first: dict[str, str] = {}
    for found in of.values():
        for name, said in _stated(found):
            first.setdefault(said, name)
    parts = [f"Theorem {name} :\n{said}\nProof. by_witness. Qed." for said, name in first.items()]
    resting = "".join(f"  let _ := {name} in\n" for name in first.values())
    return "\n\n".join(
        (TACTICS, *parts, f"Definition theorems : True :=\n{resting}  I.\n\nPrint Assumptions theorems.\n")
    )


def coq_version() -> str:
    """Such as 8.16.1."""
    assert COQC is not None
    return subprocess.run([COQC, "-print-version"], capture_output=True, text=True, check=True).stdout.split()[0]


def kept() -> dict[str, str]:
    """The digests of what this Coq has accepted, by layer."""
    held = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return dict(held["layers"]) if held.get("coq") == coq_version() else {}


def keep(of: Mapping[str, Theorems]) -> None:
    """Keeps all of these, which Coq has accepted."""
    held = {"coq": coq_version(), "layers": {name: digest(found) for name, found in of.items()}}
    KEPT.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


def asked(of: Mapping[str, Theorems]) -> dict[str, Theorems]:
    """Those that aren't kept."""
    known = kept()
    return {name: found for name, found in of.items() if digest(found) != known.get(name)}


def _ask() -> str:
    """What Coq says against the layers that aren't kept; all are kept where that is nothing."""
    of = {name: theorems(name) for name in LAYERS}
    with tempfile.TemporaryDirectory() as folder:
        code, said = coqc(together(others), Path(folder), SECONDS) if (others := asked(of)) else CLOSED
    if (code, said) != CLOSED:
        return said or f"coqc ends with {code}."
    keep(of)
    return ""


if __name__ == "__main__":
    sys.exit(_ask() or None)
