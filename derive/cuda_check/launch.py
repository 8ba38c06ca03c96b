"""One launch: its arguments and limits are checked, the kernel runs, and a fault becomes an exception."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .device_array import Host, host_of, ndarray
from .faults import CudaFault, FaultKind
from .library import CFault, CLaunch, CompiledKernel, Parameter, run
from .reports import fault_of, place_of
from .residues import residue_of
from .settings import MERSENNE_61, SCHEDULES, Settings, Watch, current_settings
from .trace import TRACE, Trace

__all__ = ["launch"]

MOST_THREADS, MOST_BLOCK = 1024, (1024, 1024, 64)
MOST_GRID = ((1 << 31) - 1, 65535, 65535)
MOST_SHARED, MOST_STATIC = 227 * 1024, 48 * 1024
SUFFIX = {"f": "float", "i": "int", "u": "uint", "b": "bool", "c": "complex"}


def launch(
    kernel: CompiledKernel,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    args: Sequence[Any],
    shared: int,
    most_shared: int,
) -> Trace | None:
    settings = current_settings()
    grid, block = _dimensions(kernel, grid, "grid"), _dimensions(kernel, block, "block")
    _check_limits(kernel, grid, block, shared, min(most_shared, MOST_SHARED))
    if len(args) != len(kernel.parameters):
        _refuse(kernel, f"it has {len(kernel.parameters)} parameters and gets {len(args)} arguments")
    values, spans = [], []
    for index, (parameter, argument) in enumerate(zip(kernel.parameters, args, strict=True)):
        values.append(_value(kernel, parameter, argument, settings))
        if parameter.pointer and argument is not None:
            spans.append((*_extent(host_of(argument)), parameter.writable, index))
    records = np.empty(settings.trace_capacity, TRACE) if settings.trace_capacity else None
    made = _launch(kernel, grid, block, shared, settings, records)
    fault, traced = run(kernel, made, values, spans)
    if fault.kind and settings.watch is not None:
        _tell(kernel, args, settings.watch, fault, lambda known: run(kernel, made, values, spans, known)[0])
        return None
    if fault.kind:
        raise fault_of(kernel, args, fault)
    return None if records is None else Trace(kernel, records[:traced], block)


def _tell(
    kernel: CompiledKernel,
    args: Sequence[Any],
    watch: Watch,
    fault: CFault,
    again: Callable[[Sequence[int]], CFault],
) -> None:
    """Every fault that the launch has: past one that is known it runs again, as long as threads outlive it."""
    known: list[int] = []
    while fault.kind:
        watch.found(fault_of(kernel, args, fault), kernel.source.code)
        place = place_of(fault)
        if place is None or place in known:
            return
        known.append(place)
        fault = again(known)


def _launch(
    kernel: CompiledKernel,
    grid: tuple[int, ...],
    block: tuple[int, ...],
    shared: int,
    settings: Settings,
    records: Host | None,
) -> CLaunch:
    made = CLaunch(
        dynamic_shared=shared,
        seed=settings.seed,
        step_limit=settings.step_limit,
        granule=kernel.source.granule,
    )
    made.grid[:] = grid
    made.block[:] = block
    made.schedule = SCHEDULES.index(settings.schedule)
    made.prime = settings.prime or MERSENNE_61
    made.trace = None if records is None else records.ctypes.data_as(ctypes.c_void_p)
    made.trace_capacity = 0 if records is None else len(records)
    return made


def _refuse(
    kernel: CompiledKernel, text: str, kind: FaultKind = FaultKind.ARGUMENTS, argument: str | None = None
) -> None:
    raise CudaFault(f"Kernel '{kernel.name}' is launched wrongly: {text}.", kind, kernel.name, argument=argument)


def _dimensions(kernel: CompiledKernel, given: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Three dimensions; zero becomes one, as CuPy makes it, so a kernel must guard its own range."""
    if not isinstance(given, tuple) or not 1 <= len(given) <= 3:
        _refuse(kernel, f"the {what} is a tuple of one to three integers, not {given!r}", FaultKind.LAUNCH)
    if not all(isinstance(size, int | np.integer) for size in given) or min(given) < 0:
        _refuse(kernel, f"the {what} {given!r} has a size that is not a natural number", FaultKind.LAUNCH)
    return tuple(max(1, int(size)) for size in (*given, 1, 1)[:3])


