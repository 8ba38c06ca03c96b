"""Remainders by a size: x mod n isn't linear in n, so a goal speaks of a number r of which this much is known.

    0 ≤ r < n        r = x for 0 ≤ x < n        r = x + n for -n ≤ x < 0        r = x - n for n ≤ x < 2n

and equal x give equal r. Every remainder is such a number, so what follows for all of them holds; what fails for
one of them may hold all the same. Two remainders r, t of x, y by one size are congruent to x and y; this is linear where x - y
or x + y is known to be small, and `congruences` says it of all pairs of a goal that needs it:

    r ∓ t - (x ∓ y) = q·n for one of a few numbers q        for |x ∓ y| ≤ 2n
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from sympy import And, Eq, Ge, Implies, Integer, Le, Lt, Mod, Or, Symbol, expand

from derive.forms.expr import index
from derive.remembered import both, built, replaced, text

__all__ = ["abstracted", "by_size", "congruences"]

_QUOTIENTS = range(-2, 4)  # |x ∓ y| ≤ 2n and -n < r ∓ t < 2n leave no other


def abstracted(expressions: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The expressions with each remainder by a size as a letter of its own, and what is known of the letters."""
    letters: dict[Any, Symbol] = {}

    def walk(e: Any) -> Any:
        if not e.args or not e.has(Mod):
            return e
        args = [walk(a) for a in e.args]
        rebuilt = built(e.func, *args) if tuple(args) != e.args else e
        if isinstance(rebuilt, Mod) and not isinstance(rebuilt.args[1], Integer):
            return letters.setdefault(rebuilt, index(f"rem{len(letters)}"))
        return rebuilt

    plain = [walk(e) for e in expressions]
    facts = [_known(mod.args[0], mod.args[1], letter) for mod, letter in letters.items()]
    for (one, r), (other, t) in combinations(letters.items(), 2):
        if one.args[1] == other.args[1]:
            facts.append(Implies(Eq(one.args[0], other.args[0]), Eq(r, t)))
    return plain, facts


@lru_cache(maxsize=4096)
def _known(x: Any, n: Any, r: Symbol) -> Any:
    cases = (Implies(And(Le(0, value), Lt(value, n)), Eq(r, value)) for value in (x, x + n, x - n))
    return Implies(Ge(n, 1), And(Le(0, r), Lt(r, n), *cases))


def congruences(expressions: Sequence[Any]) -> Iterator[Any]:
    """What is true of every two remainders by one size among these expressions: they are congruent to what they are of."""
    found = sorted({m for e in expressions for m in e.atoms(Mod) if not isinstance(m.args[1], Integer)}, key=text)
    for one, other in combinations(found, 2):
        n = one.args[1]
        for sign in (1, -1) if other.args[1] == n else ():
            gap = expand(one.args[0] - sign * other.args[0])
            rest = one - sign * other - gap
            near = And(Ge(n, 1), Le(-2 * n, gap), Le(gap, 2 * n))
            yield Implies(near, Or(*(Eq(rest, q * n) for q in _QUOTIENTS)))


def by_size(given: Any, claims: Sequence[Any], most: int) -> Iterator[tuple[Any, dict[Symbol, Any]]]:
    """Each size by which remainders are taken as a number up to `most`, or larger: what is given then, and these numbers."""
    sizes = sorted({s for c in (given, *claims) for m in c.atoms(Mod) for s in m.args[1].free_symbols}, key=text)
    for chosen in product((*range(1, most + 1), None), repeat=len(sizes)):
        at = {s: Integer(n) for s, n in zip(sizes, chosen, strict=True) if n is not None}
        large = (Ge(s, most + 1) for s, n in zip(sizes, chosen, strict=True) if n is None)
        case = both(replaced(given, at), *large)
        if case != False:  # noqa: E712  SymPy's
            yield case, at
