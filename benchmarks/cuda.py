"""What every emitted CUDA kernel takes on real architectures, without a GPU: registers, shared memory, occupancy, instructions.

    python benchmarks/cuda.py [NAME ...] [--write]

Each layer and its gradients are called in each element type on the CPU, by each of their designs, on wide arrays; kernels that
these don't need are launched by small ones, and by a batch of many. What is launched is compiled by NVRTC for every architecture,
with the options of its launch, and disassembled for one. `--write` keeps the figures in docs/performance/cuda.json, and as a page
beside it; with names, these layers' figures among those that were kept.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.compiled import load_source
from derive.cuda_check import standing_in_for_cupy
from derive.cuda_check.disassembly import MachineCode, disassemble
from derive.cuda_check.driving import called, many, small, ways, wide
from derive.cuda_check.footprint import footprint
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, nvrtc_version
from derive.cuda_check.settings import Launched
from derive.pipeline import layer
from derive.registry import names

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "performance"
TYPES = ("float32", "float64", "float16", "int64")
DISASSEMBLED = "sm_90"
SIZES = {"__half": 2, "float": 4, "double": 8, "long long": 8}
TRACED = 1 << 16
COMMENT = re.compile(r"^ *(?:#|//) .*\n", re.MULTILINE)
SIDES = (128, 64, 32, 16, 8, 4, 2)  # rows that are whole sectors, as those of most images


def digest(text: str) -> str:
    """Of an emitted module, less its comments, its layout, what it says of itself, and what its launches are counted as."""
    code = ast.parse(COMMENT.sub("", text[text.index("cp = array_module") :]))
    code.body = [n for n in code.body if not (isinstance(n, ast.FunctionDef) and n.name.endswith("_work"))]
    return hashlib.sha256(ast.unparse(code).encode()).hexdigest()[:12]


@dataclass
class Launches:
    """The watch of the settings: each kernel that was launched, by the options of its launch, and what it asked of memory."""

    kernels: dict[tuple[str, tuple[str, ...]], Launched] = field(default_factory=dict)
    sectors: dict[str, dict[str, float]] = field(default_factory=dict)

    def launched(self, launch: Launched) -> None:
        self.kernels.setdefault((launch.kernel, launch.options), launch)

    def traced(self, launch: Launched, trace: Any) -> None:
        if trace is not None and launch.kernel not in self.sectors:
            self.sectors[launch.kernel] = dict(asked(trace))

    def found(self, fault: Exception, code: str) -> None:
        raise fault


def asked(trace: Any) -> Iterator[tuple[str, float]]:
    """Sectors for 128 bytes of the loads and of the stores of the argument that takes most, and bank conflicts of all requests."""
    totals: dict[tuple[str, str], list[int]] = {}
    conflicts = 0
    for request in trace.requests():
        conflicts += request.conflicts
        if request.argument is not None:
            total = totals.setdefault(("stores" if request.write else "loads", request.argument), [0, 0])
            total[0] += request.sectors
            total[1] += request.bytes
    for kind in ("loads", "stores"):
        yield kind, round(max((128 * s / b for (k, _), (s, b) in totals.items() if k == kind), default=0), 2)
    yield "conflicts", conflicts


def launches(name: str) -> Launches:
    """Of a layer and its gradients, in every element type: on wide arrays, and of kernels that these need not, on small ones."""
    with standing_in_for_cupy():
        kernel = getattr(load_source(layer(name).source("cupy"), "cupy"), name)
    found, beside = (launched(kernel, calls) for calls in (on_wide, on_small))
    known = {name for name, _ in found.kernels}
    more = {key: launch for key, launch in beside.kernels.items() if key[0] not in known}
    return Launches(found.kernels | more, beside.sectors | found.sectors)


def launched(kernel: Any, calls: Callable[[Any, ModuleType, str], object]) -> Launches:
    """What calls of the layer by each of its designs launch; those of the first type are traced."""
    watch = Launches()
    for position, dtype in enumerate(TYPES):
        with standing_in_for_cupy(watch=watch, trace_capacity=0 if position else TRACED) as cupy:
            for _, way in ways(kernel):
                calls(way, cupy, dtype)
    return watch


def on_wide(kernel: Any, cupy: ModuleType, dtype: str) -> None:
    called(kernel, cupy, wide(kernel, SIDES) or {}, dtype, 0)


def on_small(kernel: Any, cupy: ModuleType, dtype: str) -> None:
    called(kernel, cupy, small(kernel) or {}, dtype, 0)
    many(kernel, cupy, dtype)


@lru_cache(maxsize=8)
def machine_code(code: str, options: tuple[str, ...]) -> dict[str, MachineCode]:
    return disassemble(compile_cuda(code, DISASSEMBLED, options).cubin)


def figures_of(name: str, architectures: tuple[str, ...] = ARCHITECTURES) -> dict[str, Any]:
    """Everything about one layer."""
    watch = launches(name)
    kernels: dict[str, Any] = {}
    for (kernel, options), launch in sorted(watch.kernels.items(), key=lambda item: item[0][0]):
        used = footprint(launch, architectures)
        if used.faults:
            raise SystemExit("\n".join(used.faults))
        row = kernels.setdefault(kernel, {"threads": launch.threads, "memory": watch.sectors.get(kernel), "types": {}})
        row["types"][told(options)] = {
            "registers": {a: r.registers for a, r in used.resources.items()},
            "shared": max(r.shared for r in used.resources.values()) + launch.shared,
            "occupancy": {a: round(part, 3) for a, part in used.occupancy.items()},
            "code": code_figures(machine_code(launch.code, launch.options)[kernel], options),
        }
    return {"source": digest(layer(name).source("cupy")), "kernels": kernels}


def told(options: tuple[str, ...]) -> str:
    """The type of entries, then what else a launch's options tell; that of sums follows from it."""
    stored, _, *others = (o for o in options if o.startswith("-D"))
    return " ".join([stored.removeprefix("-Dstored="), *others])


