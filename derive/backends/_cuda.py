"""CUDA C for one launch: a template for each node, and nothing decided while printing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sympy import Expr, Integer, S, expand, floor
from sympy.printing.precedence import PRECEDENCE

from derive.backends._expressions import PythonPrinter, table_name
from derive.backends._module import accessed, indent
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
    walk,
)
from derive.remembered import fraction, replaced

__all__ = ["TEMPLATES", "Writer", "factor", "opening", "total"]

Lines = list[str]


class _C(PythonPrinter):
    """Index expressions as CUDA C, in 64-bit integers, or in those of 32 bits; integers of other types than that stand nowhere."""

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self.suffix = suffix

    def _print_Integer(self, expr: Any) -> str:
        return f"{expr.p}"

    def _call(self, name: str, expr: Any) -> str:
        first, *rest = sorted((self._typed(a) for a in expr.args), key=lambda t: (len(t) > 1, t))
        for other in rest:
            first = f"{name}({first}, {other})"
        return first

    def _typed(self, e: Any) -> str:
        return f"{e.p}{self.suffix}" if isinstance(e, Integer) else str(self._print(e))

    def _remainder(self, top: str, bottom: str) -> str:
        """The remainder of the floor division: C's own has the sign of the dividend."""
        return f"((({top}) % {bottom} + {bottom}) % {bottom})"

    def _print_floor(self, expr: Any) -> str:
        top, bottom = fraction(expr.args[0])
        over, under = self._print(top), self.parenthesize(bottom, PRECEDENCE["Atom"], strict=True)
        return f"((({over}) - {self._remainder(over, under)}) / {under})"

    def _print_ceiling(self, expr: Any) -> str:
        return f"(-{self._print_floor(floor(-expr.args[0]))})"

    def _print_Mod(self, expr: Any) -> str:
        return self._remainder(
            self._print(expr.args[0]), self.parenthesize(expr.args[1], PRECEDENCE["Atom"], strict=True)
        )

    def _print_Where(self, expr: Any) -> str:
        condition, value, other = expr.args
        return f"({self._print(condition)} ? {self._typed(value)} : {self._typed(other)})"

    def _print_Not(self, expr: Any) -> str:
        return f"!({self._print(expr.args[0])})"

    def _print_Or(self, expr: Any) -> str:
        parts = (f"({p})" if " && " in p else p for p in sorted(map(self._print, expr.args)))
        return f"({' || '.join(parts)})"

    def _print_Read(self, expr: Any) -> str:
        return f"{table_name(expr.array)}{''.join(f'[{self._print(e)}]' for e in expr.subscripts) or '[0]'}"

    def _print_BooleanTrue(self, expr: Any) -> str:
        return "true"

    def _print_BooleanFalse(self, expr: Any) -> str:
        return "false"

    def _print_Abs(self, expr: Any) -> str:
        return f"llabs({self._print(expr.args[0])})"

    def _print_And(self, expr: Any) -> str:
        return " && ".join(sorted(map(self._print, expr.args)))


_PRINTER, _NARROW = _C("LL"), _C("")


def _c(expression: Any) -> str:
    return str(_PRINTER.doprint(expression))


