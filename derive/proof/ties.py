"""Which signed permutations of a window's letters keep its entries, and that entries coincide by these alone.

    V[max(|a|, |b|), min(|a|, |b|)]   ⟶   a, b up to signs and order, eight elements

They are found where the window is small, and proved for all sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from sympy import And, Eq, Expr, Integer, Or, Symbol, true

from derive.errors import TextError
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.proof.goal import Goal, Status
from derive.proof.orbits import Element
from derive.proof.solver import decide

__all__ = ["Supports", "supports_of", "symmetries"]

Ends = Mapping[Symbol, tuple[Expr, Expr]]
Supports = frozenset[frozenset[int]]
_SMALL, _LARGE, _MOST_CELLS, _MOST_AXES = 2, 32, 4096, 3


def symmetries(given: Any, ends: Ends, domain: Any, names: Sequence[Expr]) -> tuple[Element, ...] | None:
    """The group whose orbits in the window are the entries; None where they are no group's.

    Raises nothing: what can't be evaluated or proved is None.
    """
    letters = tuple(ends)
    if sorted(map(str, names)) == sorted(map(str, letters)):
        same = tuple(range(len(letters)))
        return ((same, (1,) * len(letters)),)
    small = _small(ends, (domain, *names), _telling(ends, domain))
    if small is None or len(letters) > _MOST_AXES:
        return None
    (inside, *labels), shape = small
    middle = tuple((side - 1) // 2 for side in shape)
    places = [tuple(int(v) - c for v, c in zip(at, middle, strict=True)) for at in np.argwhere(inside)]
    named = {x: tuple(int(v[tuple(a + c for a, c in zip(x, middle, strict=True))]) for v in labels) for x in places}
    group = tuple(
        element for element in _candidates(ends) if all(named.get(_moved(element, x)) == named[x] for x in places)
    )
    orbits = {frozenset(_moved(element, x) for element in group) for x in places}
    if len(orbits) != len(set(named.values())) or not _proved(given, ends, domain, names, group):
        return None
    return group


def supports_of(given: Any, ends: Ends, domain: Any) -> Supports | None:
    """The sets of letters that may be other than 0 together, if such sets are all that the domain says; the largest ones."""
    letters = tuple(ends)
    if domain == true:
        return frozenset([frozenset(range(len(letters)))])
    small = _small(ends, (domain,))
    if small is None:
        return None
    (inside,), shape = small
    middle = [(side - 1) // 2 for side in shape]
    found = {frozenset(k for k, v in enumerate(at) if v != middle[k]) for at in np.argwhere(inside)}
    largest = frozenset(a for a in found if not any(a < b for b in found))
    said = Or(*(And(*(Eq(s, 0) for k, s in enumerate(letters) if k not in some)) for some in largest))
    facts = (given, *_box(ends))
    same = (Goal((*facts, domain), said), Goal((*facts, said), domain))
    return largest if all(decide(goal.smt) is Status.PROVED for goal in same) else None


def _telling(ends: Ends, domain: Any) -> int:
    """The least size at which some place has another distance along each axis, so that no two elements carry it alike."""
    for size in range(_wide(ends), _LARGE):
        small = _small(ends, (domain,), size)
        if small is None:
            break
        (inside,), shape = small
        away = np.abs(np.argwhere(inside) - [(side - 1) // 2 for side in shape])
        if any(len({0, *place}) > len(place) for place in away.tolist()):
            return size
    return _wide(ends)


def _wide(ends: Ends) -> int:
    """The least size at which the window ends beyond the place itself wherever a size is its end."""
    sides = [e for pair in ends.values() for e in pair if e.free_symbols]
    wide = (
        size
        for size in range(_SMALL, _LARGE)
        if all(e.xreplace(dict.fromkeys(e.free_symbols, Integer(size))) for e in sides)
    )
    return next(wide, _SMALL)


def _small(ends: Ends, values: Sequence[Any], size: int = 0) -> tuple[list[Any], tuple[int, ...]] | None:
    """Values all over a window of few cells, or of that size; None where they depend on more than the window."""
    size = size or _wide(ends)
    sizes = {s for pair in ends.values() for e in pair for s in e.free_symbols}
    at = dict.fromkeys(sizes, Integer(size))
    numbers = {s: tuple(int(e.xreplace(at)) for e in pair) for s, pair in ends.items()}
    shape = tuple(high - low + 1 for low, high in numbers.values())
    spoken = set().union(*(v.free_symbols for v in values if hasattr(v, "free_symbols")))
    if not spoken <= sizes | set(ends) or np.prod(shape) > _MOST_CELLS:
        return None
    places = {**dict.fromkeys(sizes, size), **grid(numbers)}  # type: ignore[arg-type]
    try:
        return [np.broadcast_to(evaluate(v, places), shape) for v in values], shape
    except TextError:
        return None


def _candidates(ends: Ends) -> list[Element]:
    """Signed permutations that keep the box."""
    sides = list(ends.values())
    even = [low == -high for low, high in sides]
    found = []
    for places in permutations(range(len(sides))):
        for signs in product((1, -1), repeat=len(sides)):
            kept = all(sides[k] == sides[place] for k, place in enumerate(places))
            if kept and all(even[k] for k, sign in enumerate(signs) if sign < 0):
                found.append((places, signs))
    return found


def _moved(element: Element, at: Sequence[Any]) -> tuple[Any, ...]:
    found: list[Any] = [0] * len(at)
    for k, (place, sign) in enumerate(zip(*element, strict=True)):
        found[place] = sign * at[k]
    return tuple(found)


def _box(ends: Ends) -> list[Any]:
    return [part for s, (low, high) in ends.items() for part in (low <= s, s <= high)]


def _proved(given: Any, ends: Ends, domain: Any, names: Sequence[Expr], group: Sequence[Element]) -> bool:
    letters = tuple(ends)
    facts = (given, *_box(ends), domain)
    kept = []
    for element in _generators(group):
        turned = dict(zip(letters, _moved(element, letters), strict=True))
        kept.append(Goal(facts, And(domain.xreplace(turned), *(Eq(e, e.xreplace(turned)) for e in names))))
    return all(decide(goal.smt) is Status.PROVED for goal in kept) and _tied_alone(facts, letters, names, group)


def _tied_alone(
    facts: Sequence[Any], letters: Sequence[Symbol], names: Sequence[Expr], group: Sequence[Element]
) -> bool:
    """Whether places of one name are the group's images of each other: as each name is an image itself, or for two at a time."""
    images = [_moved(element, letters) for element in group]

    def among(places: Sequence[Any]) -> Any:
        return Or(*(And(*map(Eq, places, image)) for image in images))

    if decide(Goal(tuple(facts), among(names)).smt) is Status.PROVED:
        return True
    twins = {s: index(f"{s.name}_") for s in letters}
    others = (fact.xreplace(twins) for fact in facts)
    alike = And(*(Eq(e, e.xreplace(twins)) for e in names))
    return decide(Goal((*facts, *others, alike), among(list(twins.values()))).smt) is Status.PROVED


def _generators(group: Sequence[Element]) -> list[Element]:
    found: list[Element] = []
    same = tuple(range(len(group[0][0])))
    reached = {(same, (1,) * len(same))}
    for element in group:
        if element not in reached:
            found.append(element)
            reached = _closure(found)
    return found


def _closure(generators: Sequence[Element]) -> set[Element]:
    same = tuple(range(len(generators[0][0])))
    found = new = {(same, (1,) * len(same))}
    while new:
        new = {_after(a, b) for a in new for b in generators} - found
        found = found | new
    return found


def _after(first: Element, second: Element) -> Element:
    places = tuple(second[0][place] for place in first[0])
    return places, tuple(sign * second[1][place] for sign, place in zip(first[1], first[0], strict=True))
