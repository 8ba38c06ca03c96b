"""CuPy source: CUDA C text, compiled when it is first called, and the function that launches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sympy import Add, Expr, Integer, Mul, Symbol, expand, floor
from sympy.printing.precedence import PRECEDENCE

from derive.backends._expressions import PythonPrinter, python, table_name
from derive.backends._module import (
    Header,
    accessed,
    bodies_of,
    check_sizes,
    indent,
    needed,
    sentence,
    signature,
    size_lines,
)
from derive.backends._signature import runtime_imports, tabulated
from derive.errors import EmitError
from derive.ir.nodes import (
    NODES,
    Access,
    Accumulate,
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
    Scatter,
    Scratch,
)
from derive.ir.stages import Staged

__all__ = ["cupy"]

Lines = list[str]


_BRACES = str.maketrans("()", "{}")


class _C(PythonPrinter):
    """Index expressions as CUDA C, in 64-bit integers."""

    def _print_Integer(self, expr: Any) -> str:
        return f"{expr.p}"

    def _call(self, name: str, expr: Any) -> str:
        first, *rest = sorted((self._typed(a) for a in expr.args), key=lambda t: (len(t) > 1, t))
        for other in rest:
            first = f"{name}({first}, {other})"
        return first

    def _typed(self, e: Any) -> str:
        return f"{e.p}LL" if isinstance(e, Integer) else str(self._print(e))

    def _remainder(self, top: str, bottom: str) -> str:
        """The remainder of the floor division: C's own has the sign of the dividend."""
        return f"((({top}) % {bottom} + {bottom}) % {bottom})"

    def _print_floor(self, expr: Any) -> str:
        top, bottom = expr.args[0].together().as_numer_denom()
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


_PRINTER = _C()


def _c(expression: Any) -> str:
    return str(_PRINTER.doprint(expression))


class _Writer:
    """Prints one launch as a kernel."""

    def __init__(self, program: Program) -> None:
        self.program = program
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
            return access.array
        extents = self.program.extents(access.array)
        text = ""
        for position, (subscript, extent) in enumerate(zip(access.subscripts, extents, strict=True)):
            outer = f"({text})" if position > 1 or " " in text else text
            text = f"{outer}*{_factor(extent)} + {_c(subscript)}" if position else _c(subscript)
        return f"{access.array}[{text or '0'}]"

    def let(self, node: Let) -> Lines:
        return [f"const long long {node.symbol} = {_c(node.value)};"]

    def scratch(self, node: Scratch) -> Lines:
        if node.shape:
            raise EmitError(f"Backend 'cupy' keeps scratch in registers; '{node.array}' is an array.")
        return [f"real {node.array};"]

    def copy(self, node: Copy) -> Lines:
        return [f"{self.place(node.target)} = {_number(node.times)}{self.place(node.source)};"]

    def fill(self, node: Fill) -> Lines:
        return [f"{self.place(node.target)} = 0;"]

    def multiply_add(self, node: MultiplyAdd) -> Lines:
        sign, times = ("-=", "") if node.times == -1 else ("+=", _number(node.times))
        return [f"{self.place(node.target)} {sign} {times}{' * '.join(map(self.place, node.factors))};"]

    def contract(self, node: Contract) -> Lines:
        raise EmitError("Backend 'cupy' runs one point a thread; a contraction at once is for another backend.")

    def loop(self, node: Loop) -> Lines:
        s, start, stop = node.range.symbol, _c(node.range.start), _c(node.range.stop)
        return [f"for (long long {s} = {start}; {s} < {stop}; ++{s}) {{", *indent(self.body(node.body)), "}"]

    def guard(self, node: Guard) -> Lines:
        return [f"if ({_c(node.condition)}) {{", *indent(self.body(node.body)), "}"]

    def along(self, node: Gather | Accumulate | Scatter) -> Lines:
        raise EmitError("Backend 'cupy' evaluates places where they are read; a working array is for another backend.")

    def launch(self, node: Launch) -> Lines:
        lines = [
            "long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"if (thread >= {_total(node)}) return;",
        ]
        for t in reversed(node.threads[1:]):
            extent = _factor(expand(t.stop - t.start))
            lines += [
                f"const long long {t.symbol} = {_offset(t.start)}thread % {extent};",
                f"thread /= {extent};",
            ]
        lines += [f"const long long {t.symbol} = {_offset(t.start)}thread;" for t in node.threads[:1]]
        return [*lines, *self.body(node.body)]


def _number(times: Expr) -> str:
    """A factor in front, in the entries' own type."""
    if times in (1, -1):
        return "" if times == 1 else "-"
    text = _c(times)
    return f"(real){text if text.startswith(('(', 'table_')) or times.is_Atom else f'({text})'} * "


