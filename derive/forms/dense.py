"""The most general linear layer on a grid, where every derivation starts.

    H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l]
"""

from __future__ import annotations

from sympy import And, Expr, Integer, Ge, Symbol, true

from derive.errors import RuleRefused
from derive.forms.expr import index
from derive.forms.form import Array, Axis, Form, Param, Role

__all__ = ["CHANNEL_IN", "CHANNEL_OUT", "dense_form", "letters", "offset_letters", "size_letters"]

CHANNEL_IN, CHANNEL_OUT = (index("c"), index("C")), (index("d"), index("D"))


def _numbered(first: str, letters: str, rank: int) -> tuple[Symbol, ...]:
    """The customary letters while they last, then one letter with numbers."""
    names = letters if rank <= len(letters) else [f"{first}{p}" for p in range(rank)]
    return tuple(index(name) for name in names[:rank])


def letters(rank: int) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
    """Indices of the output and of the input: (i, j, h) and (k, l, g)."""
    return _numbered("i", "ijh", rank), _numbered("k", "klg", rank)


def offset_letters(rank: int) -> tuple[Symbol, ...]:
    """Indices of an offset: (a, b, e)."""
    return _numbered("a", "abe", rank)


def size_letters(rank: int) -> tuple[Symbol, ...]:
    """Sizes of a grid: (n, m, p)."""
    return _numbered("n", "nmp", rank)


def dense_form(rank: int = 2, outputs: str | None = None, inputs: str | None = None, channels: bool = False) -> Form:
    """The dense layer on a grid of `rank` axes, or with `outputs` and `inputs` named sizes of rank 1.

    With channels, X[k, l, c] and H[i, j, d] have one more axis each, and W[i, j, d, k, l, c] two.
    Raises RuleRefused for a rank below 1, or for named sizes with another rank than 1.
    """
    if rank < 1:
        raise RuleRefused(f"A grid has at least one axis; rank={rank} has none.")
    if (outputs is None) != (inputs is None) or (outputs is not None and rank != 1):
        raise RuleRefused("Named sizes describe a layer of rank 1 and come in pairs: outputs= and inputs=.")
    places, sources = letters(rank)
    if outputs is not None and inputs is not None:
        out_sizes, in_sizes = (index(outputs),), (index(inputs),)
    else:
        out_sizes = in_sizes = size_letters(rank)
    return _assemble(_axes(places, out_sizes), _axes(sources, in_sizes), channels)


def _axes(symbols: tuple[Symbol, ...], sizes: tuple[Symbol, ...], role: Role = Role.GRID) -> tuple[Axis, ...]:
    return tuple(Axis(s, Integer(0), size - 1, role) for s, size in zip(symbols, sizes, strict=True))


def _assemble(out_grid: tuple[Axis, ...], in_grid: tuple[Axis, ...], channels: bool) -> Form:
    c, d = (_axes((letter,), (size,), Role.CHANNEL) if channels else () for letter, size in (CHANNEL_IN, CHANNEL_OUT))
    output, source = Array("H", out_grid + d), Array("X", in_grid + c)
    weight = Array("W", output.axes + source.axes)
    bias = Array("U", output.axes)
    sizes: tuple[Expr, ...] = tuple(dict.fromkeys(axis.upper + 1 for axis in output.axes + source.axes))
    return Form(
        output=output,
        input=source,
        reduction=source.axes,
        domain=true,
        weight=weight.entry(),
        read=source.symbols,
        bias=bias.entry(),
        weights=(Param(weight, true, tuple((s, s) for s in weight.symbols)),),
        biases=(Param(bias, true, tuple((s, s) for s in bias.symbols)),),
        given=And(*(Ge(size, 1) for size in sizes)),
    )
