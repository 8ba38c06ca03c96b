"""The same layer at some of its places: what strides and whole windows share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from types import MappingProxyType
from typing import Any

from sympy import Abs, And, Eq, Expr, Ge, Integer, Max, Min, Mod, Or, Symbol, ceiling, expand, floor, igcd, true

from derive.errors import RuleRefused
from derive.forms.branches import branches
from derive.forms.conditions import pieces, regardless, simplified, split
from derive.forms.expr import Read, Where
from derive.forms.form import Array, Axis, Form, Param, Role
from derive.forms.polyhedron import NotAffine
from derive.forms.products import product_of
from derive.forms.quotients import rounded
from derive.remembered import replaced, text
from derive.rules._images import mirrored
from derive.rules._known import implied
from derive.rules._taps import read_taps

__all__ = ["read_by", "selected", "ties_remainders"]

Letters = Mapping[Symbol, Expr]
Reading = tuple[tuple[Any, ...], Letters]


def selected(form: Form, places: Letters, first: Letters, axes: tuple[Axis, ...], given: Any) -> Form:
    """The form at `places` of an output of these axes; `first` gives the new place at or after an old one."""
    output = Array(form.output.name, axes)
    known = [output.holds(), given, *(axis.holds() for axis in form.reduction)]
    after = replace(
        form,
        output=output,
        read=tuple(expand(e.xreplace(places)) for e in form.read),
        domain=simplified(And(form.terms.xreplace(places), output.holds()), *known),
        weight=form.weight.xreplace(places),
        bias=form.bias.xreplace(places),
        given=given,
    )
    live = after.live
    factors = product_of(after.weight) or {}
    sources = {p.name: factors.get(p.name, after.weight) for p in form.weights}
    weights = tuple(p if p.data else read_by(p, after, sources[p.name], live, first, places) for p in form.weights)
    biases = tuple(read_by(p, after, after.bias, output.holds(), first) for p in form.biases)
    return replace(after, weights=weights, biases=biases)


def read_by(
    param: Param, after: Form, source: Expr, inside: Any, first: Letters, places: Letters = MappingProxyType({})
) -> Param:
    """The entries that a selected place reads still, each by the first such place from the one that read it.

    An entry that a symmetry ties to others is read by their taps too: one of those may be at a selected place.
    """
    entry = _entry(source)
    if entry is None:
        raise RuleRefused(f"Places are selected of a layer whose weights are free entries; '{source}' is not one.")
    source = entry
    named = _named(param, after)
    known = And(param.array.holds(), after.given)
    mine = simplified(named, param.array.holds(), after.given)
    options: list[tuple[Any, Letters]] = []
    for own, at in _readings(param, source, after, inside, first, places):
        live = simplified(And(replaced(inside, at), *own), param.array.holds(), after.given, *_affine(named))
        live = _without_bent(live, And(known, *_affine(named), param.free if param.free in own else true))
        if not options or not implied(And(known, mine, live), Or(*(found for found, _ in options))):
            options.append((live, at))
        if implied(And(known, mine), Or(*(found for found, _ in options))):
            break
    if not options:
        raise RuleRefused(
            f"The entries of {param.name} repeat along the grid by cases, and no kept place is known that reads each of them; "
            f"select places before the adjoint."
        )
    _check_phases(param, source, options[0][1], after)
    some = Or(*(live for live, _ in options))
    free = mine if implied(And(known, mine), some) else And(mine, some)
    reader = {s: options[-1][1][s] for s, _ in param.reader}
    for live, at in reversed(options[:-1]):
        reader = {s: Where(live, at[s], e) for s, e in reader.items()}
    return replace(param, free=free, reader=tuple(reader.items()))


def _entry(source: Expr) -> Read | None:
    """The one free entry that a weight is, or of which a representation's signs make it; None for anything else."""
    if isinstance(source, Where):
        one, other = (_entry(value) for value in source.args[1:])
        return one if one == other else None
    plain = -source if source.is_Mul and source.args[0] == -1 else source
    return plain if isinstance(plain, Read) else None