class Writer:
    """Prints one launch as a kernel. `narrow` indices have 32 bits; places in memory have 64 in any case.

    `rolled` says that loops which aren't to be unrolled must stay loops. Entries of arrays are `stored`, and become `real` where
    they are read; those of the arrays named in `exact` are. So are those of `cells`, shared arrays that hold entries as they are.
    """

    def __init__(
        self,
        program: Program,
        narrow: bool = False,
        rolled: bool = False,
        exact: Collection[str] = (),
        cells: Collection[str] = (),
    ) -> None:
        self.program = program
        self.exact = exact
        self.cells = cells
        self.rolled = ["#pragma unroll 1"] if rolled else []
        self.narrow = narrow
        self.integer = "int" if narrow else "long long"
        self.wide = any(isinstance(node, Copy) and node.over for node in walk(program.body))
        self.stored = {s.name: s for s in (*program.arguments, program.result)}

    def body(self, nodes: tuple[Node, ...]) -> Lines:
        lines: Lines = []
        for node in nodes:
            says = getattr(node, "says", "")
            lines += [f"// {says}"] if says else []
            lines += TEMPLATES[type(node)](self, node)
        return lines

    def place(self, access: Access) -> str:
        """The entry as C text: row-major, batch axis first."""
        if access.array not in self.stored:
            return access.array + "".join(f"[{self.c(e)}]" for e in access.subscripts)
        extents = self.program.extents(access.array)
        text = ""
        for position, (subscript, extent) in enumerate(zip(access.subscripts, extents, strict=True)):
            outer = f"({text})" if position > 1 or " " in text else text
            outer = f"(long long){outer}" if self.narrow and position == 1 else outer
            text = f"{outer}*{factor(extent)} + {self.c(subscript)}" if position else self.c(subscript)
        return f"{access.array}[{text or '0'}]"

    def read(self, access: Access) -> str:
        """An entry as an operand, in the type that computes."""
        place = self.place(access)
        as_stored = access.array in self.cells or (access.array in self.stored and access.array not in self.exact)
        return f"(real){place}" if as_stored else place

    def pointers(self) -> str:
        """The arrays that a kernel takes."""
        met, result = accessed(self.program), self.program.result.name
        kinds = {name: "real" if name in self.exact else "stored" for name in met}
        return ", ".join(
            f"{'' if name == result else 'const '}{kind}* __restrict__ {name}" for name, kind in kinds.items()
        )

    def c(self, expression: Any) -> str:
        """An index as C text."""
        return str((_NARROW if self.narrow else _PRINTER).doprint(expression))

    def let(self, node: Let) -> Lines:
        return [f"const {self.integer} {node.symbol} = {self.c(node.value)};"]

    def scratch(self, node: Scratch) -> Lines:
        return [f"real {node.array}{''.join(f'[{self.c(e)}]' for e in node.shape)};"]

    def copy(self, node: Copy) -> Lines:
        if node.over:
            return self.lanes(node)
        if node.target.array in self.cells:
            return [f"{self.place(node.target)} = {self.place(node.source)};"]
        return [f"{self.place(node.target)} = {_number(node.times)}{self.read(node.source)};"]

    def lanes(self, node: Copy) -> Lines:
        """Several neighbours, to or from an array in one access."""
        (span,) = node.over
        if node.target.array in self.cells:
            to, of = (self.place(_at(a, {span.symbol: S.Zero})) for a in (node.target, node.source))
            return [f"*(Lanes*)&{to} = *(const Lanes*)&{of};"]
        lane = f"lanes.entry[{span.symbol}]"
        head = f"for ({self.integer} {span.symbol} = 0; {span.symbol} < {self.c(span.stop)}; ++{span.symbol})"
        if node.target.array in self.stored:
            each = ["#pragma unroll", head, f"    {lane} = {self.place(node.source)};"]
            return ["Lanes lanes;", *each, f"*(Lanes*)&{self.place(_at(node.target, {span.symbol: S.Zero}))} = lanes;"]
        source = self.place(_at(node.source, {span.symbol: S.Zero}))
        each = ["#pragma unroll", head, f"    {self.place(node.target)} = (real){lane};"]
        return [f"const Lanes lanes = *(const Lanes*)&{source};", *each]

    def fill(self, node: Fill) -> Lines:
        return [f"{self.place(node.target)} = 0;"]

    def multiply_add(self, node: MultiplyAdd) -> Lines:
        sign, times = ("-=", "") if node.times == -1 else ("+=", _number(node.times))
        return [f"{self.place(node.target)} {sign} {times}{' * '.join(map(self.read, node.factors))};"]

    def contract(self, node: Contract) -> Lines:
        raise EmitError("Backend 'cupy' runs one point a thread; a contraction at once is for another backend.")

    def loop(self, node: Loop) -> Lines:
        s, start, stop = node.range.symbol, self.c(node.range.start), self.c(node.range.stop)
        step = f"++{s}" if node.range.step == 1 else f"{s} += {self.c(node.range.step)}"
        head = f"for ({self.integer} {s} = {start}; {s} < {stop}; {step}) {{"
        return [*(["#pragma unroll"] if node.unrolled else self.rolled), head, *indent(self.body(node.body)), "}"]

    def guard(self, node: Guard) -> Lines:
        other = ["} else {", *indent(self.body(node.otherwise))] if node.otherwise else []
        return [f"if ({self.c(node.condition)}) {{", *indent(self.body(node.body)), *other, "}"]

    def along(self, node: Gather | Accumulate | Scatter) -> Lines:
        raise EmitError("Backend 'cupy' evaluates places where they are read; a working array is for another backend.")

    def launch(self, node: Launch) -> Lines:
        lines = [
            "long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"if (thread >= {total(node)}) return;",
        ]
        for t in reversed(node.threads[1:]):
            extent = factor(expand(t.stop - t.start))
            lines += [
                f"const long long {t.symbol} = {_offset(t.start)}thread % {extent};",
                f"thread /= {extent};",
            ]
        lines += [f"const long long {t.symbol} = {_offset(t.start)}thread;" for t in node.threads[:1]]
        return [*lines, *self.body(node.body)]

    def share(self, node: Launch) -> Lines:
        """A launch inside that of a block's threads, which is dealt out to them; `thread` and `threads` number and count these."""
        count = "*".join(map(self.count, node.threads))
        lines = [
            "#pragma unroll 4",
            f"for (unsigned turn = 0; turn < ({count} + threads - 1) / threads; ++turn) {{",
            "    unsigned part = turn*threads + thread;",
            f"    if (part >= {count}) continue;",
        ]
        inner: Lines = []
        for r in reversed(node.threads[1:]):
            inner += [self.dealt(r, f"part % {self.count(r)}"), f"part /= {self.count(r)};"]
        inner += [self.dealt(r, "part") for r in node.threads[:1]]
        return [*lines, *indent([*inner, *self.body(node.body)]), "}"]

    def count(self, r: Range) -> str:
        """How many values a range from 0 has, as a factor."""
        if r.step == 1:
            return self.bracketed(r.stop)
        return f"(({self.c(r.stop)} + {self.c(r.step)} - 1) / {self.bracketed(r.step)})"

    def dealt(self, r: Range, number: str) -> str:
        """A letter of a launch that is dealt out, by its number."""
        times = "" if r.step == 1 else f"{self.bracketed(r.step)}*"
        return f"const int {r.symbol} = {times}{f'({number})' if times and ' ' in number else number};"

    def barrier(self, node: Barrier) -> Lines:
        return ["__syncthreads();"]

    def bracketed(self, extent: Expr) -> str:
        """An extent as a factor."""
        text = self.c(extent)
        return f"({text})" if not text.isalnum() else text

    def blocks(self, node: Launch) -> Lines:
        """A launch with the last two letters along axes of the grid, and all others along one."""
        *others, second, first = node.threads
        lines = [
            self.start(r, f"(int)(blockIdx.{axis} * blockDim.{axis} + threadIdx.{axis})")
            for r, axis in ((first, "x"), (second, "y"))
        ]
        lines += [f"if ({first.symbol} >= {self.c(first.stop)} || {second.symbol} >= {self.c(second.stop)}) return;"]
        lines += [f"{self.integer} block = blockIdx.z;"] if others else []
        for r in reversed(others[1:]):
            extent = factor(expand(r.stop - r.start))
            lines += [self.start(r, f"block % {extent}"), f"block /= {extent};"]
        lines += [self.start(r, "block") for r in others[:1]]
        return [*lines, *self.body(node.body)]

    def start(self, r: Range, number: str) -> str:
        """The first place of a block, by its number."""
        times = "" if r.step == 1 else f"{factor(r.step)}*"
        return f"const {self.integer} {r.symbol} = {_offset(r.start)}{times}{number};"


