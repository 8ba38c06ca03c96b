"""Emitted source run on exact numbers before it is written: against the form, its gradients, and the dense layer.

The body beneath the public entry runs unchanged on object arrays of integers; scratch gets the same type. Other
backends' programs run in the interpreter, their text by the tests.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import islice, product
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np
from sympy import Rational, Symbol

from derive.compiled import load_source
from derive.errors import DeriveError
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.forms.sizes import size_sources
from derive.ir.interpreter import interpret
from derive.ir.nodes import Program
from derive.ir.parts import FOLD
from derive.lowering import Gradient, slopes
from derive.pipeline import Layer
from derive.reference import starting

__all__ = [
    "CheckFailed",
    "check_emitted",
    "exact_arrays",
    "interpreted",
    "run_body",
    "run_exactly",
    "run_stages",
    "small_sizes",
]

_Made = TypeVar("_Made")
_MOST = 4000
_SAMPLES, _INTERPRETED = 4, 2  # kernels run on as many sizes, programs point by point on the first of them


class CheckFailed(DeriveError):
    """Emitted source that computes something else than its form."""


def small_sizes(form: Form) -> Iterator[dict[Symbol, int]]:
    """Small values of all sizes that the form admits, the odd ones first: 1, larger than the image, unequal."""
    return (dict(zip(form.sizes, values, strict=True)) for values in _small_values(form))


@lru_cache(maxsize=64)
def _small_values(form: Form) -> tuple[tuple[int, ...], ...]:
    """All at once: a form of six sizes has 15 625 candidates."""
    names = form.sizes
    choices = sorted(product((1, 3, 4, 2, 0), repeat=len(names)), key=lambda v: (len(set(v)) < min(3, len(v)), v))
    found = np.array(choices, dtype=int)
    found = found[_each(evaluate(form.given, _at(names, found)), found)]
    found = found[_each(_points(form, _at(names, found)) <= _MOST, found)]
    return tuple(tuple(map(int, values)) for values in found)


def _at(names: tuple[Symbol, ...], choices: np.ndarray) -> dict[Symbol, np.ndarray]:
    return dict(zip(names, choices.T, strict=True))


def _each(holds: Any, choices: np.ndarray) -> np.ndarray:
    """What holds of each choice, or of all."""
    return np.broadcast_to(np.asarray(holds, dtype=bool), len(choices))


def _points(form: Form, at: Mapping[Symbol, Any]) -> Any:
    total: Any = 1
    for axis in (*form.output.axes, *form.reduction):
        total = total * np.maximum(1, evaluate(axis.extent, at))
    return total


def exact_arrays(form: Form, sizes: Mapping[Symbol, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Arguments of the right shapes with integer entries, as object arrays."""
    draw = random.Random(seed)
    arrays = {}
    values = {p.name: p.values for p in form.params}
    for array in (form.input, *(p.array for p in form.params)):
        shape = tuple(int(evaluate(e, sizes)) for e in array.shape)
        given = values.get(array.name)
        drawn = [draw.randint(-9, 9) for _ in range(int(np.prod(shape, dtype=int)))]
        entries = drawn if given is None else [_number(v) for v in given]
        arrays[array.name] = np.array([*entries, None], dtype=object)[:-1].reshape(shape)
    return arrays


def _number(value: Rational) -> int | Fraction:
    return int(value) if value.q == 1 else Fraction(int(value.p), int(value.q))


def run_exactly(kernel: Any, form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """The kernel's own body on object arrays."""
    return run_body(kernel.body, kernel.arrays, form, arrays, sizes)


def run_body(
    body: Any, names: Iterable[str], form: Form, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]
) -> np.ndarray:
    """One body function on object arrays of the given names; the result has the shape of the form's."""
    result = np.empty(tuple(int(evaluate(e, sizes)) for e in form.output.shape), dtype=object)
    _on_objects(body)(*(arrays[name] for name in names), result, lambda extent: np.empty(extent, dtype=object))
    return result


def _on_objects(body: Any) -> Any:
    """The body, unchanged, with a NumPy whose einsum takes all factors at once.

    Pair by pair, NumPy loses the axes of a product that is one object; exact sums are the same in any order.
    """
    numpy = ModuleType("numpy")
    vars(numpy).update(vars(np))
    vars(numpy)["einsum"] = lambda text, *factors, optimize=False: np.einsum(text, *factors)
    known = {name: numpy if value is np else value for name, value in body.__globals__.items()}
    return FunctionType(body.__code__, known, body.__name__, body.__defaults__, body.__closure__)


