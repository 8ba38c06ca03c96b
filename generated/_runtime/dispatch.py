"""One name for a layer on every backend: the arrays that come in choose the kernel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from .described import described
from .device import is_foreign, on_device
from .errors import BackendError
from .kernel import Kernel

__all__ = ["Dispatcher"]

_PLAIN = frozenset({np.ndarray, float, int, type(None)})  # nothing of CuPy's
_TITLES = {"numpy": "NumPy", "cupy": "CuPy"}


def _is_cupy(value: Any) -> bool:
    """Whether a value is a cupy.ndarray, by its type's name: CuPy is never imported to find out."""
    return any(kind.__name__ == "ndarray" and kind.__module__.split(".")[0] == "cupy" for kind in type(value).__mro__)


def _is_host(value: Any) -> bool:
    own = isinstance(value, np.ndarray) and value.ndim > 0
    return (own or is_foreign(value)) and not _is_cupy(value)


def _told(value: Any) -> str:
    """What an array is, in words."""
    if _is_cupy(value):
        return "a CuPy array"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    return f"a {type(value).__module__}.{type(value).__qualname__} {'on a GPU' if on_device(value) else 'on the CPU'}"


@lru_cache(maxsize=1024)
def _load(package: str, backend: str, name: str) -> Kernel:
    """The kernel `name` of `package.backend.name`. Raises BackendError where there is no such module."""
    module, title = f"{package}.{backend}.{name}", _TITLES[backend]
    try:
        kernel: Kernel = getattr(import_module(module), name)
    except ImportError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise BackendError(f"{name} has no {title} kernel: there is no module {module}.") from error
        raise
    return kernel


@described
@dataclass(frozen=True, slots=True, repr=False)
class Dispatcher:
    """A layer on whichever backend its arguments live: NumPy in, NumPy out; CuPy in, CuPy out.

    `package` holds one folder for each backend, with one module for each layer; they are imported when
    first needed. `.numpy` and `.cupy` are the kernels themselves.
    """

    package: str
    name: str

    def __repr__(self) -> str:
        return f"<layer {self.package}.{self.name}>"

    @property
    def doc(self) -> str:
        """What the NumPy kernel says of itself."""
        return self.numpy.doc

    @property
    def numpy(self) -> Kernel:
        """The NumPy kernel."""
        return _load(self.package, "numpy", self.name)

    @property
    def cupy(self) -> Kernel:
        """The CuPy kernel, with or without CuPy: plans are explained without it."""
        return _load(self.package, "cupy", self.name)

    def __call__(self, *arguments: Any, out: Any = None, **named: Any) -> Any:
        """What the chosen kernel gives; see `Kernel.__call__`. Raises BackendError for a mixture."""
        return self.kernel_for(arguments, {**named, "out": out})(*arguments, out=out, **named)

    def plan(self, shape: tuple[int, ...], *weights: Any, **named: Any) -> Any:
        """The plan of the NumPy kernel, or of CuPy's where a weight is on a device; see `Kernel.plan`."""
        device = any(_is_cupy(value) or on_device(value) for value in (*weights, *named.values()))
        return (self.cupy if device else self.numpy).plan(shape, *weights, **named)

    def vjp(self, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """What the chosen kernel gives; see `Kernel.vjp`. Raises BackendError for a mixture."""
        return self.kernel_for(arguments, named, vjp=True).vjp(*arguments, **named)

    def kernel_for(self, arguments: tuple[Any, ...], named: Mapping[str, Any], vjp: bool = False) -> Kernel:
        """CuPy's kernel if any argument, of a call or of its `vjp`, is an array on a CUDA device, else NumPy's.

        Arrays of other libraries come through DLPack. Raises BackendError for arrays on a device beside arrays, of one axis or
        more, in the host's memory.
        """
        values = (*arguments, *named.values())
        if _PLAIN.issuperset(map(type, values)):
            return self.numpy
        device = [index for index, value in enumerate(values) if _is_cupy(value) or on_device(value)]
        if not device:
            return self.numpy
        for index, value in enumerate(values):
            if _is_host(value):
                names = tuple(self._names(len(arguments), named, vjp))
                raise BackendError(
                    f"{self.name}: {names[device[0]]} is {_told(values[device[0]])} and {names[index]} {_told(value)}; "
                    "bring them together with cupy.asarray or cupy.asnumpy."
                )
        return self.cupy

    def _names(self, positional: int, named: Mapping[str, Any], vjp: bool) -> Iterator[str]:
        kernel = self.numpy
        letters = (*kernel.arguments, *([kernel.cotangent] if vjp else []))
        for index in range(positional):
            yield letters[index] if index < len(letters) else f"argument {index + 1}"
        yield from named
