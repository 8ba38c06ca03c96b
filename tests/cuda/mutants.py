"""Faults planted in CUDA C and in the Python that launches it: made from the text, whatever layer or design it is of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Mutant", "constant_mutants", "flag_mutants", "function_mutants", "kernel_mutants"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `kind` of fault, the line that it changes, and the whole text with it.

    Of a condition, a loop and a barrier the line tells what comes next, too: others look the same.
    """

    kind: str
    line: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.line}"


_NAME = r"[A-Za-z]\w*"
_FACTOR = rf"(?:{_NAME}|\([^()]*\))"
# What is changed, in a regular expression, and into what. A block may take more turns: cells beyond the last are passed over.
_KERNEL_RULES = (
    ("bound", r"(?<!turn) < (?!<)", " <= "),
    ("bound", r" <= ", " < "),
    ("bound", r" >= ", " > "),
    ("bound", r" > ", " >= "),
    ("bound", r"\b0LL\b", "1LL"),
    ("bound", r"(?<== )0;", "1;"),
    ("bound", r"(?<=\w) \+ 1\b", ""),
    ("bound", r"(?<=\w) - 1(?= && |\) \{|;)", ""),
    ("bound", r"\bmax\((-?[\w*]+), (-?[\w*]+)\)", r"\1"),
    ("bound", r"\bmax\((-?[\w*]+), (-?[\w*]+)\)", r"\2"),
    ("bound", r"\bmin\(([\w +*-]+), ([\w +*-]+)\)", r"\1"),
    ("bound", r"\bmin\(([\w +*-]+), ([\w +*-]+)\)", r"\2"),
    ("offset", rf"(?<=[\w\])]) \+ ({_NAME})\b(?![\w(\[*.])", r" - \1"),
    ("offset", rf"(?<=[\w\])]) \+ ({_NAME})\b(?![\w(\[*.])", ""),
    ("offset", rf"(?<=[\w\])]) - ({_NAME})\b(?![\w(\[*.])", ""),
    ("offset", rf"\*{_FACTOR}(?= \+)", ""),
    ("offset", r"\[t\] =", "[t + 1] ="),
    ("guard", r"if \(([^;{}]*)\) (return|continue);", ""),
    ("guard", r" && ", " || "),
    ("guard", r"(?<=if \()(.*)(?=\) \{)", "true"),
    ("barrier", r"__syncthreads\(\);", ""),
    ("barrier", r"__syncwarp\(\);", ""),
    ("barrier", r"__syncthreads\(\);", "if (threadIdx.x % 2 == 0) __syncthreads();"),
    ("sum", r" \+= (?=\()", " = "),
    ("sum", r"= \(real\)\w+(\[[\w +*-]+\])?;", "= 0;"),
    ("size", r"\bblockDim\.x \+ threadIdx\.x", "blockDim.x + threadIdx.x / 2"),
    ("size", r"\bblockIdx\.x \* blockDim\.x", "blockIdx.x * (blockDim.x - 1)"),
    ("size", rf"(?<== ){_FACTOR}\*(?=\()", ""),
    ("size", r">>= 1\b", ">>= 2"),
    ("type", r"\blong long (\w+)(?=[,)])", r"int \1"),
    ("type", r"(?<=[ (])int (\w+)(?=[,)])", r"long long \1"),
    ("type", r"\breal acc;", "float acc;"),
    ("type", r"(?<!const )\b(stored|real)\* __restrict__ (?=\w+,\n)", r"const \1* __restrict__ "),
)


def kernel_mutants(text: str, names: Sequence[str]) -> Iterator[Mutant]:
    """Every change by a rule in the kernels of these names; comments aside, and no two alike."""
    seen = {text}
    for name in names:
        found = re.search(rf'extern "C" __global__ void (?:__launch_bounds__\(\d+\) )?{name}\(', text)
        assert found is not None, name
        start = found.start()
        kernel = text[start : text.index("\n}", start)]
        body = re.sub(r"//[^\n]*", lambda comment: " " * len(comment[0]), kernel)
        for kind, pattern, new in _KERNEL_RULES:
            for found in re.finditer(pattern, body):
                yield from _made(text, kind, start + found.start(), start + found.end(), found.expand(new), seen)


def function_mutants(text: str, names: Sequence[str]) -> Iterator[Mutant]:
    """Every change of an expression in the functions of these names, `Class.method` among them; refusals' words stay."""
    functions = dict(_functions(ast.parse(text), ""))
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def place(line: int, column: int) -> int:
        whole = text[starts[line - 1] : starts[line]].encode()
        return starts[line - 1] + len(whole[:column].decode())

    seen = {text}
    for name in names:
        for node in _expressions(functions[name]):
            at, end = place(node.lineno, node.col_offset), place(node.end_lineno or 0, node.end_col_offset or 0)
            for kind, new in _changes(node):
                if ast.dump(new) == ast.dump(node):
                    continue
                yield from _made(text, kind, at, end, ast.unparse(new), seen)


