"""How many layers a window has whose places read beyond an edge: the rank of V ↦ W, at every size.

    Σ_{|a| ≤ Δ} V[a]·X[(i + a) mod n]     ⟶   min(2Δ + 1, n)
    Σ_{|a| ≤ Δ} V[|a|]·X[(i + a) mod n]   ⟶   min(Δ, ⌊n/2⌋) + 1

Along one axis the entry a reads e(s·o + d·a) at the places o = 0, 1, ... with s·o < n. On a box of such axes W is the tensor
product of theirs; on some of its faces, such as a cross, that of functions that along the other axes are 0 but at 0. Where a group
of signed permutations ties entries, V is a sum over orbits of such products: see `kinds` and `orbits`. Of diamonds see `diamonds`,
of hexagons `residues`; of zero and nearest edges `inside`, which is about boxes, faces and diamonds, and `hexagons`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sympy import And, Eq, Expr, Ge, Integer, Le, Mul, Not, Or, S, Symbol, expand, factor, true

from derive.errors import TextError
from derive.forms.expr import Read, Where
from derive.forms.form import Form
from derive.forms.polyhedron import Polyhedron
from derive.forms.products import weighted
from derive.proof.diamonds import Diamond, diamond_of, seen_of_diamond
from derive.proof.dimension import Dimension
from derive.proof.goal import Goal, Status
from derive.proof.hexagons import Hexagon, hexagon_of, read_of_hexagon
from derive.proof.inside import Inside, read_inside
from derive.proof.kinds import Kinds, all_seen, kinds_of
from derive.proof.lines import Line
from derive.proof.orbits import Element, Kind, orbits
from derive.proof.quarters import without_stride
from derive.proof.residues import seen_of_hexagon
from derive.proof.sides import BETWEEN_ENDS
from derive.proof.solver import decide
from derive.proof.ties import Ends, Supports, forced, supports_of, symmetries
from derive.proof.ways import Way, chosen, ways
from derive.remembered import text

__all__ = ["layers_beyond", "layers_inside"]


@dataclass(frozen=True, slots=True)
class _Window:
    """Axes, the group that ties entries up to signs, which axes' letters may be other than 0 together, and how many windows so.

    In place of the axes' letters there is a `diamond` or a `hexagon` that they may be in; a hexagon has a group of its own.
    """

    lines: tuple[Line, ...]
    group: Mapping[Element, int]
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
        alone = {self.turns_alone(axis) for axis in lines}
        turned = all(map(self.is_turned, lines))
        return kinds_of(lines, turned, alone.pop() if len(alone) == 1 else 0, split=int(not self.is_box))

    def is_turned(self, axis: int) -> bool:
        return any(signs[axis] < 0 for _, signs in self.group)

    def turns_alone(self, axis: int) -> int:
        """The sign that the reflection of an axis by itself gives; 0 where it isn't in the group."""
        same = tuple(range(len(self.lines)))
        return self.group.get((same, tuple(-1 if k == axis else 1 for k in same)), 0)

    @property
    def is_unknown(self) -> bool:
        """Whether it is a hexagon between ends whose entries change their signs."""
        return self.hexagon is not None and bool(self.hexagon.signs) and self.edge in BETWEEN_ENDS

    @property
    def is_signed(self) -> bool:
        return min(self.group.values(), default=1) < 0

    @property
    def has_corners(self) -> bool:
        """Whether no element that changes the sign keeps the largest offset along the axes of a support."""
        corners = [tuple(int(k in some) for k in range(len(self.lines))) for some in self.supports]
        changing = [element for element, sign in self.group.items() if sign < 0]
        kept = (
            all(corner[place] == sign * x for x, place, sign in zip(corner, *element, strict=True))
            for corner, element in product(corners, changing)
        )
        return not any(kept) and (self.diamond is None or not self.is_signed)


