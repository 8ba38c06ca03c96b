"""Which letters can be swept at once as slices of arrays, and which need a loop."""

from __future__ import annotations

from itertools import chain, combinations

from sympy import Expr, Integer, Symbol

from derive.algorithms._terms import Terms

__all__ = ["cost", "looped"]


def looped(terms: Terms) -> tuple[Symbol, ...]:
    """The fewest and shortest loops that leave a box of plain slices, in the order of nesting.

    At most one letter of a subscript or of a bound is swept, forwards and by whole steps, and in one subscript of an access only.
    """
    forced = _forced(terms)
    tied = _tied(terms)
    growth = {s: terms.grows(s) for s in terms.letters}
    free = [s for s in terms.letters if s not in forced and any(s in group for group in tied)]
    choices = chain.from_iterable(combinations(free, size) for size in range(len(free) + 1))
    fits = ({*forced, *choice} for choice in choices if all(len(group - {*forced, *choice}) <= 1 for group in tied))
    best = min(fits, key=lambda loops: _order(terms, loops, growth))
    return tuple(s for s in terms.letters if s in best)


def cost(terms: Terms) -> tuple[int, ...]:
    """How many loops grow with the batch and with the data, how many copies do, then loops with a window, and not at all."""
    loops = looped(terms)
    batch, data, window, constant = (sum(terms.grows(s) == level for s in loops) for level in (3, 2, 1, 0))
    return batch, data, _spread(terms), window, constant


def _spread(terms: Terms) -> int:
    """Copies of weights along axes that grow with the data, where the weights' own don't."""
    shapes = {a.name: a.shape for a in (terms.form.output, *(p.array for p in terms.form.params))}
    shapes |= {s.name: s.shape for s in terms.extended.working if not s.batched}
    made = [(n.source, n.target) for n in (*terms.extended.gathers, *terms.extended.scatters)]
    grown = {name: sum(bool(e.free_symbols & terms.data) for e in shape) for name, shape in shapes.items()}
    return sum(grown[one] != grown[other] for one, other in made if one in grown and other in grown)


def _order(terms: Terms, loops: set[Symbol], growth: dict[Symbol, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    levels = tuple(sum(growth[s] == level for s in loops) for level in (3, 2, 1, 0))
    return levels, tuple(p for p, s in enumerate(terms.letters) if s in loops)


def _tied(terms: Terms) -> list[frozenset[Symbol]]:
    """Groups of letters of which one at most may be swept."""
    letters = frozenset(terms.letters)
    accesses = (terms.accesses.target, *terms.accesses.factors)
    expressions = [*(e for a in accesses for e in a.subscripts), *terms.terms.expressions]
    return [g for g in (letters & e.free_symbols for e in expressions) if len(g) > 1]


def _forced(terms: Terms) -> set[Symbol]:
    """Letters of no access, of a condition that is no inequality, a number, a subscript that is no slice, or two of an access."""
    accesses = (terms.accesses.target, *terms.accesses.factors)
    used = {s for access in accesses for e in access.subscripts for s in e.free_symbols}
    waiting = terms.rest.free_symbols | terms.accesses.times.free_symbols
    found = {s for s in terms.letters if s in waiting or s not in used}
    for access in accesses:
        seen: set[Symbol] = set()
        for subscript in access.subscripts:
            here = [s for s in terms.letters if s in subscript.free_symbols]
            found |= {s for s in here if s in seen or not _steps(subscript, s)}
            seen |= set(here)
    return found


def _steps(subscript: Expr, symbol: Symbol) -> bool:
    """Whether a subscript is a slice in a letter: a whole number of steps forwards for each of its values."""
    step = subscript.coeff(symbol)
    return isinstance(step, Integer) and step > 0 and symbol not in (subscript - step * symbol).expand().free_symbols
