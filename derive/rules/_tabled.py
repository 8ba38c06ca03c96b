"""Ties by tables: for elements that move places as tables say, at numeric sizes.

    Σ_k W[o, k]·X[k]   ⟶   Σ_k S[o, k]·V[T[o, k]]·X[k]

T numbers the orbits of pairs, S says with which sign an entry is its orbit's, 0 where a sign forces it to vanish. Channels that no
element moves stay: V[T[o, k], d, c] has as many entries an orbit as there are pairs of channels. After a mask only the orbits
inside it are numbered, and every element must carry the mask onto itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from sympy import And, Expr, Integer, Mul, Symbol, false, true

from derive.errors import OrbitCut, RuleRefused
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Read, index
from derive.forms.form import Array, Axis, Edge, Form, Param, Role, Table
from derive.forms.notation import UNICODE
from derive.groups._finite import PairOrbits, Representation, lost_by, pair_orbits, point_orbits, preserving
from derive.groups._group import Element, Group, Tabled
from derive.proof.step import ArrayMap, Clause, Kind, Step, SubStep
from derive.rules._maps import same_letters

__all__ = ["laws", "renumbered", "surviving", "tied_by_tables"]


def tied_by_tables(form: Form, elements: tuple[Element, ...], tables: tuple[Table, ...], statement: str) -> Step:
    """One free weight an orbit of pairs, one free bias an orbit of places. Raises RuleRefused for a form that isn't dense."""
    _check(form, elements)
    out, source = (_acting(form, elements, tables, side) for side in (0, 1))
    moved = frozenset(a.symbol for array in (form.output, form.input) for a in _moved(elements, array))
    mask = _mask(form, elements)
    if mask is not None and (lost := lost_by(out, source, mask)):
        raise OrbitCut(_refusal(form, elements, (out, source), mask, lost[0]), form)
    ties = [_Tabled.of(form.weights[0], "V", "", pair_orbits(out, source), moved, mask)]
    ties += [_Tabled.of(p, p.name.lower(), f"_{p.name.lower()}", point_orbits(out), moved) for p in form.biases]
    weight, *biases = ties
    after = replace(
        form,
        domain=form.domain if weight.count else false,
        weight=weight.value,
        bias=biases[0].value if biases else form.bias,
        weights=weight.params,
        biases=tuple(p for b in biases for p in b.params),
        tables=tuple(t for tie in ties for t in tie.tables),
    )
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=statement,
        reason="Moving the input moves the output, so weights on one orbit are equal: one free weight an orbit.",
        before=form,
        after=after,
        embeddings=tuple(ArrayMap(t.param.name, t.param.array.symbols, t.value) for t in ties),
        sections=tuple(ArrayMap(t.name, t.box.symbols, t.base) for t in ties if t.count),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=laws(form, elements),
        argument=_argument(form, elements, weight),
        tables=tables,
    )


def laws(form: Form, elements: tuple[Element, ...]) -> tuple[Clause, ...]:
    """c(g·o, g·k) = ±c(o, k) for each element, and the same of the biases."""
    found = [_law(form, e, True) for e in elements]
    biases = [_law(form, e, False) for e in elements] if form.biases else []
    stated = any(clause.left != clause.right for clause in biases)
    return tuple(clause for clause in (*found, *(biases if stated else ())))


def _law(form: Form, element: Element, of_weights: bool) -> Clause:
    moved = {**element.out, **(element.source if of_weights else {})}
    places = UNICODE.places(moved.get(s, s) for s in form.output.symbols)
    name, signs = form.output.name, element.signs if of_weights else element.signs[:1]
    sign = "" if element.signs == (1, 1) else "±"
    says = f"{name}({element.notation} X)[{places}] = {sign}{name}(X)[{UNICODE.places(form.output.symbols)}]"
    letters = (*form.output.symbols, *(form.input.symbols if of_weights else ()))
    inside = And(form.output.holds(), And(form.input.holds(), form.domain) if of_weights else true)
    source = form.weight if of_weights else form.bias
    return Clause(
        says if of_weights else f"{says} at X = 0", letters, inside, source.xreplace(moved), Mul(*signs, source)
    )