def layers_beyond(form: Form) -> tuple[Expr | None, Any] | None:
    """How many numbers W determines of a window on a box or its faces, and the exact condition that these are all.

    The condition is None, and no other than that both numbers are equal, where entries change their signs along exchanged axes that
    are read differently, or in a diamond.

    Of zero edges see `layers_inside`. Behind nearest edges there is a number unless axes that a group exchanges have ends that are
    compared in very many ways; behind others there is none where it exchanges axes that are read in three ways, nor in two ways,
    where it turns them only together and every so many places behind symmetric edges are kept, but see `quarters`. None for another
    form, a window
    that lacks the place itself, and where the condition isn't known either: as for diamonds behind these others whose axes a group
    exchanges that are read in two ways, or turns only together as above; for hexagons see `read_of_hexagon` and
    `seen_of_hexagon`, by which the condition may ask for more than it must where there is no number.
    """
    window = _window(form)
    if window is None or window.edge == "zero" or window.is_unknown:
        return None
    if window.edge in BETWEEN_ENDS:
        inside = _between_ends(window, form)
        return inside.read, inside.when
    if window.hexagon is not None:
        apart = seen_of_hexagon(window.hexagon, window.lines, Dimension.of(form, "weights") / window.copies)
        if apart is None:
            return None
        return None if apart[0] is None else window.copies * apart[0], _all(form, apart[1])
    if window.diamond is not None:
        seen = seen_of_diamond(window.group, window.lines, window.diamond)
        return None if seen is None else (window.copies * seen[0], _all(form, seen[1]))
    return _of_products(window, form)


def _of_products(window: _Window, form: Form) -> tuple[Expr | None, Any] | None:
    """The same of a box or its faces, by orbits of products of functions along the axes."""
    whole = without_stride(window.group, window.lines) if window.is_box else None
    lines, fewer = (window.lines, Integer(0)) if whole is None else whole
    window = replace(window, lines=lines)
    classes = window.exchanged()
    found = [window.kinds(lines) for lines in classes]
    number, clauses = None, None
    if all(kinds is not None for kinds in found):
        known = [kinds for kinds in found if kinds is not None]
        number, clauses = orbits(window.group, _by_axis(classes, [kinds.kinds for kinds in known]), window.allows)
        number = factor(expand(number.xreplace({s: e for kinds in known for s, e in kinds.letters.items()})))
        number = window.copies * (number.xreplace({s: e for kinds in known for s, e in kinds.values.items()}) - fewer)
    if window.is_signed and any(len(set(lines.values())) > 1 for lines in classes):
        clauses = None
    elif not window.is_signed:
        clauses = _clauses(window, classes, found) or clauses
    return None if number is None and clauses is None else (number, _all(form, clauses))


def _all(form: Form, clauses: Sequence[Any] | None) -> Any:
    """That all of these hold, in few words; None where they aren't known."""
    return None if clauses is None else And(*_needed(form, clauses))


def layers_inside(form: Form) -> Inside | None:
    """Of a window on a box, its faces or a diamond, with zero edges: how many orbits are read and how many there are.

    With the exact condition that these are as many. None for another form, and a window that lacks the place itself.
    """
    window = _window(form)
    known = window is not None and window.edge == "zero" and not window.is_unknown
    return _between_ends(window, form) if window is not None and known else None


def _between_ends(window: _Window, form: Form) -> Inside:
    if window.hexagon is not None:
        read, orbits, clauses = read_of_hexagon(window.hexagon, window.lines, form.given)
    else:
        read, orbits, clauses = read_inside(window.group, window.lines, window.supports, window.diamond, form.given)
    plain = window.is_box and len(window.group) == 1
    read = None if read is None else window.copies * read
    orbits = window.copies * orbits
    when = _all(form, clauses) if window.has_corners or read is None else Eq(read, orbits)
    return Inside(read, orbits, when, plain)


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
    alone = all(map(window.turns_alone, lines))
    strided = any(line.stride > 1 and line.edge != "periodic" for line in lines.values())
    others = [kinds.kinds for k, kinds in enumerate(found) if kinds is not None and k != place]
    if not all(map(window.is_turned, lines)) or (strided and not alone) or len(others) < len(classes) - 1:
        return None

    def clauses(own: tuple[Kind, ...]) -> list[Any]:
        every = [*others[:place], own, *others[place:]]
        return orbits(window.group, _by_axis(classes, every), window.allows)[1]

    return all_seen(lines, alone, clauses)


def _needed(form: Form, clauses: Sequence[Any]) -> list[Any]:
    """The conditions without those that follow from the others, and without alternatives that no size meets, or others include."""
    left = list(dict.fromkeys(_possible(form, clause) for clause in clauses))
    for clause in sorted(left, key=lambda part: (-part.count_ops(), text(part))) if len(left) > 1 else ():
        others = [other for other in left if other != clause]
        if _follows(clause, form.given, *others):
            left = others
    return [_shortest(form, clause, left) for clause in left] if len(left) > 1 else left