def constant_mutants(text: str, names: Sequence[str], kind: str = "launch size") -> Iterator[Mutant]:
    """Every change of a number or a word in the constants of these names."""
    seen = {text}
    for name in names:
        found = re.search(rf"^{name} = (?:\{{.*?^\}}|[^\n#]*)", text, re.M | re.S)
        assert found is not None, name
        for number in re.finditer(r"(?<![\w\"])\d+(?![\w\"])", found[0]):
            at = found.start() + number.start()
            for new in (str(int(number[0]) + 1), str(int(number[0]) * 8)):
                yield from _made(text, kind, at, at + len(number[0]), new, seen)
        for word in re.finditer(r'(?<=[(] )"[\w ]+"|(?<=[(])"[\w ]+"|(?<=", )"[\w ]+"', found[0]):
            at = found.start() + word.start()
            for new in ('"float"', '"double"'):
                yield from _made(text, "type", at, at + len(word[0]), new, seen)


def flag_mutants(text: str) -> Iterator[Mutant]:
    """That arrays come without gaps, denied."""
    start = text.index("= Kernel(")
    for flag in re.finditer(r"\bcontiguous=(True)(?=,|\))", text[start:]):
        yield from _made(text, "layout", start + flag.start(1), start + flag.end(1), "False", set())


_END = "\n"


def _made(text: str, kind: str, at: int, stop: int, new: str, seen: set[str]) -> Iterator[Mutant]:
    made = text[:at] + new + text[stop:]
    if made not in seen:
        seen.add(made)
        line = _line(text, at)
        context = line.endswith(("{", "__syncthreads();"))
        after = f" | {_line(text, text.find(_END, at) + 1)}" if context else ""
        yield Mutant(kind, f"{line} ⟶ {_line(made, at)}{after}", made)


def _line(text: str, at: int) -> str:
    """The line around a place."""
    return text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)].strip()


def _functions(node: ast.AST, before: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            yield before + child.name, child


_ODD = (
    "(V.shape[0] - 1) // ",
    "(dV.shape[0] - 1) // ",
    "(P.shape[1] - 1) // ",
)  # half of a window, which is as wide as high, and whose extent is odd


def _expressions(function: ast.AST) -> Iterator[ast.expr]:
    """All that is computed: no types, no defaults, and no words."""
    left = list(getattr(function, "body", ()))
    while left:
        node = left.pop(0)
        if isinstance(node, (ast.JoinedStr, ast.Raise)) or getattr(node, "arg", None) == "strict":
            continue
        if isinstance(node, ast.expr) and ast.unparse(node).startswith(_ODD):
            continue
        if isinstance(node, ast.expr):
            yield node
        annotation = getattr(node, "annotation", None)
        left += [child for child in ast.iter_child_nodes(node) if child is not annotation]


_TURNED: dict[type, ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
}
_SIGNS: dict[type, ast.operator] = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}
_COMMUTING = ("max", "min", "may_share", "np.may_share_memory")
_OTHER = {"int32": "int64", "int64": "int32", "max": "min", "min": "max"}


def _changes(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The same expression with one fault."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in _SIGNS:
                yield "offset", ast.BinOp(left, _SIGNS[type(op)], right)
            if not isinstance(op, ast.Pow):
                yield "launch size", left
            if isinstance(op, ast.Mult):
                yield "launch size", right
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            yield "offset", ast.Constant(value + 1)
        case ast.Constant(value=bool() as value):
            yield "layout", ast.Constant(not value)
        case ast.Compare(left=left, ops=[op], comparators=others) if type(op) in _TURNED:
            yield "bound", ast.Compare(left, [_TURNED[type(op)]], others)
        case ast.BoolOp(op=op, values=values):
            yield "guard", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            yield from (("guard", ast.BoolOp(op, values[:k] + values[k + 1 :])) for k in range(len(values)))
        case ast.IfExp(body=body, orelse=orelse):
            yield from (("guard", part) for part in (body, orelse))
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield "bound", operand
        case ast.Attribute(value=value, attr=name) if name in _OTHER:
            yield "type", ast.Attribute(value, _OTHER[name])
        case ast.Name(id=name) if name in _OTHER:
            yield "bound", ast.Name(_OTHER[name])
        case ast.Tuple(elts=several, ctx=ast.Load()):
            yield from (("sizes", ast.Tuple(other, ast.Load())) for other in _reordered(several))
        case ast.Call(func=called, args=given, keywords=words) if ast.unparse(called) not in _COMMUTING:
            yield from (("arrays", ast.Call(called, other, words)) for other in _swapped(given))
        case ast.Starred(value=value) if not isinstance(value, ast.GeneratorExp):
            yield "arrays", ast.Starred(ast.Subscript(value, ast.Slice(ast.Constant(1))))


def _swapped(several: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """With neighbours exchanged."""
    for k in range(len(several) - 1):
        yield [*several[:k], several[k + 1], several[k], *several[k + 2 :]]


def _reordered(several: list[ast.expr]) -> Iterator[list[ast.expr]]:
    """With neighbours exchanged, or without the last."""
    yield from _swapped(several)
    if several:
        yield several[:-1]
