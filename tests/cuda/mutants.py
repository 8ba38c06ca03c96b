"""Faults planted in CUDA C, in the Python that launches it, and in the class that does the launching."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["PARTS_RULES", "Mutant", "kernel_mutants", "runtime_mutants", "wrapper_mutants"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `kind` of fault, the line that it changes, and the whole text with it."""

    kind: str
    line: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.line}"


# What is changed, in a regular expression, and into what.
KERNEL_RULES = (
    ("bound", r" < (?!<)", " <= "),
    ("bound", r" <= ", " < "),
    ("bound", r" >= ", " > "),
    ("bound", r" > ", " >= "),
    ("bound", r"\b0LL\b", "1LL"),
    ("bound", r"\bDelta \+ 1\b", "Delta"),
    ("bound", r"\bmax\((-?[\w*]+), (-?[\w*]+)\)", r"\1"),
    ("bound", r"\bmax\((-?[\w*]+), (-?[\w*]+)\)", r"\2"),
    ("bound", r"\bmin\(([\w +*-]+), ([\w +*-]+)\)", r"\1"),
    ("bound", r"\bmin\(([\w +*-]+), ([\w +*-]+)\)", r"\2"),
    ("offset", r"(?<=[\w\])]) \+ ([a-z]|Delta)\b(?!\w)", r" - \1"),
    ("offset", r"(?<=[\w\])]) \+ ([a-z]|Delta)\b(?!\w)", ""),
    ("offset", r"\*m \+", "*n +"),
    ("offset", r"\*n \+", "*m +"),
    ("offset", r"\*D \+", "*C +"),
    ("offset", r"\[t\] =", "[t + 1] ="),
    ("guard", r"if \(([^;{}]*)\) return;", ""),
    ("guard", r" && ", " || "),
    ("guard", r"(?<=if \()(\w+ == 0)(?=\))", "true"),
    ("barrier", r"__syncthreads\(\);", ""),
    ("barrier", r"__syncwarp\(\);", ""),
    ("barrier", r"__syncthreads\(\);", "if (threadIdx.x % 2 == 0) __syncthreads();"),
    ("sum", r" \+= ", " = "),
    ("sum", r"= \(real\)u(\[\w+\])?;", "= 0;"),
    ("size", r"\bblockDim\.x \+ threadIdx\.x", "blockDim.x + threadIdx.x / 2"),
    ("size", r"\bblockIdx\.x \* blockDim\.x", "blockIdx.x * (blockDim.x - 1)"),
    ("size", r">>= 1\b", ">>= 2"),
    ("type", r"\blong long (\w+)(?=[,)])", r"int \1"),
    ("type", r"(?<=[ (])int (\w+)(?=[,)])", r"long long \1"),
    ("type", r"\breal acc;", "float acc;"),
    ("type", r"(?<!const )\bstored\* __restrict__ (?=\w+,\n)", "const stored* __restrict__ "),
)
WRAPPER_RULES = (
    ("launch size", r"(?<=_direct\()([^,]+),", r"\1 - 1,"),
    ("launch size", r"(?<=_direct\()([^,]+)\*(\w+|\([^()]*\)),", r"\1,"),
    ("launch size", r"batch = .*", "batch = 1"),
    ("offset", r"(\w+), (\w+)(, \w+)? = (\w+\.shape.*)", r"\2, \1\3 = \4"),
    ("offset", r" // 2\b", " // 3"),
    ("offset", r" - 1\)", ")"),
    ("arrays", r"(?<=, \()(\w+), (\w+)", r"\2, \1"),
    ("arrays", r"(\w+), (\w+)\)(?=, \(batch)", r"\2, \1)"),
    ("sizes", r"(?<=\(batch, )(\w+), (\w+)", r"\2, \1"),
    ("sizes", r"(?<=, \()batch, (\w+)", r"\1, batch"),
    ("sizes", r", \w+(?=\)\)\n)", ""),
    ("layout", r"contiguous=True", "contiguous=False"),
)
RUNTIME_RULES = (
    ("launch size", "-(-threads // _BLOCK)", "threads // _BLOCK"),
    ("launch size", "-(-threads // _BLOCK)", "-(-threads // _BLOCK) - 1"),
    ("launch size", "-(-threads // _BLOCK)", "-(-threads // _BLOCK) + 1"),
    ("launch size", "_BLOCK = 256", "_BLOCK = 2048"),
    ("launch size", "((blocks,), (_BLOCK,)", "([blocks], (_BLOCK,)"),
    ("launch size", "MOST_BLOCKS = 2**31 - 1", "MOST_BLOCKS = 2**40"),
    ("type", "map(np.int64, sizes)", "map(np.int32, sizes)"),
    ("type", "map(np.int64, sizes)", "map(float, sizes)"),
    ("type", '"float32": ("float", "float")', '"float32": ("float", "double")'),
    ("type", '"float32": ("float", "float")', '"float32": ("double", "float")'),
    ("type", '"float64": ("double", "double")', '"float64": ("double", "float")'),
    ("type", '"int64": ("long long", "long long")', '"int64": ("int", "long long")'),
    ("type", '"float16": ("__half", "float")', '"float16": ("float", "float")'),
    ("type", '"float16": ("__half", "float")', '"float16": ("__half", "__half")'),
    ("type", 'f"-Dstored={stored}"', '"-Dstored=float"'),
    ("type", 'f"-Dreal={real}"', '"-Dreal=float"'),
    ("type", "key = (int(self.xp.cuda.Device().id), dtype)", "key = (int(self.xp.cuda.Device().id), '')"),
    ("type", "if like is None else like).dtype)", "if like is None else like).dtype.char)"),
    ("arrays", "(*arrays, *map", "(*arrays[::-1], *map"),
    ("arrays", "(*arrays, *map", "(*arrays[1:], *map"),
    ("name", "get_function(self.name)", "get_function(self.name + '_')"),
)
# Of the class that launches programs in parts.
PARTS_RULES = (
    ("launch size", "add(parts * results", "add(parts * results - 1"),
    ("launch size", "fold(sums * results", "fold(sums * results - 1"),
    ("launch size", "sums = -(-parts // _FOLD)", "sums = parts // _FOLD"),
    ("launch size", "counts.append(-(-extent // lengths[-1]))", "counts.append(extent // lengths[-1])"),
    ("type", "chunks.lengths), result)", "chunks.lengths))"),
    ("arrays", "(found, into)", "(into, found)"),
    ("arrays", "(*arrays, found)", "(*arrays[::-1], found)"),
    ("sizes", "(1, parts, results, sums)", "(1, results, parts, sums)"),
    ("sizes", "(1, parts, results, sums)", "(1, parts - 1, results, sums)"),
    ("sizes", "*chunks.counts, *chunks.lengths", "*chunks.lengths, *chunks.counts"),
    ("sizes", "into = new((sums, results)) if sums > 1 else result", "into = new((sums, results))"),
    ("sizes", "found, parts = into, sums", "parts = sums"),
)


