"""Roots of unity in composed terms: the one identity by which transforms become shifts, and what spectra are made of.

    Σ_f w^(f·e) = N if N divides e, else 0        for 0 ≤ f < N and w a primitive root of unity of order N

A root that a transform multiplies a term by is an entry of the array ω, with N, the exponent, and how many times 1/√N belongs to
it as its subscripts. A letter that only exponents have is summed out: its terms are those where e is a multiple of N. That
-N < e < N is a goal, from the ranges of the letters in e, so that e = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sympy import And, Eq, Expr, Integer, Le, Lt, Poly, Symbol, cyclotomic_poly, divisors, expand

from derive.errors import NoLowering
from derive.ir.nodes import Access
from derive.ir.spectra import Product, Transform
from derive.ir.stages import Staged, Statement, reads_of, statements
from derive.remembered import built

__all__ = ["check_roots", "check_spectra", "roots", "without_waves"]

_ROOT = "ω"
Facts = tuple[Any, ...]
Entries = tuple[Access, ...]


def roots(node: Statement, known: Mapping[Symbol, Expr]) -> Entries:
    """What a statement multiplies an entry of its source by besides entries."""
    if not isinstance(node, Transform):
        return ()
    wave, along = (r.symbol.xreplace(dict(known)) for r in (node.wave, node.along))
    return (Access(_ROOT, (node.wave.stop, expand(node.sign * wave * along), Integer(node.scaled))),)


def without_waves(letters: tuple[Symbol, ...], facts: Facts, entries: Entries) -> tuple[Any, Facts, Entries, Facts]:
    """The term with letters of waves summed out: its letters, facts and entries, and goals that its other facts must show."""
    waves = [e for e in entries if e.array == _ROOT]
    left = tuple(e for e in entries if e.array != _ROOT)
    read = {s for e in left for place in e.subscripts for s in place.free_symbols}
    places: list[Any] = []
    equations: list[Any] = []
    for letter in [s for s in letters if s not in read]:
        mine = [w for w in waves if letter in w.subscripts[1].free_symbols]
        if not mine:
            continue
        order, exponent = _summed(letter, mine)
        ranged = [f for f in facts if letter in f.free_symbols]
        parts = {part for f in ranged for part in And.make_args(f)}
        if parts != {built(Le, 0, letter), built(Lt, letter, order)}:
            raise NoLowering(f"The letter {letter} of a transform is to run through 0 ≤ {letter} < {order} alone.")
        letters = tuple(s for s in letters if s != letter)
        facts = tuple(f for f in facts if f not in ranged)
        waves = [w for w in waves if w not in mine]
        places.append(And(built(Lt, -order, exponent), built(Lt, exponent, order)))
        equations.append(built(Eq, exponent, 0))
    if waves:
        raise NoLowering(f"A transform isn't undone: the root to the power {waves[0].subscripts[1]} is left.")
    return letters, (*facts, *equations), left, tuple(places)


def _summed(letter: Symbol, waves: list[Access]) -> tuple[Expr, Expr]:
    """The order N, and e, where the roots multiply to w^(letter·e)/N."""
    orders = {w.subscripts[0] for w in waves}
    total = expand(sum((w.subscripts[1] for w in waves), Integer(0)))
    exponent = expand(total.coeff(letter))
    if len(orders) > 1 or expand(total - letter * exponent) != 0 or letter in exponent.free_symbols:
        raise NoLowering(f"The powers of roots of unity that have {letter} are no sum over one root.")
    if sum(w.subscripts[2] for w in waves) != 2:
        raise NoLowering(f"The transforms along {letter} are not scaled by 1/{orders.pop()} together.")
    return orders.pop(), exponent


def check_spectra(program: Staged, nodes: tuple[Statement, ...]) -> None:
    """A spectrum that is stored by half is that of real arrays: it comes of these alone, by transforms and products."""
    halves = {room.name for room in (*program.made, *program.rooms) if room.spectrum}
    for node in nodes:
        name, target, sources = node.target.array, node.target.array in halves, {a.array for a in reads_of(node)}
        if isinstance(node, Product) and target:
            fine = sources <= halves
        elif isinstance(node, Transform):
            last = node.target.subscripts[-1] == node.wave.symbol
            fine = not last if target and sources <= halves else last and target != (sources <= halves)
        else:
            fine = not target and not sources & halves
        if not fine:
            raise NoLowering(f"{name} is made of halves of spectra, or is one, and these are not those of real arrays.")


def check_roots(program: Staged) -> None:
    """The identity, for every length that transforms of the program may have. Raises NoLowering where it fails."""
    choices = {k.symbol: k.choices for k in program.knobs}
    for node in statements((*program.fixed, *program.body)):
        if isinstance(node, Transform):
            order = node.wave.stop
            if node.along.stop != order or node.along.start != 0 or node.wave.start != 0 or not choices.get(order):
                raise NoLowering(f"A transform runs through a number of places among given ones, not {order}.")
            for h in {h for n in choices[order] for h in divisors(n)}:
                if not _sums_to_zero(h):
                    raise NoLowering(f"The powers of a root of unity of order {h} don't sum to 0.")


@lru_cache(maxsize=1024)
def _sums_to_zero(order: int) -> bool:
    """Whether Σ_j z^j over 0 ≤ j < order is 0 modulo the cyclotomic polynomial in z; or 1 where the order is 1.

    w^e is a primitive root of an order that divides N, and in the sum over f each of its powers comes equally often.
    """
    z = Symbol("z")
    divisor = Poly(cyclotomic_poly(order, z), z)
    below = [(monom[0], int(c)) for monom, c in divisor.terms() if monom[0] < divisor.degree()]
    left = [1] * order
    for top in range(order - 1, divisor.degree() - 1, -1):
        for power, coefficient in below:
            left[top - divisor.degree() + power] -= left[top] * coefficient
        left[top] = 0
    return left[0] == (1 if order == 1 else 0) and not any(left[1:])
