"""Coq accepts that programs read the right places beyond an edge where the array goes on."""

from __future__ import annotations

from pathlib import Path

from sympy import Eq, Max, Min, Mod

import derive
from derive.algorithms._continued import continued
from derive.algorithms._supposed import obligations
from derive.forms.extension import EXTENSIONS
from derive.lowering import batched
from derive.proof.goal import Goal
from derive.registry import find
from tests.proof.coqc import coqc, needs_coq, stated

# A few times what all edges take together; without a name for the places beyond one it takes longer.
SECONDS = 15


def beyond(edge: str) -> Goal:
    """That the places at which a program reads are the form's, whatever the width of its windows."""
    form = derive.convolution(kernel="Delta", rank=1, edges=edge, channels=False).form
    program = continued(find("derive.algorithms", "toeplitz"), form, batched(form))
    (denotes,) = (o for o in obligations(program, form) if o.name == "denotes")
    return next(g for g in denotes.goals if any(e.lhs.has(Max, Min, Mod) for e in g.show.atoms(Eq)))


@needs_coq
def test_the_places_read_beyond_an_edge_are_accepted(tmp_path: Path) -> None:
    made = stated(beyond(edge) for edge in EXTENSIONS)
    assert made.theorems == len(EXTENSIONS) and made.left_out == ()
    assert coqc(made.text, tmp_path, SECONDS) == (0, "Closed under the global context\n")
