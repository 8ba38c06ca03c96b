"""NumPy source: loops over slices, one line a statement, the formula above the line that computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sympy import Expr, Integer, Symbol

from derive.backends._algorithms import algorithms, direct_costs, gradient_algorithms, staged_bodies
from derive.backends._contractions import contraction
from derive.backends._expressions import number, python, table_name, table_reads, vectorised
from derive.backends._module import (
    Header,
    bodies_of,
    check_sizes,
    indent,
    sentence,
    signature,
    size_lines,
    used,
)
from derive.backends._narrow import narrow
from derive.backends._running import running_sums
from derive.backends._signature import runtime_imports, tabulated
from derive.backends._slices import aligned, slice_text
from derive.errors import EmitError
from derive.ir.nodes import (
    NODES,
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
    Storage,
    walk,
)
from derive.ir.stages import Staged

__all__ = ["numpy"]

Lines = list[str]
_LONG = 88


class _Writer:
    """Prints the body of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.stored = {s.name: s for s in (*program.arguments, program.result, *program.working)}

    def body(self, nodes: tuple[Node, ...]) -> Lines:
        lines: Lines = []
        for node in nodes:
            says = getattr(node, "says", "")
            lines += [*([""] if says and lines else []), *([f"# {says}"] if says else [])]
            lines += TEMPLATES[type(node)](self, node)
        return lines

    def let(self, node: Let) -> Lines:
        return [f"{node.symbol} = {python(node.value)}"]

    def scratch(self, node: Scratch) -> Lines:
        result, shape = self.program.result, ", ".join(python(e) for e in node.shape)
        rank = len(result.shape)
        batch = f"*{result.name}.shape[:-{rank}], " if result.batched else ""
        comma = "," if not batch and len(node.shape) == 1 else ""
        return [f"{node.array} = new(({batch}{shape}{comma}))", f"{node.array}[...] = 0"]

    def gather(self, node: Gather) -> Lines:
        lines, places = self._places(node)
        behind = [":"] * (node.rank - node.axis - len(node.places))
        if len(places) == 1:
            taken = f"{node.source}.take({places[0]}, axis={node.axis - node.rank})"
        else:
            taken = f"{node.source}[{', '.join(['...', *(places or ['None'] * len(node.over)), *behind])}]"
        return [*lines, f"{node.target} = {taken}{self._signs(node, node.source)}"]

    def scatter(self, node: Scatter) -> Lines:
        lines, (places,) = self._places(node)
        at = ", ".join(("...", places, *["slice(None)"] * (node.rank - node.axis - 1)))
        return [*lines, f"np.add.at({node.target}, ({at}), {node.source}{self._signs(node, node.source)})"]

    def accumulate(self, node: Accumulate) -> Lines:
        return running_sums(node, self.stored[node.source], self.stored[node.target])

    def _places(self, node: Gather | Scatter) -> tuple[Lines, list[str]]:
        """Lines that give letters all their values, and the places as arrays; a table that says them all by its name."""
        letters, moving = [r.symbol for r in node.over], (*node.places, node.times)
        free = {s for e in moving for s in e.free_symbols}
        if all(self._is_whole(e, node.over) for e in moving if e.free_symbols & set(letters)):
            lines = []
        elif len(letters) == 1:
            lines = [_values(node.over[0])] if letters[0] in free else []
        else:
            lines = [f"{', '.join(map(str, letters))} = np.ogrid[{', '.join(map(_span, node.over))}]"]
        return lines, [self._array(e, node.over) for e in node.places]

    def _array(self, expression: Expr, over: tuple[Range, ...]) -> str:
        if self._is_whole(expression, over):
            return table_name(expression.array)
        return vectorised(expression, *(r.symbol for r in over))

    def _is_whole(self, expression: Expr, over: tuple[Range, ...]) -> bool:
        """Whether an expression is a table at all its places."""
        if getattr(expression, "subscripts", None) != tuple(r.symbol for r in over):
            return False
        shape = next(t.shape for t in self.program.tables if t.name == expression.array)
        return all((r.start, r.stop) == (0, side) for r, side in zip(over, shape, strict=True))

    def _signs(self, node: Gather | Scatter, array: str) -> str:
        """The numbers that the entries are multiplied by, in the array's type, with axes for those behind."""
        if isinstance(node.times, Integer):
            return "" if node.times == 1 else f" * {node.times}"
        text = self._array(node.times, node.over)
        text = text if self._is_whole(node.times, node.over) else f"({text}).astype({array}.dtype)"
        behind = ["None"] * (node.rank - node.axis - len(node.places))
        return f" * {text}[{', '.join(['...', *behind])}]" if behind else f" * {text}"

    def copy(self, node: Copy) -> Lines:
        kept = node.target.along(node.over)
        mine = node.source.along(node.over)
        wanted = [s for s in kept if s in mine]
        view = self.view(node.source, node.over, kept)
        if list(mine) != wanted:
            letters = _einsum_letters(node)
            spec = f"{''.join(letters[s] for s in mine)}->{''.join(letters[s] for s in wanted)}"
            spread = ", ".join(":" if s in mine else "None" for s in kept[kept.index(wanted[0]) :])
            view = (
                f'np.einsum("{spec}", {self.view(node.source, node.over)}){f"[{spread}]" if "None" in spread else ""}'
            )
        source = f"{number(node.times)}{view}"
        return [f"{self.view(node.target, node.over, store=True)} = {source}"]

    def fill(self, node: Fill) -> Lines:
        return [f"{self.view(node.target, node.over, store=True)} = 0"]

    def multiply_add(self, node: MultiplyAdd) -> Lines:
        kept = node.target.along(node.over)
        product = " * ".join(self.view(f, node.over, kept) for f in node.factors)
        start, times = _added(node.times)
        return _wrapped(f"{self.view(node.target, node.over, store=True)} {start} ", "(", f"{times}{product}", ")")

    def contract(self, node: Contract) -> Lines:
        letters = _einsum_letters(node)
        read = {s for f in node.factors for s in f.along(node.over)}
        kept = node.target.along(node.over)
        if lost := [r.symbol for r in node.over if r.symbol not in read and r.symbol not in kept]:
            raise EmitError(f"The sum over {lost[0]} adds one number many times, which einsum can't say.")
        result = f"{'...' if self.batched(node.target) else ''}{''.join(letters[s] for s in kept if s in read)}"
        factors = [(self._labels(f, node.over, letters), self.view(f, node.over)) for f in node.factors]
        (call, inside), end = contraction(factors, result), ")"
        if repeated := tuple(p - len(kept) for p, s in enumerate(kept) if s not in read):
            call, inside, end = "np.expand_dims", f"{call}({inside})", f", {repeated})"
        start, times = _added(node.times)
        start = f"{self.view(node.target, node.over, store=True)} {start} {times}{call}"
        return _wrapped(start, "(", inside, end, call=bool(call))

    def _labels(self, access: Access, over: tuple[Range, ...], letters: Mapping[Symbol, str]) -> str:
        batch = "..." if self.batched(access) else ""
        return batch + "".join(letters[s] for s in access.along(over))

    def loop(self, node: Loop) -> Lines:
        span = node.range
        bounds = python(span.stop) if span.start == 0 else f"{python(span.start)}, {python(span.stop)}"
        return [f"for {span.symbol} in range({bounds}):", *indent(self.body(node.body))]

    def guard(self, node: Guard) -> Lines:
        return [f"if {python(node.condition)}:", *indent(self.body(node.body))]

    def launch(self, node: Launch | Barrier) -> Lines:
        raise EmitError("Backend 'numpy' sweeps arrays; a program of threads is for another backend.")

    def batched(self, access: Access) -> bool:
        """Whether an access has leading axes that the body doesn't count."""
        return access.array in self.stored and self.stored[access.array].batched and self.program.batch is None

    def view(
        self,
        access: Access,
        over: tuple[Range, ...],
        kept: tuple[Symbol, ...] | None = None,
        store: bool = False,
    ) -> str:
        """The array's slices; with `kept`, axes of one are put in where the target has an axis more."""
        ranges = {r.symbol: r for r in over}
        known = access.array in self.stored
        shape = self.program.extents(access.array) if known else (None,) * len(access.subscripts)
        parts = [slice_text(e, ranges, extent) for e, extent in zip(access.subscripts, shape, strict=True)]
        batched = self.batched(access)
        if kept is not None:
            parts = aligned(parts, access, over, kept, batched)
        if batched:
            parts = ["...", *parts]
        while parts and parts[-1] == ":" and not batched:
            parts.pop()
        if all(p in (":", "...") for p in parts):
            parts = ["..."] if store else []
        return f"{access.array}[{', '.join(parts)}]" if parts else access.array