def _readings(
    param: Param, source: Read, after: Form, inside: Any, first: Letters, places: Letters
) -> Iterator[Reading]:
    """The terms that may read an entry, with what makes them read it: those of the old reader's cases, then mirrored ones."""
    known = And(param.array.holds(), after.given, _named(param, after))
    read = {s: _chosen(e, known) for s, e in param.reader}
    cases = [dict(at) for at in dict.fromkeys(tuple(at.items()) for _, at in branches(read))]
    if ties_remainders(source):
        yield from _elsewhere(param, source, cases[0], inside, first)
        return
    taps = read_taps(param, source, after, cases, _named(param, after))
    for term, tap in chain(((case, {}) for case in cases), ((cases[0], tap) for tap in taps)):
        at = {s: replaced(e, tap) if e.free_symbols else tap.get(s, e) for s, e in term.items()}
        at |= {s: _at(first[s], s, e) for s, e in at.items() if s in first}
        found = _of_phase(param, source, at)
        at = {s: replaced(e, _moved(term, found, places)) if s not in found else found[s] for s, e in at.items()}
        at |= _following(param, source, at, after)
        hit = _named_by((replaced(e, at) for e in source.subscripts), param)
        yield (() if tap else (param.free, hit)), at
    lowest = {s: split(inside)[0].bounds(s)[0] for s in first}
    at = cases[0] | {a.symbol: a.symbol for a in param.array.axes if a.symbol in cases[0]}
    at |= {s: Max(*low) for s, low in lowest.items() if low and s not in param.array.symbols}
    yield (param.free, _named_by((replaced(e, at) for e in source.subscripts), param)), at


