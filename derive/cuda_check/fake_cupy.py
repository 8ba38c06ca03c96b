"""A module that stands in for CuPy, so that emitted modules run unchanged on a machine without a GPU."""

import contextlib
import functools
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import array_functions
from .array_functions import apply, asarray, ascontiguousarray, result_type
from .device_array import allocate, from_dlpack, host_of, ndarray
from .fake_random import random_module, testing_module
from .raw_module import RawKernel, RawModule
from .settings import current_settings, using
from .variables import MemoryPointer

__all__ = ["cupy_module", "standing_in_for_cupy"]

DTYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool_",
    "complex64",
    "complex128",
)
CONSTANTS = (
    "pi",
    "inf",
    "nan",
    "newaxis",
    "dtype",
    "finfo",
    "iinfo",
    "floating",
    "integer",
    "inexact",
    "number",
    "can_cast",
    "promote_types",
    "issubdtype",
)


def _empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return allocate(shape, dtype, order)


def _filled(value: Any) -> Callable[..., ndarray]:
    def create(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
        array = allocate(shape, dtype, order)
        array[...] = value
        return array

    return create


def _full(shape: Any, fill_value: Any, dtype: Any = None) -> ndarray:
    return _filled(fill_value)(shape, dtype or np.asarray(fill_value).dtype)


def _like(create: Callable[..., ndarray]) -> Callable[..., ndarray]:
    def like(array: ndarray, dtype: Any = None, order: str = "K", shape: Any = None) -> ndarray:
        fortran = order == "F" or (order in "KA" and array.flags.f_contiguous and not array.flags.c_contiguous)
        return create(array.shape if shape is None else shape, dtype or array.dtype, order="F" if fortran else "C")

    return like


def _asnumpy(array: Any, *_: Any, **__: Any) -> Any:
    return array.get() if isinstance(array, ndarray) else np.asarray(array)


def _shares_memory(first: ndarray, second: ndarray, *_: Any) -> bool:
    return bool(np.shares_memory(host_of(first), host_of(second)))


def _may_share_memory(first: ndarray, second: ndarray, *_: Any) -> bool:
    return bool(np.may_share_memory(host_of(first), host_of(second)))


def _memoize(for_each_device: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return functools.cache


class _Stream:
    ptr = 0
    null: "_Stream"
    ptds: "_Stream"

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def synchronize(self) -> None: ...

    def use(self) -> "_Stream":
        return self

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None: ...


def _device() -> int:
    """The current device: residues modulo each prime live on one of their own, so that nothing kept for one is used on another."""
    return current_settings().prime or 0


class _Event:
    """A time of the host's clock: what stands in has no device whose time could be told."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.seconds = 0.0

    def record(self, stream: Any = None) -> None:
        self.seconds = time.perf_counter()

    def synchronize(self) -> None: ...


class _Device:
    compute_capability = "90"

    def __init__(self, device: int | None = None) -> None:
        self.id = _device() if device is None else device
        self.attributes = {"MultiProcessorCount": 132, "MaxSharedMemoryPerBlockOptin": 232448, "WarpSize": 32}

    def synchronize(self) -> None: ...

    def use(self) -> None: ...

    def __enter__(self) -> "_Device":
        return self

    def __exit__(self, *_: object) -> None: ...


def _cuda() -> types.ModuleType:
    module = types.ModuleType("cupy.cuda")
    stream = _Stream()
    _Stream.null = _Stream.ptds = stream
    runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDevice=_device,
        getDeviceProperties=lambda device: {"name": b"a CPU that stands in"},
        deviceSynchronize=lambda: None,
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
    )
    vars(module).update(
        Device=_Device,
        Stream=_Stream,
        Event=_Event,
        MemoryPointer=MemoryPointer,
        get_current_stream=lambda *_: stream,
        get_elapsed_time=lambda start, end: 1e3 * (end.seconds - start.seconds),
        is_available=lambda: True,
        runtime=runtime,
        device=types.SimpleNamespace(Device=_Device),
        stream=types.SimpleNamespace(Stream=_Stream, get_current_stream=lambda *_: stream),
    )
    return module


@functools.cache
def cupy_module() -> types.ModuleType:
    """The one stand-in of this process: emitted modules may keep it, settings change beneath it."""
    module = types.ModuleType("cupy", "A stand-in that runs kernels on the CPU.")
    names: dict[str, Any] = {name: getattr(np, name) for name in (*DTYPES, *CONSTANTS)}
    names |= {name: functools.partial(_call, getattr(np, name)) for name in array_functions.FUNCTIONS}
    names |= {name: array_functions.view(name) for name in array_functions.VIEWS}
    names |= {"empty": _empty, "zeros": _filled(0), "ones": _filled(1), "full": _full}
    names |= {f"{name}_like": _like(names[name]) for name in ("empty", "zeros", "ones")}
    names |= {"ndarray": ndarray, "asarray": asarray, "array": functools.partial(asarray, copy=True)}
    names |= {
        "ascontiguousarray": ascontiguousarray,
        "asnumpy": _asnumpy,
        "result_type": result_type,
        "from_dlpack": from_dlpack,
    }
    names |= {"shares_memory": _shares_memory, "may_share_memory": _may_share_memory, "memoize": _memoize}
    names |= {
        "RawModule": RawModule,
        "RawKernel": RawKernel,
        "cuda": _cuda(),
        "get_array_module": lambda *_: module,
    }
    names |= {"random": random_module(), "testing": testing_module()}
    names |= {"__version__": "14.0.0", "is_available": lambda: True}
    tricks = types.SimpleNamespace(as_strided=array_functions.as_strided)
    names |= {"__getattr__": _lacking}
    names |= {"lib": types.SimpleNamespace(stride_tricks=tricks)}
    vars(module).update(names)
    return module


def _lacking(name: str) -> Any:
    raise AttributeError(f"the stand-in for CuPy has no '{name}'; it runs kernels of RawModule and RawKernel")


def _call(function: Callable[..., Any], *values: Any, **options: Any) -> Any:
    return apply(function, values, options)


@contextlib.contextmanager
def standing_in_for_cupy(**settings: Any) -> Iterator[types.ModuleType]:
    """`import cupy` gives the stand-in inside the `with` block; `settings` are those of `using`.

    >>> with standing_in_for_cupy(schedule="reverse") as cupy:
    ...     import cupy as imported
    ...     imported is cupy, type(cupy.zeros(2)).__module__
    (True, 'cupy')
    """
    module = cupy_module()
    installed = {"cupy": module, **{f"cupy.{name}": vars(module)[name] for name in ("cuda", "random", "testing")}}
    hidden = {name: sys.modules.get(name) for name in installed}
    sys.modules.update(installed)
    try:
        with using(**settings):
            yield module
    finally:
        for name, before in hidden.items():
            if before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = before
