"""How many layers a window has whose places read beyond an edge: the rank of V ↦ W, at every size.

    Σ_{|a| ≤ Δ} V[a]·X[(i + a) mod n]     ⟶   min(2Δ + 1, n)
    Σ_{|a| ≤ Δ} V[|a|]·X[(i + a) mod n]   ⟶   min(Δ, ⌊n/2⌋) + 1

Along one axis the entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n. On a box of such axes W is the tensor
product of theirs; on some of its faces, such as a cross, that of functions that along the other axes are 0 but at 0. Where a group
of signed permutations ties entries, V is a sum over orbits of such products: see `kinds` and `orbits`. Of diamonds see `diamonds`;
of zero and nearest edges `inside`, which is about all of these windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import And, Expr, Ge, Le, Mul, Not, Or, Symbol, expand, factor, true

from derive.errors import TextError
from derive.forms.expr import Read
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.proof.diamonds import Diamond, diamond_of, seen_of_diamond
from derive.proof.goal import Goal, Status
from derive.proof.hexagons import Hexagon, hexagon_of, read_of_hexagon
from derive.proof.inside import Inside, read_inside
from derive.proof.kinds import Kinds, all_seen, kinds_of
from derive.proof.lines import Line
from derive.proof.orbits import Element, Kind, orbits
from derive.proof.sides import BETWEEN_ENDS
from derive.proof.solver import decide
from derive.proof.ties import Supports, supports_of, symmetries
from derive.proof.ways import Way, chosen, ways
from derive.remembered import text

__all__ = ["layers_beyond", "layers_inside"]


@dataclass(frozen=True, slots=True)
class _Window:
    """Axes, the group that ties entries, which axes' letters may be other than 0 together, and how many such windows there are.

    In place of the axes' letters there is a `diamond` or a `hexagon` that they may be in; a hexagon has a group of its own.
    """

    lines: tuple[Line, ...]
    group: tuple[Element, ...]
    supports: Supports
    copies: Expr
    diamond: Diamond | None = None
    hexagon: Hexagon | None = None

    def allows(self, some: frozenset[int]) -> bool:
        return any(some <= largest for largest in self.supports)

    @property
    def edge(self) -> str:
        return self.lines[0].edge

    @property
    def is_box(self) -> bool:
        return self.allows(frozenset(range(len(self.lines))))

    def exchanged(self) -> list[dict[int, Line]]:
        """The axes, those together that the group exchanges."""
        classes = {frozenset(places[k] for places, _ in self.group) for k in range(len(self.lines))}
        return [{k: self.lines[k] for k in sorted(some)} for some in sorted(classes, key=min)]

    def kinds(self, lines: Mapping[int, Line]) -> Kinds | None:
        turned, alone = (all(map(test, lines)) for test in (self.is_turned, self.is_turned_alone))
        return kinds_of(lines, turned, alone, split=int(not self.is_box))

    def is_turned(self, axis: int) -> bool:
        return any(signs[axis] < 0 for _, signs in self.group)

    def is_turned_alone(self, axis: int) -> bool:
        same = tuple(range(len(self.lines)))
        return (same, tuple(-1 if k == axis else 1 for k in same)) in self.group


def layers_beyond(form: Form) -> tuple[Expr | None, Any] | None:
    """How many numbers W determines of a window on a box or its faces, and the exact condition that these are all.

    Of zero edges see `layers_inside`. Behind nearest edges there is a number unless axes that a group exchanges have ends that are
    compared in very many ways. Behind others there is none where it exchanges axes that are read in three ways; nor in two ways,
    where it turns them only together and every so many places behind symmetric edges are kept. None for another form, a window that
    lacks the place itself, and where the condition isn't known either, as for diamonds behind these others whose axes a group
    exchanges that are read in two ways, or turns only together as above.
    """
    window = _window(form)
    if window is None or window.edge == "zero":
        return None
    if window.edge in BETWEEN_ENDS:
        inside = _between_ends(window, form)
        return inside.read, inside.when
    if window.diamond is not None:
        seen = seen_of_diamond(window.group, window.lines, window.diamond)
        return None if seen is None else (window.copies * seen[0], And(*_needed(form, seen[1])))
    classes = window.exchanged()
    found = [window.kinds(lines) for lines in classes]
    number, clauses = None, None
    if all(kinds is not None for kinds in found):
        known = [kinds for kinds in found if kinds is not None]
        number, clauses = orbits(window.group, _by_axis(classes, [kinds.kinds for kinds in known]), window.allows)
        number = factor(expand(number.xreplace({s: e for kinds in known for s, e in kinds.letters.items()})))
        number = window.copies * number.xreplace({s: e for kinds in known for s, e in kinds.values.items()})
    clauses = _clauses(window, classes, found) or clauses
    return None if clauses is None else (number, And(*_needed(form, clauses)))


def layers_inside(form: Form) -> Inside | None:
    """Of a window on a box, its faces or a diamond, with zero edges: how many orbits are read and how many there are.

    With the exact condition that these are as many. None for another form, and a window that lacks the place itself.
    """
    window = _window(form)
    return _between_ends(window, form) if window is not None and window.edge == "zero" else None


def _between_ends(window: _Window, form: Form) -> Inside:
    if window.hexagon is not None:
        read, orbits, clauses = read_of_hexagon(window.hexagon, window.lines, form.given)
    else:
        read, orbits, clauses = read_inside(window.group, window.lines, window.supports, window.diamond, form.given)
    plain = window.is_box and len(window.group) == 1
    read = None if read is None else window.copies * read
    return Inside(read, window.copies * orbits, And(*_needed(form, clauses)), plain)


def _by_axis(classes: Sequence[Mapping[int, Line]], kinds: Sequence[tuple[Kind, ...]]) -> list[tuple[Kind, ...]]:
    found = {k: those for lines, those in zip(classes, kinds, strict=True) for k in lines}
    return [found[k] for k in sorted(found)]


def _clauses(window: _Window, classes: Sequence[dict[int, Line]], found: Sequence[Kinds | None]) -> list[Any] | None:
    """When all are seen of a box of which one set of axes is read differently and exchanged, with nothing seen twice."""
    mixed = [k for k, lines in enumerate(classes) if len(set(lines.values())) > 1]
    if len(mixed) != 1 or not window.is_box:
        return None
    (place,) = mixed
    lines = classes[place]
    alone = all(map(window.is_turned_alone, lines))
    strided = any(line.stride > 1 and line.edge != "periodic" for line in lines.values())
    others = [kinds.kinds for k, kinds in enumerate(found) if kinds is not None and k != place]
    if not all(map(window.is_turned, lines)) or (strided and not alone) or len(others) < len(classes) - 1:
        return None

    def clauses(own: tuple[Kind, ...]) -> list[Any]:
        every = [*others[:place], own, *others[place:]]
        return orbits(window.group, _by_axis(classes, every), window.allows)[1]

    return all_seen(lines, alone, clauses)


def _needed(form: Form, clauses: Sequence[Any]) -> list[Any]:
    """The conditions without those that follow from the others, and without alternatives that no size meets."""
    left = list(dict.fromkeys(_possible(form, clause) for clause in clauses))
    for clause in sorted(left, key=lambda part: (-part.count_ops(), text(part))) if len(left) > 1 else ():
        others = [other for other in left if other != clause]
        if _follows(clause, form.given, *others):
            left = others
    return left


def _possible(form: Form, clause: Any) -> Any:
    alternatives = Or.make_args(clause)
    if len(alternatives) == 1:
        return clause
    return Or(*(one for one in alternatives if not _follows(Not(one), form.given)))


def _follows(condition: Any, *known: Any) -> bool:
    """Whether it is found to; what has no text for a solver, such as half of an even size, is not."""
    try:
        return decide(Goal(known, condition).smt) is Status.PROVED
    except TextError:
        return False


def _window(form: Form) -> _Window | None:
    read, domain = ways(form), chosen(form)
    (param,) = form.weights if len(form.weights) == 1 else (None,)
    if not read or domain is None or param is None or param.data or not isinstance(form.weight, Read):
        return None
    lines: dict[Symbol, Line] = {}
    for way in read:
        found = _line(form, way)
        if found is None or found[0] in lines:
            return None
        lines[found[0]] = found[1]
    if not Polyhedron.of(form.given).implies(And(*(And(Le(x.low, 0), Ge(x.high, 0)) for x in lines.values()))):
        return None
    pairs = list(zip(form.weight.subscripts, param.array.axes, strict=True))
    names = [e for e, _ in pairs if e.free_symbols & set(lines)]
    others = {e: axis for e, axis in pairs if e.is_Symbol and e not in lines}
    seen = {form.output.symbols[p] for p in range(len(form.output.axes)) if p not in form.grid(form.output)}
    seen |= {e for q, e in enumerate(form.read) if q not in form.grid(form.input)}
    apart = len(names) + len(others) == len(pairs) and set(others) <= seen
    if not apart or not set(form.reduction_symbols) <= {*lines, *others} or domain.free_symbols & set(others):
        return None
    ends = {axis.symbol: (axis.lower, axis.upper) for axis in form.reduction}
    ends = {s: ends[s] for s in lines}
    numbers = all(e.is_Integer for pair in ends.values() for e in pair)
    plain = domain == true and sorted(map(str, names)) == sorted(map(str, lines))
    if numbers and not plain:
        return None
    forwards = [1 if way.shift.coeff(s) > 0 else -1 for way, s in zip(read, lines, strict=True)]
    hexagon = None
    try:
        supports = supports_of(form.given, ends, domain)
        diamond = diamond_of(form.given, ends, domain) if supports is None else None
        group = symmetries(form.given, ends, domain, names) if supports or diamond else None
        if group is None and read[0].edge == "zero":
            hexagon = hexagon_of(form.given, ends, domain, names, forwards)
    except TextError:  # a mask that no solver reads, such as one of squares
        return None
    if group is None and hexagon is None:
        return None
    copies = Mul(*(axis.extent for axis in others.values()))
    group = _along(group or (), forwards)
    return _Window(tuple(lines.values()), group, supports or frozenset(), copies, diamond, hexagon)


def _along(group: Sequence[Element], forwards: Sequence[int]) -> tuple[Element, ...]:
    """What the group does to places, some of which go backwards as the letters go forwards."""
    return tuple(
        (
            places,
            tuple(sign * forwards[k] * forwards[at] for k, (at, sign) in enumerate(zip(places, signs, strict=True))),
        )
        for places, signs in group
    )


def _line(form: Form, way: Way) -> tuple[Symbol, Line] | None:
    """An axis along which one letter of the sum steps evenly; the line has its step forwards."""
    letters = [axis for axis in form.reduction if axis.symbol in way.shift.free_symbols]
    (axis,) = letters if len(letters) == 1 else (None,)
    if axis is None:
        return None
    step = way.shift.coeff(axis.symbol)
    if not step.is_Integer or way.shift != step * axis.symbol:
        return None
    low, high = (axis.lower, axis.upper) if step > 0 else (expand(-axis.upper), expand(-axis.lower))
    return axis.symbol, Line(way.edge, low, high, abs(int(step)), way.stride, way.extent)
