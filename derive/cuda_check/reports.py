"""A fault as a sentence: what happened, to which argument, by whom, and the user's own line."""

from collections.abc import Sequence
from typing import Any

from .debug_lines import line_of
from .device_array import ndarray
from .faults import CudaFault, FaultKind
from .library import CONSTANT, DYNAMIC, SHARED, VARIABLE, CFault, CompiledKernel

__all__ = ["fault_of", "place_of"]

KINDS = (
    *(
        None,
        FaultKind.OUT_OF_BOUNDS,
        FaultKind.READ_ONLY,
        FaultKind.RACE,
        FaultKind.UNINITIALISED,
        FaultKind.MISALIGNED,
    ),
    *(FaultKind.BARRIER, FaultKind.UNDEFINED, FaultKind.ENDLESS, FaultKind.STACK, FaultKind.STOPPED),
)


# After these a thread can go on: what it read or wrote is memory of the kernel's own.
RESUMABLE = (FaultKind.RACE, FaultKind.UNINITIALISED)
OF_A_LINE = 1 << 63


def place_of(fault: CFault) -> int | None:
    """What tells a launch to go on past this fault; None for one that no thread outlives."""
    if KINDS[fault.kind] not in RESUMABLE:
        return None
    return int(fault.line) | OF_A_LINE if fault.line else int(fault.place)


def fault_of(kernel: CompiledKernel, args: Sequence[Any], fault: CFault) -> CudaFault:
    kind = KINDS[fault.kind]
    assert kind is not None
    line = fault.line or _line(kernel, fault.place)
    earlier = fault.earlier_line or _line(kernel, fault.earlier_place)
    argument = kernel.parameters[fault.argument].name if fault.argument >= 0 else None
    where = f"block {tuple(fault.block)}, thread {tuple(fault.thread)}"
    place = f"Kernel '{kernel.name}'" + (f", line {line}" if line else "")
    message = f"{place}: {_what(kernel, args, fault, kind, earlier)} ({where}){_quoted(kernel, line)}"
    return CudaFault(message, kind, kernel.name, line, earlier, argument)


def _line(kernel: CompiledKernel, place: int) -> int | None:
    return line_of(kernel.path, kernel.unit, place - 1) if place else None


def _quoted(kernel: CompiledKernel, line: int | None) -> str:
    lines = kernel.source.code.split("\n")
    return f": `{lines[line - 1].strip()}`" if line and line <= len(lines) else "."


def _what(kernel: CompiledKernel, args: Sequence[Any], fault: CFault, kind: FaultKind, earlier: int | None) -> str:
    text = fault.text.decode()
    access = f"{'write' if fault.write else 'read'} of {fault.size} bytes"
    element = _element(kernel, args, fault)
    if kind is FaultKind.OUT_OF_BOUNDS and fault.size:
        return f"out of bounds {access} at {element}"
    if kind is FaultKind.READ_ONLY:
        return f"write through const at {element}"
    if kind is FaultKind.UNINITIALISED:
        return f"{access} at {element}, which no thread of the block has written"
    if kind is FaultKind.MISALIGNED and fault.size:
        return f"misaligned {access} at {element}"
    if kind is FaultKind.RACE:
        other = "another block" if fault.other_block else f"thread {tuple(fault.other)}"
        before = f" in line {earlier}" if earlier else ""
        return f"race: {access} at {element}, unordered with {'an' if text.startswith('a') else 'a'} {text} by {other}{before}"
    return f"{kind}: {text}" if kind in (FaultKind.ENDLESS, FaultKind.UNDEFINED, FaultKind.BARRIER) else text


def _element(kernel: CompiledKernel, args: Sequence[Any], fault: CFault) -> str:
    offset = fault.offset if fault.offset < 1 << 63 else fault.offset - (1 << 64)
    if fault.argument == SHARED:
        return f"byte {offset} of static shared memory"
    if fault.argument == DYNAMIC:
        return f"byte {offset} of dynamic shared memory"
    if fault.argument == CONSTANT:
        return "constant memory"
    if fault.argument == VARIABLE:
        return "a variable of the device"
    if fault.argument < 0:
        return "an address that belongs to no argument"
    array, name = args[fault.argument], kernel.parameters[fault.argument].name
    assert isinstance(array, ndarray)
    return f"'{name}'[{offset // array.itemsize}], where '{name}' has {array.size} elements"
