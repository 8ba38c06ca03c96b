"""What a program must be like before anything can be proved of it: storage, letters, order of statements.

storage    the arguments are the form's arrays with the form's shapes, and the sizes are read off them
letters    no index or held integer is bound twice on one path
order      the bias is copied first, the sum is added to it, and a register is stored last, in one launch
"""

from __future__ import annotations

from sympy import Symbol, expand

from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.nodes import (
    Access,
    Contract,
    Copy,
    Launch,
    Let,
    Loop,
    MultiplyAdd,
    Node,
    Program,
    Range,
    Scratch,
    Statement,
    Storage,
    walk,
)

__all__ = ["check_structure"]


def check_structure(program: Program, form: Form) -> None:
    """Raises NoLowering for a program whose obligations would not mean what they say."""
    _check_storage(program, form)
    _check_letters(program.body, frozenset(program.sizes))
    _check_order(program)
    if program.batch is not None:
        _check_batch(program)


def _check_storage(program: Program, form: Form) -> None:
    arguments = (
        Storage(form.input.name, form.input.shape, batched=True),
        *(Storage(p.name, p.array.shape) for p in form.params),
    )
    result = Storage(form.output.name, form.output.shape, batched=True)
    if program.arguments != arguments or program.result != result or program.sizes != form.sizes:
        raise NoLowering("A program stores other arrays than its form has.")
    stored = {s.name: s for s in arguments}
    for source in program.sources:
        extent = stored[source.array].shape[source.axis]
        if expand(source.factor * source.size + source.offset - extent) != 0:
            raise NoLowering(f"A program reads {source.size} off an extent of {source.array} that doesn't tell it.")


def _check_letters(body: tuple[Node, ...], bound: frozenset[Symbol]) -> None:
    for node in body:
        match node:
            case Let(symbol=symbol):
                bound = _bind(bound, symbol)
            case Loop(range=span, body=inner):
                _check_letters(inner, _bind(bound, span.symbol))
            case Launch(threads=threads, body=inner):
                _check_letters(inner, _bind_box(bound, threads))
            case Copy(over=over) | MultiplyAdd(over=over) | Contract(over=over):
                _bind_box(bound, over)
            case Scratch():
                pass
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


def _check_order(program: Program) -> None:
    statements = [n for n in walk(program.body) if isinstance(n, (Copy, MultiplyAdd, Contract))]
    kinds = [isinstance(node, Copy) for node in statements]
    register = bool(statements) and statements[0].target.array != program.result.name
    if kinds != [True, False, *([True] if register else [])]:
        raise NoLowering("A program copies the bias, sums in one statement, then stores its register if any.")
    first, adds = statements[:2]
    if isinstance(adds, MultiplyAdd) and len(adds.target.along(adds.over)) != len(adds.over):
        raise NoLowering("A program sums over an index in a statement that only adds.")
    if first.target.array != adds.target.array or (not register and first.target != adds.target):
        raise NoLowering("A program sums into another place than the bias is in.")
    scratch = [node for node in walk(program.body) if isinstance(node, Scratch)]
    if register:
        _check_register(program, statements, scratch)
    elif scratch:
        raise NoLowering("A program that sums into its result needs no scratch.")


def _check_register(program: Program, statements: list[Statement], scratch: list[Scratch]) -> None:
    """One register a thread: it is made, filled and stored at the launch's own level."""
    if len(program.body) != 1 or not isinstance(program.body[0], Launch):
        raise NoLowering("A program with a register is one launch.")
    level = program.body[0].body
    first, adds, last = statements
    register = Access(scratch[0].array, ()) if len(scratch) == 1 and scratch[0].shape == () else None
    uses = (first.target, adds.target, last.source if isinstance(last, Copy) else None)
    if any(use != register for use in uses) or last.target.array != program.result.name:
        raise NoLowering("A program keeps its sum in one register and stores that.")
    if level[0] is not scratch[0] or level[1] is not first or level[-1] is not last:
        raise NoLowering("A program makes and fills its register first in a thread, and stores it last.")


def _check_batch(program: Program) -> None:
    """The first thread index counts the items of the batch, and nothing but the items."""
    (launch,) = program.body
    if not isinstance(launch, Launch):
        raise NoLowering("A program that counts the items of a batch is one launch.")
    item = launch.threads[0]
    if item.start != 0 or item.stop != program.batch:
        raise NoLowering("The first index of a launch must run through the batch.")
    batched = {s.name for s in (*program.arguments, program.result) if s.batched}
    for node in walk(program.body):
        if isinstance(node, (Copy, MultiplyAdd, Contract)):
            for access in (node.target, *((node.source,) if isinstance(node, Copy) else node.factors)):
                rest = access.subscripts[1:] if access.array in batched else access.subscripts
                led = access.array not in batched or access.subscripts[0] == item.symbol
                if not led or any(item.symbol in e.free_symbols for e in rest):
                    raise NoLowering(f"{access.array} must be read or written at the item of its own thread.")
