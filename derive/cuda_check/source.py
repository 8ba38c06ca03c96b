"""From the user's CUDA C to a C++ translation unit whose lines keep their numbers.

What has no C++ meaning is rewritten in place: `extern "C"` (every source gets a namespace of its own, so that many fit one
unit), `extern __shared__ T name[]`, `static` before `__shared__`, variables of the device, and, in exact mode, floating literals.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .faults import CompileError
from .literals import exact_literal
from .shared_arrays import alignments

__all__ = ["KernelText", "Source", "parse_source", "translation_unit"]

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<linkage>extern\s+"C"(?P<open>\s*\{)?)
      | (?P<include>^[ \t]*\#[ \t]*include[ \t]*[<"](?P<header>[^>"\n]*)[>"])
      | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<number>(?<![\w.])(?:0[xX][\da-fA-F]*\.?[\da-fA-F]*(?:[pP][+-]?\d+)?
                              |(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\w*)
    """,
    re.X | re.S | re.M,
)
DYNAMIC = re.compile(r"\bextern\s+__shared__\s+((?:[^;\[\]]|\[[^\]]+\])*?)\b(\w+)\s*\[\s*\]\s*;")
STATIC = re.compile(r"\bstatic(\s+(?:volatile\s+)?__(?:shared|constant|device)__)")
# Constants of constant memory are constants of the language; what is written by threads lies in a place of its own.
FIXED = re.compile(r"\b__constant__(?=\s+(?:static\s+)?const\b)")
VARIABLE = re.compile(r"\b__device__(?=\s+(?!const\b|__)[^;{}()=\[\]#]*?\w\s*(?:\[[^\]]*\]\s*)*[=;,])")
KERNEL = re.compile(
    r"(?P<linkage>\bCU_EXTERN_C\s+)?(?<![\w])\s*__global__\s+"
    r"(?:(?:void|static)\s+|__launch_bounds__\s*\((?P<bound>(?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)\s*|void\s+)*"
    r"(?P<name>\w+)\s*\((?P<parameters>[^()]*)\)\s*\{"
)
# The harness brings the meaning of these itself.
HEADERS = (
    "cuda_runtime.h",
    "cuda.h",
    "cuda_fp16.h",
    "math.h",
    "cuda_runtime_api.h",
    "device_launch_parameters.h",
)
ONE_BYTE = re.compile(r"\b(?:u?char[1-4]?|bool|u?int8_t)\b")
TWO_BYTES = re.compile(r"\b(?:u?short[1-4]?|(?:__)?half2?|u?int16_t)\b")
EXACT_MACROS = {"float": "cu::modular<unsigned>", "double": "cu::modular<unsigned long>", "volatile": ""}
HALF_NAME = re.compile(r"\b__(?:half|\w*2half)\w*")
HALF_PARAMETER = re.compile(r"\bhalf2?\b(?=[^,]*\w)")
HALF_HEADER = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]cuda_fp16\.h[>\"]", re.M)
PTX = re.compile(r'\b(?:__)?asm(?:__)?\s*(?:(?:__)?volatile(?:__)?\s*)?\(\s*"[^"]')
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
FUNCTION = re.compile(r"([\w\]]+)\s*\([^;{}]*?\)\s*(?:(?:const|mutable|noexcept)\s*)*\{")
BLOCKS = ("__launch_bounds__", "catch", "for", "if", "switch", "while")


@dataclass(frozen=True, slots=True)
class KernelText:
    """`shared` are its shared arrays with their alignments, in order; an `instance` is named by an expression."""

    name: str
    parameters: tuple[str, ...]
    bound: str
    shared: tuple[tuple[str, int], ...]
    instance: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """`code` is what the user wrote; `body` is what the C++ compiler reads, line for line.

    `functions` says that it has some besides kernels.
    """

    code: str
    body: str
    defines: tuple[tuple[str, str], ...]
    kernels: tuple[KernelText, ...]
    granule: int
    exact: bool
    functions: bool


@lru_cache(maxsize=1024)
def parse_source(
    code: str,
    defines: tuple[tuple[str, str], ...] = (),
    exact: bool = False,
    included: bool = False,
    expressions: tuple[str, ...] = (),
) -> Source:
    """A source; `included` says that an option includes cuda_fp16.h, and `expressions` name kernels, such as f<float>.

    Raises CompileError for what NVRTC doesn't know.
    """
    body = _dynamic_shared(STATIC.sub(r"\1", TOKEN.sub(lambda token: _rewritten(token, exact), code)))
    body = VARIABLE.sub("CU_VARIABLE", FIXED.sub("static", body))
    if inline := PTX.search(body):
        line = body.count("\n", 0, inline.start()) + 1
        raise CompileError(f"The kernel has inline PTX in line {line}, which this harness does not run.", "")
    if exact:
        defines = tuple((name, TOKEN.sub(lambda token: _rewritten(token, True), value)) for name, value in defines)
    every = {found["name"]: _kernel(body, found, dict(defines)) for found in KERNEL.finditer(body)}
    # Others have mangled names, which no launch finds.
    linked = [f for f in KERNEL.finditer(body) if f["linkage"] or "cu_linkage" in body]
    linked = [f for f in linked if not body[: f.start()].rstrip().endswith(">")]
    kernels = tuple(every[found["name"]] for found in linked)
    kernels += tuple(_instance(expression, every) for expression in expressions)
    words = body + " ".join(value for _, value in defines)
    if not included and not HALF_HEADER.search(code):
        told = (f"{value} {name}" for name, value in defines)
        _refuse_half(words, [*(found["parameters"] for found in KERNEL.finditer(body)), *told])
    granule = 1 if ONE_BYTE.search(words) else 2 if TWO_BYTES.search(words) else 4
    functions = {found[1] for found in FUNCTION.finditer(body)} - {*BLOCKS, *every}
    return Source(code, body, defines, kernels, granule, exact, bool(functions))


