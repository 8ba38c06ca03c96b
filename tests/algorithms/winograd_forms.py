"""Forms that Winograd's algorithm fits, and its emitted functions on arrays of any numbers."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from sympy import Symbol

from derive import Diamond, convolution
from derive.algorithms.winograd import winograd
from derive.backends._stages import staged_functions
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.ir.stages import Staged, Tiles, settings
from derive.lowering import slopes
from derive.pipeline import layer
from derive.runtime import primitives
from derive.runtime.constants import Constant

__all__ = ["NAMES", "Sizes", "arrays_of", "cases", "exact", "forms", "knobs_of", "program", "run", "sizes_of", "tile"]

Sizes = Mapping[Symbol, int]
LAYERS = ("conv2d_channels", "conv2d_channels_dX", "grouped2d", "p4_conv2d", "p4_lifting2d")
WINDOWS: Mapping[str, Mapping[str, Any]] = {
    "1-D, 3": {"kernel": 3, "rank": 1},
    "1-D, 5": {"kernel": 5, "rank": 1},
    "1-D, 4": {"kernel": 4, "rank": 1},
    "1-D, Delta": {"kernel": "Delta", "rank": 1},
    "2-D, 2": {"kernel": 2},
    "2-D, 3×5": {"kernel": (3, 5)},
    "2-D, 1×3": {"kernel": (1, 3)},
    "2-D, valid": {"kernel": 3, "edges": "valid"},
    "2-D, no bias": {"kernel": 3, "bias": False},
    "2-D, cross": {"kernel": Diamond(1)},
    "3-D, 3": {"kernel": 3, "rank": 3},
    "1-D, dilated": {"kernel": 3, "rank": 1, "dilation": 3},
    "2-D, dilated": {"kernel": 3, "dilation": (2, 1)},
    "2-D, dilated twice": {"kernel": "Delta", "dilation": 2},
}


@lru_cache
def forms() -> Mapping[str, Form]:
    """Forms that fit, those of gradients by X among them."""
    found = {name: layer(name).derivation.form for name in LAYERS}
    found |= {f"{name} dX": slopes(found[name])[0].form for name in ("conv2d_channels", "grouped2d")}
    return found | {name: convolution(**options).form for name, options in WINDOWS.items()}


NAMES = (*LAYERS, "conv2d_channels dX", "grouped2d dX", *WINDOWS)


@lru_cache
def program(name: str) -> Staged:
    form = forms()[name]
    return winograd(form, frozenset({form.input.name, form.output.name}))


@lru_cache
def functions(name: str) -> Mapping[str, Any]:
    """The emitted functions of one program."""
    names: dict[str, Any] = {
        "np": np,
        "Constant": Constant,
        **{key: getattr(primitives, key) for key in primitives.__all__},
    }
    exec("\n".join(staged_functions(program(name))), names)
    return names


def sizes_of(name: str, case: Sizes, grid: Sequence[int]) -> dict[Symbol, int]:
    """Sizes of a form: those of the case, these along the grid, and a few channels."""
    form = forms()[name]
    places = iter(grid)
    grid_symbols = {s for k in form.grid(form.input) for s in form.input.axes[k].extent.free_symbols}
    return {s: case[s] if s in case else next(places) if s in grid_symbols else 2 for s in form.sizes}


def drawn(shape: Sequence[int], entry: Any) -> np.ndarray:
    made = np.empty(prod(shape), object)
    made[:] = [entry() for _ in range(prod(shape))]
    return made.reshape(shape)


def arrays_of(form: Form, sizes: Sizes, batch: int, entry: Any) -> dict[str, np.ndarray]:
    """The input of each item, the weights and the bias."""
    made = {}
    for array in (form.input, *(p.array for p in form.params)):
        lead = (batch,) if array.name == form.input.name else ()
        made[array.name] = drawn((*lead, *(int(evaluate(e, sizes)) for e in array.shape)), entry)
    return made


def run(
    name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes, knobs: Mapping[str, int], span: Any = None
) -> np.ndarray:
    """The emitted functions on arrays of one type; what they don't write stays a marker."""
    made, (some, *_) = program(name), arrays.values()
    form, names, batch = forms()[name], functions(name), len(arrays[forms()[name].input.name])
    shape = tuple(int(evaluate(e, sizes)) for e in form.output.shape)
    every = {**{s.name: v for s, v in sizes.items()}, **knobs}

    def new(extents: Sequence[int]) -> np.ndarray:
        marker = Fraction(10**6) if some.dtype == object else np.nan
        return np.full(extents, marker, some.dtype)

    weights = dict.fromkeys(a.name for a in made.arguments if a.name in {p.name for p in form.weights})
    fixed = names["_winograd_fixed"](*(arrays[key] for key in weights), new, **every)
    taken = [arrays[a.name] for a in made.arguments if a.name not in weights]
    result, places = new((batch, *shape)), int(evaluate(tile(made).extent, sizes))
    for start, stop in span or ((0, places),):
        names["_winograd"](
            *taken, result, *fixed, *names["_winograd_room"](new, **every), (0, batch), (start, stop), **every
        )
    return result


def tile(made: Staged) -> Tiles:
    """The tiles of places."""
    (outer,) = made.body
    node: Any = outer
    while not isinstance(node, Tiles) or node.extent == made.batch:
        (node,) = node.body
    return node


def exact(name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    form = forms()[name]
    data = form.input.name
    return np.array([denote(form, {**arrays, data: item}, sizes) for item in arrays[data]])


def cases(name: str) -> Iterator[dict[Symbol, int]]:
    for values in settings(program(name)):
        yield {s: int(v) for s, v in values.items()}


def knobs_of(made: Staged, case: Sizes, rows: int, items: int) -> dict[str, int]:
    first, *free = [k.symbol for k in made.knobs]
    return {first.name: case[first], **{s.name: v for s, v in zip(free, (rows, items), strict=True)}}
