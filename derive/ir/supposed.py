"""What a program in stages supposes of the weights: that they are made of fewer numbers, which it reads in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Symbol

from derive.ir.nodes import Access, Storage
from derive.ir.stages import Room, Stage

__all__ = ["Supposed"]


@dataclass(frozen=True, slots=True)
class Supposed:
    """The window is the product of the `parts`, summed over those of their letters that it doesn't have.

    The program denotes `form`, whose weights are the parts. `window` is the entry that the weights of the layer itself make, in
    letters that `up` gives in the form's: `seen` are the stages that gather it of the layer's `arguments`, and `rooms` what they
    fill; without any it is an array of weights itself. `by` and `axes` say what finds the parts, and `sizes` that they alone
    tell, once the weights have values: see `derive.runtime.values`. Without it the weights are numbers that the layer brings
    along, and it holds for these.
    """

    says: str
    form: Any
    window: Access
    parts: tuple[Access, ...]
    up: tuple[tuple[Symbol, Expr], ...]
    by: str = ""
    axes: tuple[int, ...] = ()
    seen: tuple[Stage, ...] = ()
    rooms: tuple[Room, ...] = ()
    sizes: tuple[Symbol, ...] = ()
    arguments: tuple[Storage, ...] = ()