def _kernel(body: str, found: re.Match[str], defines: dict[str, str]) -> KernelText:
    shared = tuple(alignments(_inside(body, found.end()), defines))
    return KernelText(found["name"], _parameter_names(found["parameters"]), found["bound"] or "", shared)


def _instance(expression: str, every: Mapping[str, KernelText]) -> KernelText:
    """The kernel that an expression names; bounds of its launches that depend on a template's parameters are left open."""
    base = every.get(re.split(r"\s*<", expression.strip())[0].rpartition("::")[2])
    if base is None:
        raise CompileError(f"The name expression '{expression}' names no kernel.", "")
    bound = base.bound if re.fullmatch(r"[\d\s*+,()]*", base.bound) else ""
    return replace(base, name=expression, bound=bound, instance=True)


def _inside(body: str, start: int) -> str:
    """What stands in a function whose first brace ends at `start`."""
    depth = 1
    for brace in re.finditer(r"[{}]", body[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return body[start : start + brace.start()]
    return body[start:]


def _refuse_half(words: str, typed: Sequence[str]) -> None:
    """NVRTC knows these names from a header alone; `half` may be anything where it isn't a type before a name."""
    every = (HALF_NAME.search(words), *map(HALF_PARAMETER.search, typed))
    if name := next((found[0] for found in every if found), None):
        raise CompileError(f"The kernel names '{name}', and includes no cuda_fp16.h.", "")


def translation_unit(sources: Sequence[Source]) -> str:
    """All sources in one text, each in its own namespace, and the table of their kernels."""
    parts = ['#include "language.h"\n#include "numbers.h"\n#include "half.h"']
    parts += [_unit(source, index) for index, source in enumerate(sources)]
    entries = [
        f'  CU_ENTRY("{index}:{kernel.name}", unit{index}::cu_kernel_{place}, unit{index}::cu_bound_{place}),'
        for index, source in enumerate(sources)
        for place, kernel in enumerate(source.kernels)
    ]
    table = 'extern "C" __attribute__((visibility("default"))) const cu::Kernel cu_kernels[] = {'
    parts += [
        '#line 1 "table"',
        '#include "table.h"',
        table,
        *entries,
        "  {nullptr, nullptr, 0, nullptr, 0}};",
        "",
    ]
    return "\n".join(parts)


def _unit(source: Source, index: int) -> str:
    defines = dict(source.defines)
    if source.exact:
        defines |= EXACT_MACROS
    bounds = [
        f"enum {{ cu_bound_{place} = cu::first_of({kernel.bound}) }};\nconstexpr auto cu_kernel_{place} = &{kernel.name};"
        for place, kernel in enumerate(source.kernels)
    ]
    macros = dict.fromkeys([*defines, *MACRO.findall(source.body)])
    return "\n".join(
        [
            f"namespace unit{index} {{",
            *(f"#define {name} {value}" for name, value in defines.items()),
            f'#line 1 "unit{index}"',
            source.body,
            '#line 1 "bounds"',
            *bounds,
            *(f"#undef {name}" for name in macros),
            "}",
        ]
    )


def _rewritten(token: re.Match[str], exact: bool) -> str:
    text = token[0]
    if token["comment"]:
        return re.sub(r"[^\n]+", " ", text)
    if token["linkage"]:
        return text.count("\n") * "\n" + ("inline namespace cu_linkage {" if token["open"] else "CU_EXTERN_C")
    if token["include"]:
        if token["header"] in HEADERS:
            return ""
        raise CompileError(f"The kernel includes '{token['header']}', which this harness does not have.", "")
    if token["number"] and exact:
        return exact_literal(text)
    return text


def _dynamic_shared(body: str) -> str:
    def pointer(found: re.Match[str]) -> str:
        kind = re.sub(r"__align__\s*\([^)]*\)|\b(?:volatile)\b", " ", found[1])
        lines = "\n" * found[0].count("\n")
        return f"{kind.strip()}* const {found[2]} = ({kind.strip()}*)cu_dynamic_shared();{lines}"

    return DYNAMIC.sub(pointer, body)


def _parameter_names(parameters: str) -> tuple[str, ...]:
    pieces = [piece.strip() for piece in parameters.split(",")]
    names = [re.search(r"(\w+)\s*(?:\[\s*\]\s*)?$", piece) for piece in pieces if piece and piece != "void"]
    return tuple(found[1] if found else "?" for found in names)
