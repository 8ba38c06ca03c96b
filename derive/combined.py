"""The usual structures in one call: window, stride, dilation, groups, edge and rank, derived step by step as by hand."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import Signature, signature
from typing import Any

from derive.derivation import Derivation, dense
from derive.errors import UsageRefused
from derive.forms.arguments import as_tuples, is_count, is_name, said
from derive.forms.dense import Channels
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
Sides = int | str | tuple[int | str, ...]


def convolution(
    kernel: Sides | Support = 3,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int | str | None = None,
    edges: str = "zero",
    rank: int | None = None,
    *,
    channels: bool | Channels = True,
    bias: bool = True,
    symmetry: Group | None = None,
    factors: int | str | None = None,
) -> Derivation:
    """The derivation of a translation-equivariant layer on a grid with these structures.

    kernel     the window's side, odd or even, or a name such as "Delta" for a radius that the weights' shape tells, one for
               each axis or for all; or a support such as Diamond(2)
    stride, dilation    from 1, for each axis or for all
    groups     None: every channel sees every other. "depthwise": each its own. A name or a number: so many groups, an axis of
               their own, X[..., g, c] and H[..., f, d]
    edges      as in the rule `boundary`
    rank       how many axes the grid has; by default as many as a tuple above has numbers, or 2
    channels, bias      whether there are any; or Channels(...), axes of channels that a symmetry may act on
    symmetry   a group that the window has too, such as PointGroup("D4")
    factors    a rank: the window is separable, a sum of so many products

    Raises UsageRefused for arguments that don't go together, and what the rules raise.
    """
    _check_channels(channels, bias, groups)
    kernel, stride, dilation = map(as_tuples, (kernel, stride, dilation))
    rank = _axes(rank, kernel, *_whole(stride=stride, dilation=dilation))
    layer = _windowed(rank, channels, groups, kernel, dilation)
    if not bias:
        layer = layer.then(unbiased())
    if symmetry is not None:
        layer = layer.then(equivariant(symmetry))
    layer = layer.then(boundary(edges))
    layer = layer if stride in (1, (1,) * rank) else layer.then(strided(stride))
    return layer if factors is None else layer.then(separable(factors))


def _windowed(
    rank: int, channels: bool | Channels, groups: int | str | None, kernel: Sides | Support, dilation: Numbers
) -> Derivation:
    """Channels, shifts, the window and groups."""
    own = channels if isinstance(channels, Channels) else None
    layer = dense(rank=rank, channels=own)
    steps = dilation if isinstance(dilation, tuple) else (dilation,) * rank
    if channels and own is None:
        layer = layer.then(_channels(groups))
    layer = layer.then(reindex()).then(equivariant(Translations())).then(local(_window(kernel, steps, rank)))
    if any(step != 1 for step in steps):
        layer = layer.then(dilated(steps))
    if groups is not None:
        layer = layer.then(depthwise() if groups == "depthwise" else grouped())
    return layer


def compile(*arguments: Any, backend: str = "numpy", **options: Any) -> Any:
    """`convolution(...)` as a callable with `.source`; sizes of the layer may be fixed by keyword, such as Delta=1."""
    known = signature(convolution).parameters
    sizes = {name: value for name, value in options.items() if name not in known}
    layer = convolution(*arguments, **{name: value for name, value in options.items() if name in known})
    groups = options.get("groups")
    if isinstance(groups, int) and not isinstance(groups, bool):
        sizes["F"] = groups
    return layer.compile(backend, **sizes)


def _offered() -> Signature:
    """What `help` shows for `compile`: the arguments of `convolution`, the backend and sizes."""
    own = signature(compile).parameters
    inner = signature(convolution)
    return inner.replace(
        parameters=[*inner.parameters.values(), own["backend"], own["options"].replace(name="sizes")],
        return_annotation="Any",
    )


vars(compile)["__signature__"] = _offered()


def _check_channels(channels: Any, bias: Any, groups: Any) -> None:
    if not isinstance(bias, bool):
        raise UsageRefused(f"bias= says whether there are any, True or False; {said(bias)} is neither.")
    if not isinstance(channels, bool | Channels):
        raise UsageRefused(f"channels= is True, False or derive.Channels(...); {said(channels)} is none of these.")
    if groups is not None and isinstance(channels, Channels):
        raise UsageRefused(f"Groups make axes of channels of their own; {said(channels)} names other ones.")
    if groups is not None and not channels:
        raise UsageRefused("Groups are groups of channels; pass channels=True.")


def _whole(**given: Any) -> Iterable[Any]:
    """The arguments. Raises UsageRefused for one that is neither a whole number from 1 nor a tuple of these."""
    for name, value in given.items():
        if not all(map(is_count, value if isinstance(value, tuple) else (value,))):
            raise UsageRefused(
                f"{name}= is a whole number from 1, or a tuple of one for each axis; {said(value)} is neither."
            )
    return given.values()


def _axes(rank: int | None, *given: Sides | Support) -> int:
    """How many axes the grid has."""
    if rank is not None and not is_count(rank):
        raise UsageRefused(f"A grid has a whole number of axes from 1; rank={said(rank)} is none.")
    told = {len(numbers) for numbers in given if isinstance(numbers, tuple)}
    if rank is not None:
        told.add(rank)
    if len(told) > 1:
        counts = " and of ".join(str(count) for count in sorted(told))
        raise UsageRefused(
            f"The kernel, stride, dilation and rank speak of grids of {counts} axes; one grid has one rank."
        )
    return told.pop() if told else 2


def _channels(groups: int | str | None) -> Any:
    if groups == "depthwise":
        return with_channels("C", "C")
    if groups is None:
        return with_channels()
    if not is_name(groups) and not is_count(groups):
        raise UsageRefused(f'Groups are a name, a whole number from 1 or "depthwise"; {said(groups)} is none.')
    return with_channels(groups=groups if isinstance(groups, str) else "F")


def _window(kernel: Sides | Support, steps: tuple[int, ...], rank: int) -> Any:
    """The support that a window of these sides has before it is thinned out."""
    if hasattr(kernel, "ranges") and not isinstance(kernel, type):
        return kernel
    sides: tuple[Any, ...] = kernel if isinstance(kernel, tuple) else (kernel,) * rank
    if not all(is_count(side) or isinstance(side, str) for side in sides):
        raise UsageRefused(
            "A window's side is a whole number from 1 or a radius's name, or a tuple of one for each axis, or a support such as "
            f"Diamond(2); {said(kernel)} is none."
        )
    lower, upper = zip(*map(_reach, sides, steps), strict=True)
    return lower[0] if isinstance(kernel, str) and len(set(lower)) == 1 else Box(lower, upper)


def _reach(side: int | str, step: int) -> tuple[int | str, int | str]:
    """How far a window reaches to either side of its place, along an axis."""
    if isinstance(side, str):
        return (side, side) if step == 1 else (f"{step}*{side}", f"{step}*{side}")
    return (side - 1) // 2 * step, side // 2 * step
