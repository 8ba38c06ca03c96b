"""What a sum begins with: the bias, or 0.

A bias whose places no slice names, such as one an orbit or one a diagonal, is copied to a working array first: u[T[i]] is Z[i].
Subscripts that move with one letter are copied at once: u[p(i, j), q(i, j, k)] is Z[i, j, k]. So is one whose sign the place
tells, with all letters that tell it: (-1)^(i + j)·u[j, d] is Z[i, j, d].
"""

from __future__ import annotations

from sympy import Expr, Integer, S, Sum, Symbol

from derive.algorithms._entries import entry, multiplied
from derive.algorithms._extend import copy_text, fresh_name
from derive.algorithms._terms import product_in
from derive.errors import NoLowering
from derive.forms.expr import Read
from derive.forms.form import Array, Form
from derive.ir.nodes import Access, Copy, Fill, Gather, Range, Storage

__all__ = ["filled", "sliced", "started", "working"]


def filled(form: Form, target: Access, over: tuple[Range, ...], name: str) -> Copy | Fill:
    """The bias at its own places, or nothing; a bias that is a sum is added afterwards."""
    if form.bias == 0 or isinstance(form.bias, Sum):
        return Fill(target, over, f"{name} = 0")
    read, times = _entry(form)
    source = Access(read.array, _box(form, read).storage(read.subscripts))
    return Copy(target, over, source, f"{name} = {multiplied(times)}{entry(read)}", times)


def started(
    form: Form, target: Access, over: tuple[Range, ...], name: str, others: tuple[Storage, ...]
) -> tuple[tuple[Gather, ...], Copy | Fill]:
    """The same with the copies that make slices of all subscripts; `others` are working arrays that have their names."""
    copies, access, times = _copied(form, others)
    if access is None or not copies:
        return (), filled(form, target, over, name)
    return copies, Copy(target, over, access, f"{name} = {multiplied(times)}{entry(access)}", times)


def working(form: Form, others: tuple[Storage, ...], target: str) -> tuple[Storage, ...]:
    """The working arrays that those copies make; a program for threads makes none."""
    found: list[Storage] = []
    for node in _copied(form, others)[0] if target == "arrays" else ():
        known = {p.name: p.array.shape for p in form.biases} | {s.name: s.shape for s in found}
        shape = known[node.source]
        box = (r.stop - r.start for r in node.over)
        found.append(Storage(node.target, (*shape[: node.axis], *box, *shape[node.axis + len(node.places) :])))
    return tuple(found)


def _copied(form: Form, others: tuple[Storage, ...]) -> tuple[tuple[Gather, ...], Access | None, Expr]:
    """Copies, what is read after them, and the number that is left to multiply by."""
    if form.bias == 0 or isinstance(form.bias, Sum):
        return (), None, S.One
    read, times = _entry(form)
    box = _box(form, read)
    places, copies = tuple(box.storage(read.subscripts)), []
    taken = {*(s.name for s in others), *(t.name for t in form.tables)}
    taken |= {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    name, axis, ranges = read.array, 0, {a.symbol: Range(a.symbol, a.lower, a.upper + 1) for a in form.output.axes}
    letters = form.output.symbols
    while axis < len(places) or (axis == 0 and times.free_symbols):
        here = places[axis : axis + _together(places[axis:], set(letters))] if axis < len(places) else ()
        mine = tuple(s for s in letters if any(s in e.free_symbols for e in here))
        signing = times.free_symbols.intersection(letters)
        if signing.intersection(mine) or (signing and not any(signing & e.free_symbols for e in places)):
            here = here if signing.intersection(mine) else ()
            mine = tuple(s for s in letters if s in signing or (here and s in mine))
        signs = times if signing and signing <= set(mine) else S.One
        if signs != 1 or len(here) > 1 or not _is_slice(here[0], mine):
            made, over = fresh_name(taken), tuple(ranges[s] for s in mine)
            says = copy_text((made, name), len(places), axis, over, here, signs, adds=False)
            copies.append(Gather(made, name, axis, len(places), over, here, says, signs))
            taken, name = taken | {made}, made
            starts = tuple(s - ranges[s].start for s in mine)
            places, times = (*places[:axis], *starts, *places[axis + len(here) :]), times / signs
            axis += max(0, len(mine) - 1)
        axis += 1
    _check_box(form, places, times)
    return tuple(copies), Access(name, places), times


def _together(places: tuple[Expr, ...], letters: set[Symbol]) -> int:
    """How many subscripts, from the first one on, move with letters that move others of them too."""
    count, moving = 1, places[0].free_symbols & letters
    for number, place in enumerate(places[1:], start=2):
        if place.free_symbols & moving:
            count = number
            moving = {s for e in places[:number] for s in e.free_symbols & letters}
    return count


def _is_slice(place: Expr, letters: tuple[Symbol, ...]) -> bool:
    """Whether a subscript stands still, or moves by whole steps with one letter."""
    if not letters:
        return not place.has(Read)
    step = place.coeff(letters[0])
    return (
        len(letters) == 1
        and isinstance(step, Integer)
        and step > 0
        and letters[0] not in (place - step * letters[0]).expand().free_symbols
    )


def sliced(places: tuple[Expr, ...], letters: tuple[Symbol, ...]) -> bool:
    """Whether subscripts are a slice: each stands still or moves with a letter of its own."""
    own = [tuple(s for s in letters if s in e.free_symbols) for e in places]
    return _apart(places, letters) and all(map(_is_slice, places, own))


def _apart(places: tuple[Expr, ...], letters: tuple[Symbol, ...]) -> bool:
    """Whether each letter moves one subscript at most."""
    met = [s for e in places for s in letters if s in e.free_symbols]
    return len(met) == len(set(met))


def _check_box(form: Form, places: tuple[Expr, ...], times: Expr) -> None:
    """Each letter of the output moves one subscript at most, and no number."""
    if not _apart(places, form.output.symbols) or times.free_symbols & set(form.output.symbols):
        raise NoLowering(f"Algorithm 'direct' starts each output from its bias; '{form.bias}' is no slice of one.")


def _entry(form: Form) -> tuple[Read, Expr]:
    """The bias as a number times one entry."""
    product = product_in(form, form.bias)
    if len(product.factors) != 1:
        raise NoLowering(f"Algorithm 'direct' starts each output from its bias; '{form.bias}' is no entry of one.")
    return product.factors[0], product.times


def _box(form: Form, read: Read) -> Array:
    return next(p.array for p in form.biases if p.name == read.array)
