"""Direct summation: every term of the form once, in the form's own order.

    Σ_{r ∈ R(o)} weight(o, r)·X[ι(o, r)]   ⟶   for r: H[o] += weight(o, r)·X[ι(o, r)]  on all o at once, or on one o a thread

For arrays, a summation index that is tied to a place (i + a) becomes a loop over shifted slices, and one that stands
alone (a channel, or the input's own place) is contracted. For threads, each output is one thread's register.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from sympy import Expr, Integer, Le, Max, Min, Symbol, true

from derive.errors import NoLowering
from derive.forms.conditions import split
from derive.forms.expr import Read, index
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine, Polyhedron
from derive.forms.sizes import size_sources
from derive.forms.text import show
from derive.ir.nodes import (
    Access,
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

__all__ = ["direct"]

_BATCH, _ITEM = index("batch"), index("z")


def direct(form: Form, target: str) -> Program:
    """The program for 'arrays' or 'threads'. Raises NoLowering where the form's index set is not affine."""
    try:
        scan = _Scan(form)
    except NotAffine as cause:
        raise NoLowering(f"Algorithm 'direct' needs affine index sets: {cause}") from cause
    body = _arrays(scan) if target == "arrays" else _threads(scan)
    arguments = (
        Storage(form.input.name, form.input.shape, batched=True),
        *(Storage(p.name, p.array.shape) for p in form.params),
    )
    return Program(
        name="direct",
        says=("shifted sums" if form.reduction and _loops(form, scan) else "one contraction")
        if target == "arrays"
        else "one thread an output",
        arguments=arguments,
        result=Storage(form.output.name, form.output.shape, batched=True),
        sizes=form.sizes,
        sources=tuple(SizeFrom(*astuple(s)) for s in size_sources(form)),
        body=body,
        batch=_BATCH if target == "threads" else None,
    )


@dataclass(frozen=True)
class _Accesses:
    target: Access
    bias: Access
    factors: tuple[Access, ...]
    says: str


