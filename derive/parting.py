"""Programs in parts beside the plain ones of a form and of its gradients, proved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from derive.algorithms._designs import unblocked
from derive.algorithms._parts import part_obligations, parts
from derive.errors import NoLowering, ObligationFailed
from derive.forms.form import Form
from derive.haloing import no_halos
from derive.ir.nodes import Program
from derive.ir.parts import Parted
from derive.lowering import Gradient, batched, gradients, lower, unfit
from derive.products import without_products
from derive.proof.goal import Verdict
from derive.proof.solver import discharge_all

__all__ = ["Shares", "in_parts", "parted", "reasons"]

Shares = dict[str, tuple[Parted, tuple[Verdict, ...]]]


@lru_cache(maxsize=1024)
def parted(plain: Program) -> tuple[Parted, tuple[Verdict, ...]]:
    """The program in parts that does what a plain program of threads does, proved.

    Raises NoLowering with the reason where there is none, ObligationFailed where a proof fails.
    """
    made = parts(plain, plain.name.replace("direct", "parts", 1))
    verdicts = discharge_all(part_obligations(made, plain))
    if failed := [v for v in verdicts if not v.proved]:
        raise ObligationFailed(f"The program in parts fails its obligation '{failed[0].obligation.name}'.")
    return made, verdicts


def in_parts(form: Form, target: str, found: Sequence[Gradient]) -> Shares:
    """The programs in parts of a form and its gradients that there are, by the names of the plain ones, with their proofs."""
    plain = [lower(form, target)] if target == "threads" else []
    plain += [program for program, _ in gradients(form, target, found).values()] if plain else []
    programs: Shares = {}
    for program in plain:
        try:
            programs[program.name] = parted(program)
        except NoLowering:
            continue
    return programs


def reasons(form: Form, target: str) -> dict[str, str]:
    """Why a form has no program of an algorithm, or of a design for a device, for each that it has none of."""
    if target == "arrays":
        return unfit(form)
    plain = lower(form, target)
    found = unblocked(form, plain, batched(form)) | no_halos(form, target)
    try:
        parted(plain)
    except NoLowering as cause:
        found["parts"] = str(cause).rstrip(".")
    return {**found, **without_products(form)}
