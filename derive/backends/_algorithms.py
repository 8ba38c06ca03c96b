"""How a kernel object is told of its algorithms: an entry for each program in stages, and functions that count what is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sympy import Expr, Symbol, ceiling

from derive.backends._expressions import python
from derive.backends._module import Header, indent
from derive.backends._signature import quoted
from derive.backends._spectra import BOUND, norm_bound
from derive.backends._stages import staged_functions
from derive.backends._views import symbols_of
from derive.ir.cost import Work, work
from derive.ir.direct_cost import direct_work
from derive.ir.nodes import Program
from derive.ir.rounding import steps
from derive.ir.stages import Halo, Staged, Store, Tiles, reads_of, statements, weights_of

__all__ = [
    "algorithm_entry",
    "algorithms",
    "direct_costs",
    "gradient_algorithms",
    "staged_bodies",
    "staged_counts",
    "terms_function",
]

Lines = list[str]
BATCH = Symbol("batch", integer=True)


def staged_bodies(programs: Sequence[Staged]) -> Lines:
    """The functions of all programs: what they do, what that costs, and how far errors go."""
    each = ((*staged_functions(p), *staged_counts(p)) for p in programs)
    return [line for lines in each for line in lines]


def staged_counts(program: Staged) -> Lines:
    """The functions of what a program costs, and how far errors go."""
    return [*_staged_costs(program), *_error_bounds(program)]


def algorithms(direct: Program, programs: Sequence[Staged], header: Header) -> Lines:
    """Keyword arguments of the kernel object that count its direct sums, name its algorithms, and say why it has no others."""
    own = _of(direct, programs)
    entries = [line for program in own if not program.valued for line in algorithm_entry(program)]
    more = [line for program in own if program.valued for line in algorithm_entry(program)]
    reasons = [f'    "{name}": "{reason}",' for name, reason in header.unfit.items()]
    unfit = ["unfit={", *reasons, "},"] if reasons else []
    named = ["algorithms=(", *indent(entries), "),"] if entries else []
    found = ["valued=(", *indent(more), "),"] if more else []
    counted = steps(direct, {key: c.signs for key, c in header.constants.items()}, frozenset(header.biases))
    rounded = [] if counted is None else [f"steps={counted},"]
    return ["work=_direct_work,", "terms=_terms,", *rounded, *named, *found, *unfit]


def gradient_algorithms(gradients: Mapping[str, Program], programs: Sequence[Staged]) -> dict[str, Lines]:
    """For each argument whose gradient has algorithms, what its gradient is told of them."""
    told = {}
    for by, gradient in gradients.items():
        entries = [line for own in _of(gradient, programs) for line in algorithm_entry(own)]
        if entries:
            named = (f"work=_{gradient.name}_work,", f"terms=_{gradient.name}_terms,")
            told[by] = [*named, "algorithms=(", *indent(entries), "),"]
    return told


def direct_costs(
    program: Program, gradients: Mapping[str, Program], programs: Sequence[Staged], header: Header
) -> Lines:
    """The functions `_direct_work`, which counts what a program of sweeps does, and `_terms`; so of gradients with algorithms."""
    lines = [*_sweep_costs("direct", program), *terms_function("_terms", program, header.terms)]
    for by, gradient in gradients.items():
        if _of(gradient, programs):
            lines += _sweep_costs(gradient.name, gradient)
            lines += terms_function(f"_{gradient.name}_terms", gradient, header.slope_terms[by])
    return lines


def _of(program: Program, programs: Sequence[Staged]) -> list[Staged]:
    """Those programs in stages that give the same result."""
    return [staged for staged in programs if staged.result.name == program.result.name]


def _sweep_costs(name: str, program: Program) -> Lines:
    works = direct_work(program, BATCH)
    wanted = symbols_of(tuple(w.counts for w in works))
    keys = [str(s) for s in program.sizes if s in wanted]
    return [*_counting(name, keys, [], works), "", ""]


def terms_function(name: str, program: Program, terms: Expr) -> Lines:
    """The function that says how many products a result adds."""
    letters = [str(s) for s in (BATCH, *program.sizes) if s in terms.free_symbols]
    return [
        f"def {name}({', '.join(['*', *letters, '**_'] if letters else ['**_'])}):",
        '    """How many products one result adds at most."""',
        f"    return {python(terms)}",
        *["", ""],
    ]


def _staged_costs(program: Staged) -> Lines:
    """The function `_<name>_work` of a program in stages."""
    works = work(program)
    wanted = symbols_of(tuple(w.counts for w in works))
    lets: Lines = []
    for let in reversed(program.lets):
        if let.symbol in wanted:
            lets.insert(0, f"{let.symbol} = {python(let.value)}")
            wanted |= let.value.free_symbols
    keys = [str(s) for s in (*program.sizes, *(k.symbol for k in program.knobs)) if s in wanted]
    return [*_counting(program.name, keys, lets, works), "", ""]


def _counting(name: str, keys: Sequence[str], lets: Lines, works: Sequence[Work]) -> Lines:
    lines = [f'("{w.kind}", {", ".join(map(python, w.counts))}),' for w in works]
    return [
        f"def _{name}_work(*, {', '.join(['batch', *keys, '**_'])}):",
        '    """What it does, counted."""',
        *indent([*lets, "return (", *indent(lines), ")"]),
    ]


def algorithm_entry(program: Staged, called: str = "") -> Lines:
    """The object that tells a kernel of one program, by its own name or by another."""
    used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
    names = [s.name for s in program.arguments]
    knobs = ", ".join(f'"{k.symbol}": {k.choices}' for k in program.knobs)
    parts = {str(k.symbol): k.extent for k in program.knobs if k.extent is not None}
    sizes = [str(s) for s in (program.batch, *program.sizes) if s in symbols_of(tuple(parts.values()))]
    extents = ", ".join(f'"{name}": {python(extent)}' for name, extent in parts.items())
    functions = ", ".join(f"_{program.name}{part}" for part in ("_fixed", "_room", ""))
    tiled = _tiled(program)
    return [
        "Algorithm(",
        f'    "{called or program.name}",',
        f'    "{program.says}",',
        f"    {functions},",
        f"    weights={quoted(weights_of(program))},",
        f"    arrays={quoted([n for n in names if n in used])},",
        f"    knobs={{{knobs}}},",
        *([f"    extents={_function(sizes, f'{{{extents}}}')},"] if parts else []),
        f"    work=_{program.name}_work,",
        *([f"    tiled={tiled},", f"    parts={_parts(program)},"] if tiled is not None else []),
        *([] if program.strict else ["    strict=False,"]),
        *_served(program),
        *_reading(program),
        "),",
    ]


def _reading(program: Staged) -> Lines:
    """What it supposes of the values of weights."""
    supposed = program.supposed
    if supposed is None or not supposed.by:
        return []
    weights = dict.fromkeys(a.array for n in statements(supposed.seen) for a in reads_of(n))
    parts, sizes = [a.array for a in supposed.parts], [str(s) for s in supposed.sizes]
    told = [quoted(list(weights) or [supposed.window.array]), f'"{supposed.by}"', str(supposed.axes), quoted(parts)]
    more = [quoted(sizes)] if sizes else []
    return [f"    reading=Reading(_{program.name}_seen, {', '.join([*told, *more])}),"]


def _served(program: Staged) -> Lines:
    """The values that some knobs and sizes have, and what errors are at most."""
    lines = []
    if program.cases is not None:
        names = quoted([str(s) for s in program.cases.symbols])
        lines.append(f"    cases=({names}, {tuple(program.cases.values)}),")
    if program.fits is not True:
        known = (program.batch, *program.sizes, *(k.symbol for k in program.knobs))
        keys = [str(s) for s in known if s in program.fits.free_symbols]
        lines.append(f"    admits={_function(keys, python(program.fits))},")
    rounded = program.amplified is not None or program.normwise is not None
    lines += [f"    bound=_{program.name}_bound,"] if rounded else []
    if program.normwise is not None:
        lines.append("    normwise=True,")
        repeated = any(isinstance(n, Halo) and n.beyond for n in statements(program.body))
        lines += ["    repeated=True,"] if repeated else []
    return lines


def _error_bounds(program: Staged) -> Lines:
    """The function `_<name>_bound` of a program whose errors are not those of direct sums."""
    if program.normwise is not None:
        return norm_bound(program.name, program.normwise)
    if program.amplified is None or program.cases is None:
        return []
    channels, symbols = program.amplified.channels, [str(s) for s in program.cases.symbols]
    wanted = {*map(str, channels.free_symbols), *symbols}
    keys = [str(s) for s in (*program.sizes, *(k.symbol for k in program.knobs)) if str(s) in wanted]
    found = program.amplified
    every = zip(program.cases.values, found.roundings, found.factors, found.losses, strict=True)
    lines = [f"{v}: ({q}, {a.numerator}, {a.denominator}, {', '.join(map(str, lost))})," for v, q, a, lost in every]
    key = ", ".join(symbols) if len(symbols) > 1 else f"{symbols[0]},"
    return [
        f"def _{program.name}_bound(*, {', '.join([*keys, '**_'])}):",
        *indent(BOUND),
        "    q, above, below, lost, each, read, met = {",
        *indent(indent(lines)),
        f"    }}[{key}]",
        f"    channels = {python(channels)}",
        "    return q + channels, above, below, lost + channels*each, channels*read, met",
        "",
        "",
    ]


def _tiled(program: Staged) -> int | None:
    """The axis of the result, batch apart, whose places go tile by tile."""
    (store,) = [n for n in statements(program.body) if isinstance(n, Store)]
    letters = {s for n in _split(program)[:1] for s in (n.low, n.high)}
    return next((k - 1 for k, e in enumerate(store.target.subscripts) if e.free_symbols & letters), None)


def _split(program: Staged) -> list[Tiles]:
    """The tiles of places, the outermost first."""
    return [n for n in _nodes(program.body) if isinstance(n, Tiles) and n.extent != program.batch]


def _parts(program: Staged) -> str:
    """How many tiles there are along the axis that threads share, as a function of the sizes and settings."""
    outermost = _split(program)[0]
    lets = {let.symbol: let.value for let in program.lets}
    number = ceiling(outermost.extent / outermost.step)
    while number.free_symbols & lets.keys():
        number = number.xreplace(lets)
    keys = [str(s) for s in (*program.sizes, *(k.symbol for k in program.knobs)) if s in number.free_symbols]
    return _function(keys, python(number))


def _function(keys: Sequence[str], value: str) -> str:
    """A function of sizes and settings by their names, of which it may need none."""
    return f"lambda {', '.join([*(['*', *keys] if keys else []), '**_'])}: {value}"


def _nodes(body: tuple[Any, ...]) -> Iterator[Any]:
    for node in body:
        yield node
        yield from _nodes(getattr(node, "body", ()))