def kernel_mutants(text: str) -> Iterator[Mutant]:
    """Every change by a rule in the first kernel of a text; comments aside, and no two alike."""
    start = text.index('extern "C"')
    end = text.find("\n}", start)
    body = re.sub(r"//[^\n]*", lambda comment: " " * len(comment[0]), text[start:end])
    yield from _changed(text, body, start, KERNEL_RULES)


def wrapper_mutants(text: str) -> Iterator[Mutant]:
    """Every change by a rule in the function that launches the first kernel, and in what the layer says of itself."""
    start = text.index("def _direct(")
    end = text.index('\n    """', start)
    start, end = end, text.index("\n\n\n", end) + 1
    yield from _changed(text, text[start:end], start, WRAPPER_RULES)
    said = text.index("= Kernel(")
    yield from _changed(text, text[said:], said, WRAPPER_RULES[-1:])


def runtime_mutants(text: str, rules: tuple[tuple[str, str, str], ...] = RUNTIME_RULES) -> Iterator[Mutant]:
    """The changes of the table, each of which must find its place."""
    for kind, old, new in rules:
        assert old in text, old
        yield Mutant(kind, f"{old} ⟶ {new}", text.replace(old, new, 1))


def _changed(text: str, part: str, start: int, rules: tuple[tuple[str, str, str], ...]) -> Iterator[Mutant]:
    seen = {text}
    for kind, pattern, new in rules:
        for found in re.finditer(pattern, part):
            at, stop = start + found.start(), start + found.end()
            made = text[:at] + found.expand(new) + text[stop:]
            if made in seen:
                continue
            seen.add(made)
            yield Mutant(kind, f"{_line(text, at)} ⟶ {_line(made, at)}", made)


def _line(text: str, at: int) -> str:
    """The line around a place."""
    return text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)].strip()
