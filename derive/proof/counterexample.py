"""The smallest sizes and indices at which a claim fails, with arrays that show it.

The solver is asked for models with a growing bound on the sizes' sum, then on the indices' magnitude, so the
first one found is smallest. Arrays get integer entries: 0 except where the claim reads them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any

from sympy import Expr, Integer, Symbol, factor, sympify

from derive.errors import DeriveError
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, map_reads, reads
from derive.forms.form import Form
from derive.forms.text import show
from derive.proof.goal import Goal
from derive.proof.smt import smt_name
from derive.proof.step import Clause

__all__ = ["Box", "Counterexample", "Entries", "boxes", "counterexample", "in_python", "smallest_model"]

_MOST = 4**6

Entries = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Box:
    """An array in memory: its shape, and what the formula calls its first entry. Without a shape it is a table of entries."""

    name: str
    shape: tuple[int, ...] | None = None
    first: tuple[int, ...] = ()

    def lines(self, entries: Sequence[tuple[tuple[int, ...], Any]]) -> list[str]:
        """Python for the array with these entries, each named as the formula calls it where that is another place."""
        if self.shape is None:
            return [f"{self.name} = {{}}", *(f"{self.name}[{_places(at)}] = {value}" for at, value in entries if value)]
        kind = "int" if all(isinstance(value, int) for _, value in entries) else "object"
        found = [f"{self.name} = np.zeros({self.shape}, {kind})"]
        for at, value in entries:
            here = tuple(p - low for p, low in zip(at, self.first, strict=True))
            if value:
                called = "" if here == at else f"  # {self.name}[{_places(at)}]"
                found.append(f"{self.name}[{_places(here)}] = {value!r}{called}")
        return found

    def entry(self, at: tuple[int, ...]) -> str:
        """The entry that the formula calls so, as Python."""
        if self.shape is None:
            return f"{self.name}.get({at[0] if len(at) == 1 else at}, 0)"
        return f"{self.name}[{_places(tuple(p - low for p, low in zip(at, self.first, strict=True)))}]"


def boxes(form: Form, sizes: Mapping[Symbol, int]) -> tuple[Box, ...]:
    """The input and the parameters that are no numbers already, unless endless, at these sizes; one that isn't told is 1."""
    at = dict.fromkeys(form.sizes, 1) | dict(sizes)
    arrays = (form.input, *(p.array for p in form.params if p.values is None))
    return tuple(
        Box(a.name, *(tuple(int(evaluate(e, at)) for e in part) for part in (a.shape, (x.lower for x in a.axes))))
        for a in arrays
        if not any(x.upper.is_infinite for x in a.axes)
    )


def in_python(expression: Expr, known: Iterable[Box]) -> str:
    """An expression in entries at numbers as Python about these arrays, and about tables of entries for others."""
    found = {(box.name, len(box.first)): box for box in known}

    def entry(read: Read) -> Symbol:
        box = found.get((read.array, len(read.subscripts)), Box(read.array))
        return Symbol(box.entry(tuple(map(int, read.subscripts))))

    return show(map_reads(expression, entry))