class _Scan:
    """The form's live terms as a polyhedron, and the bounds of each index in an order of nesting."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.given = Polyhedron.of(form.given)
        self.terms, self.rest = split(form.live, form.given)
        self.accesses = _accesses(form)

    def range(self, symbol: Symbol, outer: tuple[Symbol, ...], inner: tuple[Symbol, ...]) -> Range:
        """The values of one index for fixed outer ones, such that the inner ones have some value."""
        shadow = self.terms.project(*inner)
        rest = tuple(s for s in outer if s != symbol)
        known = self.terms.project(symbol, *inner) if rest else self.given
        lower, upper = shadow.simplify(known).bounds(symbol)
        stop = Min(*(bound + 1 for bound in upper))
        start = Max(*lower)
        return Range(symbol, start, stop if self._runs(start, stop, known) else Max(start, stop))

    def _runs(self, start: Expr, stop: Expr, known: Polyhedron) -> bool:
        """Whether start ≤ stop for all sizes and all outer indices that some term has."""
        goal = Goal((self.form.given, known.conditions), Le(start, stop))
        return decide(goal.smt) is Status.PROVED


def _accesses(form: Form) -> _Accesses:
    boxes = {p.name: p.array for p in form.params} | {form.input.name: form.input}

    def access(read: Read) -> Access:
        return Access(read.array, boxes[read.array].storage(read.subscripts))

    factors = form.weight.as_ordered_factors()
    if not isinstance(form.bias, Read):
        raise NoLowering(f"Algorithm 'direct' starts each output from its bias; '{form.bias}' is no entry of one.")
    if not all(isinstance(f, Read) for f in factors):
        raise NoLowering(f"Algorithm 'direct' needs weights that are products of entries; '{form.weight}' isn't one.")
    written = form.output.entry()
    source = form.input.entry(form.read)
    return _Accesses(
        target=Access(form.output.name, form.output.storage(form.output.symbols)),
        bias=access(form.bias),
        factors=(*map(access, factors), access(source)),
        says=f"{show(written)} += {'·'.join(show(f) for f in factors)}·{show(source)}",
    )


def _loops(form: Form, scan: _Scan) -> tuple[Symbol, ...]:
    """The indices that cannot be swept at once: those tied to another one in a read or in a bound."""
    outputs, swept = set(form.output.symbols), {*form.output.symbols, *form.reduction_symbols}
    loops = [
        r for r in form.reduction_symbols if any(r in e.free_symbols and e.free_symbols & outputs for e in form.read)
    ]
    for expression in scan.terms.expressions:
        tied = [s for s in (*form.reduction_symbols, *form.output.symbols) if s in expression.free_symbols & swept]
        loops += [s for s in tied if s not in loops][: max(0, sum(s not in loops for s in tied) - 1)]
    loops += [s for s in (*form.reduction_symbols, *form.output.symbols) if s in scan.rest.free_symbols]
    return tuple(s for s in (*form.reduction_symbols, *form.output.symbols) if s in loops)


def _arrays(scan: _Scan) -> tuple[Node, ...]:
    form = scan.form
    loops = _loops(form, scan)
    swept = tuple(s for s in (*form.output.symbols, *form.reduction_symbols) if s not in loops)
    lets: dict[int, list[Let]] = {}
    ranges = [_swept_range(scan, s, loops, swept, lets) for s in swept]
    body: tuple[Node, ...] = (_statement(scan.accesses, tuple(ranges), "" if loops else scan.accesses.says),)
    if scan.rest is not true:
        body = (Guard(scan.rest, body),)
    for depth in range(len(loops), 0, -1):
        inner = (*loops[depth:], *swept)
        span = scan.range(loops[depth - 1], loops[:depth], inner)
        says = scan.accesses.says if depth == 1 else ""
        body = (Loop(span, (*lets.get(depth, []), *body), says),)
    whole = tuple(Range(a.symbol, a.lower, a.upper + 1) for a in form.output.axes)
    first = Copy(scan.accesses.target, whole, scan.accesses.bias, f"{show(form.output.entry())} = {_text(form.bias)}")
    return (first, *lets.get(0, []), *body)


def _swept_range(
    scan: _Scan,
    symbol: Symbol,
    loops: tuple[Symbol, ...],
    swept: tuple[Symbol, ...],
    lets: dict[int, list[Let]],
) -> Range:
    """The bounds of a swept index, held by name (i0, i1) where they depend on a loop."""
    span = scan.range(symbol, loops, tuple(s for s in swept if s != symbol))
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


def _statement(accesses: _Accesses, over: tuple[Range, ...], says: str) -> MultiplyAdd | Contract:
    kept = accesses.target.along(over)
    aligned = all(_in_order(f.along(over), kept) for f in accesses.factors)
    if len(kept) == len(over) and aligned:
        return MultiplyAdd(accesses.target, over, accesses.factors, says)
    return Contract(accesses.target, over, accesses.factors, says)


def _in_order(part: tuple[Symbol, ...], whole: tuple[Symbol, ...]) -> bool:
    rest = iter(whole)
    return all(s in rest for s in part)


def _text(bias: Expr) -> str:
    return show(bias).replace("[()]", "")


def _threads(scan: _Scan) -> tuple[Node, ...]:
    form, accesses = scan.form, scan.accesses
    sums = form.reduction_symbols
    register = Access("acc", ())
    batched = (form.input.name, form.output.name)

    def whole(access: Access) -> Access:
        return Access(access.array, (_ITEM, *access.subscripts)) if access.array in batched else access

    body: tuple[Node, ...] = (MultiplyAdd(register, (), tuple(map(whole, accesses.factors))),)
    if scan.rest is not true:
        body = (Guard(scan.rest, body),)
    for depth in range(len(sums), 0, -1):
        outer = (*form.output.symbols, *sums[:depth])
        says = accesses.says.replace(show(form.output.entry()), "acc", 1) if depth == 1 else ""
        body = (Loop(scan.range(sums[depth - 1], outer, sums[depth:]), body, says),)
    threads = (
        Range(_ITEM, Integer(0), _BATCH),
        *(Range(a.symbol, a.lower, a.upper + 1) for a in form.output.axes),
    )
    first = Copy(register, (), accesses.bias, f"acc = {_text(form.bias)}")
    last = Copy(whole(accesses.target), (), register, f"{show(form.output.entry())} = acc")
    return (Launch(threads, (Scratch("acc", ()), first, *body, last), "one thread an output"),)
