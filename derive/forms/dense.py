"""The most general linear layer on a grid, where every derivation starts.

H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l]
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sympy import And, Expr, Ge, Integer, Symbol, true

from derive.errors import RuleRefused
from derive.forms.arguments import as_tuples, explained, hold_tuples, is_count, is_name, is_whole, said
from derive.forms.expr import index
from derive.forms.form import Array, Axis, Form, Param, Role

__all__ = ["Channels", "Names", "dense_form", "fresh", "letters", "offset_letters", "size_letters"]

_MOST_AXES = 32
_MULTIPLE = re.compile(r"([1-9]\d*) ?\* ?([^\W\d]\w*)")

Letters = tuple[tuple[str, str | int], ...]
Name = str | int
Names = Name | tuple[Name, ...]


@explained
@dataclass(frozen=True, slots=True)
class Channels:
    """The channel axes of input and output: a letter and a size each, by its name or as a number."""

    inputs: Letters = (("c", "C"),)
    outputs: Letters = (("d", "D"),)

    def __post_init__(self) -> None:
        hold_tuples(self)
        for pairs in (self.inputs, self.outputs):
            known = isinstance(pairs, tuple) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs)
            if not known or not all(is_name(letter) for letter, _ in pairs):
                raise RuleRefused(
                    f'Channels are pairs of a letter and a size, such as (("c", "C"),); {said(pairs)} is none.'
                )

    @property
    def sizes(self) -> tuple[Symbol, ...]:
        """Their sizes, each once."""
        return tuple(dict.fromkeys(index(size) for _, size in (*self.inputs, *self.outputs) if isinstance(size, str)))

    @property
    def letters(self) -> tuple[Symbol, ...]:
        """Their letters."""
        return tuple(index(letter) for letter, _ in (*self.inputs, *self.outputs))


def _numbered(first: str, letters: str, rank: int) -> tuple[Symbol, ...]:
    """The customary letters while they last, then one letter with numbers."""
    names = letters if rank <= len(letters) else [f"{first}{p}" for p in range(rank)]
    return tuple(index(name) for name in names[:rank])


def letters(rank: int) -> tuple[tuple[Symbol, ...], tuple[Symbol, ...]]:
    """Indices of the output and of the input: (i, j, h) and (k, l, q)."""
    return _numbered("i", "ijh", rank), _numbered("k", "klq", rank)


def offset_letters(rank: int, taken: Collection[Symbol] = ()) -> tuple[Symbol, ...]:
    """Indices of an offset: (a, b, e), none of which is taken."""
    return tuple(fresh(s, taken) for s in _numbered("a", "abe", rank))


def fresh(letter: Symbol, taken: Collection[Symbol]) -> Symbol:
    """The letter with as many `_` behind it as make it none of these."""
    while letter in taken:
        letter = index(f"{letter.name}_")
    return letter


def size_letters(rank: int) -> tuple[Symbol, ...]:
    """Sizes of a grid: (n, m, p)."""
    return _numbered("n", "nmp", rank)


def dense_form(
    rank: int = 2,
    outputs: Names | None = None,
    inputs: Names | None = None,
    channels: Channels | None = None,
    places: bool = True,
) -> Form:
    """The dense layer on a grid of `rank` axes, or with `outputs` and `inputs` the names of its sizes.

    A name stands for one axis, a tuple of names for several, where a name may come back: ("n", "n") is a square. A whole
    number is a size too, and so is a multiple of a name, "2*n": a size that 2 divides.

    Without `places` the output has none: one number, or one for each channel, for the whole grid.

    With channels, X[k, l, c] and H[i, j, d] have more axes, and so has W[i, j, d, k, l, c].
    Raises RuleRefused for a rank below 1, or for sizes named on one side only.
    """
    if not is_whole(rank):
        raise RuleRefused(f"A grid has a whole number of axes; rank={said(rank)} is none.")
    if rank < 1:
        raise RuleRefused(f"A grid has at least one axis; rank={rank} has none.")
    if rank > _MOST_AXES:
        raise RuleRefused(
            f"W has two axes for each of the grid's, and an array has at most 64; rank={rank} is more than {_MOST_AXES}."
        )
    if not isinstance(places, bool):
        raise RuleRefused(f"places= says whether the output has places, True or False; {said(places)} is neither.")
    if channels is not None and not isinstance(channels, Channels):
        raise RuleRefused(f"channels= takes derive.Channels(...), which names the axes; {said(channels)} is none.")
    if (outputs is None) != (inputs is None):
        given = "outputs" if inputs is None else "inputs"
        raise RuleRefused(f"Sizes of both sides are given, or of none; {given}= stands alone.")
    if outputs is None or inputs is None:
        out_sizes = in_sizes = size_letters(rank)
    else:
        out_sizes, in_sizes = map(_sizes, (outputs, inputs))
    if not in_sizes:
        raise RuleRefused("A grid has at least one axis; inputs= names the size of each.")
    heads, sources = letters(len(out_sizes))[0], letters(len(in_sizes))[1]
    return _assemble(_axes(heads, out_sizes) if places else (), _axes(sources, in_sizes), channels)


def _sizes(names: Names) -> tuple[Expr, ...]:
    sizes = as_tuples(names)
    return tuple(map(_size, sizes if isinstance(sizes, tuple) else (sizes,)))


def _size(name: Name) -> Expr:
    if isinstance(name, str):
        multiple = _MULTIPLE.fullmatch(name)
        if multiple is None and not name.isidentifier():
            raise RuleRefused(f"A size is a name, or a multiple of one such as '2*n'; {said(name)} is neither.")
        return Integer(multiple[1]) * index(multiple[2]) if multiple else index(name)
    if not is_count(name):
        raise RuleRefused(f"A size is a name or a whole number from 1 on; {said(name)} is neither.")
    return Integer(name)


def _axes(symbols: tuple[Symbol, ...], sizes: tuple[Expr, ...], role: Role = Role.GRID) -> tuple[Axis, ...]:
    return tuple(Axis(s, Integer(0), size - 1, role) for s, size in zip(symbols, sizes, strict=True))


def _channel_axes(pairs: Letters) -> tuple[Axis, ...]:
    sizes = tuple(index(size) if isinstance(size, str) else _number(letter, size) for letter, size in pairs)
    return _axes(tuple(index(letter) for letter, _ in pairs), sizes, Role.CHANNEL)


def _number(letter: str, size: int) -> Integer:
    if not is_whole(size):
        raise RuleRefused(f"An axis has a number of channels, or a name for it; '{letter}' would have {said(size)}.")
    if size < 1:
        raise RuleRefused(f"An axis has at least one channel; '{letter}' would have {size}.")
    return Integer(size)


def _assemble(out_grid: tuple[Axis, ...], in_grid: tuple[Axis, ...], channels: Channels | None) -> Form:
    c, d = (_channel_axes(pairs) for pairs in ((channels.inputs, channels.outputs) if channels else ((), ())))
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
        given=And(*(Ge(s, 1) for size in sizes for s in size.free_symbols)),
    )
