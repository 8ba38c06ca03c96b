"""The stand-in's array: NumPy memory that only the stand-in's own functions and kernels may touch.

In exact mode a float array holds residues, in unsigned integers as wide as its declared type: then strides,
alignment and shared-memory sizes stay those of the float program.
"""

import ctypes
import operator
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .residues import from_residues, to_residues
from .settings import current_settings
from .variables import MemoryPointer

__all__ = ["Flags", "allocate", "from_dlpack", "host_of", "ndarray", "wrap"]

DLPACK_CPU, DLPACK_CUDA = 1, 2
ALIGNMENT = 512  # as CuPy's allocator
GUARD = 1 << 14  # bytes on both sides, so that a small overrun never lands in another array

Host = NDArray[Any]


class Flags(SimpleNamespace):
    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))


class ndarray:
    """An array of `dtype`; `residue` says that its memory holds residues modulo the exact mode's prime."""

    __module__ = "cupy"
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    _host: Host
    dtype: np.dtype[Any]
    residue: bool

    def __new__(
        cls, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"
    ) -> "ndarray":
        """As CuPy's: of memory that is there, such as a variable's of a module, or of fresh."""
        fresh = allocate(shape if memptr is None else 0, dtype, order)
        if memptr is None:
            return fresh
        stored, sizes = fresh._host.dtype, (shape,) if np.ndim(shape) == 0 else tuple(shape)
        if (wanted := int(np.prod(sizes, dtype=np.int64)) * stored.itemsize) > memptr.size:
            raise ValueError(f"An array of {wanted} bytes is made of memory of {memptr.size}.")
        memory = np.ctypeslib.as_array((ctypes.c_ubyte * memptr.size).from_address(memptr.ptr))
        return _on(np.ndarray(sizes, stored, memory, 0, strides, order), fresh.dtype)  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @property
    def strides(self) -> tuple[int, ...]:
        return self._host.strides

    @property
    def ndim(self) -> int:
        return self._host.ndim

    @property
    def size(self) -> int:
        return self._host.size

    @property
    def nbytes(self) -> int:
        return self._host.nbytes

    @property
    def itemsize(self) -> int:
        return self._host.itemsize

    @property
    def flags(self) -> Flags:
        own = self._host.flags
        return Flags(c_contiguous=own.c_contiguous, f_contiguous=own.f_contiguous, owndata=own.owndata)

    @property
    def data(self) -> MemoryPointer:
        return MemoryPointer(self._host.ctypes.data, self._host.nbytes, self._host)

    @property
    def device(self) -> SimpleNamespace:
        return SimpleNamespace(id=0)

    @property
    def T(self) -> "ndarray":
        return wrap(self._host.T, self)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "strides": self.strides,
            "typestr": self.dtype.str,
            "data": (self._host.ctypes.data, False),
            "version": 3,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return DLPACK_CUDA, 0

    def __dlpack__(self, **_: Any) -> Any:
        return self._host.__dlpack__()

    def __array__(self, *_: Any, **__: Any) -> Host:
        raise TypeError("An array of the device converts to a NumPy array only by `.get()`, as in CuPy.")

    def get(self, *_: Any, out: Host | None = None, **__: Any) -> Host:
        values = from_residues(self._host) if self.residue else self._host.copy()
        if out is None:
            return values
        out[...] = values
        return out

    def set(self, values: Host) -> None:
        self._host[...] = to_residues(values, self.dtype) if self.residue else values

    def item(self, *index: int) -> Any:
        return self.get().item(*index)

    def tolist(self) -> Any:
        return self.get().tolist()

    def fill(self, value: Any) -> None:
        self[...] = value

    def copy(self, order: str = "C") -> "ndarray":
        return _copied(self, order)

    def astype(self, dtype: Any, order: str = "K", copy: bool = True, **_: Any) -> "ndarray":
        target = np.dtype(dtype)
        if target == self.dtype and not copy:
            return self
        fresh = allocate(self.shape, target)
        if fresh.residue:
            fresh._host[...] = self._host if self.residue else to_residues(self._host, target)
        else:
            fresh._host[...] = from_residues(self._host) if self.residue else self._host.astype(target)
        return fresh

    def reshape(self, *shape: Any, order: str = "C") -> "ndarray":
        view = self._host.reshape(*shape, order=order)  # type: ignore[call-overload]
        if np.shares_memory(view, self._host) or not view.size:
            return wrap(view, self)
        return _copied(wrap(view, self), "C")

    def ravel(self, order: str = "C") -> "ndarray":
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> "ndarray":
        return _copied(wrap(self._host.ravel(order), self), "C")  # type: ignore[arg-type]

    def view(self, dtype: Any = None) -> "ndarray":
        return wrap(self._host, self) if dtype is None else _on(self._host.view(dtype))

    def transpose(self, *axes: Any) -> "ndarray":
        return wrap(self._host.transpose(*axes), self)

    def swapaxes(self, first: int, second: int) -> "ndarray":
        return wrap(self._host.swapaxes(first, second), self)

    def squeeze(self, axis: Any = None) -> "ndarray":
        return wrap(self._host.squeeze(axis), self)

    def __getitem__(self, index: Any) -> "ndarray":
        chosen = self._host[_unwrapped_index(index)]
        return wrap(np.asarray(chosen), self)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, ndarray):
            values = value.astype(self.dtype)._host
        elif isinstance(value, np.ndarray) and value.ndim:
            raise TypeError(f"Unsupported type {type(value)}")
        else:
            values = to_residues(np.asarray(value), self.dtype) if self.residue else np.asarray(value)
        self._host[_unwrapped_index(index)] = values

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator["ndarray"]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get().item())

    def __float__(self) -> float:
        return float(self.get().item())

    def __index__(self) -> int:
        return self.get().__index__()

    def __repr__(self) -> str:
        return repr(self.get())


