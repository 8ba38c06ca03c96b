"""Direct summation: every term of the form once.

    Σ_{r ∈ R(o)} weight(o, r)·X[ι(o, r)]   ⟶   for r: H[o] += weight(o, r)·X[ι(o, r)]  on all o at once, or on one o a thread

For arrays, a summation index that is tied to a place (i + a) becomes a loop over shifted slices, and one that stands
alone (a channel, or the input's own place) is contracted. For threads, each output is one thread's register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from sympy import And, Integer, Le, Lt, Sum, Symbol, ceiling, floor, true

from derive.algorithms._cases import divided
from derive.algorithms._entries import entry
from derive.algorithms._phases import phase_cases
from derive.algorithms._running import distinct
from derive.algorithms._start import filled, started, working
from derive.algorithms._sweep import cost, looped
from derive.algorithms._terms import BATCH, ITEM, Terms, charts, own, program_tables
from derive.errors import NoLowering
from derive.forms.expr import Read, Where, index
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.products import sums
from derive.forms.sizes import size_sources
from derive.ir.nodes import (
    Access,
    Accumulate,
    Chart,
    Contract,
    Copy,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scratch,
    SizeFrom,
    Storage,
)
from derive.proof.goal import Goal, Status
from derive.proof.solver import decide
from derive.remembered import built

__all__ = ["direct"]


def direct(
    form: Form,
    target: str,
    batched: frozenset[str] | None = None,
    among: tuple[Chart, ...] = (),
    name: str = "direct",
) -> Program:
    """The program for 'arrays' or 'threads'. Raises NoLowering where the form's index set is not affine.

    `batched` names the arrays that have an entry for each item of a batch: the input and the output, unless it is given. If the
    output has none, the items are summed over. A program for arrays runs in the best letters `among` those given, or found.
    """
    items = frozenset({form.input.name, form.output.name}) if batched is None else batched
    counted = target == "threads" or form.output.name not in items
    try:
        parts = () if form.vanishes else _parts(form, items, counted, among or tuple(charts(form)), target)
        body = _arrays(form, parts) if target == "arrays" else _threads(form, items, parts)
    except NotAffine as cause:
        raise NoLowering(f"Algorithm 'direct' needs affine index sets: {cause}") from cause
    arrays = (form.input, *(p.array for p in form.params))
    result = Storage(form.output.name, form.output.shape, form.output.name in items)
    says = "one thread an output" if target == "threads" else _kind(parts)
    return Program(
        name=name,
        says=says,
        arguments=tuple(Storage(a.name, a.shape, a.name in items) for a in arrays),
        result=result,
        sizes=form.sizes,
        sources=tuple(SizeFrom(*astuple(s)) for s in size_sources(form, (*arrays, form.output))),
        body=body,
        batch=BATCH if counted else None,
        item=ITEM if counted else None,
        charts=() if [t.chart for t in parts] == [own(form)] else tuple(t.chart for t in parts),
        working=(*working(form, _rooms(parts), target), *_rooms(parts)),
        tables=program_tables(form),
    )


def _parts(
    form: Form, items: frozenset[str], counted: bool, choice: tuple[Chart, ...], target: str
) -> tuple[Terms, ...]:
    """The terms, divided by cases where that saves loops, in the letters that need the least looping; a thread runs in its own."""
    if target == "threads":
        return (Terms(form, own(form), items, True),)
    found = [_added_once(divided(Terms(form, chart, items, counted, extend=True))) for chart in choice]
    best = min(found, key=lambda parts: max(map(cost, parts))) if len(found) > 1 else found[0]
    taken = {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    taken |= {t.name for t in form.tables}
    for terms, made in zip(best, distinct([terms.extended for terms in best], taken), strict=True):
        terms.name(made)
    return best


def _added_once(parts: tuple[Terms, ...]) -> tuple[Terms, ...]:
    """Several parts add to the result itself: a copy of it along an axis serves one sum."""
    if len(parts) == 1 or not any(terms.extended.scatters for terms in parts):
        return parts
    return tuple(Terms(t.form, t.chart, t.batches, bool(t.items), part=t.part) for t in parts)


def _kind(parts: tuple[Terms, ...]) -> str:
    """What a program for arrays does, in two words."""
    if not parts:
        return "no term"
    if any(map(looped, parts)):
        return "shifted sums"
    running = any(isinstance(node, Accumulate) for terms in parts for node in terms.extended.gathers)
    return "running sums" if running else "one contraction"


def _added(form: Form, target: Access, name: str) -> tuple[Access, tuple[Range, ...], tuple[Access, ...], str]:
    """What a bias that is a sum adds: where, over which letters, the entries that are multiplied, and the sentence."""
    entries = [f for f in form.bias.function.as_ordered_factors() if f != 1]
    if not all(isinstance(f, Read) for f in entries):
        raise NoLowering(f"A program multiplies entries; the bias '{form.bias}' is no sum of products of entries.")
    boxes = {p.name: p.array for p in form.biases}
    factors = tuple(Access(f.array, boxes[f.array].storage(f.subscripts)) for f in entries)
    over = tuple(Range(a.symbol, a.lower, a.upper + 1) for a in sums(form.bias))
    return target, over, factors, f"{name} += {'·'.join(map(entry, entries))}"


def _arrays(form: Form, parts: tuple[Terms, ...]) -> tuple[Node, ...]:
    rooms, scatters = _rooms(parts), tuple(node for terms in parts for node in terms.extended.scatters)
    whole = tuple(Range(a.symbol, a.lower, a.upper + 1) for a in form.output.axes)
    place = Access(form.output.name, form.output.storage(form.output.symbols))
    copies, start = started(form, place, whole, entry(form.output.entry()), rooms)
    shapes = {s.name: s.shape for s in rooms}
    zeros = (Scratch(node.source, shapes[node.source]) for node in reversed(scatters))
    first: tuple[Node, ...] = ()
    if isinstance(form.bias, Sum):
        target, over, factors, says = _added(form, place, entry(form.output.entry()))
        first = (Contract(target, (*whole, *over), factors, says),)
    sweeps = (node for terms in parts for node in _sweep(terms))
    gathers = (node for terms in parts for node in terms.extended.gathers)
    return (*copies, start, *zeros, *gathers, *first, *sweeps, *scatters)


def _rooms(parts: tuple[Terms, ...]) -> tuple[Storage, ...]:
    """All working arrays."""
    return tuple(room for terms in parts for room in terms.extended.working)


def _sweep(terms: Terms) -> tuple[Node, ...]:
    """The loops around one statement that sweeps the other letters at once."""
    loops = looped(terms)
    moving = [s for e in terms.accesses.target.subscripts for s in terms.letters if s in e.free_symbols]
    swept = tuple(s for s in dict.fromkeys((*moving, *terms.letters)) if s not in loops)
    lets: dict[int, list[Let]] = {}
    ranges = [_swept_range(terms, s, loops, swept, lets) for s in swept]
    statement = _statement(terms, tuple(ranges), "" if loops else terms.accesses.says)
    spans = [terms.range(s, loops[:depth], (*loops[depth + 1 :], *swept)) for depth, s in enumerate(loops)]
    guards = _guards(terms, And(terms.rest, _asked(terms, spans, loops, swept)), loops)
    return _nest(spans, statement, guards, lets, terms.accesses.says)


def _asked(terms: Terms, spans: Sequence[Range], loops: tuple[Symbol, ...], swept: tuple[Symbol, ...]) -> Any:
    """What no end of a loop or of a slice says of the terms of one case, or of one remainder."""
    if terms.part.condition is true and not any(phase_cases(terms.chart)):
        return true
    slices = [terms.range(s, loops, tuple(o for o in swept if o != s)) for s in swept]
    return And(_large_enough(terms, (*spans, *slices)), *_some(terms, slices))


def _large_enough(terms: Terms, ranges: Sequence[Range]) -> Any:
    """What a part of the terms asks of sizes alone, where the ranges of its letters aren't empty anyway without."""
    asked = terms.terms.project(*terms.letters).simplify(terms.given).conditions
    if terms.part.condition is true or asked is true:
        return true
    within = [And(built(Le, r.start, r.symbol), built(Lt, r.symbol, r.stop)) for r in ranges]
    return true if decide(Goal((terms.form.given, *within), asked).smt) is Status.PROVED else asked


