"""The usual structures in one call: window, stride, dilation, groups, edge and rank, derived step by step as by hand."""

from __future__ import annotations

from typing import Any

from derive.derivation import Derivation, dense
from derive.errors import UsageRefused
from derive.forms.support import Box, Support
from derive.groups._group import Group
from derive.groups.translations import Translations
from derive.rules.boundary import boundary
from derive.rules.channels import channels as with_channels
from derive.rules.depthwise import depthwise
from derive.rules.dilated import dilated
from derive.rules.equivariant import equivariant
from derive.rules.grouped import grouped
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.separable import separable
from derive.rules.strided import strided
from derive.rules.unbiased import unbiased

__all__ = ["compile", "convolution"]

Numbers = int | tuple[int, ...]


def convolution(
    kernel: Numbers | str | Support = 3,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int | str | None = None,
    edges: str = "zero",
    rank: int = 2,
    *,
    channels: bool = True,
    bias: bool = True,
    symmetry: Group | None = None,
    factors: int | str | None = None,
) -> Derivation:
    """The derivation of a translation-equivariant layer on a grid of `rank` axes with these structures.

    kernel     the window's side, one for each axis or for all, odd or even; a name such as "Delta" for a radius that the
               weights' shape tells; or a support such as Diamond(2)
    stride, dilation    whole numbers from 1, for each axis or for all
    groups     None: every channel sees every other. "depthwise": each its own. A name or a number: so many groups, an axis of
               their own, X[..., g, c] and H[..., f, d]
    edges      as in the rule `boundary`
    channels, bias      whether there are any
    symmetry   a group that the window has too, such as PointGroup("D4")
    factors    a rank: the window is separable, a sum of so many products

    Raises UsageRefused for arguments that don't go together, and what the rules raise.
    """
    if groups is not None and not channels:
        raise UsageRefused("Groups are groups of channels; pass channels=True.")
    steps = dilation if isinstance(dilation, tuple) else (dilation,) * rank
    layer = _windowed(rank, channels, groups, kernel, steps)
    if not bias:
        layer = layer.then(unbiased())
    if symmetry is not None:
        layer = layer.then(equivariant(symmetry))
    layer = layer.then(boundary(edges))
    if stride != 1 and stride != (1,) * rank:
        layer = layer.then(strided(stride))
    return layer if factors is None else layer.then(separable(factors))


def _windowed(
    rank: int, channels: bool, groups: int | str | None, kernel: Numbers | str | Support, steps: tuple[int, ...]
) -> Derivation:
    """Channels, shifts, the window and groups."""
    layer = dense(rank=rank)
    if channels:
        layer = layer.then(_channels(groups))
    layer = layer.then(reindex()).then(equivariant(Translations())).then(local(_window(kernel, steps, rank)))
    if any(step != 1 for step in steps):
        layer = layer.then(dilated(steps))
    if groups is not None:
        layer = layer.then(depthwise() if groups == "depthwise" else grouped())
    return layer


def compile(*arguments: Any, backend: str = "numpy", **options: Any) -> Any:
    """`convolution(...)` as a callable with `.source`; sizes of the layer may be fixed by keyword, such as Delta=1."""
    import inspect

    known = inspect.signature(convolution).parameters
    sizes = {name: value for name, value in options.items() if name not in known}
    layer = convolution(*arguments, **{name: value for name, value in options.items() if name in known})
    groups = options.get("groups")
    if isinstance(groups, int) and not isinstance(groups, bool):
        sizes["F"] = groups
    return layer.compile(backend, **sizes)


def _channels(groups: int | str | None) -> Any:
    if groups == "depthwise":
        return with_channels("C", "C")
    if groups is None:
        return with_channels()
    return with_channels(groups=groups if isinstance(groups, str) else "F")


def _window(kernel: Numbers | str | Support, steps: tuple[int, ...], rank: int) -> Any:
    """The support that a window of this side has before it is thinned out."""
    if isinstance(kernel, str):
        if len(set(steps)) > 1:
            raise UsageRefused("A radius by name goes with one dilation for all axes.")
        return kernel if steps[0] == 1 else f"{steps[0]}*{kernel}"
    if not isinstance(kernel, (int, tuple)):
        return kernel
    sides = kernel if isinstance(kernel, tuple) else (kernel,) * rank
    if len(sides) != rank or len(steps) != rank:
        raise UsageRefused(f"A grid of {rank} axes needs {rank} sides and {rank} dilations, or one for all.")
    if any(not isinstance(side, int) or isinstance(side, bool) or side < 1 for side in sides):
        raise UsageRefused(f"A window's side is a whole number from 1; {kernel} is not.")
    lower = tuple((side - 1) // 2 * step for side, step in zip(sides, steps, strict=True))
    upper = tuple(side // 2 * step for side, step in zip(sides, steps, strict=True))
    return Box(lower, upper)
