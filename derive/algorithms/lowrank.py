"""Low rank: a window that is a sum of few products of windows along one axis each, found when its numbers are known.

    H[i, j] = Σ_a Σ_b V[a, b]·X[i + a, j + b]   ⟶   Σ_r Σ_a Σ_b P[r, a]·Q[r, b]·X[i + a, j + b]

    V[a, b] = Σ_r P[r, a]·Q[r, b]                   once: from its singular values, or exactly where its entries are whole
    passes along each axis, see `separable`; with channels that don't mix, see `_channelwise`

The rank is the least one at which what is left out, Σ|V - Σ_r P·Q| and roundings of P and Q included, is within the error bound of
direct sums; the plan states it. For R ranks that takes R·((S + k - 1) + (T + k - 1)) multiplications a result, instead of k².
"""

from __future__ import annotations

from dataclasses import replace

from derive.algorithms._channelwise import Channelwise, check_channels
from derive.algorithms._supposed import Part, made_of
from derive.algorithms._window import Window, factored, fresh, single, window
from derive.algorithms.separable import separable
from derive.errors import NoLowering
from derive.forms.form import Form
from derive.ir.stages import Staged
from derive.ir.supposed import Supposed

__all__ = ["lowrank"]

_NAMES = "P Q S"


def lowrank(form: Form, batched: frozenset[str]) -> Staged:
    """The program in stages. Raises NoLowering where the form is no window along its last two axes, or channels mix."""
    found = window(form)
    if found.shared:
        check_channels(found, form, batched)
        supposed = _supposed(found)
        return _named(Channelwise(factored(supposed.form)).program(batched), supposed)
    single(found, batched)
    if len(found.moving) < 2 or any(m.tap is None for m in found.moving[-2:]) or len(found.taps) > len(_NAMES.split()):
        raise NoLowering("it needs a window along its last two axes, and three at most")
    supposed = _supposed(found)
    return _named(separable(supposed.form, batched), supposed)


def _named(program: Staged, supposed: Supposed) -> Staged:
    return replace(program, strict=False, name="lowrank", says="passes of a window of low rank", supposed=supposed)


def _supposed(found: Window) -> Supposed:
    """The window as a sum of products of one factor for each axis."""
    names = [s.name for s in fresh(_NAMES, found.form)][: len(found.taps)]
    letters = [m.tap for m in found.taps if m.tap is not None]
    r, size = fresh("r R", found.form)
    shared = tuple((a.symbol, a.extent, a.symbol) for a in found.shared)
    parts: list[Part] = []
    for name, m in zip(names, found.taps, strict=True):
        assert m.tap is not None
        parts.append((name, ((r, size, r), (m.tap, m.taps, m.tap), *shared)))
    product = "·".join(f"{name}[{r}, {a}]" for name, a in zip(names, letters, strict=True))
    says = f"its window at {', '.join(map(str, letters))} is Σ_{r} {product}"
    return made_of(found, tuple(parts), says, "low_rank", (len(shared),), ((r, size),))
