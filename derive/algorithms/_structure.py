"""What a program must be like before anything can be proved of it: storage, letters, order of statements.

storage    the form's arrays are stored in the form's shapes; sizes are read off them, or off arrays that tell nothing else
letters    no index or held integer is bound twice on one path
order      a result starts as its bias or as 0, its sums are added to it, and a register is stored last, in one launch
items      batched arrays are read and written at the item of the batch that the statement is at
"""

from __future__ import annotations

from sympy import Expr, Sum, Symbol, expand

from derive.algorithms._terms import program_tables
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import (
    Access,
    Accumulate,
    Barrier,
    Contract,
    Copy,
    Fill,
    Gather,
    Guard,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scatter,
    Scratch,
    Statement,
    accesses_of,
    ranges_of,
    walk,
)

__all__ = ["adds_bias", "check_structure"]


def check_structure(program: Program, form: Form) -> None:
    """Raises NoLowering for a program whose obligations would not mean what they say."""
    _check_storage(program, form)
    _check_working(program)
    _check_letters(program.body, frozenset(program.sizes))
    _check_order(program, form)
    _check_batch(program)


def _check_storage(program: Program, form: Form) -> None:
    wanted = {a.name: a.shape for a in (form.input, form.output, *(p.array for p in form.params))}
    stored = {s.name: s for s in (*program.arguments, program.result)}
    shapes = {s.name: s.shape for s in stored.values() if s.name in wanted}
    if shapes != wanted or program.result.name != form.output.name or program.sizes != form.sizes:
        raise NoLowering("A program stores other arrays than its form has.")
    for source in program.sources:
        extent = stored[source.array].shape[source.axis]
        if expand(source.factor * source.size + source.offset - extent) != 0:
            raise NoLowering(f"A program reads {source.size} off an extent of {source.array} that doesn't tell it.")
    if program.tables != program_tables(form):
        raise NoLowering("A program brings along other tables than its form reads.")


def _check_working(program: Program) -> None:
    """Working arrays are made before the sums, each once: a copy along one axis, or zeros that are added back at last."""
    along = (Gather, Accumulate, Scatter)
    nodes = [n for n in walk(program.body) if isinstance(n, along) or (isinstance(n, Scratch) and n.shape)]
    if any(all(node is not top for top in program.body) for node in nodes):
        raise NoLowering("A program makes its working arrays outside of loops.")
    kinds = [type(n) for n in program.body if isinstance(n, (Scratch, *along, Loop, Guard, MultiplyAdd, Contract))]
    order = {Scratch: 0, Gather: 0, Accumulate: 0, Scatter: 2}
    if [order.get(k, 1) for k in kinds] != sorted(order.get(k, 1) for k in kinds):
        raise NoLowering("A program fills its copies before it sums, and adds back after that.")
    made = (
        [n.array for n in nodes if isinstance(n, Scratch)],
        [n.target for n in nodes if isinstance(n, (Gather, Accumulate))],
    )
    names = [s.name for s in (*program.arguments, program.result, *program.working)]
    if len(set(names)) < len(names) or sorted((*made[0], *made[1])) != sorted(s.name for s in program.working):
        raise NoLowering("A program makes each of its working arrays once, under a name of its own.")
    if [n.source for n in nodes if isinstance(n, Scatter)] != made[0][::-1]:
        raise NoLowering("A program adds each array of zeros back once, the last one first.")
    _check_along([n for n in nodes if isinstance(n, along)], program)


