"""Programs of tiles with a halo beside the plain ones of a form and of its gradients, proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from derive.algorithms._halos import halo_obligations, halos, settled
from derive.algorithms._proved import proved
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine
from derive.ir.halos import Haloed
from derive.ir.nodes import Program
from derive.lowering import Gradient, batched, gradients, lower
from derive.proof.goal import Verdict

__all__ = ["Halos", "Proved", "haloed", "in_halos", "no_halos"]

Proved = tuple[tuple[Haloed, tuple[Verdict, ...]], ...]
Halos = dict[str, Proved]


@lru_cache(maxsize=256)
def _tried(form: Form, plain: Program, items: frozenset[str]) -> tuple[Proved, Mapping[str, str]]:
    """Tiles that keep what they read, and those that keep a first pass; or why not."""
    found, reasons = [], {}
    for name in ("halos", "passes"):
        try:
            made = halos(form, items, name == "passes", plain.name.replace("direct", name, 1))
            made = replace(made, program=replace(made.program, arguments=plain.arguments, sources=plain.sources))
            made = settled(made, form)
            found.append((made, proved(halo_obligations(made, form), "the program of tiles with a halo")))
        except (NoLowering, NotAffine) as cause:
            reasons[name] = str(cause).rstrip(".")
    return tuple(found), reasons


def haloed(form: Form, plain: Program, items: frozenset[str]) -> Proved:
    """The programs of tiles with a halo that do what a plain program of threads does, proved. `items` are the arrays of a batch."""
    return _tried(form, plain, items)[0]


def no_halos(form: Form, target: str) -> dict[str, str]:
    """Why a form has no such program, for each that it has none of."""
    return dict(_tried(form, lower(form, target), batched(form))[1])


def in_halos(form: Form, target: str, found: Sequence[Gradient]) -> Halos:
    """The programs of a form and its gradients that there are, by the names of the plain ones, with their proofs."""
    return {plain.name: made for of, plain, items in _plain(form, target, found) if (made := haloed(of, plain, items))}


def _plain(form: Form, target: str, found: Sequence[Gradient]) -> Iterator[tuple[Form, Program, frozenset[str]]]:
    """A form and its gradients with their programs of threads, and the arrays of a batch."""
    if target == "threads":
        yield form, lower(form, target), batched(form)
        views = gradients(form, target, found)
        yield from ((s.form, views[s.by][0], s.items) for s in found if s.by in views)
