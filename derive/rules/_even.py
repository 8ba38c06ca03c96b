"""When the elements of a point group carry the windows of a layer that steps evenly to its windows: conditions on sizes.

Along one axis that is an equation, such as n - 1 = s·(n' - 1) for a reflection: the last window ends where the first one, mirrored,
begins. Weights that repeat along the grid are mirrored with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import And, Eq, Expr, Integer, Mod, expand, false, floor, simplify

from derive.errors import RuleRefused
from derive.forms.extension import places_beyond
from derive.forms.form import Form, Role
from derive.groups._group import chosen_axes
from derive.groups.point import PointGroup
from derive.remembered import fraction

__all__ = ["conditions", "grid_pairs", "steps"]


def conditions(form: Form, about: PointGroup) -> dict[int, Any]:
    """Along each axis of the input that the group moves, that elements carry windows to the windows of the places they carry.

    A place o reads a window whose middle is s·(o - c) - gap/2 from the grid's, c being that of the output. An element that carries
    the q-th axis to the p-th, or to its mirror image, carries windows to windows where the gaps along these are each other's.
    """
    pairs, read = grid_pairs(form), _read(form)
    moved = [pairs[axis] for axis in chosen_axes(about, about.axes, len(pairs))]
    along = [_along(form, p, q, read) for p, q in moved]
    found = {}
    for k, (p, q) in enumerate(moved):
        rows = dict.fromkeys(next((r, x) for r, x in enumerate(m[k]) if x) for m in about.matrices)
        step, gap = along[k]
        apart = (gap if sign < 0 and along[r][1] == gap else expand(gap - sign * along[r][1]) for r, sign in rows)
        turned = any(sign < 0 for _, sign in rows)
        found[q] = And(*(_divides(e, step) for e in apart), *(_repeats(form, p, along[k]) if turned else ()))
    return found


def _along(form: Form, p: int, q: int, read: tuple[Expr, ...]) -> tuple[Expr, Expr]:
    """By how much reads move from one place to the next, and how far from the grid's middle the first and the last are together."""
    out, source = form.output.axes[p], form.input.axes[q]
    step = read[q].coeff(out.symbol)
    rest = expand(read[q] - step * out.symbol)
    if not (step.is_Integer and step >= 0) or not rest.free_symbols <= {*form.reduction_symbols, *form.sizes}:
        raise RuleRefused(f"The symmetry of a layer is derived from even steps; it reads {read[q]}.")
    return step, expand(source.upper + source.lower - step * (out.upper + out.lower) - 2 * _middle(form, rest))


def _repeats(form: Form, p: int, along: tuple[Expr, Expr]) -> Iterator[Any]:
    """Of weights that repeat along the grid: places and mirror images are of remainders that the reflection about 0 exchanges."""
    out, (step, gap) = form.output.axes[p], along
    for remainder in sorted(form.weight.atoms(Mod), key=str):
        place, period = remainder.args
        rate = place.coeff(out.symbol)
        rest = expand(place - rate * out.symbol)
        if rate != 0 and period.is_Integer and rest.is_Integer:
            ends = out.upper + out.lower
            if step != 0 and rate % step == 0:  # where the gap is 0, as is asked beside it
                ends = (gap + step * ends) / step
            yield Eq(Mod(expand(rate * ends + 2 * rest), period), 0)


def _middle(form: Form, rest: Expr) -> Expr:
    """The middle of a window: each summed letter at the middle of its range."""
    at = {a.symbol: (a.lower + a.upper) / 2 for a in form.reduction if a.role is Role.GRID}
    value: Expr = expand(rest.xreplace(at))
    return value


def _divides(gap: Expr, step: Expr) -> Any:
    """gap = 0, as a remainder where the output's extent was rounded down."""
    for quotient in gap.atoms(floor):
        top, bottom = fraction(quotient.args[0])
        left = simplify(gap - gap.coeff(quotient) * quotient)
        less = expand(top - left)
        if bottom == step and gap.coeff(quotient) == -step and less.is_Integer:
            return Eq(Mod(top, step), less) if 0 <= less < step else false
    return Eq(gap, Integer(0))


def steps(form: Form) -> list[Expr]:
    """By how much a read moves from one place to the next, along each axis."""
    read = _read(form)
    return [read[q].coeff(form.output.symbols[p]) for p, q in grid_pairs(form)]


def grid_pairs(form: Form) -> list[tuple[int, int]]:
    """Axes of the grid: where each stands in the output and in the input."""
    return list(zip(form.grid(form.output), form.grid(form.input), strict=True))


def _read(form: Form) -> tuple[Expr, ...]:
    """What is read, as places of the grid that the input is continued from."""
    beyond = places_beyond(form.input, form.read)
    return form.read if beyond is None else beyond[1]
