"""One parameter array before and after its entries are tied by a group, with the maps between the two and the witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import lcm
from typing import Any

from sympy import And, Eq, Expr, Integer, Mod, Not, Symbol, expand, false, true

from derive.errors import RuleRefused
from derive.forms.cases import by_cases
from derive.forms.conditions import simplified_inside, split
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.forms.polyhedron import Polyhedron
from derive.groups._group import Action, Element, Group
from derive.groups._signs import times
from derive.groups._torus import wraps
from derive.proof.step import ArrayMap, Instance, SubStep
from derive.remembered import both
from derive.rules._known import implied
from derive.rules._ranges import union_axis
from derive.rules._windows import apart_from_grid

__all__ = ["Tied", "subscripts_of"]


def subscripts_of(source: Expr) -> tuple[Expr, ...]:
    """Where the one free entry that a weight or a bias is stands. Raises RuleRefused for anything else."""
    if not isinstance(source, Read):
        raise RuleRefused(f"Rule 'equivariant' ties free entries; '{source}' is not one.")
    return source.subscripts


class Tied:
    """See the module. `after` is None where signs force every entry to be 0."""

    def __init__(self, form: Form, param: Param, group: Group, elements: tuple[Element, ...]) -> None:
        self.form, self.param, self.group, self.elements = form, param, group, elements
        self.is_weight = param in form.weights
        self.term = dict(param.reader)
        self.places = self._places()
        self.moved = tuple(self._moved(element) for element in elements)
        self.window = apart_from_grid(param, form) if self.is_weight else None
        self.tie = group.tie(self._action())
        self.after = self._after() if self._some() else None

    def _some(self) -> bool:
        """Whether signs let any entry that counts be other than 0."""
        kept = self.tie.kept
        return bool(
            kept == true or (kept != false and not implied(both(self.form.given, self.param.domain), Not(kept)))
        )

    def _places(self) -> dict[Symbol, Expr]:
        """The pair of places, or for a bias the place, that reads the entry called by its own letters."""
        places = {s: self.term[s] for s in self.form.output.symbols}
        if self.is_weight:
            reads = (e.xreplace(self.term) for e in self.form.read)
            places |= dict(zip(self.form.input.symbols, reads, strict=True))
        return places

    def _moved(self, element: Element) -> dict[Symbol, Expr]:
        """Where the element carries the entry."""
        form = self.form
        go = {s: element.out.get(s, s).xreplace(self.places) for s in form.output.symbols}
        term: dict[Symbol, Expr] = dict(go)
        if self.is_weight:
            gk = {s: element.source.get(s, s).xreplace(self.places) for s in form.input.symbols}
            term |= {s: e.xreplace(gk | go) for s, e in form.solve_read(form.input.symbols).items()}
        source = form.weight if self.is_weight else form.bias
        at_rest = (_plain(s.xreplace(self.term)) for s in subscripts_of(source))
        moved = (_plain(s.xreplace(term)) for s in subscripts_of(source))
        letters = zip(self.param.array.symbols, at_rest, moved, strict=True)
        return {p: p if there == here or self._stays(p, there) else there for p, here, there in letters}

    def _stays(self, letter: Symbol, moved: Expr) -> bool:
        """Whether an entry called by a difference that wraps around is carried to itself, as by a shift."""
        return moved.has(Where) and implied(both(self.form.given, self.param.domain), Eq(moved, letter))

    def _action(self) -> Action:
        param, given = self.param, self.form.given
        entries, rest = split(param.domain, given)
        signs = ((times(*e.signs) if self.is_weight else e.signs[0]).xreplace(self.places) for e in self.elements)
        source = subscripts_of(self.form.weight if self.is_weight else self.form.bias)
        remainders = {p: e for p, e in zip(param.array.symbols, source, strict=True) if isinstance(e, Mod)}
        few = {
            axis.symbol: (int(axis.lower), int(axis.upper))
            for axis in sorted(param.array.axes, key=lambda axis: axis.symbol not in self.form.output.symbols)
            if (axis.role is Role.CHANNEL or axis.symbol in remainders)
            and axis.lower.is_Integer
            and axis.upper.is_Integer
        }
        return Action(
            letters=param.array.symbols,
            elements=self.elements,
            moved=self.moved,
            places=self.places,
            signs=tuple(signs),
            few=few,
            periods=_periods(self.form, remainders.values()),
            wrapped=dict(self._wrapped(source)),
            entries=entries,
            window=entries if self.window is None else split(self.window.domain, given)[0],
            rest=rest,
            given=given,
            implies=lambda known, shown: implied(both(given, known), shown),
            closed=lambda: all(self._counts(moved) for moved in self.moved),
        )

    def _wrapped(self, subscripts: Iterable[Expr]) -> Iterator[tuple[Symbol, tuple[Symbol, Expr]]]:
        """The letters of differences that get the grid's size where they are less than 0, with the output's letter and the size."""
        for p, e in zip(self.param.array.symbols, subscripts, strict=True):
            if (found := wraps(self.form, e)) is not None:
                yield p, found

    def _counts(self, moved: Mapping[Symbol, Expr]) -> bool:
        """Whether the entry there counts wherever this one does."""
        return implied(And(self.form.given, self.param.domain), self.param.domain_at(moved.values()))

    def _after(self) -> Param:
        """The orbits as an array: letters that keep their values keep their range, others get that of their values."""
        base = dict(self.tie.representative)
        reader = tuple((s, e.xreplace(base)) for s, e in self.param.reader)
        whole = self._whole()
        if whole is None:
            array = Array(self._name(), self._axes())
            return Param(array, simplified_inside(self.tie.free, array.holds(), self.form.given), reader)
        known = And(whole.domain, self.form.given)
        here = simplified_inside(self.tie.free, whole.array.holds(), self.form.given)
        return replace(
            whole, free=And(whole.free, *(p for p in And.make_args(here) if not implied(known, p))), reader=reader
        )

    def _axes(self) -> tuple[Axis, ...]:
        old = {axis.symbol: axis for axis in self.param.array.axes}
        return tuple(old[name] if name == value else self._axis(name, old.get(name)) for name, value in self.tie.orbit)

    def _whole(self) -> Param | None:
        """The orbits of a window that a grid of few places holds a part of."""
        window = self.window
        if window is None or window == self.param:
            return None
        form = replace(self.form, weights=tuple(window if p == self.param else p for p in self.form.weights))
        return Tied(form, window, self.group, self.elements).after

    def _axis(self, name: Symbol, old: Axis | None) -> Axis:
        """The range of an orbit's letter over all orbits."""
        others = {n for n, _ in self.tie.orbit} - {name}
        given = Polyhedron.of(self.form.given)
        bounds = [(p & given).simplify().project(*others).simplify().bounds(name) for p in self.tie.orbits]
        return union_axis(name, bounds, self.form, Role.GRID if old is None else old.role)

    def _name(self) -> str:
        if not self.is_weight:
            return self.param.name.lower()
        return "V" if self.param.name == "W" else self.param.name

    @property
    def params(self) -> tuple[Param, ...]:
        """What is left: one array, or none."""
        return () if self.after is None else (self.after,)

    @property
    def embedding(self) -> ArrayMap:
        """Every entry in terms of its orbit's."""
        value = Integer(0) if self.after is None else Where(self.tie.kept, self._entry())
        return ArrayMap(self.param.name, self.param.array.symbols, value)

    @property
    def sections(self) -> tuple[ArrayMap, ...]:
        """Every orbit's entry in terms of its representative."""
        if self.after is None:
            return ()
        return (ArrayMap(self.after.name, self.after.array.symbols, self._base()),)

    def _base(self) -> Expr:
        base = [self.tie.representative[s] for s in self.param.array.symbols]
        return times(self.tie.sign_back, self.param.array.entry(base))

    def moved_read(self, source: Expr) -> Expr:
        """What the first element carries a weight or bias that a term reads to."""
        at = dict(zip(self.param.array.symbols, subscripts_of(source), strict=True))
        return self.param.array.entry(e.xreplace(at) for e in self.moved[0].values())

    @property
    def named(self) -> tuple[SubStep, ...]:
        """The last lines of an argument: from an entry to its representative, and the orbit's name."""
        if self.after is None:
            return ()
        entry, base = self.param.array.entry(), by_cases(self._base(), self.after.array.holds(), self.form.given)
        primed = {name: Symbol(f"{name}_", integer=True) for name, value in self.tie.orbit if name != value}
        orbit, where = (primed, self.tie.orbit) if base.has(Where) else (dict(self.tie.orbit), ())
        news = tuple((primed[name], value) for name, value in where if name in primed)
        return (
            SubStep("Carry every entry to the representative of its orbit", entry, base.xreplace(orbit), news),
            SubStep("Name the orbit", base, self.after.array.entry()),
        )

    def _entry(self) -> Expr:
        assert self.after is not None
        return times(self.tie.sign, self.after.array.entry(value for _, value in self.tie.orbit))

    def tied(self, source: Expr) -> Expr:
        """The weight or bias in terms of what is left."""
        if self.after is None:
            return Integer(0)
        at = dict(zip(self.param.array.symbols, subscripts_of(source), strict=True))
        return self._entry().xreplace(at)

    def kept(self, source: Expr) -> Any:
        """Where the weight is not forced to be 0."""
        at = dict(zip(self.param.array.symbols, subscripts_of(source), strict=True))
        return self.tie.kept.xreplace(at)

    def instances(self, first: int) -> tuple[Instance, ...]:
        """The clauses, those of the elements from number `first` on, that carry the entry to its representative."""
        found = []
        for number, carry in self.tie.carries:
            values = self.places | {s: carry.get(s, 0 * s) for s in self.elements[number].letters}
            values |= {s: carry[s] for s in self.places if s in carry}
            found.append(Instance(self.param.name, first + number, tuple(values.items())))
        return tuple(found)


def _plain(subscript: Expr) -> Expr:
    """The subscript multiplied out, remainders without multiples of what they are by: (2t - i) mod 2 is -i mod 2."""

    def less(top: Expr, by: Expr) -> Expr:
        if isinstance(top, Where):
            return Where(top.args[0], less(top.args[1], by), less(top.args[2], by))
        terms = expand(top).as_coefficients_dict()
        whole = by.is_Integer and all(c.is_Integer and t.is_integer for t, c in terms.items())
        return Mod(sum((c % by * t for t, c in terms.items()), start=Integer(0)), by) if whole else Mod(top, by)

    return expand(subscript).replace(Mod, less)


def _periods(form: Form, remainders: Iterable[Mod]) -> dict[Symbol, int]:
    """By which remainder of an output's letter an entry is called, for each letter of which it is."""
    found: dict[Symbol, int] = {}
    for top, by in (e.args for e in remainders):
        for s in form.output.symbols:
            if by.is_Integer and top.coeff(s) in (1, -1):
                found[s] = lcm(found.get(s, 1), int(by))
    return found