def _check(form: Form, elements: tuple[Element, ...]) -> None:
    if not elements:
        raise RuleRefused("The group has no generators, so it states nothing.")
    moved = (a for array in (form.output, form.input) for a in _moved(elements, array))
    if not all(isinstance(e, Integer) for a in moved for e in (a.lower, a.upper)):
        raise RuleRefused("Permutations by generators need sizes that are numbers.")
    plain = (
        len(form.weights) == 1
        and form.weight == form.weights[0].array.entry(form.output.symbols + form.input.symbols)
        and form.read == form.input.symbols
        and (form.edge, form.tables) == (Edge.INSIDE, ())
        and form.domain.free_symbols <= {*form.output.symbols, *form.input.symbols}
        and all(form.bias == p.array.entry(form.output.symbols) for p in form.biases)
    )
    if not plain:
        raise RuleRefused("Permutations by generators tie the weights of a dense layer; state them first, and alone.")


def _mask(form: Form, elements: tuple[Element, ...]) -> np.ndarray | None:
    """Which pairs of moved places a term joins; None where all are. Raises RuleRefused where channels that stay decide that."""
    if form.domain == true:
        return None
    axes = [_moved(elements, array) for array in (form.output, form.input)]
    letters = [a.symbol for side in axes for a in side]
    if not form.domain.free_symbols <= set(letters):
        raise RuleRefused("Permutations by generators tie the weights of a mask of places; this one is about channels.")
    at = grid({a.symbol: (int(a.lower), int(a.upper)) for side in axes for a in side})
    shape = [prod(int(a.extent) for a in side) for side in axes]
    inside = np.broadcast_to(evaluate(form.domain, at), [int(a.extent) for side in axes for a in side])
    return np.array(inside, bool).reshape(shape)


def _refusal(
    form: Form, elements: tuple[Element, ...], sides: tuple[Representation, Representation], mask: np.ndarray, lost: int
) -> str:
    """A pair inside that is carried outside, and the largest subgroup that carries the mask onto itself."""
    out, source = sides
    rows, columns = out.codes[lost] >> 1, source.codes[lost] >> 1
    o, k = (int(e) for e in np.argwhere(mask & ~mask[np.ix_(rows, columns)])[0])
    pairs = [
        f"({form.output.name}{_place(form, elements, 0, a)}, {form.input.name}{_place(form, elements, 1, b)})"
        for a, b in ((o, k), (int(rows[o]), int(columns[k])))
    ]
    return (
        f"Rule 'equivariant' refused: the support is kept by {_named(elements, sides, mask)}, not by {elements[lost].says}: "
        f"{pairs[0]} is inside and {pairs[1]} is not."
    )


def _named(elements: tuple[Element, ...], sides: tuple[Representation, Representation], mask: np.ndarray) -> str:
    kept = preserving(sides[0], sides[1], mask)
    known = "a subgroup that has too many cosets to list"
    return known if kept is None else kept.named([e.notation for e in elements])


def surviving(form: Form, group: Group) -> str | None:
    """The largest subgroup that carries a form's mask onto itself, in words; None where there is no mask of places."""
    tables, elements = group.tables(form) if isinstance(group, Tabled) else None, group.elements(form)
    mask = _mask(form, elements)
    if tables is None or mask is None:
        return None
    return _named(elements, (_acting(form, elements, tables, 0), _acting(form, elements, tables, 1)), mask)


def _place(form: Form, elements: tuple[Element, ...], side: int, point: int) -> str:
    axes = _moved(elements, (form.output, form.input)[side])
    places = np.unravel_index(point, [int(a.extent) for a in axes]) if axes else ()
    return f"[{', '.join(str(int(p)) for p in places)}]"


def _moved(elements: tuple[Element, ...], array: Array) -> tuple[Axis, ...]:
    """The axes of places, and those channels that some element moves or gives a sign."""
    met = {s for e in elements for s in (*e.out, *e.source)}.union(*(n.free_symbols for e in elements for n in e.signs))
    return tuple(a for a in array.axes if a.role is Role.GRID or a.symbol in met)


