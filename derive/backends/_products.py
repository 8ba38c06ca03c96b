"""Programs in stages for a device: products of matrices by the library, copies and stores by kernels, one for each of them.

The Python text is the one that NumPy gets, but for statements that are no products: each is a launch. Weights and biases come in
the type that computes, as working arrays are; data and results as they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import And, Symbol, expand

from derive.backends._cuda import Writer, factor, opening, total
from derive.backends._expressions import python
from derive.backends._filled import placed
from derive.backends._module import accessed, indent
from derive.backends._signature import Bodies, Numbers, runtime_imports
from derive.backends._stages import StageWriter
from derive.backends._strips import argument, listed
from derive.backends._tables import table_lines
from derive.ir.nodes import Copy, Guard, Launch, Let, Loop, Program, Range
from derive.ir.pointwise import as_launch, threads_of
from derive.ir.stages import Halo, MatMul, Staged, Store, Tiles, statements

__all__ = ["product_functions", "product_imports", "product_kernels", "product_source"]

Lines = list[str]


class _Kernel(Writer):
    """Prints one launch; a thread tells its letters by dividing its number, which fits 32 bits, and all else has 64."""

    def launch(self, node: Launch) -> Lines:
        lines = [
            "const long long point = (long long)blockIdx.x * blockDim.x + threadIdx.x;",
            f"if (point >= {total(node)}) return;",
            "unsigned thread = point;",
        ]
        for t in reversed(node.threads[1:]):
            extent = f"(unsigned){factor(expand(t.stop - t.start))}"
            lines += [f"const long long {t.symbol} = {self.begun(t)}thread % {extent};", f"thread /= {extent};"]
        lines += [f"const long long {t.symbol} = {self.begun(t)}thread;" for t in node.threads[:1]]
        return [*lines, *self.body(node.body)]

    def begun(self, r: Range) -> str:
        """Where a letter begins, as a term in front."""
        return "" if r.start == 0 else f"{self.c(r.start)} + "


def _whole(program: Staged) -> Staged:
    """The program with loops around a copy as ranges of it; a result that gets a bias isn't where products are stored."""
    body = tuple(_unheld(node) for node in program.body)
    return replace(program, fixed=tuple(_flat(node, ()) for node in program.fixed), body=body)


def _flat(node: Any, around: tuple[Range, ...], asked: tuple[Any, ...] = ()) -> Any:
    """A copy with the loops and conditions around it, where no end of a range moves with another; what is asked is a store's."""
    if isinstance(node, (Loop, Guard)) and len(node.body) == 1:
        more = ((*around, node.range), asked) if isinstance(node, Loop) else (around, (*asked, node.condition))
        inner = _flat(node.body[0], *more)
        says = getattr(node, "says", "") or getattr(inner, "says", "")
        return replace(inner, says=says) if isinstance(inner, (Copy, Store)) else node
    if not isinstance(node, Copy):
        return node
    over = (*around, *node.over)
    letters = {r.symbol for r in over}
    if (around or asked) and any(e.free_symbols & letters for r in over for e in (r.start, r.stop)):
        return None
    if asked:
        return Store(node.target, over, node.source, None, And(*asked), node.says, times=node.times)
    return replace(node, over=over)


def _unheld(node: Any) -> Any:
    if isinstance(node, (Loop, Tiles)):
        return replace(node, body=tuple(map(_unheld, node.body)))
    return replace(node, held=False) if isinstance(node, Store) and node.bias is not None else node


def _launches(layer: str, program: Staged) -> Iterator[tuple[int, Program]]:
    """The launch of each copy and store, by its identity."""
    for node in (*statements(program.fixed), *statements(program.body)):
        if isinstance(node, (Copy, Halo, Store)):
            yield id(node), as_launch(program, node, f"{layer}_{program.name}_{node.target.array}")


def _computed(program: Staged) -> set[str]:
    """The arrays of the type that computes: all but data and results."""
    return (
        {s.name for s in program.arguments if not s.batched}
        | set(program.working)
        | {c.name for c in program.constants}
    )


def product_source(layer: str, program: Staged) -> Lines:
    """The CUDA C of all copies and stores of one program."""
    whole = _whole(program)
    lines: Lines = []
    for _, launch in _launches(layer, whole):
        writer = _Kernel(launch, exact=_computed(whole))
        head = opening(launch.name, writer.pointers(), [f"long long {s}" for s in launch.sizes])
        (node,) = launch.body
        assert isinstance(node, Launch)
        says = [f"// {launch.says}"] if launch.says else []
        lines += [*([""] if lines else []), *says, *head, "{", *indent(writer.launch(node)), "}"]
    return [f'{program.name.upper()} = r"""', *lines, '"""']