@dataclass(frozen=True, slots=True)
class _Phase:
    """By which remainder an entry is called: its letter is c·((r·s + d) mod p) + e for a kept place s, with d of `sizes` alone."""

    letter: Symbol
    remainder: Mod
    factor: Expr
    added: Expr
    sizes: frozenset[Symbol]

    @classmethod
    def of(cls, letter: Symbol, subscript: Expr, letters: Iterable[Symbol]) -> _Phase | None:
        """None for a subscript without one remainder by a number."""
        found = subscript.atoms(Mod)
        if len(found) != 1 or not (remainder := found.pop()).args[1].is_Integer:
            return None
        factor = subscript.coeff(remainder)
        added = expand(subscript - factor * remainder)
        sizes = remainder.free_symbols.difference(letters)
        told = factor.is_Integer and factor > 0 and added.is_Integer
        return cls(letter, remainder, factor, added, frozenset(sizes)) if told else None

    def steps(self, s: Symbol, wanted: Expr) -> tuple[Expr, Expr, int]:
        """The multiple of the place, what of the wanted subscript's remainder is left for it, and what divides both."""
        place, period = self.remainder.args
        rate = place.coeff(s)
        rest = expand(place - rate * s)
        apart = rate.is_Integer and rest.is_integer and rest.free_symbols <= self.sizes
        common = igcd(rate, period) if apart else period
        return rate, floor((wanted - self.added) / self.factor) - rest, int(common)

    def met(self, s: Symbol, wanted: Expr) -> Any:
        """That some place has the remainder."""
        _, left, common = self.steps(s, wanted)
        return And(Eq(Mod(wanted - self.added, self.factor), 0), Eq(Mod(left, common), 0))

    def first(self, s: Symbol, at: Expr, wanted: Expr) -> Expr:
        """The first such place from one on."""
        rate, left, common = self.steps(s, wanted)
        around = int(self.remainder.args[1]) // common
        return at + Mod(pow(int(rate) // common, -1, around) * floor(left / common) - at, around) if around > 1 else at


def _phases(param: Param, source: Read, at: Letters) -> Iterator[tuple[_Phase, Symbol]]:
    """The remainders that entries are called by, each with the letter of the place that it is of."""
    for letter, subscript in zip(param.array.symbols, source.subscripts, strict=True):
        if (phase := _Phase.of(letter, subscript, at)) is not None:
            yield from ((phase, s) for s in phase.remainder.args[0].free_symbols & set(at))


def _of_phase(param: Param, source: Read, at: Letters) -> Letters:
    """The first place from there on of the entry's own remainder, one of those that the steps between places meet."""
    return {s: phase.first(s, at[s], phase.letter) for phase, s in _phases(param, source, at)}


def _moved(term: Letters, found: Letters, places: Letters) -> Letters:
    """Where an entry's letter stood for the place that reads it, and others follow it, as on a torus: the place that does now."""
    still = {term[s]: s for s in found if isinstance(term[s], Symbol)}
    return {letter: replaced(places.get(s, s), {s: found[s]}) for letter, s in still.items()}


def _following(param: Param, source: Read, at: Letters, after: Form) -> Letters:
    """The inputs that a kept place reads the entry at, where offsets have no letters of their own: k of V[k - 2i] is a + 2i."""
    found: dict[Symbol, Expr] = {}
    for subscript, letter in zip(source.subscripts, param.array.symbols, strict=True):
        for s in subscript.free_symbols.intersection(after.reduction_symbols):
            rest = replaced(expand(subscript - s), at)
            if s not in expand(subscript - s).free_symbols and rest != letter - at[s]:
                found[s] = expand(letter - rest)
    return found


def _named_by(subscripts: Iterable[Expr], param: Param) -> Any:
    """That these are the entry's own letters."""
    pairs = zip(subscripts, param.array.symbols, strict=True)
    return And(*(Ge(s, 0) if e == Abs(s) else Eq(e, s) for e, s in pairs))


def ties_remainders(source: Read) -> bool:
    """Whether an entry is called by cases of remainders, as where a symmetry carries some to others."""
    return any(e.has(Mod) and e.has(Where, Max, Min) for e in source.subscripts)


def _elsewhere(param: Param, source: Read, term: Letters, inside: Any, first: Letters) -> Iterator[Reading]:
    """The first terms at places of each remainder, of cases that tie some to each other, each with what makes it read the entry."""
    found = sorted({m for e in source.subscripts for m in e.atoms(Mod) if m.args[1].is_Integer}, key=text)
    places = [
        (_Phase(m.args[1], m, Integer(1), Integer(0), frozenset(m.free_symbols.difference(term))), s)
        for m in found
        for s in m.args[0].free_symbols & set(term)
    ]
    offsets = [a.symbol for a in param.array.axes if a.role is Role.GRID and a.symbol not in {s for _, s in places}]
    taps = ({s: s for s in offsets}, *mirrored(offsets))
    for tap, chosen in product(taps, product(*(range(p.remainder.args[1]) for p, _ in places))):
        wanted = [(phase, s, Integer(v)) for (phase, s), v in zip(places, chosen, strict=True)]
        if all(phase.met(s, v) == True for phase, s, v in wanted):  # noqa: E712  SymPy's
            near, _ = split(replaced(inside, tap))
            at = {s: tap.get(s, e) for s, e in term.items()}
            at |= {s: Max(*lowest) for s in first if (lowest := near.bounds(s)[0])}
            at |= {s: phase.first(s, at[s], v) for phase, s, v in wanted}
            own = {phase.remainder: v for phase, _, v in wanted}
            yield (_named_by((replaced(replaced(e, own), at) for e in source.subscripts), param),), at


def _chosen(place: Expr, known: Any) -> Expr:
    """The place without choices that always fall the same way, such as for the tap of an orbit that a large grid has inside."""
    return place.replace(lambda e: isinstance(e, Where), lambda e: e.args[1] if implied(known, e.condition) else e)


def _check_phases(param: Param, source: Read, at: Letters, after: Form) -> None:
    """Raises RuleRefused where the place found for an entry has another remainder than the entry is of."""
    if ties_remainders(source):
        return
    found = list(_phases(param, source, at))
    known = And(param.array.holds(), after.given, param.free, *(phase.met(s, phase.letter) for phase, s in found))
    subscripts = dict(zip(param.array.symbols, source.subscripts, strict=True))
    periods = [phase.remainder.args[1] * phase.factor for phase, _ in found]
    if not all(implied(known, Eq(subscripts[p.letter].xreplace(at), p.letter)) for p, _ in found):
        raise RuleRefused(
            f"The entries {source} repeat along the grid, and no kept place is known that reads each of them; strides that are "
            f"multiples of {max(periods)} keep one kind of place, and zero, periodic and reflecting edges keep all."
        )


def _without_bent(condition: Any, known: Any) -> Any:
    """Without the parts that hold anyway and that no polyhedra say, such as 0 ≤ 2a + 2·max(0, -a)."""
    return And(*(p for p in And.make_args(condition) if not (_is_bent(p) and implied(known, p))))


def _is_bent(part: Any) -> bool:
    try:
        return not rounded(part) and not pieces(part)
    except NotAffine:
        return True


def _at(first: Expr, letter: Symbol, place: Expr) -> Expr:
    """The new place for an old one. A quotient that turns out whole stands inside of extremes: Max(0, -2a)/2 is Max(0, -a).

    So does that of even numbers: of Max(0, -2a)/3 SymPy says that it is never whole, not even 0.
    """
    value = first.xreplace({letter: place})
    if isinstance(place, (Max, Min)) and first.has(ceiling) and (place.is_even or not value.has(ceiling)):
        return place.func(*(_at(first, letter, e) for e in place.args))
    return value if value.has(ceiling) else _undivided(value)


def _undivided(value: Expr) -> Expr:
    """A positive multiple of an extreme as the extreme of the multiples: Max(0, -2a)/2 - 1 is Max(0, -a) - 1."""

    def halves(e: Expr) -> bool:
        return e.is_Mul and len(e.args) == 2 and bool(e.args[0].is_positive) and isinstance(e.args[1], (Max, Min))

    def inside(e: Expr) -> Expr:
        return e.args[1].func(*(_undivided(expand(e.args[0] * part)) for part in e.args[1].args))

    undivided: Expr = value.replace(halves, inside)
    return undivided


def _affine(condition: Any) -> tuple[Any, ...]:
    affine, _ = split(condition)
    return (affine.conditions,)


def _named(param: Param, after: Form) -> Any:
    """What makes an entry the one that stands for its orbit: the conditions that don't speak of the grid."""
    grid = {s for axis in after.input.axes if axis.role is Role.GRID for s in axis.upper.free_symbols}
    return regardless(param.free, grid)