def _acting(form: Form, elements: tuple[Element, ...], tables: tuple[Table, ...], side: int) -> Representation:
    """The elements as signed permutations of the output's places, or of the input's."""
    array = (form.output, form.input)[side]
    held = {t.name: np.array(t.values).reshape([int(e) for e in t.array.shape]) for t in tables}
    axes = _moved(elements, array)
    at = grid({a.symbol: (int(a.lower), int(a.upper)) for a in axes})
    shape = tuple(int(a.extent) for a in axes)
    rows = []
    for element in elements:
        images = (element.out, element.source)[side]
        places = [evaluate(images.get(s, s), at, lambda name, *p: held[name][p]) for s in at]
        flat = np.ravel_multi_index(places, shape) if places else np.zeros((), int)
        sign = np.broadcast_to(evaluate(element.signs[side], at, lambda name, *p: held[name][p]), shape)
        rows.append((2 * flat + (sign < 0)).ravel())
    return Representation(np.array(rows))


@dataclass(frozen=True, slots=True)
class _Tabled:
    """One parameter array before and after, with the tables between the two."""

    param: Param
    name: str
    box: Array
    count: int
    tables: tuple[Table, ...]
    value: Expr
    base: Expr

    @classmethod
    def of(
        cls,
        param: Param,
        name: str,
        mark: str,
        orbits: PairOrbits,
        moved: frozenset[Symbol],
        mask: np.ndarray | None = None,
    ) -> _Tabled:
        """`mark` keeps the names of this array's tables apart from those of another's; `mask` says which pairs count."""
        labels, signs = (part.ravel() for part in orbits.table())
        kept = np.arange(orbits.count) if mask is None else np.unique(labels[mask.ravel() & (labels >= 0)])
        labels = renumbered(labels, kept, orbits.count)
        axes = tuple(a for a in param.array.axes if a.symbol in moved)
        letters, shape = tuple(a.symbol for a in axes), tuple(int(a.extent) for a in axes)
        letter = next(s for s in (index(f"t{'_' * k}") for k in range(9)) if s not in param.array.symbols)
        axis = Axis(letter, Integer(0), Integer(len(kept) - 1))
        still = tuple(a for a in param.array.axes if a.symbol not in moved)
        box = Array(name, (axis, *still))
        if not len(kept):
            return cls(param, name, box, 0, (), Integer(0), Integer(0))
        if not axes:  # one orbit, which no table has to name
            own = tuple(a.symbol for a in still)
            return cls(param, name, Array(name, still), 1, (), Read(name, *own), param.array.entry())
        first = orbits.representatives[kept] @ np.array([orbits.source.size, 1])
        columns = np.unravel_index(first, shape) if shape else ()
        back = {s: Table(Array(f"R{mark}_{s.name}", (axis,)), _whole(c)) for s, c in zip(letters, columns, strict=True)}
        numbers = Table(Array(f"T{mark}", axes), _whole(np.maximum(labels, 0)))
        tables, value = [numbers], Read(name, numbers.array.entry(), *(a.symbol for a in still))
        if (signs != 1).any():
            tables.append(Table(Array(f"S{mark}", axes), _whole(signs)))
            value = tables[-1].array.entry() * value
        base = param.array.entry(back[s].array.entry() if s in back else s for s in param.array.symbols)
        return cls(param, name, box, len(kept), (*tables, *back.values()), value, base)

    @property
    def params(self) -> tuple[Param, ...]:
        """What is left: one entry an orbit, for each pair of channels that stay."""
        if not self.count:
            return ()
        places = dict(zip(self.param.array.symbols, self.base.subscripts, strict=True))
        return (Param(self.box, true, tuple((s, e.xreplace(places)) for s, e in self.param.reader)),)


def renumbered(labels: np.ndarray, kept: np.ndarray, count: int) -> np.ndarray:
    """The labels numbered anew from 0, those that are not kept as -1."""
    numbers = np.full(count + 1, -1)
    numbers[kept] = np.arange(len(kept))
    renamed: np.ndarray = numbers[labels]
    return renamed


def _whole(values: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, values.ravel()))


def _argument(form: Form, elements: tuple[Element, ...], weight: _Tabled) -> tuple[SubStep, ...]:
    law = _law(form, elements[0], True)
    return (
        SubStep("X = 0 but at one place leaves the coefficients of that place", law.left, law.right),
        SubStep("Number the orbits, and name each entry by its orbit's", form.weight, weight.value),
    )
