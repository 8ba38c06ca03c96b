"""How many integer points a polyhedron has, as an exact expression in the sizes.

    count({ |a| ≤ Δ }, (a,), Δ ≥ 0) = 2Δ + 1        count({ 0 ≤ i, 2i ≤ n - 1 }, (i,), n ≥ 1) = ⌈n/2⌉

Variables that no inequality joins are counted apart and multiplied. Each group is summed by Faulhaber's
formula chamber by chamber (`chambers`, `cells`); the result is a polynomial, a Min or Max of some, or a
Piecewise that is exhaustive in the context; residue classes of the sizes appear as ceiling, floor or Mod.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from derive.errors import DeriveError
from derive.forms.bounds import with_min
from derive.forms.cells import cells_in, classes_of, unify
from derive.forms.chambers import Term, TooLong, Unbounded, Work, points
from derive.forms.conditions import pieces
from derive.forms.piecewise import Writer
from derive.forms.polyhedron import Polyhedron
from derive.forms.quotients import one_each, rounded, unfolded
from derive.forms.rows import Row, opposite

__all__ = ["NotCountable", "TooManyCases", "condition_for_full", "count", "count_disjoint", "count_where"]

Symbols = tuple[sp.Symbol, ...]
EVERYWHERE = Polyhedron()
_MOST_STEPS, _MOST = 8000, 20_000  # steps of a sum, and residue classes times terms


class NotCountable(DeriveError):
    """An infinite set, or a question that isn't about sizes alone."""


class TooManyCases(NotCountable):
    """A count that falls apart into very many residue classes."""


def count(polyhedron: Polyhedron, over: Symbols, given: Polyhedron = EVERYWHERE) -> sp.Expr:
    """The number of integer points in the symbols `over`, for all sizes that `given` admits.

    >>> i, a, n, Delta = sp.symbols("i a n Delta", integer=True)
    >>> count(Polyhedron.of(0 <= i, i < n, 0 <= i + a, i + a < n), (i, a), Polyhedron.of(n >= 1))
    n**2
    >>> count(Polyhedron.of(abs(a) <= Delta, abs(a) < n), (a,), Polyhedron.of(n >= 1, Delta >= 0))
    Min(2*Delta + 1, 2*n - 1)
    """
    _check(over, given)
    body = polyhedron.simplify(given)
    if body.is_empty():
        return sp.Integer(0)
    guard = [row for row in body.rows if not _used(body, row) & set(over)]
    sizes = Polyhedron.from_rows(body.names, guard)
    rest = Polyhedron.from_rows(body.names, [row for row in body.rows if row not in guard])
    context = sizes & given
    product = sp.Mul(*(_count_together([part], group, context) for group, part in _groups(rest, over)))
    if not guard:
        return product
    return sp.Piecewise((product, with_min(sizes.conditions)), (sp.Integer(0), True), evaluate=False)


def count_disjoint(polyhedra: Iterable[Polyhedron], over: Symbols, given: Polyhedron = EVERYWHERE) -> sp.Expr:
    """The number of points of several polyhedra that have none in common, as one expression.

    >>> i, k, n = sp.symbols("i k n", integer=True)
    >>> square = Polyhedron.of(0 <= i, i < n, 0 <= k, k < n)
    >>> pairs = [square & Polyhedron.of(2*i < n - 1), square & Polyhedron.of(sp.Eq(2*i, n - 1), 2*k <= n - 1)]
    >>> count_disjoint(pairs, (i, k), Polyhedron.of(n >= 1))
    ceiling(n**2/2)
    """
    _check(over, given)
    return _count_together(list(polyhedra), over, given)


def count_where(condition: Any, over: Symbols, given: Polyhedron = EVERYWHERE) -> sp.Expr:
    """The number of points where a combination of affine conditions holds, of rounded quotients too.

    >>> i, n = sp.symbols("i n", integer=True)
    >>> count_where((0 <= i) & (i < n) & sp.Eq(sp.Mod(i, 3), 1), (i,), Polyhedron.of(n >= 1))
    ceiling(n/3 - 1/3)
    """
    if not rounded(condition):
        parts = pieces(condition)
        return count(parts[0], over, given) if len(parts) == 1 else count_disjoint(parts, over, given)
    _check(over, given)
    factors = []
    for letters, conjuncts in _joined(condition, over):
        cases = [(part, extra) for case, extra in unfolded(sp.And(*conjuncts)) for part in pieces(case)]
        most = max((extra for _, extra in cases), key=len, default=())
        factors.append(_count_together([part for part, _ in cases], letters, given, most))
    return sp.Mul(*factors)


def _check(over: Symbols, given: Polyhedron) -> None:
    if both := sorted(symbol.name for symbol in given.symbols & set(over)):
        raise NotCountable(
            f"The context '{given}' restricts '{both[0]}', which is counted over: it may restrict sizes only."
        )


