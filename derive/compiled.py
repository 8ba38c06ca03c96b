"""What `layer.compile()` gives: a callable with its source, its gradients and its plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Compiled"]


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