def _values(span: Range) -> str:
    """The letter as the array of its values."""
    start = "" if span.start == 0 else f"{python(span.start)}, "
    return f"{span.symbol} = np.arange({start}{python(span.stop)})"


def _span(span: Range) -> str:
    return f"{'' if span.start == 0 else python(span.start)}:{python(span.stop)}"


def _added(times: Expr) -> tuple[str, str]:
    """The sign of an augmented assignment, and what is left to multiply by."""
    return ("-=", "") if times == -1 else ("+=", number(times))


def _tables(programs: Iterable[Program]) -> Lines:
    """The tables of all programs, each once, with the numbers that only multiply in one byte."""
    programs = tuple(programs)
    found = {t.name: t for p in programs for t in p.tables}
    signs = {r.array for p in programs for n in walk(p.body) for r in table_reads(getattr(n, "times", Integer(1)))}
    lines: Lines = []
    for name, table in found.items():
        kind = ", np.int8)" if name in signs and all(abs(v) < 128 for v in table.values) else ")"
        lines += tabulated(f"{table_name(name)} = np.array(", table, kind)
    return [*lines, *([""] * 2 if lines else [])]


def _wrapped(start: str, left: str, inside: str, right: str, call: bool = False) -> Lines:
    """One line, or three where it would be long."""
    if len(start) + len(inside) <= _LONG:
        return [f"{start}{left}{inside}{right}" if call else f"{start}{inside}"]
    return [f"{start}{left}", *indent([inside]), right]