def _some(terms: Terms, ranges: Sequence[Range]) -> list[Any]:
    """That a slice by a remainder has some place, where what is called by cases of remainders may be no entry else."""
    places = [e for a in (terms.accesses.target, *terms.accesses.factors) for e in a.subscripts]
    if not any(phase_cases(terms.chart)) or not any(e.has(Where) for e in places):
        return []
    return [built(Lt, r.start, r.stop) for r in ranges if r.start.has(floor, ceiling) or r.stop.has(floor, ceiling)]


def _nest(
    spans: Sequence[Range],
    statement: Node,
    guards: Mapping[int, Any],
    lets: Mapping[int, Sequence[Let]],
    says: str,
) -> tuple[Node, ...]:
    """Loops around a statement; guards and held integers stand where so many loops are around them."""
    body: tuple[Node, ...] = (statement,)
    for depth in range(len(spans), -1, -1):
        body = (*lets.get(depth, ()), *body)
        body = (Guard(guards[depth], body),) if depth in guards else body
        if depth:
            body = (Loop(spans[depth - 1], body, says if depth == 1 else ""),)
    return body


def _guards(terms: Terms, condition: Any, loops: tuple[Symbol, ...]) -> dict[int, Any]:
    """Each part of a condition by the number of loops, from outside, at which all its letters are known."""
    found: dict[int, Any] = {}
    for part in And.make_args(condition):
        depth = max((d for d, s in enumerate(loops, start=1) if s in part.free_symbols), default=0)
        found[depth] = And(found.get(depth, true), part)
    return {depth: part for depth, part in found.items() if part is not true}