def _on(host: Host, dtype: np.dtype[Any] | None = None) -> ndarray:
    """The array of that memory, of its own type or of another that its residues stand for."""
    array = object.__new__(ndarray)
    array._host, array.dtype = host, host.dtype if dtype is None else dtype
    array.residue = dtype is not None and dtype != host.dtype
    return array


def _unwrapped_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_unwrapped_index(item) for item in index)
    return index._host if isinstance(index, ndarray) else index


def host_of(array: ndarray) -> Host:
    return array._host


class _OnHost:
    """An exporter of device memory, which is the host's here, as NumPy wants it."""

    def __init__(self, exporter: Any) -> None:
        self.exporter = exporter

    def __dlpack_device__(self) -> tuple[int, int]:
        return DLPACK_CPU, 0

    def __dlpack__(self, **_: Any) -> Any:
        return self.exporter.__dlpack__()


def from_dlpack(array: Any) -> ndarray:
    """The same memory; an array of the host is refused, as by CuPy."""
    if isinstance(array, ndarray):
        return array
    if array.__dlpack_device__()[0] != DLPACK_CUDA:
        raise TypeError("CPU arrays cannot be directly imported to CuPy.")
    return _on(np.from_dlpack(_OnHost(array)))


def wrap(host: Host, like: ndarray) -> ndarray:
    """A view of `like`'s memory, of its declared type."""
    return _on(host, like.dtype if like.residue else None)


def _storage(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if current_settings().prime is None or dtype.kind != "f":
        return dtype
    return np.dtype(f"u{dtype.itemsize}")


def allocate(shape: Any, dtype: Any, order: str = "C") -> ndarray:
    """Device memory: aligned, guarded, and filled with what no program may rely on (NaN in floats)."""
    declared = np.dtype(dtype)
    stored = _storage(declared)
    sizes = (int(shape),) if np.ndim(shape) == 0 else tuple(int(size) for size in shape)
    count = int(np.prod(sizes, dtype=np.int64))
    raw = np.empty(count * stored.itemsize + 2 * GUARD + ALIGNMENT, np.uint8)
    start = GUARD + -(raw.ctypes.data + GUARD) % ALIGNMENT
    flat = raw[start : start + count * stored.itemsize]
    flat.fill(0xA5)
    host = flat.view(stored)
    if stored.kind in "fc":
        host.fill(np.nan)
    elif stored != declared:
        host.fill((current_settings().prime or 2) - 1 & (1 << 8 * stored.itemsize) - 1)
    return _on(host.reshape(sizes, order="F" if order == "F" else "C"), declared)


def _copied(array: ndarray, order: str) -> ndarray:
    fresh = allocate(array.shape, array.dtype, "F" if order == "F" else "C")
    fresh._host[...] = array._host
    return fresh


def _delegate(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *others: Any) -> Any:
        from .array_functions import apply

        if any(isinstance(other, np.ndarray) and other.ndim for other in others):
            return NotImplemented
        return apply(getattr(operator, f"__{name}__"), (self, *others), {})

    return method


def _reflected(name: str) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> Any:
        from .array_functions import apply

        return apply(getattr(operator, f"__{name}__"), (other, self), {})

    return method


def _method(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *values: Any, **options: Any) -> Any:
        from .array_functions import apply

        return apply(getattr(np, name), (self, *values), options)

    return method


def _in_place(name: str) -> Callable[..., Any]:
    def method(self: ndarray, other: Any) -> ndarray:
        self[...] = getattr(self, f"__{name}__")(other)
        return self

    return method


ARITHMETIC = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("and", "or", "xor", "lshift", "rshift"),
)
for _name in ARITHMETIC:
    setattr(ndarray, f"__{_name}__", _delegate(_name))
    setattr(ndarray, f"__r{_name}__", _reflected(_name))
    setattr(ndarray, f"__i{_name}__", _in_place(_name))
for _name in ("lt", "le", "eq", "ne", "gt", "ge", "neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _delegate(_name))
for _name in ("sum", "max", "min", "any", "all", "dot", "mean", "prod", "clip", "cumsum", "argmax", "argmin"):
    setattr(ndarray, _name, _method(_name))