def _used(body: Polyhedron, row: Row) -> set[sp.Symbol]:
    return {symbol for symbol, value in zip(body.names, row, strict=False) if value}


def _joined(condition: Any, over: Symbols) -> list[tuple[Symbols, list[Any]]]:
    """The symbols of `over` that conjuncts join, each group with its own; those of no symbol are in the first."""
    if not over:
        return [((), [condition])]
    groups: list[tuple[set[sp.Symbol], list[Any]]] = [({symbol}, []) for symbol in over]
    for part in sorted(sp.And.make_args(condition), key=str):
        used = part.free_symbols & set(over) or {over[0]}
        touched = [group for group in groups if group[0] & used]
        groups = [group for group in groups if group not in touched]
        groups.append((set().union(*(names for names, _ in touched)), [part, *(c for _, cs in touched for c in cs)]))
    return [(tuple(s for s in over if s in names), conjuncts) for names, conjuncts in groups]


def _groups(body: Polyhedron, over: Symbols) -> list[tuple[Symbols, Polyhedron]]:
    """The symbols of `over` that inequalities join, each group with its own rows."""
    groups: list[tuple[set[sp.Symbol], list[Row]]] = [({symbol}, []) for symbol in over]
    for row in body.rows:
        touched = [group for group in groups if group[0] & _used(body, row)]
        groups = [group for group in groups if group not in touched]
        groups.append((set().union(*(names for names, _ in touched)), [row, *(r for _, rows in touched for r in rows)]))
    ordered = sorted(groups, key=lambda group: min(over.index(symbol) for symbol in group[0]))
    return [(tuple(s for s in over if s in names), Polyhedron.from_rows(body.names, rows)) for names, rows in ordered]


def _count_together(bodies: Sequence[Polyhedron], over: Symbols, given: Polyhedron, quotients: Symbols = ()) -> sp.Expr:
    """One group of variables: chambers, refined and merged, then written as an expression in the sizes.

    Of `quotients` a body has those that it names, with one value each.
    """
    everything = reduce(frozenset.union, (body.symbols for body in bodies), given.symbols)
    sizes = tuple(sorted(everything - {*over, *quotients}, key=lambda symbol: symbol.name))
    names = (*sizes, *over, *quotients)
    context = given.rows_in(names)
    rank = len(sizes) + len(over)
    columns = frozenset(range(len(sizes), rank))
    terms: list[Term] = []
    work = Work(_MOST_STEPS)
    try:
        for body in bodies:
            single = frozenset(c for c in range(rank, len(names)) if names[c] in body.symbols)
            rows, left = one_each(body.rows_in(names), columns, single)
            terms += points(rows, context, columns | left, work)
    except TooLong:
        raise TooManyCases(f"The count has more than {len(terms)} cases, more than can be written down.") from None
    except Unbounded as column:
        raise NotCountable(
            f"'{names[column.args[0]]}' is unbounded in '{bodies[0]}': there is no finite count."
        ) from None
    if not terms:
        return sp.Integer(0)
    classes = classes_of(terms, context, len(names))
    if len(classes) * len(terms) > _MOST:
        raise TooManyCases(
            f"The count has {len(classes)} cases by residues of the sizes, more than can be written down."
        )
    try:
        parts = [cells_in(terms, context, c) for c in classes]
    except TooLong:
        raise TooManyCases("The count has more cases than can be joined and written down.") from None
    writer = Writer(sizes, names, tuple(context), tuple(classes))
    cells = unify(parts, classes, context)
    return writer.by_class(parts) if cells is None else writer.piecewise(cells)


def condition_for_full(
    box: Polyhedron, inside: Polyhedron, given: Polyhedron = EVERYWHERE, over: Symbols | None = None
) -> Boolean:
    """The exact condition on sizes under which every point of `box` satisfies `inside`.

    Points are the values of `over`: by default every symbol that the context doesn't mention. For each
    inequality e ≥ 0 of `inside` the sizes for which some point of the box has e ≤ -1 are a shadow, by
    Fourier-Motzkin; the condition is that none holds.

    >>> a, n, Delta = sp.symbols("a n Delta", integer=True)
    >>> window, image = Polyhedron.of(abs(a) <= Delta), Polyhedron.of(abs(a) < n)
    >>> condition_for_full(window, image, Polyhedron.of(n >= 1, Delta >= 0))
    Delta < n
    """
    points_ = over if over is not None else tuple((box.symbols | inside.symbols) - given.symbols)
    conditions = [sp.true]
    for row in inside.rows:
        outside = box & Polyhedron.from_rows(inside.names, [opposite(row)])
        shadow = (outside & given).project(*points_)
        if not shadow.exact:
            raise NotCountable(f"The sizes for which '{box}' leaves '{inside}' aren't given by affine inequalities.")
        failing = shadow.simplify(given)
        negated = (Polyhedron.from_rows(failing.names, [opposite(r)]).conditions for r in failing.rows)
        conditions.append(sp.Or(*negated))
    return with_min(sp.And(*conditions), given)
