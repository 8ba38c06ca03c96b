"""Machine code as text, by nvdisasm from the wheel `nvidia-cuda-nvdisasm`, and what a thread of it executes."""

import functools
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .faults import CompileError, NoCompiler
from .nvrtc import nvidia_folders

__all__ = ["Instruction", "MachineCode", "Work", "disassemble", "find_disassembler"]

SECTION = re.compile(r"^\t\.section\t\.text\.([^,\s]+)", re.M)
LABEL = re.compile(r"^(\.L_x_\w+|\.text\.\S+|[$\w]+):")
CODE = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:(@!?U?P[T\d]+)\s+)?([A-Z][A-Z0-9_.]*)\s*([^;]*?)\s*;")
TARGET = re.compile(r"`\(([^)]+)\)")
MULTIPLY_ADDS = {"FFMA": 1, "DFMA": 1, "FFMA2": 2, "HFMA2": 2}
WIDTHS = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}
ENDS = ("EXIT", "RET", "BRA", "JMP", "BRX")


@dataclass(frozen=True, slots=True)
class Instruction:
    """`target` is the place in the kernel that a branch goes to."""

    opcode: str
    operands: str
    predicate: str
    target: int | None

    @property
    def base(self) -> str:
        return self.opcode.split(".")[0]

    @property
    def multiply_adds(self) -> int:
        """How many it is; a product alone, or a move in that guise, is none."""
        return 0 if "RZ, RZ" in self.operands else MULTIPLY_ADDS.get(self.base, 0)

    @property
    def bytes(self) -> int:
        """How many bytes an access to memory moves."""
        return next((WIDTHS[part] for part in self.opcode.split(".")[1:] if part in WIDTHS), 4)


@dataclass(frozen=True, slots=True)
class Work:
    """What a run of instructions does: loads and stores of global memory by their bytes, and how often."""

    instructions: int
    multiply_adds: int
    loads: tuple[tuple[int, int], ...]
    stores: tuple[tuple[int, int], ...]
    shared: int

    @property
    def stored(self) -> int:
        """Bytes."""
        return sum(size * count for size, count in self.stores)


@dataclass(frozen=True, slots=True)
class MachineCode:
    """A kernel's instructions.

    `path` is what a thread executes that stores and multiplies as much as any, in the fewest instructions, every loop once: the
    interior, where a kernel tells it from the edges. `inner` is the innermost loop with the most multiply-adds, if one has any.
    """

    instructions: tuple[Instruction, ...]
    path: Work
    inner: Work | None

    def an_output(self, itemsize: int) -> float:
        """Instructions of the path for each element that it stores."""
        return self.path.instructions * itemsize / max(itemsize, self.path.stored)

    @property
    def a_multiply_add(self) -> float | None:
        """Instructions of the innermost loop for each of its multiply-adds."""
        return None if self.inner is None else self.inner.instructions / self.inner.multiply_adds


@functools.cache
def find_disassembler() -> Path:
    """The program of the installed wheel. Raises NoCompiler without one."""
    for folder in nvidia_folders():
        if (program := folder / "bin" / "nvdisasm").is_file():
            return program
    raise NoCompiler("nvdisasm was not found: `pip install nvidia-cuda-nvdisasm`.")


def disassemble(cubin: bytes) -> dict[str, MachineCode]:
    """The kernels of a cubin by name. Raises CompileError for bytes that are none."""
    with tempfile.TemporaryDirectory(prefix="derive-cuda-") as name:
        file = Path(name) / "kernels.cubin"
        file.write_bytes(cubin)
        done = subprocess.run([str(find_disassembler()), "-c", str(file)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError("nvdisasm refuses the machine code:", done.stderr.strip())
    parts = SECTION.split(done.stdout)[1:]
    return {kernel: _machine_code(text) for kernel, text in zip(parts[::2], parts[1::2], strict=True)}


def _machine_code(text: str) -> MachineCode:
    code = tuple(_instructions(text))
    path = [code[at] for at in _path(code)]
    loops = [_work(code[start : end + 1]) for start, end in _innermost(code)]
    summing = [loop for loop in loops if loop.multiply_adds]
    return MachineCode(code, _work(path), max(summing, key=lambda loop: loop.multiply_adds, default=None))


def _instructions(text: str) -> Iterator[Instruction]:
    lines = text.splitlines()
    labels: dict[str, int] = {}
    found: list[tuple[str, str, str]] = []
    for line in lines:
        if label := LABEL.match(line):
            labels[label[1]] = len(found)
        elif code := CODE.match(line):
            found.append((code[2], code[3], code[1] or ""))
    for opcode, operands, predicate in found:
        target = TARGET.search(operands)
        jumps = opcode.startswith(("BRA", "JMP"))
        yield Instruction(opcode, operands, predicate, labels.get(target[1]) if jumps and target else None)


def _path(code: Sequence[Instruction]) -> list[int]:
    """Places from the first on, along forward edges: the most bytes stored, the most multiply-adds, the fewest instructions."""
    best: list[tuple[tuple[int, int, int], int | None]] = [((0, 0, 0), None)] * len(code)
    for at in range(len(code) - 1, -1, -1):
        reached = [(best[to][0], to) for to in _following(code, at) if to > at]
        (stored, sums, steps), to = max(reached, key=lambda way: way[0], default=((0, 0, 0), None))
        own = code[at].bytes if code[at].base == "STG" else 0
        best[at] = ((stored + own, sums + code[at].multiply_adds, steps - 1), to)
    path: list[int] = []
    at_now: int | None = 0 if code else None
    while at_now is not None:
        path.append(at_now)
        at_now = best[at_now][1]
    return path


def _following(code: Sequence[Instruction], at: int) -> list[int]:
    """Where a thread can be after an instruction."""
    instruction = code[at]
    jump = [] if instruction.target is None else [instruction.target]
    ends = instruction.base in ENDS and not instruction.predicate
    # A branch of the uniform kind has its condition among its operands.
    conditional = instruction.target is not None and re.match(r"!?U?P\d", instruction.operands)
    return jump if ends and not conditional else [*jump, *([at + 1] if at + 1 < len(code) else [])]


def _innermost(code: Sequence[Instruction]) -> list[tuple[int, int]]:
    """The first and last place of each loop that holds no other; a branch to itself at the end is padding."""
    loops = [(i.target, at) for at, i in enumerate(code) if i.target is not None and i.target < at]
    return [
        (start, end)
        for start, end in loops
        if not any((s, e) != (start, end) and start <= s and e <= end for s, e in loops)
    ]


def _work(code: Sequence[Instruction]) -> Work:
    def accesses(opcode: str) -> tuple[tuple[int, int], ...]:
        sizes = [i.bytes for i in code if i.base == opcode]
        return tuple((size, sizes.count(size)) for size in sorted(set(sizes)))

    return Work(
        instructions=sum(i.base != "NOP" for i in code),
        multiply_adds=sum(i.multiply_adds for i in code),
        loads=accesses("LDG"),
        stores=accesses("STG"),
        shared=sum(i.base in ("LDS", "STS") for i in code),
    )