def _check_along(nodes: list[Gather | Accumulate | Scatter], program: Program) -> None:
    """Each puts a box in the place of some axes of two arrays that are otherwise alike; what is read has been made."""
    known = {s.name for s in program.arguments}
    last = None
    for node in nodes:
        made = not isinstance(node, Scatter)
        new, old = (node.target, node.source) if made else (node.source, node.target)
        if made and node.source not in known:
            raise NoLowering(f"A program copies {node.source} before it is made.")
        if isinstance(node, Scatter) and last not in (None, node.source):
            raise NoLowering("A program adds back into another array than the next one that is added back.")
        known, last = known | {new}, node.target if isinstance(node, Scatter) else last
        first, second = program.storage(new), program.storage(old)
        box = [node.over.stop - node.over.start + 1] if isinstance(node, Accumulate) else _box(node.over)
        behind = node.axis + (1 if isinstance(node, Accumulate) else len(node.places))
        extents = (*second.shape[: node.axis], *box, *second.shape[behind:])
        alike = len(first.shape) == len(extents) and all(
            expand(x - y) == 0 for x, y in zip(first.shape, extents, strict=True)
        )
        if not alike or first.batched != second.batched or node.rank != len(second.shape):
            raise NoLowering(f"The working array {new} has another shape than it is made with.")
    if last not in (None, program.result.name):
        raise NoLowering("A program adds back into another array than its result.")


def _box(over: tuple[Range, ...]) -> list[Expr]:
    return [r.stop - r.start for r in over]


def _check_letters(body: tuple[Node, ...], bound: frozenset[Symbol]) -> None:
    for node in body:
        match node:
            case Let(symbol=symbol):
                bound = _bind(bound, symbol)
            case Loop(range=span, body=inner):
                _check_letters(inner, _bind(bound, span.symbol))
            case Launch(threads=threads, body=inner):
                _check_letters(inner, _bind_box(bound, threads))
            case Copy(over=over) | Fill(over=over) | MultiplyAdd(over=over) | Contract(over=over):
                _bind_box(bound, over)
            case Gather(over=over) | Scatter(over=over):
                _bind_box(bound, over)
            case Accumulate(over=span, place=place):
                _bind_box(bound, (span,))
                if not {s for e in (span.start, span.stop, place) for s in e.free_symbols} <= bound | {span.symbol}:
                    raise NoLowering("A running sum is over places that sizes tell.")
            case Scratch():
                pass
            case Barrier():
                raise NoLowering("A program of single threads has no barrier.")
            case _:
                _check_letters(node.body, bound)


def _bind(bound: frozenset[Symbol], *symbols: Symbol) -> frozenset[Symbol]:
    for symbol in symbols:
        if symbol in bound:
            raise NoLowering(f"A program binds '{symbol}' twice.")
        bound |= {symbol}
    return bound


def _bind_box(bound: frozenset[Symbol], ranges: tuple[Range, ...]) -> frozenset[Symbol]:
    """Ranges that run at once: the bounds of one depend on no other."""
    own = {r.symbol for r in ranges}
    for r in ranges:
        if (r.start.free_symbols | r.stop.free_symbols) & own:
            raise NoLowering(f"The range of '{r.symbol}' depends on another that runs at the same time.")
    return _bind(bound, *(r.symbol for r in ranges))


def _check_order(program: Program, form: Form) -> None:
    statements = [n for n in walk(program.body) if isinstance(n, (Copy, Fill, MultiplyAdd, Contract))]
    register = bool(statements) and statements[0].target.array != program.result.name
    first, sums, last = (
        statements[:1],
        statements[1 : len(statements) - register],
        statements[len(statements) - register :],
    )
    start = Fill if form.bias == 0 or isinstance(form.bias, Sum) else Copy
    added, sums = [n for n in sums if adds_bias(n, form)], [n for n in sums if not adds_bias(n, form)]
    if len(added) != isinstance(form.bias, Sum) or added != statements[1 : 1 + len(added)]:
        raise NoLowering("A program adds a bias that is a sum once, before it sums.")
    started = len(first) == 1 and isinstance(first[0], start) and all(isinstance(n, Copy) for n in last)
    if not started or not (sums or form.vanishes) or not all(isinstance(n, (MultiplyAdd, Contract)) for n in sums):
        raise NoLowering(
            "A program copies the bias, sums, then stores its register if any; without a bias to copy it fills with 0."
        )
    if any(node.target.array != first[0].target.array for node in added):
        raise NoLowering("A program adds the bias into another place than it starts in.")
    begun = next((n.source for n in program.body if isinstance(n, Scatter)), None)
    for node in sums:
        if isinstance(node, MultiplyAdd) and len(node.target.along(node.over)) != len(node.over):
            raise NoLowering("A program sums over an index in a statement that only adds.")
        if node.target.array != (begun or first[0].target.array):
            raise NoLowering("A program sums into another place than the bias is in.")
    _check_charts(program, form, len(sums))
    scratch = [node for node in walk(program.body) if isinstance(node, Scratch) and not (node.shape and begun)]
    if register:
        _check_register(program, statements, scratch)
    elif scratch:
        raise NoLowering("A program that sums into its result needs no scratch.")
    elif first[0] is not next(n for n in program.body if not isinstance(n, Gather)):
        raise NoLowering("A program copies the bias once, before anything else but copies.")