def check_emitted(layer: Layer) -> None:
    """Raises CheckFailed where a backend's program or source differs from the form, or a gradient's, at a small size."""
    form = layer.derivation.form
    kernel = getattr(load_source(layer.sources["numpy"], "numpy"), layer.name) if "numpy" in layer.backends else None
    for number, sizes in zip(range(_SAMPLES), small_sizes(form), strict=False):
        backends = layer.backends if number < _INTERPRETED else ()
        arrays = exact_arrays(form, sizes)
        wanted = denote(form, arrays, sizes)
        if kernel is not None:
            _compare(layer, "numpy kernel", run_exactly(kernel, form, arrays, sizes), wanted, sizes)
        for backend in backends:
            got = interpreted(layer.program(backend), arrays, sizes)
            _compare(layer, f"{backend} program", got, wanted, sizes)
        _check_gradients(layer, kernel, backends, arrays, sizes)
        for backend in backends:
            _check_blocks(layer, backend, arrays, sizes)
    if kernel is not None:
        _check_algorithms(layer, kernel)
    for sizes in islice(filter(lambda s: _several(form, s), small_sizes(form)), 1):
        for backend in layer.backends:
            _check_parts(layer, backend, exact_arrays(form, sizes), sizes)


def _several(form: Form, sizes: Mapping[Symbol, int]) -> bool:
    """Whether each axis of the input has places enough for two chunks, of which one is shorter; windows are some places long."""
    return min(sizes.values(), default=1) >= 1 and all(int(evaluate(e, sizes)) >= 3 for e in form.input.shape)


def _instead(
    layer: Layer, backend: str, made: Mapping[str, _Made], arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]
) -> Iterator[tuple[_Made, Form, Mapping[str, np.ndarray]]]:
    """The programs that may stand in for plain ones, the layer's own and its gradients', with their forms and arguments."""
    form = layer.derivation.form
    for slope in (None, *slopes(form)):
        plain = layer.program(backend) if slope is None else layer.gradients(backend).get(slope.by)
        if plain is not None and plain.name in made:
            of = form if slope is None else slope.form
            yield made[plain.name], of, {**(exact_arrays(of, sizes, seed=1) if slope else {}), **arrays}


