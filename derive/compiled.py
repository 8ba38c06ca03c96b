"""What `layer.compile()` gives: a callable with its source, its gradients and its plans; and how emitted text becomes a module."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from derive.errors import DeriveError

__all__ = ["Compiled", "load_source"]

_RUNTIME = Path(__file__).parent / "runtime"
_serial = count()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A layer ready to be called: `conv(X, V, u)`; `.source` is the module that it came from."""

    kernel: Any
    source: str

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the kernel gives; it says what it takes: see `help(conv.kernel)`."""
        return self.kernel(*arguments, **named)

    def vjp(self, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """The gradients of Σ G·H by every argument, for `conv.vjp(X, V, u, G)`: see `help(conv.kernel.vjp)`."""
        gradients: tuple[Any, ...] = self.kernel.vjp(*arguments, **named)
        return gradients

    def plan(self, *arguments: Any, **named: Any) -> Any:
        """The kernel's plan for inputs of one shape and these weights: see `help(conv.kernel.plan)`."""
        return self.kernel.plan(*arguments, **named)

    def __repr__(self) -> str:
        return repr(self.kernel)


def load_source(source: str, backend: str) -> Any:
    """The emitted text as a module, with a runtime of its own beside it."""
    package = _package(backend)
    module = ModuleType(f"{package}.m{next(_serial)}", None)
    module.__package__ = package
    code = compile(source, f"<{module.__name__}>", "exec")
    exec(code, module.__dict__)
    return module


@lru_cache
def _package(backend: str) -> str:
    """A package in memory in which emitted text finds `.._runtime`."""
    root = "derive_compiled"
    for name in (root, f"{root}.{backend}"):
        if name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = []
    runtime = f"{root}._runtime"
    if runtime not in sys.modules:
        spec = spec_from_file_location(runtime, _RUNTIME / "__init__.py", submodule_search_locations=[str(_RUNTIME)])
        if spec is None or spec.loader is None:
            raise DeriveError("The runtime's files are missing from this installation.")
        sys.modules[runtime] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[runtime])
    return f"{root}.{backend}"
