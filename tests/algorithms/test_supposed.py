"""Windows of low rank, mirrored and of equal weights: proved for weights that are so, exact on such, refused for others."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Max

from derive import convolution
from derive.algorithms._supposed import obligations
from derive.algorithms.box import box
from derive.algorithms.folded import folded
from derive.algorithms.separable import separable
from derive.backends._stages import staged_functions
from derive.checking import small_sizes
from derive.errors import EmitError, NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Halo, MatMul, Product, ShiftedSum, Staged, Store, WeightedSum
from derive.lowering import batched, slopes
from derive.pipeline import compile_layer, layer
from derive.proof.solver import discharge_all
from tests.algorithms.supposed_forms import WINDOWS, derivation, fractions, kernel, program, window_of

EACH = pytest.mark.parametrize(
    ("algorithm", "name"), [(algorithm, name) for algorithm, names in WINDOWS.items() for name in names]
)


def failed(made: Staged, form: Any) -> set[str]:
    """The obligations that don't hold; for a program that none can be stated of, the reason."""
    try:
        return {v.obligation.name for v in discharge_all(obligations(made, form)) if not v.proved}
    except NoLowering as cause:
        return {str(cause)}


@EACH
def test_each_is_proved(algorithm: str, name: str) -> None:
    made, form = program(algorithm, name)
    found = discharge_all(obligations(made, form))
    assert all(v.proved for v in found)
    assert [v.obligation.name for v in found] == ["denotes", "in bounds", "made", "supposed"]
    assert made.valued and made.strict == (algorithm != "lowrank")


def numbers(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Python's integers."""
    return np.array(draw.integers(-9, 10, shape).tolist(), object).reshape(shape)


def drawn(algorithm: str, name: str, entries: Any, seed: int, most: int = 3) -> list[tuple[Any, Any]]:
    """Arrays of two items at a few sizes, with weights that the algorithm admits."""
    form, draw = derivation(name).form, np.random.default_rng(seed)
    every = [s for s in small_sizes(form) if max(s.values(), default=0) <= 5]
    every = sorted(every, key=lambda s: (min(s.values()), len(set(s.values()))))
    found = []
    for sizes in [*random.Random(seed).sample(every, min(most, len(every))), every[-1]]:
        shapes = {
            a.name: tuple(int(evaluate(e, sizes)) for e in a.shape)
            for a in (form.input, *(p.array for p in form.params))
        }
        arrays = {n: entries(draw, (2, *s) if n == form.input.name else s) for n, s in shapes.items()}
        (weight,) = form.weights
        arrays[weight.name] = window_of(algorithm, name, shapes[weight.name], draw, entries)
        found.append((arrays, sizes))
    return found


def run(of: Any, arrays: Mapping[str, Any], sizes: Any, form: Any) -> np.ndarray:
    """The body on arrays of any numbers."""
    shape = (2, *(int(evaluate(e, sizes)) for e in form.output.shape))
    result = np.empty(shape, object)
    of.body(*(arrays[key] for key in of.arrays), result, lambda extents: np.full(extents, None, object))
    return result


@pytest.mark.parametrize(
    ("algorithm", "name", "entries"),
    [
        pytest.param(a, n, e, marks=pytest.mark.nightly if (a, e) == ("lowrank", fractions) else ())
        for a, names in WINDOWS.items()
        for n, e in product(names, (numbers, fractions))
    ],
)
def test_the_text_is_the_form_on_exact_numbers(algorithm: str, name: str, entries: Any) -> None:
    form, of = derivation(name).form, kernel(name)
    known = next(a for a in of.valued if a.name == algorithm)
    settings = [
        {},
        {k: (v[0] if v else 1) for k, v in known.knobs.items()},
        {k: (v[-1] if v else 3) for k, v in known.knobs.items()},
    ]
    for arrays, sizes in drawn(algorithm, name, entries, 1):
        wanted = [denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]]
        for knobs in settings:
            assert (run(of.using(algorithm, **knobs), arrays, sizes, form) == np.array(wanted)).all(), (sizes, knobs)


@EACH
def test_plans_agree_with_all_others_on_whole_numbers(algorithm: str, name: str) -> None:
    of = kernel(name)
    for arrays, _ in drawn(algorithm, name, numbers, 2, 6):
        given = {key: np.array(a, np.float32) for key, a in arrays.items()}
        if not all(a.size for a in given.values()) or not given[of.weights[0]].any():
            continue
        weights = [given[key] for key in of.arguments[1:]]
        wanted = of.plan(given[of.data].shape, *weights, algorithm="direct")(given[of.data])
        explained = of.plan(given[of.data].shape, *weights).explain()
        for candidate in explained.candidates:
            plan = of.plan(given[of.data].shape, *weights, algorithm=candidate.choice.name)
            assert np.array_equal(np.rint(plan(given[of.data])), wanted), candidate.choice.name
        assert algorithm in {c.choice.name for c in explained.candidates} or algorithm in explained.unfit


def changed(made: Staged, kind: type, name: str, **fields: Any) -> Staged:
    """The program with fields of one statement replaced: of that kind, into the array of that name."""

    def turn(node: Any) -> Any:
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