def _tables(programs: Iterable[Program]) -> Lines:
    """The tables of all programs, each once, as constants of the device."""
    lines: Lines = []
    for name, table in {t.name: t for p in programs for t in p.tables}.items():
        box = "".join(f"[{side}]" for side in table.shape) or "[1]"
        start = f"__device__ const int {table_name(name)}{box} = "
        start, end = (start, ";") if table.shape else (f"{start}(", ");")
        lines += [line.translate(_BRACES) for line in tabulated(start, table, end)]
    return [*lines, *([""] if lines else [])]


def _total(node: Launch) -> str:
    """How many threads there are."""
    return "*".join(_factor(expand(t.stop - t.start)) for t in node.threads) or "1"


def _factor(extent: Expr) -> str:
    text = _c(extent)
    return f"({text})" if " " in text else text


def _offset(start: Expr) -> str:
    return "" if start == 0 else f"{_c(start)} + "


TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: _Writer.let,
    Scratch: _Writer.scratch,
    Copy: _Writer.copy,
    Fill: _Writer.fill,
    MultiplyAdd: _Writer.multiply_add,
    Contract: _Writer.contract,
    Gather: _Writer.along,
    Accumulate: _Writer.along,
    Scatter: _Writer.along,
    Loop: _Writer.loop,
    Guard: _Writer.guard,
    Launch: _Writer.launch,
}
if missing := [node.__name__ for node in NODES if node not in TEMPLATES]:
    raise EmitError(f"Backend 'cupy' has no template for: {', '.join(missing)}.")


class _CuPy:
    """The backend: its name, the kind of program that it prints, and the printer."""

    name = "cupy"
    target = "threads"
    language = "cuda"

    def emit(
        self,
        program: Program,
        header: Header,
        gradients: Mapping[str, Program] | None = None,
        staged: Sequence[Staged] = (),
    ) -> str:
        """The text of a module with one kernel; there are no programs in stages here.

        Raises EmitError for what one thread a point can't say.
        """
        if staged:
            raise EmitError("Backend 'cupy' prints programs of threads; a program in stages is for another backend.")
        views = gradients or {}
        told = (bodies_of(views), header.constants, header.repeats)
        programs = (program, *views.values())
        texts = [_kernel(f"{header.name}_{p.name}", p) for p in programs]
        lines = [
            "import cupy as cp",
            "",
            *runtime_imports(*told[:2]),
            "from .._runtime.cuda import CudaKernel",
            "",
            f'__all__ = ["{header.name}"]',
            "",
            'SRC = r"""',
            *_tables(programs),
            *[line for position, text in enumerate(texts) for line in (*([""] if position else []), *text)],
            '"""',
            "",
            *[f'_{header.name}_{p.name} = CudaKernel(cp, SRC, "{header.name}_{p.name}")' for p in programs],
            "",
            "",
            *[line for p in programs for line in _function(f"_{header.name}_{p.name}", p)],
            *signature(program, header, f"_{program.name}", "cp", ["contiguous=True,"], *told),
            "",
        ]
        return header.text() + "\n".join(lines)


def _launch(program: Program) -> Launch:
    (launch,) = program.body
    if not isinstance(launch, Launch) or program.batch is None:
        raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
    return launch


def _sizes(program: Program) -> tuple[Symbol, ...]:
    """What a kernel is told: the batch, and the sizes that it needs."""
    known = needed(program)
    return (program.batch, *(s for s in program.sizes if s in known))


def _function(kernel: str, program: Program) -> Lines:
    """The function that launches a kernel, and the two blank lines after it."""
    check_sizes(program)
    told = _sizes(program)
    names = [s.name for s in (*program.arguments, program.result)]
    passed = accessed(program)
    counted = next(s for s in (program.result, *program.arguments) if s.batched and s.name in passed)
    extents = "*".join(map(_argument, counted.shape))
    threads = "*".join(_argument(expand(t.stop - t.start)) for t in _launch(program).threads) or "1"
    return [
        f"def _{program.name}({', '.join([*names, 'new'])}):",
        f'    """{sentence(program.says)}"""',
        *indent(size_lines(program, frozenset(told))),
        f"    batch = {counted.name}.size{f' // ({extents})' if counted.shape else ''}",
        f"    {kernel}({threads}, {_tuple(passed)}, {_tuple(map(str, told))})",
        "",
        "",
    ]


def _tuple(names: Iterable[str]) -> str:
    """A tuple as Python text."""
    listed = tuple(names)
    return f"({', '.join(listed)}{',' if len(listed) == 1 else ''})"


def _argument(extent: Expr) -> str:
    """An extent as a factor in Python text."""
    return python(extent) if not isinstance(extent, (Add, Mul)) else f"({python(extent)})"


def _kernel(name: str, program: Program) -> Lines:
    pointers = [f"const real* __restrict__ {name}" for name in accessed(program) if name != program.result.name]
    sizes = [f"long long {s}" for s in _sizes(program)]
    return [
        f'extern "C" __global__ void {name}(',
        *indent([", ".join([*pointers, f"real* __restrict__ {program.result.name}"]) + ","]),
        *indent([", ".join(sizes) + ")"]),
        "{",
        *indent(_Writer(program).launch(_launch(program))),
        "}",
    ]


cupy = _CuPy()