def _at(access: Access, values: Mapping[Any, Any]) -> Access:
    return Access(access.array, tuple(replaced(e, values) for e in access.subscripts))


def _number(times: Expr) -> str:
    """A factor in front, in the entries' own type."""
    if times in (1, -1):
        return "" if times == 1 else "-"
    text = _c(times)
    return f"(real){text if text.startswith(('(', 'table_')) or times.is_Atom else f'({text})'} * "


def opening(name: str, pointers: str, sizes: Sequence[str]) -> Lines:
    """The head of a kernel: its arrays, and the sizes that it is told, if any."""
    told = [f"{pointers},", f"{', '.join(sizes)})"] if sizes else [f"{pointers})"]
    return [f'extern "C" __global__ void {name}(', *indent(told)]


def total(node: Launch) -> str:
    """How many threads there are."""
    return "*".join(factor(expand(t.stop - t.start)) for t in node.threads) or "1"


def factor(extent: Expr) -> str:
    text = _c(extent)
    return f"({text})" if " " in text else text


def _offset(start: Expr) -> str:
    return "" if start == 0 else f"{_c(start)} + "


TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: Writer.let,
    Scratch: Writer.scratch,
    Copy: Writer.copy,
    Fill: Writer.fill,
    MultiplyAdd: Writer.multiply_add,
    Contract: Writer.contract,
    Gather: Writer.along,
    Accumulate: Writer.along,
    Scatter: Writer.along,
    Loop: Writer.loop,
    Guard: Writer.guard,
    Launch: Writer.share,
    Barrier: Writer.barrier,
}
if missing := [node.__name__ for node in NODES if node not in TEMPLATES]:
    raise EmitError(f"Backend 'cupy' has no template for: {', '.join(missing)}.")
