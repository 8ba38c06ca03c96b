"""Remainders by a size: x mod n isn't linear in n, so a goal speaks of a number r of which this much is known.

    0 ≤ r < n        r = x for 0 ≤ x < n        r = x + n for -n ≤ x < 0        r = x - n for n ≤ x < 2n

and equal x give equal r. Every remainder is such a number, so what follows for all of them holds; what fails for
one of them may hold all the same. Two remainders r, t of x, y by one size are congruent to x and y; this is linear where x - y
or x + y is known to be small, and `congruences` says it of all pairs of a goal that needs it:

    r ∓ t - (x ∓ y) = q·n for one of a few numbers q        for |x ∓ y| ≤ 2n

The greatest common divisor of two sizes is a number too, of which inequalities are known alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, product
from typing import Any

from sympy import And, Eq, Ge, Implies, Integer, Le, Lt, Max, Min, Mod, Or, Symbol, expand

from derive.forms.expr import Gcd, Where, index
from derive.remembered import both, built, replaced, text

__all__ = ["abstracted", "by_cases", "by_size", "congruences", "congruent"]

_QUOTIENTS = range(-2, 4)  # |x ∓ y| ≤ 2n and -n < r ∓ t < 2n leave no other


def abstracted(expressions: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The expressions with each remainder by a size, and each divisor, as a letter of its own, and what is known of these."""
    letters: dict[Any, Symbol] = {}
    divisors: dict[Any, Symbol] = {}

    def walk(e: Any) -> Any:
        if not e.args or not e.has(Mod, Gcd):
            return e
        args = [walk(a) for a in e.args]
        rebuilt = built(e.func, *args) if tuple(args) != e.args else e
        if isinstance(rebuilt, Mod) and not isinstance(rebuilt.args[1], Integer):
            return letters.setdefault(rebuilt, index(f"rem{len(letters)}"))
        if isinstance(rebuilt, Gcd):
            return divisors.setdefault(rebuilt, index(f"gcd{len(divisors)}"))
        return rebuilt

    plain = [walk(e) for e in expressions]
    facts = [_known(mod.args[0], mod.args[1], letter) for mod, letter in letters.items()]
    for (one, r), (other, t) in combinations(letters.items(), 2):
        if one.args[1] == other.args[1]:
            facts.append(Implies(built(Eq, one.args[0], other.args[0]), built(Eq, r, t)))
    return plain, [*facts, *(_divides(divisor, letter) for divisor, letter in divisors.items())]


def _divides(divisor: Any, g: Symbol) -> Any:
    """What is known of g = gcd(x, y): it is no more than what it divides, which x - y is too."""
    x, y = divisor.args
    parts = [Implies(built(Ge, e, 1), And(built(Le, 1, g), built(Le, g, e))) for e in (x, y)]
    gaps = [Implies(And(built(Ge, e, 0), built(Ge, f, e + 1)), built(Le, g, f - e)) for e, f in ((x, y), (y, x))]
    return And(built(Ge, g, 0), *parts, *gaps)


@lru_cache(maxsize=4096)
def _known(x: Any, n: Any, r: Symbol) -> Any:
    cases = (Implies(And(built(Le, 0, value), built(Lt, value, n)), built(Eq, r, value)) for value in (x, x + n, x - n))
    return Implies(built(Ge, n, 1), And(built(Le, 0, r), built(Lt, r, n), *cases))


def congruences(expressions: Sequence[Any]) -> Iterator[Any]:
    """What is true of every two remainders by one size among these expressions: they are congruent to what they are of."""
    found = sorted({m for e in expressions for m in e.atoms(Mod) if not isinstance(m.args[1], Integer)}, key=text)
    for one, other in combinations(found, 2):
        n = one.args[1]
        for sign in (1, -1) if other.args[1] == n else ():
            gap = expand(one.args[0] - sign * other.args[0])
            rest = one - sign * other - gap
            near = And(built(Ge, n, 1), built(Le, -2 * n, gap), built(Le, gap, 2 * n))
            yield Implies(near, Or(*(built(Eq, rest, q * n) for q in _QUOTIENTS)))


