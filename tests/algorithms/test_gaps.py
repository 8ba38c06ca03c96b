"""Rows on BLAS in phases of columns, and between gaps of rows: proved, exact, and refused where a stage is wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Integer, true

from derive import Diamond, convolution
from derive.algorithms._inlined import staged_obligations
from derive.checking import small_sizes
from derive.derivation import Derivation
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Guard
from derive.ir.stages import Halo, MatMul, ShiftedSum, Staged, Store, statements
from derive.lowering import batched
from derive.pipeline import compile_layer, layer
from derive.proof.solver import discharge_all
from derive.registry import find

_MORE: Mapping[str, Mapping[str, Any]] = {
    "stride (1, 2)": {"kernel": 3, "stride": (1, 2)},
    "stride (2, 3)": {"kernel": "Delta", "stride": (2, 3)},
    "stride 3 of 2": {"kernel": (3, 2), "stride": 3, "edges": "valid"},
    "stride 2 in 3-D": {"kernel": 3, "stride": 2, "rank": 3},
    "stride 2 of a diamond": {"kernel": Diamond(2), "stride": 2},
    "dilation 3": {"kernel": 3, "dilation": 3},
    "dilation (2, 1)": {"kernel": 3, "dilation": (2, 1)},
    "dilation 2, valid": {"kernel": 2, "dilation": 2, "edges": "valid"},
    "dilation 2, stride 2": {"kernel": 3, "dilation": 2, "stride": (1, 2)},
}
FITS = {
    "polyphase": ("strided2d", *(name for name in _MORE if name.startswith("stride"))),
    "gapped": ("dilated2d", *(name for name in _MORE if name.startswith("dilation"))),
}
EACH = pytest.mark.parametrize(("algorithm", "name"), [(a, name) for a, names in FITS.items() for name in names])


@lru_cache
def derivation(name: str) -> Derivation:
    return convolution(channels=False, **_MORE[name]) if name in _MORE else layer(name).derivation


@lru_cache
def kernel(name: str) -> Any:
    return compile_layer(derivation(name)).kernel


@lru_cache
def program(algorithm: str, name: str) -> tuple[Staged, Form]:
    form = derivation(name).form
    return find("derive.algorithms", algorithm)(form, batched(form)), form


@EACH
def test_each_is_proved(algorithm: str, name: str) -> None:
    made, form = program(algorithm, name)
    assert all(v.proved for v in discharge_all(staged_obligations(made, form))) and made.strict


def whole(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.array(draw.integers(-9, 10, shape).tolist(), object).reshape(shape)


@EACH
def test_the_text_is_the_form_on_whole_numbers(algorithm: str, name: str) -> None:
    form, of, draw = derivation(name).form, kernel(name), np.random.default_rng(1)
    found = next(a for a in of.algorithms if a.name == algorithm)
    least, odd = ({k: (v[0] if v else n) for k, v in found.knobs.items()} for n in (1, 3))
    every = [s for s in small_sizes(form) if max(s.values(), default=0) <= 9]
    assert every
    for sizes, knobs in product(random.Random(1).sample(every, min(6, len(every))), ({}, least, odd)):
        shapes = {
            a.name: tuple(int(evaluate(e, sizes)) for e in a.shape)
            for a in (form.input, *(p.array for p in form.params))
        }
        arrays = {n: whole(draw, (2, *s) if n == form.input.name else s) for n, s in shapes.items()}
        wanted = [denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]]
        result = np.empty((2, *(int(evaluate(e, sizes)) for e in form.output.shape)), object)
        by = of.using(algorithm, **knobs)
        by.body(*(arrays[key] for key in by.arrays), result, lambda extents: np.full(extents, None, object))
        assert (result == np.array(wanted)).all(), (sizes, knobs)


@EACH
def test_all_algorithms_agree(algorithm: str, name: str) -> None:
    of, form, draw = kernel(name), derivation(name).form, np.random.default_rng(2)
    sizes = max(small_sizes(form), key=lambda s: (min(s.values(), default=0), sum(s.values())))
    shapes = [tuple(int(evaluate(e, sizes)) for e in p.array.shape) for p in form.params]
    given = [draw.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    X = draw.integers(-4, 5, (2, *(int(evaluate(e, sizes)) for e in form.input.shape))).astype(np.float32)
    names = ["direct", *(a.name for a in of.algorithms)]
    first, *others = (np.rint(of.plan(X.shape, *given, algorithm=a)(X)) for a in names)
    assert algorithm in names and all(np.array_equal(first, other) for other in others)


def changed(made: Staged, kind: type, name: str, **fields: Any) -> Staged:
    """The program with fields of one statement replaced: of that kind, into the array of that name."""

    def turn(node: Any) -> Any:
        if kind is Guard and isinstance(node, Guard):
            return replace(node, condition=true)
        if hasattr(node, "body"):
            return replace(node, body=tuple(map(turn, node.body)))
        hit = isinstance(node, kind) and node.target.array == name
        return replace(node, **{k: f(getattr(node, k)) for k, f in fields.items()}) if hit else node

    found = replace(made, fixed=tuple(map(turn, made.fixed)), body=tuple(map(turn, made.body)))
    assert found != made
    return found


def moved(axis: int, by: int = 1) -> Any:
    return lambda a: Access(
        a.array, tuple(e + by if k == axis % len(a.subscripts) else e for k, e in enumerate(a.subscripts))
    )


def shorter(place: int) -> Any:
    return lambda rs: tuple(replace(r, stop=r.stop - 1) if k == place else r for k, r in enumerate(rs))


FAULTS: list[tuple[str, type, str, dict[str, Any]]] = [
    ("polyphase", Halo, "P", {"source": moved(-1)}),
    ("polyphase", Copy, "E", {"source": moved(-1)}),
    ("polyphase", Copy, "E", {"over": shorter(1)}),
    ("polyphase", Copy, "T", {"source": moved(-1)}),
    ("polyphase", Copy, "T", {"target": moved(-2)}),
    ("polyphase", Guard, "T", {}),
    ("polyphase", MatMul, "Z", {"inner": shorter(0)}),
    ("polyphase", MatMul, "Z", {"inner": shorter(1)}),
    ("polyphase", MatMul, "Z", {"right": moved(0)}),
    ("polyphase", ShiftedSum, "A", {"over": shorter(0)}),
    ("polyphase", ShiftedSum, "A", {"source": moved(-1)}),
    ("polyphase", Store, "H", {"source": moved(-1)}),
    ("gapped", Halo, "P", {"source": moved(-2)}),
    ("gapped", Copy, "T", {"source": lambda a: Access(a.array, a.subscripts[::-1])}),
    ("gapped", MatMul, "Z", {"inner": shorter(0)}),
    ("gapped", MatMul, "Z", {"right": moved(0)}),
    ("gapped", MatMul, "Z", {"target": moved(-1)}),
    ("gapped", ShiftedSum, "A", {"over": shorter(0)}),
    ("gapped", Store, "H", {"target": moved(-2)}),
    ("gapped", Store, "H", {"condition": lambda _: True}),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_fault_is_refused(fault: int) -> None:
    algorithm, kind, name, fields = FAULTS[fault]
    made, form = program(algorithm, FITS[algorithm][0])
    made = replace(made, knobs=tuple(replace(k, choices=k.choices[1:2]) for k in made.knobs))
    assert not all(v.proved for v in discharge_all(staged_obligations(changed(made, kind, name, **fields), form)))


REFUSED = {
    (
        "polyphase",
        "conv2d",
    ): "it needs a window that skips places along its last axis, and whose taps are neighbours there",
    ("polyphase", "dilation 2, stride 2"): "it needs a window that skips places along its last axis, "
    "and whose taps are neighbours there",
    ("polyphase", "conv1d"): "it needs a window of two axes at least, with taps along the last",
    ("polyphase", "conv2d_channels"): "it needs one channel in and one out",
    ("gapped", "conv2d"): "it needs a window whose taps are apart along the last axis but one",
    ("gapped", "conv3d"): "it needs a window along its last two axes",
    ("gapped", "depthwise2d"): "it needs one channel in and one out",
}


@pytest.mark.parametrize(("algorithm", "name"), REFUSED)
def test_what_does_not_fit_is_refused(algorithm: str, name: str) -> None:
    with pytest.raises(NoLowering, match=f"^{re.escape(REFUSED[algorithm, name])}$"):
        program(algorithm, name)


def test_no_product_is_one_by_a_zero_between_taps() -> None:
    made, form = program("gapped", "dilated2d")
    (found,) = [n for n in statements(made.body) if isinstance(n, MatMul)]
    (tap, _) = form.weights[0].array.shape
    assert [r.stop for r in found.inner] == [tap] and tap != Integer(1)
