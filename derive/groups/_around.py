"""Orbits of differences that wrap around, under turns and reflections of a torus that carry axes to axes.

    a ⟶ n - a where a ≥ 1, and 0 ⟶ 0

Of each difference that some element mirrors it is told apart whether it is 0: a letter with two values, which elements permute
with the axes. Where these are given, all others move affinely, and `derive.groups._orbits` finds one point of every orbit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Or, Symbol, false, true
from sympy.core.relational import Relational

from derive.errors import RuleRefused
from derive.forms.expr import Where, index
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.groups._fibre import Fibre, channels_of, sign_of
from derive.groups._group import Action, Element, Tie
from derive.groups._matrices import Matrix, described
from derive.groups._orbits import tie_finite

__all__ = ["is_signed", "tie_around", "turn"]

Letters = Mapping[Symbol, Expr]


def is_signed(matrices: Sequence[Matrix]) -> bool:
    """Whether every matrix carries every axis to one, forwards or backwards."""
    return all(sum(map(abs, row)) == 1 for m in matrices for row in m)


def turn(form: Form, axes: Sequence[int], m: Matrix, fibres: tuple[Fibre, ...], sizes: Sequence[Expr]) -> Element:
    """A matrix on a torus of these sizes, about its place 0; its shifts are elements of their own.

    Raises RuleRefused where it would swap sizes.
    """
    if any(x and sizes[q] != sizes[p] for p, row in enumerate(m) for q, x in enumerate(row)):
        raise RuleRefused(
            f"{described(m).capitalize()} doesn't carry a torus of sizes {', '.join(map(str, sizes))} onto itself."
        )
    out, source = (
        {s: _turned(row, places, sizes) for s, row in zip(places, m, strict=True)} | channels_of(array, fibres)
        for array, places in ((a, [a.symbols[form.grid(a)[p]] for p in axes]) for a in (form.output, form.input))
    )
    return Element(
        (), true, out, source, "M", described(m), (sign_of(form.output, fibres), sign_of(form.input, fibres))
    )


def _turned(row: Sequence[int], places: Sequence[Symbol], sizes: Sequence[Expr]) -> Expr:
    """Where a matrix with that row carries a place along one axis."""
    (q,) = (q for q, x in enumerate(row) if x)
    return places[q] if row[q] > 0 else Where(Ge(places[q], 1), sizes[q] - places[q], -places[q])


def tie_around(action: Action, matrices: Sequence[Matrix], axes: Sequence[Symbol]) -> Tie:
    """The orbits under matrices, one for each element, on the axes of an output with these letters."""
    letter = {o: p for p, (o, _) in action.wrapped.items()}
    sizes = dict(action.wrapped.values())
    mirrored = {axes[q] for m in matrices for row in m for q, x in enumerate(row) if x < 0}
    closed = {o for m in matrices for row, o in zip(m, axes, strict=True) if mirrored & _sources(row, axes)} | mirrored
    zero = {o: index(f"{letter[o].name}_is_not_0") for o in axes if o in closed}

    def moved(m: Matrix, given: Letters) -> dict[Symbol, Expr]:
        found = dict(given)
        for o, row in zip(axes, m, strict=True):
            ((q, x),) = ((q, x) for q, x in enumerate(row) if x)
            source = axes[q]
            image = letter[source] if x > 0 else sizes[source] - letter[source]
            found[letter[o]] = Where(Ge(zero[source], 1), image, Integer(0)) if source in zero else image
            if o in zero:
                found[zero[o]] = zero[source]
        return found

    faces = {z: letter[o] for o, z in zero.items()}
    around = replace(
        action,
        moved=tuple(moved(m, given) for m, given in zip(matrices, action.moved, strict=True)),
        few=dict(action.few) | dict.fromkeys(faces, (0, 1)),
        wrapped={},
        still={p: Where(Ge(z, 1), p, Integer(0)) for z, p in faces.items()} | {z: z for z in faces},
    )
    return _without(tie_finite(around), faces)


def _sources(row: Sequence[int], axes: Sequence[Symbol]) -> set[Symbol]:
    return {axes[q] for q, x in enumerate(row) if x}


def _without(tie: Tie, faces: Mapping[Symbol, Symbol]) -> Tie:
    """The same without the letters that tell whether a difference is 0."""
    return replace(
        tie,
        orbit=tuple((p, _told(e, faces)) for p, e in tie.orbit if p not in faces),
        orbits=tuple(part for piece in tie.orbits for part in _on_faces(piece, faces)),
        free=_told(tie.free, faces),
        representative={p: _told(e, faces) for p, e in tie.representative.items() if p not in faces},
        sign=_told(tie.sign, faces),
        sign_back=_told(tie.sign_back, faces),
        kept=_told(tie.kept, faces),
    )


def _on_faces(piece: Polyhedron, faces: Mapping[Symbol, Symbol]) -> Iterator[Polyhedron]:
    """The points of a polyhedron on each face, told by the differences themselves."""
    for values in product((0, 1), repeat=len(faces)):
        at = dict(zip(faces, map(Integer, values), strict=True))
        own = Polyhedron.of(*(Ge(faces[z], 1) if v else Eq(faces[z], 0) for z, v in at.items()))
        part = piece.substitute(at) & own
        if not part.is_empty():
            yield part


def _told(e: Any, faces: Mapping[Symbol, Symbol]) -> Any:
    """Conditions and numbers in those letters, by the differences themselves."""
    for z, p in faces.items():
        conditions = {r: _either(r.xreplace({z: Integer(1)}), r.xreplace({z: Integer(0)}), p) for r in _relations(e, z)}
        e = e.xreplace(conditions).xreplace({z: Where(Ge(p, 1), Integer(1), Integer(0))})
    return e


def _relations(e: Any, z: Symbol) -> list[Any]:
    return [r for r in e.atoms(Relational) if r.has(z)]


def _either(there: Any, at_0: Any, p: Symbol) -> Any:
    """One condition where a difference is from 1 on, another where it is 0."""
    if (there, at_0) == (true, false):
        return Ge(p, 1)
    if (there, at_0) == (false, true):
        return Le(p, 0)
    return Or(And(Ge(p, 1), there), And(Le(p, 0), at_0))