def code_figures(code: MachineCode, options: tuple[str, ...]) -> dict[str, Any]:
    """Of machine code for one architecture: the interior path, for each element that it stores, and the innermost loop."""
    size = SIZES[element(told(options))]
    outputs = max(1, code.path.stored // size)
    inner = code.inner
    return {
        "instructions": len([i for i in code.instructions if i.base != "NOP"]),
        "an output": round(code.an_output(size), 1),
        "loads an output": round(sum(count for _, count in code.path.loads) / outputs, 2),
        "128-bit loads": dict(code.path.loads).get(16, 0),
        "a multiply-add": None if inner is None else round(inner.instructions / inner.multiply_adds, 2),
    }


def page(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        "<!-- Made by `python benchmarks/cuda.py --write` from cuda.json. Do not edit. -->",
        "",
        "# CUDA kernels on real architectures, without a GPU",
        "",
        f"Every emitted kernel, compiled by NVRTC {figures['nvrtc']} for seven architectures: no warning, and no register spills. "
        "Not yet measured on a device: nothing here is a speed.",
        "",
        "- *threads* of a block of its launches, *registers* of a thread, and *occupancy*: the part of a multiprocessor's warps "
        "that find room then. What differs from most of the seven stands in brackets.",
        "- *instructions* of the kernel, and *of an output*, with its loads: of the path that stores and multiplies most in the "
        "fewest of them, each loop once; *of a multiply-add*: of the innermost loop, where there is one. From the disassembly "
        f"for {DISASSEMBLED}.",
        "- *sectors* of 32 bytes for 128 bytes of loads and of stores, of the argument that takes most (4 where neighbours read "
        "neighbours), and *conflicts* of banks of shared memory: from the addresses of a run on the CPU.",
        "",
        "A kernel is named after its layer, the bold line above it; beside it stand the macros that its launch defines.",
    ]
    for real in dict.fromkeys(element(t) for _, _, row in rows(figures) for t in row["types"]):
        lines += ["", f"## `{real}`", "", HEAD, f"|{'---|' * COLUMNS}", *table(figures, real)]
    return "\n".join([*lines, ""])


def table(figures: dict[str, Any], real: str) -> Iterator[str]:
    """A line for each layer that has such kernels, and one for each of these."""
    known = ""
    for layer_name, kernel, row in rows(figures):
        for options, of in row["types"].items():
            if element(options) != real:
                continue
            if known != layer_name:
                known = layer_name
                yield f"| **{known}** {'| ' * COLUMNS}".rstrip()
            shown = f"`{kernel.removeprefix(f'{known}_')}` {options.removeprefix(real).replace(' -D', ' ').strip()}"
            yield line(shown.strip(), row, of)


def element(options: str) -> str:
    """The element type among a launch's options, which is the first."""
    return options.partition(" -D")[0]


HEAD = (
    "| kernel | threads, shared bytes | registers | occupancy | instructions | of an output, loads | of a multiply-add | "
    "sectors of loads, stores; conflicts |"
)
COLUMNS = HEAD.count("|") - 1


def rows(figures: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, found in figures["layers"].items():
        yield from ((name, kernel, row) for kernel, row in found["kernels"].items())


def line(kernel: str, row: dict[str, Any], of: dict[str, Any]) -> str:
    code, memory = of["code"], row["memory"]
    registers = each(of["registers"], "{}")
    occupancy = each({a: round(100 * part) for a, part in of["occupancy"].items()}, "{}%")
    cells = [kernel, f"{row['threads']}, {of['shared']}", registers, occupancy, code["instructions"]]
    cells += [f"{code['an output']}, {code['loads an output']}"]
    cells += ["" if code["a multiply-add"] is None else code["a multiply-add"]]
    cells += [f"{memory['loads']}, {memory['stores']}; {memory['conflicts']}" if memory else ""]
    return f"| {' | '.join(map(str, cells))} |"


def each(values: dict[str, int], form: str) -> str:
    """`40 (75, 80: 32)`: what most architectures have, and those that differ."""
    most = max(set(values.values()), key=list(values.values()).count)
    other: dict[int, list[str]] = {}
    for architecture, value in values.items():
        if value != most:
            other.setdefault(value, []).append(architecture.removeprefix("sm_"))
    told = "; ".join(f"{', '.join(which)}: {form.format(value)}" for value, which in sorted(other.items()))
    return form.format(most) + (f" ({told})" if told else "")


def measured(chosen: list[str]) -> dict[str, Any]:
    """Of the chosen layers, beside what was kept of the others; all where NVRTC is another."""
    file = FOLDER / "cuda.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known = kept.get("layers", {}) if kept.get("nvrtc") == nvrtc_version() and chosen else {}
    found = dict(known)
    for name in chosen or names("derive.catalogue"):
        found[name] = figures_of(name)
        print(f"{name} is compiled.", flush=True)
    return {"nvrtc": nvrtc_version(), "layers": dict(sorted(found.items()))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--write", action="store_true", help="keep the figures in docs/performance")
    options = parser.parse_args()
    figures = measured(options.names)
    if options.write:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "cuda.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        (FOLDER / "cuda.md").write_text(page(figures), encoding="utf-8")
    else:
        print(page(figures))
