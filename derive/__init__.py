"""derive: from stated structure to proved, emitted linear layers.

import derive
layer = (derive.dense(rank=2)
         .then(derive.reindex())
         .then(derive.equivariant(derive.Translations()))
         .then(derive.local(radius="Delta")))
layer.free_parameters     # {"weight": (2*Delta + 1)**2, "bias": 1, "when": Delta < Min(n, m)}
"""

from importlib import import_module
from typing import Any

import lazy_loader

# The names are those of __init__.pyi; each is loaded when it is first asked for, so that what needs no algebra starts fast.
_named, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A name, or a module of further ones: derive.finite and derive.symmetry."""
    return import_module(f"{__name__}.{name}") if name in ("finite", "symmetry") else _named(name)
