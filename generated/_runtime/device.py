"""Whether there is a device to compute on, and arrays of other libraries, which come through DLPack."""

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from .errors import BackendError

__all__ = ["array_module", "from_other_library", "is_foreign", "on_device", "require_device"]

_CPU, _CUDA = (1, 3), (2, 13)  # memory of the host, pinned or not; of a device, managed or not
_MISSING = {
    "cudaErrorInsufficientDriver": "there is no driver of NVIDIA's, or one too old for this CuPy",
    "cudaErrorNoDevice": "there is no GPU of NVIDIA's",
}


class _Absent(ModuleType):
    """Stands for an array module that can't be imported: plans are explained without it, and a call says `why` it can't be."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name)
        self.why = why


def array_module(name: str) -> Any:
    """The array module of that name, or what stands for one that isn't there."""
    try:
        return import_module(name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            return _Absent(name, "CuPy is not installed; the wheel for CUDA 13 is cupy-cuda13x")
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        return _Absent(name, f"CuPy can't be imported: {str(cause).strip().partition(chr(10))[0].rstrip('.')}")


@lru_cache(maxsize=8)
def _count(xp: ModuleType) -> int:
    return int(xp.cuda.runtime.getDeviceCount())


def require_device(name: str, xp: ModuleType) -> None:
    """Raises BackendError where a module computes on devices and isn't there, or finds none."""
    if isinstance(xp, _Absent):
        raise BackendError(f"{name}: {xp.why}.")
    if xp is np or not hasattr(xp, "cuda"):
        return
    try:
        count = _count(xp)
    except RuntimeError as error:
        code = str(error).partition(":")[0]
        why = _MISSING.get(code, str(error).rstrip("."))
        raise BackendError(f"{name}: CuPy finds no device: {why}.") from error
    if not count:
        raise BackendError(f"{name}: CuPy finds no device: {_MISSING['cudaErrorNoDevice']}.")


def _device_type(value: Any) -> int:
    """DLPack's number for the memory that a value is in; 0 for what isn't exported that way."""
    if isinstance(value, np.ndarray | np.generic) or not hasattr(value, "__dlpack_device__"):
        return 0
    return int(value.__dlpack_device__()[0])


def on_device(value: Any) -> bool:
    """Whether a value is an array of any library in a CUDA device's memory."""
    return _device_type(value) in _CUDA


def is_foreign(value: Any) -> bool:
    """Whether a value is an array, of one axis or more, that another library than NumPy has in the host's memory."""
    return _device_type(value) in _CPU and getattr(value, "ndim", 1) > 0


def from_other_library(xp: ModuleType, value: Any) -> Any:
    """A value as an array of the module, on the memory that it has; what can't be exported so is left to NumPy."""
    if on_device(value) if xp is not np else (is_foreign(value) and not hasattr(value, "__array__")):
        return xp.from_dlpack(value)
    return np.asarray(value)