def _swept_range(
    terms: Terms,
    symbol: Symbol,
    loops: tuple[Symbol, ...],
    swept: tuple[Symbol, ...],
    lets: dict[int, list[Let]],
) -> Range:
    """The bounds of a swept index, held by name (i0, i1) where they depend on a loop."""
    span = terms.range(symbol, loops, tuple(s for s in swept if s != symbol))
    held = []
    for position, bound in enumerate((span.start, span.stop)):
        used = [depth for depth, s in enumerate(loops, start=1) if s in bound.free_symbols]
        if used:
            name = index(f"{symbol.name}{position}")
            lets.setdefault(max(used), []).append(Let(name, bound))
            held.append(name)
        else:
            held.append(bound)
    return Range(symbol, held[0], held[1])


def _statement(terms: Terms, over: tuple[Range, ...], says: str) -> MultiplyAdd | Contract:
    accesses = terms.accesses
    kept = accesses.target.along(over)
    aligned = all(_in_order(f.along(over), kept) for f in accesses.factors)
    if len(kept) == len(over) and aligned:
        return MultiplyAdd(accesses.target, over, accesses.factors, says, accesses.times)
    return Contract(accesses.target, over, accesses.factors, says, accesses.times)


def _in_order(part: tuple[Symbol, ...], whole: tuple[Symbol, ...]) -> bool:
    rest = iter(whole)
    return all(s in rest for s in part)


def _threads(form: Form, items: frozenset[str], parts: tuple[Terms, ...]) -> tuple[Node, ...]:
    register, name = Access("acc", ()), entry(form.output.entry())
    item = (ITEM,) if form.output.name in items else ()
    place = Access(form.output.name, (*item, *form.output.storage(form.output.symbols)))
    spans = (
        *(Range(s, Integer(0), BATCH) for s in item),
        *(Range(a.symbol, a.lower, a.upper + 1) for a in form.output.axes),
    )
    start: tuple[Node, ...] = (Scratch("acc", ()), filled(form, register, (), "acc"))
    if isinstance(form.bias, Sum):
        _, over, factors, says = _added(form, register, "acc")
        start = (*start, *_nest(over, MultiplyAdd(register, (), factors), {}, {}, says))
    sums = (node for terms in parts for node in _summed(terms, register))
    last = Copy(place, (), register, f"{name} = acc")
    return (Launch(spans, (*start, *sums, last), "one thread an output"),)


def _summed(terms: Terms, register: Access) -> tuple[Node, ...]:
    """The loops of one thread."""
    form, accesses = terms.form, terms.accesses
    summed = form.output.name not in terms.batched
    summing = (*(terms.items if summed else ()), *form.reduction_symbols)
    outer = (*(() if summed else terms.items), *form.output.symbols)
    loops = [terms.range(s, (*outer, *summing[: d + 1]), summing[d + 1 :]) for d, s in enumerate(summing)]
    known = Polyhedron.of(form.given, form.output.holds(), built(Le, 0, ITEM), built(Lt, ITEM, BATCH))
    guards = _guards(terms, And(terms.terms.project(*summing).simplify(known).conditions, terms.rest), summing)
    return _nest(loops, MultiplyAdd(register, (), accesses.factors, "", accesses.times), guards, {}, _acc(terms))


def _acc(terms: Terms) -> str:
    return terms.accesses.says.replace(entry(terms.form.output.entry()), "acc", 1)