def adds_bias(node: Node, form: Form) -> bool:
    """Whether a statement is the one that adds a bias that is a sum of products: it reads biases alone."""
    names = {p.name for p in form.biases} if isinstance(form.bias, Sum) else set()
    return isinstance(node, (MultiplyAdd, Contract)) and bool(names) and all(f.array in names for f in node.factors)


def _check_charts(program: Program, form: Form, sums: int) -> None:
    """A chart names every letter of the form, in its own letters and sizes; and its own in the form's."""
    if len(program.charts) not in (0, sums):
        raise NoLowering("A program has a chart for each sum, or none.")
    letters = {*form.reduction_symbols, *form.output.symbols}
    for chart in program.charts:
        named, own = dict(chart.down), {s for s, _ in chart.up}
        mentioned = {s for e in named.values() for s in e.free_symbols} - set(form.sizes)
        back = {s for _, e in chart.up for s in e.free_symbols} - set(form.sizes)
        if set(named) != letters or not mentioned <= own or not back <= letters or own & {*form.sizes, program.item}:
            raise NoLowering("A chart takes the form's letters to its own and back.")


def _check_register(program: Program, statements: list[Statement], scratch: list[Scratch]) -> None:
    """One register a thread: it is made, filled and stored at the launch's own level."""
    if len(program.body) != 1 or not isinstance(program.body[0], Launch):
        raise NoLowering("A program with a register is one launch.")
    level = program.body[0].body
    first, *sums, last = statements
    register = Access(scratch[0].array, ()) if len(scratch) == 1 and scratch[0].shape == () else None
    uses = (first.target, *(node.target for node in sums), last.source if isinstance(last, Copy) else None)
    if any(use != register for use in uses) or last.target.array != program.result.name:
        raise NoLowering("A program keeps its sum in one register and stores that.")
    if level[0] is not scratch[0] or level[1] is not first or level[-1] is not last:
        raise NoLowering("A program makes and fills its register first in a thread, and stores it last.")


def _check_batch(program: Program) -> None:
    """The item runs through the batch and nothing else: one thread each, or within the sum where the result has no items."""
    batched = {s.name for s in (*program.arguments, program.result, *program.working) if s.batched}
    if program.batch is None or program.item is None:
        if (batched and not program.result.batched) or program.batch != program.item:
            raise NoLowering("A program that sums over the items of a batch counts them.")
        return
    _check_items(program)
    for node in walk(program.body):
        if isinstance(node, (Copy, Fill, MultiplyAdd, Contract)):
            for access in accesses_of(node):
                rest = access.subscripts[1:] if access.array in batched else access.subscripts
                led = access.array not in batched or access.subscripts[0] == program.item
                if not led or any(program.item in e.free_symbols for e in rest):
                    raise NoLowering(f"{access.array} must be read or written at the item of its own thread.")


def _check_items(program: Program) -> None:
    """Every range of the item is the whole batch: the first of the launch, or of each sum."""
    own = [r for node in walk(program.body) for r in ranges_of(node) if r.symbol == program.item]
    if any(r.start != 0 or r.stop != program.batch for r in own):
        raise NoLowering("The first index of a launch must run through the batch.")
    outer = program.body[0].threads[:1] if program.body and isinstance(program.body[0], Launch) else ()
    if program.result.batched and (len(program.body) != 1 or [r.symbol for r in outer] != [program.item]):
        raise NoLowering("A program that counts the items of a batch is one launch.")
    if not program.result.batched and program.item in {r.symbol for r in outer}:
        raise NoLowering("A program sums over the items of a batch within a thread.")