def _check_parts(layer: Layer, backend: str, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> None:
    """Programs in parts, their first loop in two chunks, and what adds the parts up."""
    for made, form, given in _instead(layer, backend, layer.parted(backend), arrays, sizes):
        known = {**sizes, **({made.program.batch: 1} if made.program.batch is not None else {})}
        left = 2
        for chunk in made.chunks:
            extent, step = int(evaluate(chunk.extent, known)), made.lanes if chunk.letter == made.along else 1
            places = -(-extent // step)
            count = max(1, min(left, places))
            known[chunk.count], known[chunk.length] = count, step * -(-places // count)
            left = max(1, left // count)
        parts = interpreted(made.program, given, {s: v for s, v in known.items() if s != made.program.batch})
        found = parts.reshape(-1, *[int(evaluate(e, sizes)) for e in form.output.shape])
        _compare(layer, f"{backend} program in parts", _folded(made.fold, found), denote(form, given, sizes), sizes)


def _folded(fold: Program, parts: np.ndarray) -> np.ndarray:
    """The sum of parts, as the program makes it that adds some of them at a time."""
    shape, parts = parts.shape[1:], parts.reshape(len(parts), -1)
    while len(parts) > 1:
        numbers = {"parts": len(parts), "results": parts.shape[1], "sums": -(-len(parts) // FOLD)}
        parts = interpreted(fold, {"P": parts}, {s: numbers[s.name] for s in fold.sizes})
    return np.asarray(parts[0].reshape(shape))


def _check_blocks(layer: Layer, backend: str, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> None:
    """Programs in blocks, with small numbers for their knobs; the layer's own, and those of gradients."""
    for made, of, given in _instead(layer, backend, layer.blocked(backend), arrays, sizes):
        knobs = dict(zip(made.knobs, made.small, strict=True))
        got = interpreted(made.program, given, {**sizes, **knobs})
        _compare(layer, f"{backend} program in blocks", got, denote(of, given, sizes), sizes)
    for every, of, given in _instead(layer, backend, layer.haloed(backend), arrays, sizes):
        for one in every:
            got = interpreted(one.program, given, {**sizes, **dict(zip(one.knobs, one.small, strict=True))})
            _compare(layer, f"{backend} program of tiles with a halo", got, denote(of, given, sizes), sizes)


def _check_algorithms(layer: Layer, kernel: Any) -> None:
    """Each at as many sizes, of those that it has a program for."""
    form = layer.derivation.form
    for algorithm in kernel.algorithms:
        served = (sizes for sizes in small_sizes(form) if algorithm.serves({s.name: v for s, v in sizes.items()}))
        for sizes in islice(served, _SAMPLES):
            arrays = exact_arrays(form, sizes)
            got = run_exactly(kernel.using(algorithm.name), form, arrays, sizes)
            _compare(layer, f"numpy algorithm '{algorithm.name}'", got, denote(form, arrays, sizes), sizes)
    for slope in slopes(form):
        made = kernel.gradients.get(slope.by)
        for algorithm in () if made is None else made.algorithms:
            served = (sizes for sizes in small_sizes(form) if algorithm.serves({s.name: v for s, v in sizes.items()}))
            for sizes in islice(served, _INTERPRETED):
                arrays = {**exact_arrays(form, sizes), **exact_arrays(slope.form, sizes, seed=1)}
                got = run_stages(made, algorithm.name, slope, arrays, sizes)
                _compare(layer, f"numpy algorithm '{algorithm.name}'", got, denote(slope.form, arrays, sizes), sizes)


def run_stages(
    made: Any,
    algorithm: str,
    slope: Gradient,
    arrays: Mapping[str, np.ndarray],
    sizes: Mapping[Symbol, int],
    **knobs: int,
) -> np.ndarray:
    """One algorithm of a gradient on object arrays of one item each."""
    known = {**{s.name: v for s, v in sizes.items()}, "batch": 1}
    items = {n: a[None] if n in slope.items else a for n, a in arrays.items()}
    shape = tuple(int(evaluate(e, sizes)) for e in slope.form.output.shape)
    batched = slope.form.output.name in slope.items
    result = np.empty((1, *shape) if batched else shape, dtype=object)
    body = made.using(algorithm, known, **knobs)
    body(*(items[n] for n in made.arrays), result, lambda extent: np.empty(extent, dtype=object))
    return np.asarray(result[0]) if batched else result


def _check_gradients(
    layer: Layer, kernel: Any, backends: Iterable[str], arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]
) -> None:
    form = layer.derivation.form
    for slope in slopes(form):
        given = dict(arrays) | {slope.form.input.name: exact_arrays(slope.form, sizes, seed=1)[slope.form.input.name]}
        wanted = denote(slope.form, given, sizes)
        what = f"gradient by {slope.by}"
        if slope.by == form.input.name and (dense := _dense(layer, arrays, sizes)) is not None:
            turned = np.tensordot(given[slope.form.input.name], dense, axes=len(form.output.axes))
            _compare(layer, what, wanted, turned, sizes)
        if kernel is not None and slope.by in kernel.gradients:
            made = kernel.gradients[slope.by]
            _compare(layer, f"numpy {what}", run_body(made.body, made.arrays, slope.form, given, sizes), wanted, sizes)
        for backend in backends:
            if (program := layer.gradients(backend).get(slope.by)) is not None:
                _compare(layer, f"{backend} {what}", interpreted(program, given, sizes), wanted, sizes)


def _dense(layer: Layer, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray | None:
    """The dense weights that the embeddings make of the parameters; None where it has none."""
    derivation = layer.derivation
    if (start := starting(derivation)) is None:
        return None
    grid = tuple(int(evaluate(start.input.axes[p].extent, sizes)) for p in start.grid(start.input))
    params = {p.name: arrays[p.name] for p in derivation.form.params if not p.data}
    told = {s.size for s in size_sources(derivation.form, [p.array for p in derivation.form.params if not p.data])}
    return derivation.reference(shape=grid, **params, **{s.name: v for s, v in sizes.items() if s not in told})[0]


def interpreted(program: Program, arrays: Mapping[str, np.ndarray], sizes: Mapping[Symbol, int]) -> np.ndarray:
    """What a program makes of arguments of one item each."""
    if program.batch is None:
        return interpret(program, arrays, sizes)
    batched = {s.name for s in program.arguments if s.batched}
    lifted = {name: a[None] if name in batched else a for name, a in arrays.items()}
    result: np.ndarray = interpret(program, lifted, {**sizes, program.batch: 1})
    return np.asarray(result[0]) if program.result.batched else result


def _compare(layer: Layer, what: str, got: np.ndarray, wanted: np.ndarray, sizes: Mapping[Symbol, int]) -> None:
    if got.shape != wanted.shape or not bool(np.all(got == wanted)):
        at = ", ".join(f"{s} = {v}" for s, v in sizes.items())
        raise CheckFailed(f"The {what} of '{layer.name}' differs from its form at {at}.")