def _places(at: tuple[int, ...]) -> str:
    return ", ".join(map(str, at)) or "()"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Where a claim fails: sizes, indices, what is left over, and entries for which that is not 0.

    `sides` are the two numbers that the claim says are equal, as Python about these arrays; `layers` are the entries of dense
    layers among them.
    """

    sizes: tuple[tuple[str, int], ...]
    indices: tuple[tuple[str, int], ...]
    residue: Expr
    entries: Entries
    place: str
    boxes: tuple[Box, ...] = ()
    sides: tuple[str, ...] = ()
    layers: Entries = ()

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value}" for name, value in (*self.sizes, *self.indices))
        return f"{at}: residue {_written(self.residue, self.place)}"

    @property
    def python(self) -> str:
        """The same as Python: sizes, indices, arrays as a kernel takes them, 0 but for the entries named, and both sides."""
        lines = [f"{name} = {value}" for name, value in (*self.sizes, *self.indices) if name.isidentifier()]
        values: dict[str, list[tuple[tuple[int, ...], Any]]] = {box.name: [] for box in self.boxes}
        for entry, value in (*self.entries, *self.layers):
            name, _, places = entry.removesuffix("]").partition("[")
            at = () if places == "()" else tuple(int(p) for p in places.split(", "))
            values.setdefault(name, []).append((at, value))
        known = {box.name: box for box in self.boxes}
        for name, entries in values.items():
            lines += known.get(name, Box(name)).lines(entries)
        if self.sides:
            lines += [f"{name} = {side}" for name, side in zip(("left", "right"), self.sides, strict=True)]
            lines += ["assert left != right"]
        exact = ["from fractions import Fraction", ""] if any("Fraction(" in line for line in lines) else []
        return "\n".join([*exact, "import numpy as np", "", *lines])


def _written(residue: Expr, place: str) -> str:
    text = show(factor(_as_symbols(residue)))
    parts = text if residue.is_Mul or isinstance(residue, (Read, Integer)) or text.count(" ") == 0 else f"({text})"
    if place and (parts.startswith("(") or " " not in parts):
        return f"{parts}*{place}"
    return f"{parts}*{place}" if place else text


def _as_symbols(residue: Expr) -> Expr:
    return map_reads(residue, lambda r: Symbol(show(r), commutative=True))


def smallest_model(goal: Goal, sizes: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Integers at which the goal fails, with least sum of sizes, then least magnitude of indices.

    Of several such, the one with the last sizes and the first indices smallest: the same with every solver.
    Raises DeriveError where the goal doesn't fail within small sizes.
    """
    import z3

    solver = z3.Solver()
    solver.set("ctrl_c", False)
    solver.set("timeout", 30_000)
    solver.from_string(goal.smt.replace("(check-sat)", ""))
    letters = {name: z3.Int(smt_name(name)) for name in (*sizes, *names)}

    def least(magnitude: Any) -> bool:
        """Assert the least magnitude that leaves a model."""
        most = 1
        while solver.check(magnitude <= most) != z3.sat:
            if (most := 4 * most) > _MOST:
                return False
        within = bisect_left(range(most), True, key=lambda bound: solver.check(magnitude <= bound) == z3.sat)
        solver.add(magnitude <= within)
        return True

    for group in ([letters[s] for s in reversed(sizes)], [letters[s] for s in names]):
        sizes_of = [z3.If(v >= 0, v, -v) for v in group]
        if not least(z3.Sum(sizes_of) if group else z3.IntVal(0)):
            raise DeriveError(f"The claim fails, but at no sizes whose sum is at most {_MOST}.")
        for v, size in zip(group, sizes_of, strict=True):
            least(size)
            if solver.check(v >= 0) == z3.sat:
                solver.add(v >= 0)
    solver.check()
    model = solver.model()
    return {name: int(model.eval(v, model_completion=True).as_long()) for name, v in letters.items()}


def counterexample(form: Form, goal: Goal, clause: Clause) -> Counterexample:
    """The smallest failure of a clause that a form was claimed to satisfy."""
    mentioned = goal.show.free_symbols.union(*(f.free_symbols for f in goal.given))
    sizes = [s for s in form.sizes if s in mentioned] + sorted(
        (s for s in mentioned if s not in form.sizes and s not in clause.binders), key=str
    )
    indices = [s for s in clause.binders if s in mentioned]
    model = smallest_model(goal, [s.name for s in sizes], [s.name for s in indices])
    at = {s: Integer(model[s.name]) for s in (*sizes, *indices)}
    left, right = (sympify(side).xreplace(at).doit() for side in (clause.left, clause.right))
    residue = left - right
    known = boxes(form, {s: int(at[s]) for s in sizes})
    place = show(form.input.entry(at[s] for s in form.input.symbols)) if set(form.input.symbols) <= set(at) else ""
    return Counterexample(
        sizes=tuple((s.name, model[s.name]) for s in sizes),
        indices=tuple((s.name, model[s.name]) for s in indices),
        residue=residue,
        entries=_entries(residue, place),
        place=place,
        boxes=known,
        sides=tuple(in_python(side, known) for side in (left, right)),
    )


def _entries(residue: Expr, place: str) -> tuple[tuple[str, int], ...]:
    """Small integers for the entries that the residue reads, such that it is not 0."""
    found = reads(residue)
    for bound in count(1):
        for values in product(range(bound + 1), repeat=len(found)):
            table = dict(zip(found, map(Integer, values), strict=True))
            if map_reads(residue, table.__getitem__) != 0:
                shown = tuple((show(r), int(v)) for r, v in table.items())
                return shown + (((place, 1),) if place else ())
        if bound > 3:
            break
    raise DeriveError(f"No small entries make {residue} differ from 0.")