def _check_limits(
    kernel: CompiledKernel, grid: tuple[int, ...], block: tuple[int, ...], shared: int, most_shared: int
) -> None:
    threads = block[0] * block[1] * block[2]
    if threads > (most := min(MOST_THREADS, kernel.launch_bound)):
        _refuse(
            kernel,
            f"the block {block} has {threads} threads, where at most {most} are allowed",
            FaultKind.LAUNCH,
        )
    for what, sizes, limits in (("block", block, MOST_BLOCK), ("grid", grid, MOST_GRID)):
        if any(size > limit for size, limit in zip(sizes, limits, strict=True)):
            _refuse(kernel, f"the {what} {sizes} exceeds {limits}", FaultKind.LAUNCH)
    if grid[0] * grid[1] * grid[2] >= 1 << 32:
        _refuse(kernel, f"the grid {grid} has more blocks than this harness counts", FaultKind.LAUNCH)
    fixed = kernel.static_shared
    if fixed > MOST_STATIC:
        _refuse(
            kernel, f"its shared arrays take {fixed} bytes, where at most {MOST_STATIC} are allowed", FaultKind.LAUNCH
        )
    if not 0 <= shared <= (room := most_shared - fixed):
        beside = f" beside {fixed} of shared arrays" if fixed else ""
        _refuse(kernel, f"{shared} bytes of dynamic shared memory are outside 0..{room}{beside}", FaultKind.LAUNCH)


def _value(kernel: CompiledKernel, parameter: Parameter, argument: Any, settings: Settings) -> bytes:
    if parameter.pointer:
        return _pointer(kernel, parameter, argument)
    if isinstance(argument, ndarray):
        _refuse(kernel, f"'{parameter.name}' is a scalar and gets an array", argument=parameter.name)
    if type(argument) in (int, float, bool):
        argument = {int: np.int64, float: np.float64, bool: np.bool_}[type(argument)](argument)  # as CuPy does
    if not isinstance(argument, np.generic | np.ndarray):
        raise TypeError(f"Unsupported type {type(argument)}")
    if argument.size != 1:
        raise TypeError(f"A numpy.ndarray of shape {argument.shape} is no argument; one entry is passed by value.")
    _same_type(kernel, parameter, argument.dtype)
    if settings.prime is not None and parameter.kind == "f":
        return residue_of(argument.item()).to_bytes(parameter.size, "little")
    return argument.tobytes()


def _pointer(kernel: CompiledKernel, parameter: Parameter, argument: Any) -> bytes:
    if argument is None:
        return bytes(8)
    if isinstance(argument, np.ndarray):
        raise TypeError(f"Unsupported type {type(argument)}")
    if not isinstance(argument, ndarray):
        _refuse(kernel, f"'{parameter.name}' is a pointer and gets {argument!r}", argument=parameter.name)
    _same_type(kernel, parameter, argument.dtype)
    return int(host_of(argument).ctypes.data).to_bytes(8, "little")


def _same_type(kernel: CompiledKernel, parameter: Parameter, dtype: np.dtype[Any]) -> None:
    if parameter.kind == "V":
        if parameter.pointer or dtype.itemsize == parameter.size:
            return
        _refuse(
            kernel,
            f"'{parameter.name}' is a struct of {parameter.size} bytes and gets {dtype.name} of {dtype.itemsize}",
            argument=parameter.name,
        )
    if dtype.kind == parameter.kind and dtype.itemsize == parameter.size:
        return
    wanted = f"{SUFFIX[parameter.kind]}{8 * parameter.size}" if parameter.kind != "b" else "bool"
    _refuse(
        kernel,
        f"'{parameter.name}' is {wanted}{'*' if parameter.pointer else ''} and gets {dtype.name}",
        argument=parameter.name,
    )


def _extent(host: Host) -> tuple[int, int]:
    """The first byte of the array and the one after its last."""
    low = high = host.ctypes.data
    if not host.size:
        return low, low
    for size, stride in zip(host.shape, host.strides, strict=True):
        low, high = (low + (size - 1) * stride, high) if stride < 0 else (low, high + (size - 1) * stride)
    return low, high + host.itemsize