def _einsum_letters(node: Copy | Contract) -> dict[Symbol, str]:
    """The formula's letters where they are single, else the next free ones."""
    symbols = [r.symbol for r in node.over]
    own = {s: s.name for s in symbols if len(s.name) == 1 and s.name.isalpha()}
    free = iter(c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in own.values())
    return {s: own.get(s) or next(free) for s in symbols}


TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: _Writer.let,
    Scratch: _Writer.scratch,
    Copy: _Writer.copy,
    Fill: _Writer.fill,
    MultiplyAdd: _Writer.multiply_add,
    Contract: _Writer.contract,
    Gather: _Writer.gather,
    Accumulate: _Writer.accumulate,
    Scatter: _Writer.scatter,
    Loop: _Writer.loop,
    Guard: _Writer.guard,
    Launch: _Writer.launch,
    Barrier: _Writer.launch,
}
if missing := [node.__name__ for node in NODES if node not in TEMPLATES]:
    raise EmitError(f"Backend 'numpy' has no template for: {', '.join(missing)}.")


class _NumPy:
    """The backend: its name, the kind of program that it prints, and the printer."""

    name = "numpy"
    target = "arrays"
    language = "python"

    def emit(
        self,
        program: Program,
        header: Header,
        gradients: Mapping[str, Program] | None = None,
        staged: Sequence[Staged] = (),
    ) -> str:
        """The text of a module with one kernel, `staged` those of its gradients among them.

        Raises EmitError for what NumPy can't say in slices.
        """
        views = gradients or {}
        told = (bodies_of(views), header.constants, header.repeats)
        bodies = [line for part in (program, *views.values()) for line in _function(part)]
        more = gradient_algorithms(views, staged)
        bodies += [*staged_bodies(staged), *direct_costs(program, views, staged, header)]
        lines = [
            "import numpy as np",
            "",
            *runtime_imports(*told[:2], bodies if staged else ()),
            "",
            f'__all__ = ["{header.name}"]',
            "",
            "",
            *_tables((program, *views.values())),
            *bodies,
            *signature(program, header, f"_{program.name}", "np", algorithms(program, staged, header), *told, more),
            "",
        ]
        return header.text() + "\n".join(narrow(lines))


def _function(program: Program) -> Lines:
    """The body function of one program, and the two blank lines after it."""
    check_sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    before = [*size_lines(program, used(program)), *map(_counted, _items(program))]
    body = [*indent(before), "", *indent(_Writer(program).body(program.body))]
    return [
        f"def _{program.name}({', '.join([*names, 'new'])}):",
        f'    """{sentence(program.says)}"""',
        *(body if before else body[1:]),
        "",
        "",
    ]


def _items(program: Program) -> tuple[Storage, ...]:
    """The arguments whose leading axes are counted as one."""
    return tuple(s for s in program.arguments if s.batched) if program.batch is not None else ()


def _counted(storage: Storage) -> str:
    rank = len(storage.shape)
    kept = f", *{storage.name}.shape[-{rank}:]" if rank else ""
    return f"{storage.name} = {storage.name}.reshape(-1{kept})"


numpy = _NumPy()