def _shortest(form: Form, clause: Any, every: Sequence[Any]) -> Any:
    """A condition without those alternatives that, where all of these hold, are met where others of it are."""
    kept = list(Or.make_args(clause))
    for one in sorted(kept, key=lambda part: (-part.count_ops(), text(part))):
        rest = [other for other in kept if other != one]
        if rest and _follows(Or(*rest), form.given, *every, one):
            kept = rest
    return Or(*kept)


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
    if not read or domain is None or param is None or param.data:
        return None
    entry, sign = _signed(form)
    if entry is None:
        return None
    lines = _lines(form, read)
    if lines is None:
        return None
    pairs = list(zip(entry.subscripts, param.array.axes, strict=True))
    names = [e for e, _ in pairs if e.free_symbols & set(lines)]
    others = {e: axis for e, axis in pairs if e.is_Symbol and e not in lines}
    seen = {form.output.symbols[p] for p in range(len(form.output.axes)) if p not in form.grid(form.output)}
    seen |= {e for q, e in enumerate(form.read) if q not in form.grid(form.input)}
    apart = len(names) + len(others) == len(pairs) and set(others) <= seen
    single = {axis.symbol for axis in form.reduction if axis.extent == 1}
    if not apart or not set(form.reduction_symbols) <= {*lines, *others, *single} or domain.free_symbols & set(others):
        return None
    ends = {axis.symbol: (axis.lower, axis.upper) for axis in form.reduction}
    ends = {s: ends[s] for s in lines}
    numbers = all(e.is_Integer for pair in ends.values() for e in pair)
    plain = domain == true and sorted(map(str, names)) == sorted(map(str, lines))
    if numbers and not plain:
        return None
    copies = Mul(*(axis.extent for axis in others.values()))
    forwards = [1 if way.shift.coeff(s) > 0 else -1 for way, s in zip(read, lines, strict=True)]
    try:
        return _shaped(form, ends, domain, (names, sign), forwards, tuple(lines.values()), copies)
    except TextError:  # a mask that no solver reads, such as one of squares
        return None


def _lines(form: Form, read: Sequence[Way]) -> dict[Symbol, Line] | None:
    """Every axis by the letter of the sum that steps along it; None for other ones, and a window that lacks the place itself."""
    lines: dict[Symbol, Line] = {}
    for way in read:
        found = _line(form, way)
        if found is None or found[0] in lines:
            return None
        lines[found[0]] = found[1]
    central = And(*(And(Le(x.low, 0), Ge(x.high, 0)) for x in lines.values()))
    return lines if Polyhedron.of(form.given).implies(central) else None


def _shaped(
    form: Form,
    ends: Ends,
    domain: Any,
    called: tuple[Sequence[Expr], Expr],
    forwards: Sequence[int],
    lines: tuple[Line, ...],
    copies: Expr,
) -> _Window | None:
    """The window by what its letters may be together and what ties its entries; None for another shape."""
    names, sign = called
    group = symmetries(form.given, ends, domain, names, sign)
    zero = forced(ends, group or {})
    supports = supports_of(form.given, ends, Or(domain, zero))
    diamond = diamond_of(form.given, ends, domain, zero) if supports is None else None
    if group is not None and (supports or diamond):
        return _Window(lines, _along(group, forwards), supports or frozenset(), copies, diamond)
    hexagon = hexagon_of(form.given, ends, domain, called, forwards)
    return None if hexagon is None else _Window(lines, {}, frozenset(), copies, hexagon=hexagon)


def _signed(form: Form) -> tuple[Read | None, Expr]:
    """The one entry that a weight is, with its sign."""
    found = weighted(form.weight)
    if found is None or len(found.factors) != 1 or not _is_sign(found.times):
        return None, S.One
    return found.factors[0], found.times


def _is_sign(value: Expr) -> bool:
    return all(map(_is_sign, value.args[1:])) if isinstance(value, Where) else value in (1, -1)


def _along(group: Mapping[Element, int], forwards: Sequence[int]) -> dict[Element, int]:
    """What the group does to places, some of which go backwards as the letters go forwards."""
    return {
        (
            places,
            tuple(sign * forwards[k] * forwards[at] for k, (at, sign) in enumerate(zip(places, signs, strict=True))),
        ): character
        for (places, signs), character in group.items()
    }


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
