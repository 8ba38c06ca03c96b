"""What a device executes: the instructions of a compiled kernel, from NVIDIA's disassembler where it is installed."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from derive.cuda_check.nvrtc import Compiled

__all__ = ["find_disassembler", "instructions", "without_edges"]

INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z0-9_.]+)")


def _candidates() -> Iterator[Path]:
    if found := shutil.which("nvdisasm"):
        yield Path(found)
    spec = importlib.util.find_spec("nvidia")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        yield from sorted(Path(root).glob("*/bin/nvdisasm"))


def find_disassembler() -> str | None:
    """`nvdisasm`, on the path or from the wheel `nvidia-cuda-nvdisasm`."""
    return next((str(path) for path in _candidates()), None)


def instructions(made: Compiled, folder: Path, tool: str) -> list[str]:
    """The names of all instructions of a file with one kernel, but for those that fill it up."""
    file = folder / "kernel.cubin"
    file.write_bytes(made.cubin)
    text = subprocess.run([tool, "-c", str(file)], capture_output=True, text=True, check=True).stdout
    return [name for name in INSTRUCTION.findall(text) if not name.startswith("NOP")]


def without_edges(source: str) -> str:
    """The text of a program in blocks with nothing to do at the edges: what is left is what a block inside executes."""
    start, end = source.index("    } else {\n"), source.rindex("    }\n}")
    return source[:start] + source[end:]
