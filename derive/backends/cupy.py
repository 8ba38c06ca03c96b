"""CuPy source: CUDA C text, compiled when it is first called, and the function that launches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sympy import Expr, Integer, expand, floor
from sympy.printing.precedence import PRECEDENCE

from derive.backends._module import Header, PythonPrinter, check_sizes, indent, python, signature, size_lines
from derive.errors import EmitError
from derive.ir.nodes import (
    NODES,
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
    Scratch,
)

__all__ = ["cupy"]

Lines = list[str]


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
        storage = self.stored[access.array]
        extents: tuple[Expr, ...] = storage.shape
        if len(access.subscripts) > len(extents) and self.program.batch is not None:
            extents = (self.program.batch, *extents)
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
        return [f"{self.place(node.target)} = {self.place(node.source)};"]

    def multiply_add(self, node: MultiplyAdd) -> Lines:
        return [f"{self.place(node.target)} += {' * '.join(map(self.place, node.factors))};"]

    def contract(self, node: Contract) -> Lines:
        raise EmitError("Backend 'cupy' runs one point a thread; a contraction at once is for another backend.")

    def loop(self, node: Loop) -> Lines:
        s, start, stop = node.range.symbol, _c(node.range.start), _c(node.range.stop)
        return [f"for (long long {s} = {start}; {s} < {stop}; ++{s}) {{", *indent(self.body(node.body)), "}"]

    def guard(self, node: Guard) -> Lines:
        return [f"if ({_c(node.condition)}) {{", *indent(self.body(node.body)), "}"]

    def launch(self, node: Launch) -> Lines:
        total = "*".join(_factor(expand(t.stop - t.start)) for t in node.threads)
        lines = [
            "long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"if (thread >= {total}) return;",
        ]
        for t in reversed(node.threads[1:]):
            extent = _factor(expand(t.stop - t.start))
            lines += [
                f"const long long {t.symbol} = {_offset(t.start)}thread % {extent};",
                f"thread /= {extent};",
            ]
        first = node.threads[0]
        return [
            *lines,
            f"const long long {first.symbol} = {_offset(first.start)}thread;",
            *self.body(node.body),
        ]


def _factor(extent: Expr) -> str:
    text = _c(extent)
    return f"({text})" if " " in text else text


def _offset(start: Expr) -> str:
    return "" if start == 0 else f"{_c(start)} + "


TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: _Writer.let,
    Scratch: _Writer.scratch,
    Copy: _Writer.copy,
    MultiplyAdd: _Writer.multiply_add,
    Contract: _Writer.contract,
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

    def emit(self, program: Program, header: Header) -> str:
        """The text of a module with one kernel. Raises EmitError for what one thread a point can't say."""
        check_sizes(program)
        (launch,) = program.body
        if not isinstance(launch, Launch) or program.batch is None:
            raise EmitError("Backend 'cupy' prints programs that are one launch over a batch.")
        kernel = f"{header.name}_{program.name}"
        names = [s.name for s in program.arguments]
        sizes = [str(s) for s in (program.batch, *program.sizes)]
        threads = "*".join(
            python(t.stop - t.start) if (t.stop - t.start).is_Symbol else f"({python(t.stop - t.start)})"
            for t in launch.threads
        )
        grid = "*".join(f"({python(e)})" if " " in python(e) else python(e) for e in program.result.shape)
        lines = [
            "import cupy as cp",
            "",
            "from .._runtime import Kernel",
            "from .._runtime.cuda import CudaKernel",
            "",
            f'__all__ = ["{header.name}"]',
            "",
            'SRC = r"""',
            *_kernel(kernel, program, launch, sizes),
            '"""',
            "",
            f'_{kernel} = CudaKernel(cp, SRC, "{kernel}")',
            "",
            "",
            f"def _{program.name}({', '.join([*names, program.result.name, 'new'])}):",
            f'    """{program.says.capitalize()}."""',
            *indent(size_lines(program)),
            f"    batch = {program.result.name}.size // ({grid})",
            f"    _{kernel}({threads}, ({', '.join([*names, program.result.name])}), ({', '.join(sizes)}))",
            "",
            "",
            *signature(program, header, f"_{program.name}", "cp", extra="contiguous=True"),
            "",
        ]
        return header.text() + "\n".join(lines)


def _kernel(name: str, program: Program, launch: Launch, sizes: Lines) -> Lines:
    pointers = [f"const real* __restrict__ {s.name}" for s in program.arguments]
    arguments = [*pointers, f"real* __restrict__ {program.result.name}", *(f"long long {s}" for s in sizes)]
    return [
        f'extern "C" __global__ void {name}(',
        *indent([", ".join(arguments[: len(pointers) + 1]) + ","]),
        *indent([", ".join(arguments[len(pointers) + 1 :]) + ")"]),
        "{",
        *indent(_Writer(program).launch(launch)),
        "}",
    ]


cupy = _CuPy()
