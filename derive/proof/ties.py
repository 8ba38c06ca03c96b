"""Which signed permutations of a window's letters keep its entries, or which turns of a hexagon, and that these alone tie them.

    V[max(|a|, |b|), min(|a|, |b|)]   ⟶   a, b up to signs and order, eight elements
    sign(a)·V[|a|]                    ⟶   a up to its sign, by which the entry changes its own

They are found where the window is small, and proved for all sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations, product
from typing import Any, TypeVar

import numpy as np
from sympy import And, Eq, Expr, Integer, Or, Symbol, true

from derive.errors import TextError
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import index
from derive.proof.goal import Goal, Status
from derive.proof.orbits import Element
from derive.proof.solver import decide

__all__ = ["Ends", "Matrix", "Supports", "forced", "forced_by_turns", "supports_of", "symmetries", "turned", "turns"]

ONE = Integer(1)
Ends = Mapping[Symbol, tuple[Expr, Expr]]
Matrix = tuple[tuple[int, ...], ...]
G = TypeVar("G")
Moving = Callable[[G, Sequence[Any]], tuple[Any, ...]]
Supports = frozenset[frozenset[int]]
_SMALL, _LARGE, _MOST_CELLS, _MOST_AXES = 2, 32, 4096, 3


def symmetries(
    given: Any, ends: Ends, domain: Any, names: Sequence[Expr], sign: Expr = ONE
) -> dict[Element, int] | None:
    """The group whose orbits in the window are the entries, with what each gives a `sign`; None where they are no group's.

    Raises nothing: what can't be evaluated or proved is None.
    """
    same = tuple(range(len(ends)))
    return _symmetries(given, ends, domain, (names, sign), _candidates(ends), (same, (1,) * len(same)), _moved)


def turns(
    given: Any, ends: Ends, domain: Any, called: tuple[Sequence[Expr], Expr], matrices: Sequence[Matrix]
) -> dict[Matrix, int] | None:
    """The same among matrices, which form a group, the identity first; `called` are names and sign."""
    return _symmetries(given, ends, domain, called, matrices, matrices[0], turned)


def _symmetries(
    given: Any,
    ends: Ends,
    domain: Any,
    called: tuple[Sequence[Expr], Expr],
    candidates: Sequence[G],
    identity: G,
    moved: Moving[G],
) -> dict[G, int] | None:
    letters, (names, sign) = tuple(ends), called
    if sorted(map(str, names)) == sorted(map(str, letters)):
        return {identity: 1}
    small = _small(ends, (domain, sign, *names), _telling(ends, domain, candidates, moved))
    if small is None or len(letters) > _MOST_AXES:
        return None
    (inside, turns_over, *labels), shape = small
    middle = tuple((side - 1) // 2 for side in shape)
    places = [tuple(int(v) - c for v, c in zip(at, middle, strict=True)) for at in np.argwhere(inside)]

    def at(values: Any, place: tuple[Any, ...]) -> int:
        return int(values[tuple(a + c for a, c in zip(place, middle, strict=True))])

    named = {x: tuple(at(v, x) for v in labels) for x in places}
    kept = (g for g in candidates if all(named.get(moved(g, x)) == named[x] for x in places))
    signs = ((g, {at(turns_over, x) * at(turns_over, moved(g, x)) for x in places}) for g in kept)
    group = {g: min(found) for g, found in signs if found in ({1}, {-1})}
    orbits = {frozenset(moved(g, x) for g in group) for x in places}
    if len(orbits) != len(set(named.values())) or not _proved(
        (given, *_box(ends), domain), letters, called, group, moved
    ):
        return None
    return group


def forced(ends: Ends, group: Mapping[Element, int]) -> Any:
    """Where an element that changes the sign keeps a place, so that its entry is 0."""
    return _kept(ends, group, _moved)


def forced_by_turns(ends: Ends, group: Mapping[Matrix, int]) -> Any:
    """The same of matrices."""
    return _kept(ends, group, turned)


def _kept(ends: Ends, group: Mapping[G, int], moved: Moving[G]) -> Any:
    letters = tuple(ends)
    away = ([x - y for x, y in zip(letters, moved(g, letters), strict=True)] for g, sign in group.items() if sign < 0)
    return Or(*(And(*(Eq(e, 0) for e in differences)) for differences in away))


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


def _telling(ends: Ends, domain: Any, candidates: Sequence[G], moved: Moving[G]) -> int:
    """The least size at which there is some place that no two elements carry alike."""
    for size in range(_wide(ends), _LARGE):
        small = _small(ends, (domain,), size)
        if small is None:
            break
        (inside,), shape = small
        away = (np.argwhere(inside) - [(side - 1) // 2 for side in shape]).tolist()
        if any(len({moved(g, place) for g in candidates}) == len(candidates) for place in away):
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


def turned(matrix: Matrix, at: Sequence[Any]) -> tuple[Any, ...]:
    """Where a matrix carries a place."""
    return tuple(sum(x * v for x, v in zip(row, at, strict=True)) for row in matrix)


def _box(ends: Ends) -> list[Any]:
    return [part for s, (low, high) in ends.items() for part in (low <= s, s <= high)]


def _proved(
    facts: Sequence[Any],
    letters: tuple[Symbol, ...],
    called: tuple[Sequence[Expr], Expr],
    group: Mapping[G, int],
    moved: Moving[G],
) -> bool:
    (names, sign), domain = called, facts[-1]
    kept = []
    for element in _generators(list(group), moved, len(letters)):
        carried = dict(zip(letters, moved(element, letters), strict=True))
        alike = (*(Eq(e, e.xreplace(carried)) for e in names), Eq(sign.xreplace(carried), group[element] * sign))
        kept.append(Goal(tuple(facts), And(domain.xreplace(carried), *alike)))
    images = [moved(element, letters) for element in group]
    return all(decide(goal.smt) is Status.PROVED for goal in kept) and _tied_alone(facts, letters, names, images)


def _tied_alone(
    facts: Sequence[Any], letters: Sequence[Symbol], names: Sequence[Expr], images: Sequence[Sequence[Expr]]
) -> bool:
    """Whether places of one name are images of each other: as each name is an image itself, or for two at a time."""

    def among(places: Sequence[Any]) -> Any:
        return Or(*(And(*map(Eq, places, image)) for image in images))

    if decide(Goal(tuple(facts), among(names)).smt) is Status.PROVED:
        return True
    twins = {s: index(f"{s.name}_") for s in letters}
    others = (fact.xreplace(twins) for fact in facts)
    alike = And(*(Eq(e, e.xreplace(twins)) for e in names))
    return decide(Goal((*facts, *others, alike), among(list(twins.values()))).smt) is Status.PROVED


def _generators(group: Sequence[G], moved: Moving[G], rank: int) -> list[G]:
    """Some elements of which all are products; each is told by where it carries the places next to 0."""
    units = [tuple(int(p == q) for q in range(rank)) for p in range(rank)]
    known = {tuple(moved(g, x) for x in units): g for g in group}
    found: list[G] = []
    reached = {tuple(units)}
    for key, element in known.items():
        if key not in reached:
            found.append(element)
            reached = new = {tuple(units)}
            while new:
                new = {tuple(moved(g, x) for x in images) for images in new for g in found} - reached
                reached = reached | new
    return found