def product_kernels(layer: str, program: Staged) -> Lines:
    """The objects that compile and launch them."""
    names = (launch.name for _, launch in _launches(layer, _whole(program)))
    return [f'_{name} = CudaKernel(cp, {program.name.upper()}, "{name}")' for name in names]


def product_functions(layer: str, program: Staged) -> Lines:
    """The functions of one program: `_<name>_fixed`, `_<name>_room` and `_<name>`."""
    whole = _whole(program)
    writer = _Stages(layer, whole)
    body = writer.body()
    functions = [line for part in (writer.fixed(), writer.room(), body) for line in (*part, "", "")]
    return [*table_lines(whole), *functions]


_ON_DEVICES = ("held", "kronecker", "viewed")


def product_imports(gradients: Bodies, constants: Mapping[str, Numbers], functions: Sequence[str]) -> Lines:
    """The lines that import what the kernel object is made of, and what the functions call."""
    called = [name for name in _ON_DEVICES if any(f"{name}(" in line for line in functions)]
    called += ["strided_on"] if any("strided(" in line for line in functions) else []
    algorithms = ["Algorithm("] if functions else []  # which the kernel object is told of
    own = [f"from .._runtime.device_stages import {', '.join(sorted(called))}"] if called else []
    tables = [line for line in functions if "Constant(" in line]
    tiled = ["from .._runtime.primitives import tiles"] if any(" tiles(" in line for line in functions) else []
    return [*runtime_imports(gradients, constants, [*algorithms, *tables]), *own, *tiled]


class _Stages(StageWriter):
    """Prints one program: the views and loops of NumPy's text."""

    def __init__(self, layer: str, program: Staged) -> None:
        super().__init__(program)
        self.launches: Mapping[int, Program] = dict(_launches(layer, program))

    def head(self, parts: Iterable[Any], known: set[Symbol]) -> tuple[Lines, Lines]:
        """What launches are told as well, of which the batch is one."""
        several = tuple(parts)
        stages = tuple(part for part in several if part is self.program.fixed or part is self.program.body)
        told = {s for part in stages for n in statements(part) if id(n) in self.launches for s in self._of(n)}
        keys, lets = super().head((*several, tuple(told)), known - {self.program.batch})
        return [*(["batch"] if self.program.batch in told else []), *keys], lets

    def _of(self, node: Any) -> tuple[Symbol, ...]:
        return self.launches[id(node)].sizes

    def lines(self, nodes: tuple[Any, ...]) -> Lines:
        found: Lines = []
        for node in nodes:
            says = getattr(node, "says", "")
            found += [*([""] if says and found else []), *([f"# {says}"] if says else [])]
            found += _TEMPLATES[type(node)](self, node)
        return found

    def launched(self, node: Copy | Halo | Store) -> Lines:
        """A launch; its arrays are whole, so no view of them is made."""
        launch = self.launches[id(node)]
        names = accessed(launch)
        self.plain |= {name for name in names if name not in self.moved and name in _computed(self.program)}
        threads = "*".join(argument(expand(r.stop - r.start)) for r in threads_of(node)) or "1"
        like = self.program.result.name if self.local is None else next(s.name for s in launch.arguments)
        told = listed(python(s) for s in launch.sizes)
        return [f"_{launch.name}({threads}, {listed(names)}, {told}, {like})"]

    def haloed(self, node: Halo) -> Lines:
        """A view of the source where all is inside and has the type that computes, else a launch."""
        if node.copied:
            return self.launched(node)
        name, (source, start, _, more) = node.target.array, placed(self, node)
        view = f"{name} = viewed({source}, {start}, {name}_{more})"
        return [view, f"if {name} is {name}_:", *indent(self.launched(node))]

    def multiplied(self, node: MatMul) -> Lines:
        left, right, out = self.matrices(node)
        return [*self._held(node.target), f"cp.matmul({left}, {right}, out={out})"]

    def put(self, node: Store) -> Lines:
        """A launch, but where products are stored as results at once."""
        name, lines = node.source.array, self.launched(node)
        return [f"if {name} is {name}_:", *indent(lines)] if name in self.held else lines


_TEMPLATES: Mapping[type, Callable[..., Lines]] = {
    Let: _Stages.let,
    Copy: _Stages.launched,
    Loop: _Stages.loop,
    Guard: _Stages.guard,
    Tiles: _Stages.tiles,
    Halo: _Stages.haloed,
    MatMul: _Stages.multiplied,
    Store: _Stages.put,
}
