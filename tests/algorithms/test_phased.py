"""Winograd's algorithm in phases of strided windows: proved, exact, within its bound, and refused where a stage is wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Symbol, true

from derive import convolution
from derive.algorithms._bilinear import nested, normwise, toom_cook
from derive.algorithms._inlined import staged_obligations
from derive.algorithms.phased import phased
from derive.derivation import Derivation
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.ir.nodes import Access, Copy, Guard
from derive.ir.stages import Halo, MatMul, Staged, Store, at_knobs
from derive.lowering import batched
from derive.pipeline import compile_layer
from derive.proof.solver import discharge_all
from derive.runtime.machine import Machine
from derive.runtime.planning import candidates
from tests.algorithms.test_winograd import proved, with_entry
from tests.algorithms.test_winograd_floats import REGIMES, absolute, signed

LAYERS: Mapping[str, Mapping[str, Any]] = {
    "2-D, Delta by 2": {"kernel": "Delta", "stride": 2},
    "1-D, 5 by 2": {"kernel": 5, "stride": 2, "rank": 1},
    "2-D, 5×3 by (2, 1)": {"kernel": (5, 3), "stride": (2, 1)},
    "2-D, 4 by 3, groups": {"kernel": 4, "stride": 3, "groups": 2},
    "3-D, 3 by 2": {"kernel": 3, "stride": 2, "rank": 3, "bias": False},
}
EACH = pytest.mark.parametrize("name", LAYERS)


@lru_cache
def derivation(name: str) -> Derivation:
    return convolution(**LAYERS[name])


@lru_cache
def kernel(name: str) -> Any:
    return compile_layer(derivation(name)).kernel


@lru_cache
def program(name: str) -> Staged:
    form = derivation(name).form
    return phased(form, batched(form))


@EACH
def test_it_is_proved_for_all_sizes(name: str) -> None:
    made = program(name)
    assert all(v.proved for v in discharge_all(staged_obligations(made, derivation(name).form))) and not made.strict


def cases(name: str) -> list[dict[Symbol, int]]:
    made = program(name).cases
    assert made is not None
    return [dict(zip(made.symbols, values, strict=True)) for values in made.values]


def drawn(name: str, case: Mapping[Symbol, int], places: int, entry: Any) -> tuple[dict[str, Any], dict[Symbol, int]]:
    """Arrays of two items at sizes of the case, with so many places along each axis and two channels."""
    form = derivation(name).form
    grid = {s for k in form.grid(form.input) for s in form.input.axes[k].extent.free_symbols}
    sizes = {s: case.get(s, places + k if s in grid else 2) for k, s in enumerate(form.sizes)}
    shapes = {
        a.name: tuple(int(evaluate(e, sizes)) for e in a.shape) for a in (form.input, *(p.array for p in form.params))
    }
    return {n: entry((2, *s) if n == form.input.name else s) for n, s in shapes.items()}, sizes


@EACH
def test_the_text_is_the_form_on_exact_numbers(name: str) -> None:
    form, of, draw = derivation(name).form, kernel(name), random.Random(1)

    def entry(shape: tuple[int, ...]) -> Any:
        made = np.empty(int(np.prod(shape)), object)
        made[:] = [Fraction(draw.randint(-9, 9)) for _ in range(made.size)]
        return made.reshape(shape)

    for case, places in product(cases(name), (3, 8) if "3-D" not in name else (5,)):
        arrays, sizes = drawn(name, case, places, entry)
        wanted = [denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]]
        result = np.empty((2, *(int(evaluate(e, sizes)) for e in form.output.shape)), object)
        for more in ({}, {"L": 1, "N": 1}):
            knobs = {s.name: v for s, v in case.items() if s.name == "S"} | more
            by = of.using("phased", **knobs)
            by.body(*(arrays[key] for key in by.arrays), result, lambda extents: np.full(extents, None, object))
            assert (result == np.array(wanted)).all(), (sizes, knobs)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["1-D, 5 by 2", "2-D, Delta by 2"])
def test_errors_are_within_the_derived_bound(name: str, regime: str, dtype: Any) -> None:
    form, of = derivation(name).form, kernel(name)
    weight, bias = form.weights[0].name, form.biases[0].name
    for seed, case in enumerate(cases(name)):
        draw = np.random.default_rng(seed)
        arrays, sizes = drawn(name, case, 7, lambda shape, draw=draw: REGIMES[regime](draw, shape).astype(dtype))
        by = of.using("phased", **{s.name: v for s, v in case.items() if s.name == "S"})
        got = by(*(arrays[key] for key in of.arguments))
        keys = at_knobs(program(name), {s: Integer(v) for s, v in case.items()}).constants[0].keys
        whole = reduce(nested, (toom_cook(int(m), int(r)) for m, r in keys))
        channels = 2 * prod(2 for _ in keys)
        exact = {key: signed(a) for key, a in arrays.items()}
        for item, values in enumerate(got):
            wanted = denote(form, {**exact, form.input.name: exact[form.input.name][item]}, sizes)
            for d in range(values.shape[-1]):
                total = absolute(arrays[weight])[..., d].sum()
                found = normwise([whole], total, absolute(arrays[form.input.name][item]).max(), channels, dtype)
                found = replace(found, q=found.q + 1, magnitude=found.magnitude + absolute(arrays[bias])[d])
                limit = found.bound().max()
                assert found.in_range()
                for value, exactly in zip(values[..., d].ravel(), wanted[..., d].ravel(), strict=True):
                    assert abs(Fraction(*value.as_integer_ratio()) - exactly) <= limit


def edited(made: Staged, kind: type, name: str, **fields: Any) -> Staged:
    """The program with fields of one statement replaced: of that kind, into the array of that name; or without its guard."""

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


def moved(axis: int) -> Any:
    return lambda a: Access(
        a.array, tuple(e + 1 if k == axis % len(a.subscripts) else e for k, e in enumerate(a.subscripts))
    )


def shorter(place: int) -> Any:
    return lambda rs: tuple(replace(r, stop=r.stop - 1) if k == place else r for k, r in enumerate(rs))


FAULTS: list[tuple[type, str, dict[str, Any]]] = [
    (Halo, "P", {"source": moved(1)}),
    (Copy, "E", {"source": moved(1)}),
    (Copy, "E", {"over": shorter(0)}),
    (Copy, "V_", {"source": moved(0)}),
    (Copy, "V_", {"target": moved(2)}),
    (Guard, "V_", {}),
    (MatMul, "W", {"inner": shorter(0)}),
    (MatMul, "Q", {"inner": shorter(0)}),
    (MatMul, "R", {"inner": shorter(0)}),
    (Store, "H", {"target": moved(1)}),
    (Store, "H", {"condition": lambda _: true}),
]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_changed_stage_is_refused(fault: int) -> None:
    kind, array, fields = FAULTS[fault]
    made, form = program("2-D, Delta by 2"), derivation("2-D, Delta by 2").form
    assert made.cases is not None
    made = replace(made, cases=replace(made.cases, values=made.cases.values[1:2]))
    assert not proved(edited(made, kind, array, **fields), form)


@pytest.mark.parametrize("name", "AGB")
def test_a_changed_constant_is_refused(name: str) -> None:
    made, form = program("2-D, Delta by 2"), derivation("2-D, Delta by 2").form
    assert made.cases is not None
    made = replace(made, cases=replace(made.cases, values=made.cases.values[:1]))
    with pytest.raises(NoLowering, match=r"The constants of a term sum to .*, neither to 0 nor to 1\."):
        staged_obligations(with_entry(made, name, (0, 1, 1), Fraction(1, 7)), form)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": False, "stride": 2}, "it needs channels in or filters out"),
        ({"kernel": 3}, "it needs a window that skips places, and whose taps are neighbours"),
        (
            {"kernel": 3, "stride": 2, "dilation": 3},
            "it needs a window that skips places, and whose taps are neighbours",
        ),
        ({"kernel": 11, "stride": 2}, "it needs phases of a few taps, or errors are amplified too much"),
        ({"kernel": 2, "stride": 2}, "it needs phases of a few taps, or errors are amplified too much"),
    ],
)
def test_what_is_refused_says_why(options: Mapping[str, Any], says: str) -> None:
    form = convolution(**options).form
    with pytest.raises(NoLowering, match=f"^{re.escape(says)}$"):
        phased(form, batched(form))


def test_it_is_chosen_for_many_channels() -> None:
    """By the constants of a machine alone, whose memory keeps up with its products."""
    of, fast = compile_layer(convolution(kernel=5, stride=2)).kernel, Machine(cached_bytes=160e9, dram_bytes=36e9)
    names = {}
    for channels, strict in product((1, 64), (False, True)):
        sizes = {"n": 56, "m": 56, "C": channels, "D": channels, "Delta": 2, "batch": 1}
        names[channels, strict] = candidates(of.algorithms, of.work, sizes, 4, strict, False, fast)[0].choice.name
    assert names[64, False] == "phased"
    assert "phased" not in (names[1, False], names[1, True], names[64, True])


def test_it_is_right_where_it_is_chosen() -> None:
    of, draw = compile_layer(convolution(kernel=5, stride=2)).kernel, np.random.default_rng(0)
    X, V = draw.standard_normal((56, 56, 64), np.float32), draw.standard_normal((5, 5, 64, 64), np.float32)
    phases, whole = (of.plan(X.shape, V, algorithm=name)(X) for name in ("phased", "im2col"))
    assert abs(phases - whole).max() <= 2e-5 * abs(whole).max()
