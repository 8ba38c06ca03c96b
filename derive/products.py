"""Programs in stages that a device runs beside those of threads, proved: their products are its library's.

They are NumPy's, where copies, products and stores are all that they do. Those of windows without channels are left out: their
products have a few rows, and strips read each entry of the input once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from derive.algorithms._gathered import gathered_by_phases
from derive.algorithms._shifts import shifts
from derive.algorithms._window import window
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import Copy
from derive.ir.stages import Halo, MatMul, Staged, Store, reads_of, statements
from derive.lowering import Gradient, batched, by_algorithm
from derive.proof.goal import Verdict

__all__ = ["PRODUCTS", "in_products", "without_products"]


def _at_shifts(form: Form, items: frozenset[str]) -> Staged:
    """Products at shifts: of windows at every place, and of what strides scatter."""
    try:
        return shifts(form, items)
    except NoLowering as cause:
        try:
            return gathered_by_phases(form, items)
        except NoLowering:
            raise cause from None


# Windows side by side, one product of all that there is, one for all taps whose results are added at shifts, and the transforms of
# windows, strided ones by their phases. Fast FIR algorithms take as many products as Winograd's of 2×2 results do.
PRODUCTS: Mapping[str, Callable[..., Staged] | None] = {
    **dict.fromkeys(("im2col", "phased", "product")),
    "shifts": _at_shifts,
    "winograd": None,
}

Proved = tuple[Staged, tuple[Verdict, ...]]


def in_products(form: Form, target: str, found: Sequence[Gradient]) -> tuple[Proved, ...]:
    """The programs of a form, and of the gradients that have an entry for each item, each named after its result."""
    if target != "threads":
        return ()
    own = [(form, batched(form), "")]
    own += [(s.form, s.items, f"_{s.form.output.name}") for s in found if s.form.output.name in s.items]
    return tuple(made for some in own for made in _tried(*some)[0])


def without_products(form: Form) -> dict[str, str]:
    """Why a form has no such program of an algorithm, for each that it has none of."""
    return dict(_tried(form, batched(form), "")[1])


def _tried(form: Form, items: frozenset[str], named: str) -> tuple[tuple[Proved, ...], Mapping[str, str]]:
    reason = _without_channels(form)
    if form.output.name not in items:
        return (), dict.fromkeys(PRODUCTS, reason or "it needs a result for each item")
    tried = {
        name: (None, reason) if reason and make is None else by_algorithm(name, form, items, named, make)
        for name, make in PRODUCTS.items()
    }
    found = {
        name: (made, reason or ("" if made is None else _refused(made[0]))) for name, (made, reason) in tried.items()
    }
    kept = tuple(made for made, reason in found.values() if made is not None and not reason)
    return kept, {name: reason for name, (_, reason) in found.items() if reason}


def _without_channels(form: Form) -> str:
    try:
        found = window(form)
    except NoLowering as cause:
        return str(cause).rstrip(".")
    return "" if found.contracted and found.filters else "it needs channels that are summed over, and filters"


def _refused(program: Staged) -> str:
    """Why a device has no launches for a program, if so."""
    nodes = (*statements(program.fixed), *statements(program.body))
    others = [n for n in nodes if not isinstance(n, (Copy, Halo, MatMul, Store)) or (isinstance(n, Store) and n.adds)]
    if others:
        return f"a device has no launch for its {type(others[0]).__name__}"
    data = {s.name for s in (*program.arguments, program.result) if s.batched}
    for node in (n for n in nodes if isinstance(n, MatMul)):
        if node.overlapping or node.carried:
            return "it has products of rows that share memory"
        if any(a.array in data for a in reads_of(node)):
            return "it has products of data as they are stored"
    return ""