def by_size(given: Any, claims: Sequence[Any], most: int) -> Iterator[tuple[Any, dict[Symbol, Any]]]:
    """Each size by which remainders are taken as a number up to `most`, or larger: what is given then, and these numbers."""
    sizes = sorted({s for c in (given, *claims) for m in c.atoms(Mod) for s in m.args[1].free_symbols}, key=text)
    for chosen in product((*range(1, most + 1), None), repeat=len(sizes)):
        at = {s: Integer(n) for s, n in zip(sizes, chosen, strict=True) if n is not None}
        large = (built(Ge, s, most + 1) for s, n in zip(sizes, chosen, strict=True) if n is None)
        case = both(replaced(given, at), *large)
        if case != False:  # noqa: E712  SymPy's
            yield case, at


def by_cases(expression: Any) -> Any:
    """The expression with remainders of what has cases as cases of remainders: (x or y) mod n is x mod n, or y mod n."""

    def walk(e: Any) -> Any:
        if not e.args or not e.has(Mod):
            return e
        rebuilt = built(e.func, *map(walk, e.args))
        return _apart(*rebuilt.args) if isinstance(rebuilt, Mod) else rebuilt

    return walk(expression)


def _apart(x: Any, n: Any) -> Any:
    """x mod n, of each case that x has."""
    divisor = index("divisor°")
    named = replaced(x, {n: divisor})
    cases = [c for c in named.atoms(Where, Min, Max) if not any(a.has(Where, Min, Max) for a in c.args)]
    if not cases:
        return built(Mod, x, n)
    first = min(cases, key=text)
    condition = _condition(first)
    back = {divisor: n}
    yes, no = (_apart(replaced(_decided(named, condition, held), back), n) for held in (True, False))
    return Where(replaced(condition, back), yes, no)


def _condition(case: Any) -> Any:
    """When a case has its first value: of an extreme of several, when that is the first one."""
    first, *rest = case.args
    if isinstance(case, Where):
        return first
    other = built(case.func, *rest)
    return built(Le, first, other) if isinstance(case, Min) else built(Ge, first, other)


def _decided(e: Any, condition: Any, held: bool) -> Any:
    """The expression where a condition holds, or doesn't."""
    if not e.args or not e.has(Where, Min, Max):
        return e
    if isinstance(e, (Where, Min, Max)) and _condition(e) == condition:
        first, *rest = e.args[1:] if isinstance(e, Where) else e.args
        return _decided(first if held else built(e.func, *rest) if len(rest) > 1 else rest[0], condition, held)
    return built(e.func, *(_decided(part, condition, held) for part in e.args))


def congruent(expressions: Sequence[Any]) -> Iterator[Any]:
    """What is true of every two remainders by one number of what is congruent to the other or to its opposite, but for a constant.

    x ≡ c ± y  makes r = c ± t + q·n, with a number q of which there are few, however far apart x and y are.
    """
    found = sorted({m for e in expressions for m in e.atoms(Mod) if not isinstance(m.args[1], Integer)}, key=text)
    for one, other in combinations(found, 2):
        n = one.args[1]
        for sign in (1, -1) if other.args[1] == n else ():
            gap = expand(_flat(one.args[0], n) - sign * _flat(other.args[0], n))
            if isinstance(gap, Integer):
                most = abs(int(gap)) + 1
                near = (built(Eq, one - sign * other, gap + q * n) for q in range(-most, most + 1))
                yield Implies(built(Ge, n, 1), Or(*near))


def _flat(x: Any, n: Any) -> Any:
    """What a number is congruent to, without remainders by n and multiples of it."""
    divisor = index("divisor°")
    inner = replaced(x, {n: divisor})
    while found := [m for m in inner.atoms(Mod) if m.args[1] == divisor]:
        inner = replaced(inner, {m: m.args[0] for m in found})
    plain = expand(inner)
    return expand(plain - plain.coeff(divisor) * divisor) if plain.coeff(divisor).is_Integer else plain