def turned(a: Access) -> Access:
    """With its second and third subscripts in each other's place."""
    item, *places, last = a.subscripts
    return Access(a.array, (item, *places[::-1], last))


def shorter(place: int) -> Any:
    return lambda rs: tuple(replace(r, stop=r.stop - 1) if k == place else r for k, r in enumerate(rs))


FAULTS: dict[str, Any] = {
    "an offset of the halo": (Halo, "P", {"source": moved(-1)}),
    "another item": (Halo, "P", {"source": moved(0)}),
    "a product elsewhere": (Product, "Q", {"left": moved(-1)}),
    "another channel's weight": (Copy, "T", {"source": moved(-1)}),
    "a dropped tap": (ShiftedSum, "B", {"over": shorter(0)}),
    "a tap too many": (ShiftedSum, "C_", {"over": lambda rs: (replace(rs[0], stop=rs[0].stop + 1), *rs[1:])}),
    "a sum of fewer rows": (ShiftedSum, "B", {"over": shorter(2)}),
    "a sum that is off": (ShiftedSum, "C_", {"source": moved(-2)}),
    "a sum along the other axis": (ShiftedSum, "C_", {"source": lambda a: turned(a)}),
    "a place of the result": (Store, "H", {"source": moved(-3)}),
    "no bias": (Store, "H", {"bias": lambda _: None}),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_sums_of_equal_weights_is_refused(fault: str) -> None:
    made, form = program("box", "depthwise2d")
    kind, name, fields = FAULTS[fault]
    assert failed(changed(made, kind, name, **fields), form)


PASSES: dict[str, Any] = {
    "a weight of another channel": (Copy, "T", {"source": moved(-1)}),
    "the other factor": (Copy, "U", {"source": lambda a: Access("P", a.subscripts)}),
    "a row that is off": (WeightedSum, "B", {"source": moved(1)}),
    "a column that is off": (WeightedSum, "A", {"source": moved(-2)}),
    "a dropped tap": (WeightedSum, "B", {"axes": lambda axes: (axes[0], shorter(0)(axes[1]), *axes[2:])}),
    "a dropped rank": (WeightedSum, "A", {"axes": lambda axes: (shorter(0)(axes[0]), *axes[1:])}),
    "an offset of the halo": (Halo, "P_", {"source": moved(1)}),
}


@pytest.mark.parametrize("fault", PASSES)
def test_a_fault_in_passes_of_channels_is_refused(fault: str) -> None:
    made, form = program("lowrank", "depthwise2d")
    kind, name, fields = PASSES[fault]
    assert failed(changed(made, kind, name, **fields), form)


def test_separable_windows_of_channels_have_these_passes() -> None:
    layer_of = convolution(kernel="Delta", groups="depthwise", factors=2)
    made = separable(layer_of.form, batched(layer_of.form))
    assert made.supposed is None and not failed(made, layer_of.form)
    of, draw = compile_layer(layer_of).kernel, np.random.default_rng(0)
    X = draw.integers(-3, 4, (9, 8, 3)).astype(np.float32)
    P, Q, u = (draw.integers(-3, 4, shape).astype(np.float32) for shape in ((2, 5, 3), (2, 5, 3), (3,)))
    plans = [of.plan(X.shape, P, Q, u, algorithm=name) for name in ("direct", "separable")]
    assert np.array_equal(plans[0](X), plans[1](X))


FOLDS: dict[str, Any] = {
    "the whole window's weights": (Copy, "T", {"target": moved(0)}),
    "a dropped half tap": (MatMul, "Z", {"rows": shorter(0)}),
    "a dropped tap": (ShiftedSum, "A", {"over": shorter(0)}),
    "the first tap always": (ShiftedSum, "A", {"source": lambda a: Access(a.array, (Integer(0), *a.subscripts[1:]))}),
    "the other half": (
        ShiftedSum,
        "A",
        {"source": lambda a: Access(a.array, (Max(*a.subscripts[0].args), *a.subscripts[1:]))},
    ),
}


@pytest.mark.parametrize("name", ["conv2d", "isotropic2d"])
@pytest.mark.parametrize("fault", FOLDS)
def test_a_fault_in_half_a_window_is_refused(fault: str, name: str) -> None:
    made, form = program("folded", name)
    kind, target, fields = FOLDS[fault]
    assert failed(changed(made, kind, target, **fields), form)


@pytest.mark.parametrize("name", ["isotropic2d"])
def test_a_window_that_the_derivation_mirrors_supposes_nothing(name: str) -> None:
    made, form = program("folded", name)
    assert made.supposed is None and not failed(made, form)
    gradient = slopes(form)[0].form
    assert folded(gradient, batched(gradient)).supposed is None
    assert not failed(folded(gradient, batched(gradient)), gradient)


def supposing(made: Staged, **fields: Any) -> Staged:
    assert made.supposed is not None
    return replace(made, supposed=replace(made.supposed, **fields))


def test_another_window_or_other_parts_are_refused() -> None:
    made, form = program("lowrank", "isotropic2d")
    supposed = made.supposed
    assert supposed is not None
    (loop,) = supposed.seen
    a, b = supposed.window.subscripts
    swapped = tuple(Access(p.array, (p.subscripts[0], q)) for p, q in zip(supposed.parts, (b, a), strict=True))
    assert failed(supposing(made, parts=swapped), form) == {"supposed"}
    assert failed(supposing(made, up=tuple((s, e + 1) for s, e in supposed.up)), form) == {"supposed"}
    fewer = replace(loop, range=replace(loop.range, stop=loop.range.stop - 1))
    assert failed(supposing(made, seen=(fewer,)), form) == {
        "A program that supposes something of the weights gathers all of the window."
    }
    other = replace(
        loop, body=(replace(loop.body[0], body=(replace(loop.body[0].body[0], source=Access("V", (a, b))),)),)
    )
    assert failed(supposing(made, seen=(other,)), form) == {"supposed"}
    alone = replace(loop, body=(replace(loop.body[0], body=(replace(loop.body[0].body[0], source=Access("u", ())),)),))
    assert failed(supposing(made, seen=(alone,)), form) == {
        "A program that supposes something of the weights gathers another window."
    }


def test_a_supposition_about_another_layer_is_refused() -> None:
    made, form = program("lowrank", "conv2d")
    supposed = made.supposed
    assert supposed is not None
    other = supposed.form
    says = "A program that supposes something of the weights "
    assert failed(supposing(made, form=replace(other, bias=Integer(0), biases=())), form) == {
        f"{says}changes nothing but them."
    }
    assert failed(supposing(made, form=replace(other, given=form.given)), form) & {"denotes", "in bounds", "supposed"}
    assert failed(supposing(made, form=replace(other, reduction=form.reduction)), form) == {
        f"{says}sums over the ranks of their parts."
    }
    assert failed(supposing(made, parts=supposed.parts[:1]), form) == {f"{says}reads other parts of them."}
    smaller = replace(other, given=other.given & (form.sizes[0] >= 5))
    assert "supposed" in failed(supposing(made, form=smaller), form)
    assert failed(supposing(made, by=""), form) == {"A program that finds nothing in the weights knows their numbers."}


def test_numbers_that_differ_are_refused() -> None:
    form = layer("average_pool2d").derivation.form
    made = box(form, batched(form))
    assert not made.valued and not failed(made, form)
    (weight,) = form.weights
    assert weight.values is not None
    unequal = replace(form, weights=(replace(weight, values=(*weight.values[:-1], Integer(1))),))
    assert failed(made, unequal) == {"supposed"}
    with pytest.raises(NoLowering, match=r"^it needs weights that are all the same; K holds 1/4 and 1$"):
        box(unequal, batched(unequal))


REFUSED = {
    ("lowrank", "diamond2d"): "it needs a window whose taps are all live",
    ("lowrank", "conv1d"): "it needs a window along its last two axes, and three at most",
    ("lowrank", "depthwise 3-D"): "it needs a window along two axes, with channels behind them",
    ("lowrank", "grouped2d"): "it needs channels that don't mix",
    ("lowrank", "conv2d_channels"): "it needs one channel in and one out",
    ("folded", "diamond2d"): "it needs a window whose taps are all live",
    ("folded", "conv1d"): "it needs a window of two axes at least, with taps along the last",
    ("folded", "depthwise2d"): "it needs one channel in and one out",
    ("box", "diamond2d"): "it needs a window whose taps are all live",
    ("box", "conv2d_channels"): "it needs a window along one axis to four, and channels that don't mix",
    ("box", "pointwise2d"): "it needs a window along one axis to four, and channels that don't mix",
    ("box", "laplacian2d"): "it needs weights that are all the same; K holds 0 and 1",
    ("box", "periodic2d"): "it needs one array of weights that is read once in a term; the weight is V[a, b]",
}


@pytest.mark.parametrize(("algorithm", "name"), REFUSED)
def test_forms_that_do_not_fit(algorithm: str, name: str) -> None:
    with pytest.raises(NoLowering, match=f"^{re.escape(REFUSED[algorithm, name])}$"):
        program(algorithm, name)


def test_channels_that_come_first_are_refused() -> None:
    form = derivation("depthwise2d").form
    turned = replace(
        form,
        input=replace(form.input, axes=(form.input.axes[2], *form.input.axes[:2])),
        read=(form.read[2], *form.read[:2]),
    )
    with pytest.raises(NoLowering, match=r"^it needs X to end with the letters that weights and result share$"):
        box(turned, batched(turned))


def test_sums_of_several_arrays_are_not_doubled() -> None:
    made, _ = program("box", "conv2d")
    more = Range(index("q9"), Integer(0), Integer(2))
    also = {"source": lambda a: Access(a.array, (a.subscripts[0], a.subscripts[1] + more.symbol, *a.subscripts[2:]))}
    wrong = changed(made, ShiftedSum, "B", over=lambda rs: (more, *rs), **also)
    with pytest.raises(EmitError, match=r"^The sum into B is no sum of one array that one letter shifts\.$"):
        staged_functions(wrong)
