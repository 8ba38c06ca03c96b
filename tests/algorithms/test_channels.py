"""Products of windows and of taps: emitted text is the form on exact integers, refusals say why, planted faults are found."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Symbol, true

from derive.algorithms._inlined import staged_obligations
from derive.backends._algorithms import _tiled
from derive.backends._stages import staged_functions
from derive.errors import EmitError, NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Halo, Knob, MatMul, Room, Staged, Store, Tiles, WeightedSum, reads_of, statements
from derive.lowering import slopes
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from derive.registry import find
from derive.rules.channels import channels
from derive.rules.grouped import grouped
from derive.rules.strided import strided
from derive.runtime import primitives

CATALOGUE = {
    "im2col": ("conv2d_channels", "grouped2d", "pointwise2d", "p4_conv2d", "p4_lifting2d"),
    "half_im2col": ("conv2d_channels", "grouped2d", "p4_conv2d", "p4_lifting2d"),
    "left": ("conv2d_channels", "grouped2d", "pointwise2d", "p4_conv2d", "fully_connected"),
    "product": ("pointwise2d", "dense2d", "fully_connected"),
    "shifted": ("depthwise2d",),
}
MADE: dict[str, Callable[[], Any]] = {
    "stem": lambda: layer("conv2d").derivation.then(channels()).then(strided(2)),
    "line": lambda: layer("conv1d").derivation.then(channels()).then(strided(3)),
    "solid": lambda: layer("conv3d").derivation.then(channels()),
    "diamond": lambda: layer("diamond2d").derivation.then(channels()).then(strided(2)),
    "dilated": lambda: layer("dilated2d").derivation.then(channels()),
    "valid": lambda: layer("valid2d").derivation.then(channels()),
    "points": lambda: layer("pointwise2d").derivation.then(strided(2)),
    "deep stride": lambda: layer("depthwise2d").derivation.then(strided(2)),
    "deep valid": lambda: layer("valid2d").derivation.then(channels("C", "C")).then(grouped("d", "c")),
}
CASES = [
    *((algorithm, name, by) for algorithm, found in CATALOGUE.items() for name in found for by in ("H", "dX")),
    *(("half_im2col", name, "H") for name in ("turned conv2d_channels", "stem", "solid", "diamond", "valid")),
    ("im2col", "turned conv2d_channels", "H"),
    ("im2col", "turned pointwise2d", "H"),
    ("im2col", "turned grouped2d", "H"),
    *(
        ("left", name, "H")
        for name in ("turned grouped2d", "stem", "line", "solid", "diamond", "dilated", "valid", "points")
    ),
    *(("shifted" if name.startswith("deep") else "im2col", name, "H") for name in MADE),
]
SIZES = ({"n": 5, "m": 4, "h": 3, "Delta": 1, "C": 2, "D": 3}, {"n": 7, "m": 6, "h": 5, "Delta": 2, "C": 3, "D": 1})


def _turned(form: Form) -> Form:
    """The same layer on arrays whose last axis comes first."""
    input, output = (replace(a, axes=(a.axes[-1], *a.axes[:-1])) for a in (form.input, form.output))
    return replace(form, input=input, output=output, read=(form.read[-1], *form.read[:-1]))


@lru_cache
def _form(name: str, by: str) -> Form:
    if name.startswith("turned "):
        return _turned(_form(name.removeprefix("turned "), by))
    derivation = MADE[name]() if name in MADE else layer(name).derivation
    form: Form = derivation.form
    return form if by == "H" else next(s.form for s in slopes(form) if s.form.output.name == by)


@lru_cache
def _program(algorithm: str, name: str, by: str = "H") -> Staged:
    form = _form(name, by)
    program: Staged = find("derive.algorithms", algorithm)(form, frozenset({form.input.name, form.output.name}))
    return program


def _functions(program: Staged) -> dict[str, Any]:
    space = {"np": np, **{name: getattr(primitives, name) for name in primitives.__all__}}
    exec("\n".join(staged_functions(program)), space)
    return space


def _whole_numbers(shape: tuple[int, ...], source: random.Random) -> np.ndarray:
    flat = [source.randint(-9, 9) for _ in range(int(np.prod(shape)))]
    return np.array(flat, dtype=object).reshape(shape)


def _values(form: Form, sizes: dict[str, int]) -> dict[Symbol, int]:
    return {s: sizes.get(s.name, 2) for s in form.sizes}


def _run(
    program: Staged, arrays: dict[str, np.ndarray], values: dict[Symbol, int], knobs: dict[str, int]
) -> np.ndarray:
    """The emitted text on arrays, the batched ones of 3 items; nothing that it makes begins as zeros."""
    space, sizes = _functions(program), {s.name: v for s, v in values.items()} | knobs

    def new(shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, 10**6, dtype=object)

    weights = [a.array for n in statements(program.fixed) for a in reads_of(n)]
    used = [a.array for n in statements(program.body) for a in reads_of(n)]
    names = [s.name for s in program.arguments]
    made = space[f"_{program.name}_fixed"](*(arrays[n] for n in names if n in weights), new, **sizes)
    rooms = space[f"_{program.name}_room"](new, **sizes)
    result = new((3, *(int(evaluate(e, values)) for e in program.result.shape)))
    tiled = _tiled(program)
    places = 1 if tiled is None else result.shape[1 + tiled]
    given = (arrays[n] for n in names if n in used)
    space[f"_{program.name}"](*given, result, *made, *rooms, (0, 3), (0, places), batch=3, **sizes)
    return result


@pytest.mark.parametrize("sizes", SIZES, ids=["small", "wide"])
@pytest.mark.parametrize(("algorithm", "name", "by"), CASES)
def test_the_text_is_the_form_on_integers(algorithm: str, name: str, by: str, sizes: dict[str, int]) -> None:
    form, program = _form(name, by), _program(algorithm, name, by)
    values, source = _values(form, sizes), random.Random(0)
    arrays = {
        a.name: _whole_numbers(tuple(int(evaluate(e, values)) for e in a.shape), source)
        for a in (*(p.array for p in form.params), form.input)
    }
    items = _whole_numbers((3, *arrays[form.input.name].shape), source)
    wanted = np.stack([denote(form, arrays | {form.input.name: item}, values) for item in items])
    for items_at_once, rows in ((1, 1), (2, 2), (3, 3), (4, 8)):
        knobs = dict(zip((str(k.symbol) for k in program.knobs), (items_at_once, rows), strict=False))
        found = _run(program, arrays | {form.input.name: items}, values, knobs)
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize(("algorithm", "name", "by"), CASES)
def test_the_program_is_proved(algorithm: str, name: str, by: str) -> None:
    verdicts = discharge_all(staged_obligations(_program(algorithm, name, by), _form(name, by)))
    assert [v.obligation.name for v in verdicts if not v.proved] == []


def test_every_catalogue_form_that_fits_is_in_the_table() -> None:
    """What these algorithms take, and nothing that they refuse, is what the tests above run."""
    for algorithm, known in CATALOGUE.items():
        for name in known:
            assert _program(algorithm, name).name == algorithm


@pytest.mark.parametrize(
    ("algorithm", "name", "reason"),
    [
        (
            "im2col",
            "depthwise2d",
            "it needs a window that moves, filters, and terms that are summed over for each of them",
        ),
        ("half_im2col", "pointwise2d", "it needs filters and a window along two axes at least"),
        ("half_im2col", "depthwise2d", "it needs filters and a window along two axes at least"),
        (
            *("half_im2col", "dilated"),
            "it needs a window whose taps are neighbours along the first axis of input and output",
        ),
        ("left", "depthwise2d", "it needs filters, and terms that are summed over for each of them"),
        ("product", "deepsets1d", "it needs an input and weights that are matrices as they are in memory"),
        ("product", "conv2d_channels", "it needs filters, letters that are contracted, and no taps"),
        ("product", "turned pointwise2d", "it needs an input and weights that are matrices as they are in memory"),
        ("shifted", "turned depthwise2d", "it needs X to end with a letter that weights and result share"),
        ("shifted", "conv2d", "it needs X to end with a letter that weights and result share"),
        ("shifted", "conv2d_channels", "it needs a window that moves, without filters"),
        ("shifted", "global_pool2d", "it needs a window that moves, without filters"),
    ],
)
def test_a_refusal_names_what_is_missing(algorithm: str, name: str, reason: str) -> None:
    with pytest.raises(NoLowering) as refused:
        _program(algorithm, name)
    assert str(refused.value) == reason


@pytest.mark.parametrize("algorithm", ["im2col", "half_im2col", "left", "shifted"])
def test_an_input_for_all_items_is_refused(algorithm: str) -> None:
    name = {"shifted": "depthwise2d"}.get(algorithm, "conv2d_channels")
    with pytest.raises(NoLowering, match=r"^it needs an input and an output for each item$"):
        find("derive.algorithms", algorithm)(_form(name, "H"), frozenset({"X"}))


# planted faults


def _changed(kind: type, change: Callable[[Any], Any]) -> Callable[[Staged], Staged]:
    def go(nodes: tuple[Any, ...]) -> tuple[Any, ...]:
        deeper = (replace(n, body=go(n.body)) if isinstance(n, Tiles) else n for n in nodes)
        return tuple(change(n) if isinstance(n, kind) else n for n in deeper)

    return lambda program: replace(program, body=go(program.body))


def _moved(access: Access, axis: int) -> Access:
    return Access(access.array, tuple(e + int(k == axis) for k, e in enumerate(access.subscripts)))


def _short(r: Range) -> Range:
    return replace(r, stop=r.stop - 1)


def _long(r: Range) -> Range:
    return replace(r, stop=r.stop + 1)


def _transposed(node: Copy) -> Copy:
    """The copy with two of its taps in each other's place."""
    a, b, *rest = node.source.subscripts
    return replace(node, source=Access(node.source.array, (b, a, *rest)))


def _without_first(found: tuple[Range, ...], change: Callable[[Range], Range]) -> tuple[Range, ...]:
    return (change(found[0]), *found[1:])


FAULTS: dict[str, tuple[str, str, Callable[[Staged], Staged]]] = {
    "the copy begins a row late": (
        "im2col",
        "denotes",
        _changed(Halo, lambda n: replace(n, source=_moved(n.source, 1))),
    ),
    "the copy is of the next item": (
        "im2col",
        "denotes",
        _changed(Halo, lambda n: replace(n, source=_moved(n.source, 0))),
    ),
    "windows begin a column late": (
        "im2col",
        "denotes",
        _changed(Copy, lambda n: replace(n, source=_moved(n.source, 2))),
    ),
    "windows read behind the tile": (
        "im2col",
        "in bounds",
        _changed(Copy, lambda n: replace(n, source=_moved(n.source, 2))),
    ),
    "a tap is dropped": (
        *("im2col", "denotes"),
        _changed(MatMul, lambda n: replace(n, inner=_without_first(n.inner, _short))),
    ),
    "a tap too much": (
        "im2col",
        "in bounds",
        _changed(MatMul, lambda n: replace(n, inner=_without_first(n.inner, _long))),
    ),
    "the last filter is missing": (
        *("im2col", "made"),
        _changed(MatMul, lambda n: replace(n, columns=_without_first(n.columns, _short))),
    ),
    "the last row is never reached": ("im2col", "denotes", _changed(Tiles, lambda n: replace(n, extent=n.extent - 1))),
    "rows behind the tile are stored": ("im2col", "in bounds", _changed(Store, lambda n: replace(n, condition=true))),
    "the bias of the next filter": ("im2col", "denotes", _changed(Store, lambda n: replace(n, bias=_moved(n.bias, 0)))),
    "no bias": ("im2col", "A program stores no bias", _changed(Store, lambda n: replace(n, bias=None))),
    "rows of the copy begin a column late": (
        *("half_im2col", "denotes"),
        _changed(Copy, lambda n: replace(n, source=_moved(n.source, 2))),
    ),
    "a product reads from the next row on": (
        *("half_im2col", "in bounds"),
        _changed(MatMul, lambda n: replace(n, left=_moved(n.left, 2))),
    ),
    "a row of the tile isn't copied": (
        *("half_im2col", "made"),
        _changed(Copy, lambda n: replace(n, over=(*n.over[:2], _short(n.over[2]), *n.over[3:]))),
    ),
    "weights of the next filter": ("left", "in bounds", _changed(MatMul, lambda n: replace(n, left=_moved(n.left, 0)))),
    "weights are turned about": ("left", "denotes", lambda p: replace(p, fixed=tuple(_transposed(n) for n in p.fixed))),
    "a filter's weights aren't turned": (
        *("left", "made"),
        lambda p: replace(p, fixed=tuple(replace(n, over=(_short(n.over[0]), *n.over[1:])) for n in p.fixed)),
    ),
    "a shifted tap": ("shifted", "denotes", _changed(WeightedSum, lambda n: replace(n, source=_moved(n.source, 1)))),
    "a dropped column of taps": (
        *("shifted", "denotes"),
        _changed(WeightedSum, lambda n: replace(n, axes=((_short(n.axes[0][0]),), *n.axes[1:]))),
    ),
    "the next channel's weights": (
        *("shifted", "in bounds"),
        _changed(WeightedSum, lambda n: replace(n, weights=_moved(n.weights, 3))),
    ),
    "a result that is read twice lives in the result": (
        *("im2col", "A can't live in H, which has it in other places"),
        _changed(Store, lambda n: replace(n, over=n.over[::-1])),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_refused(fault: str) -> None:
    algorithm, obligation, plant = FAULTS[fault]
    name = {"shifted": "depthwise2d"}.get(algorithm, "conv2d_channels")
    program = plant(_program(algorithm, name))
    assert program != _program(algorithm, name)
    if " " in obligation and obligation != "in bounds":
        with pytest.raises(NoLowering, match=obligation):
            staged_obligations(program, _form(name, "H"))
        return
    failed = [v.obligation.name for v in discharge_all(staged_obligations(program, _form(name, "H"))) if not v.proved]
    assert obligation in failed


# what the printer refuses


def test_axes_that_are_not_one_in_memory_are_refused() -> None:
    """The rows of two items are no single axis where a tile is a part of each."""
    program = _program("im2col", "pointwise2d")
    joined = _changed(MatMul, lambda n: replace(n, batch=(), rows=(*n.batch, *n.rows)))(program)
    with pytest.raises(EmitError, match=r"^q0 isn't a whole axis of X, of which P is a view.$"):
        staged_functions(joined)


def test_a_bias_in_another_order_is_transposed() -> None:
    text = "\n".join(staged_functions(_program("im2col", "turned grouped2d")))
    assert "u.transpose(1, 0)[:, None, None, :]" in text


def test_knobs_that_divide_an_extent_say_so() -> None:
    assert [k.extent for k in _program("im2col", "conv2d_channels").knobs] == [
        Symbol("batch", integer=True),
        Symbol("n", integer=True),
    ]
    assert all(isinstance(k, Knob) and not k.choices for k in _program("shifted", "depthwise2d").knobs)


@pytest.mark.parametrize("algorithm", ["im2col", "product"])
def test_nothing_is_copied_where_there_are_no_taps(algorithm: str) -> None:
    program = _program(algorithm, "pointwise2d")
    assert not [n for n in statements(program.body) if isinstance(n, Copy)]
    assert program.fixed == () and [r.name for r in program.rooms] == ["P", "A"]
    assert all(isinstance(r, Room) and not r.zeroed for r in program.rooms)
    assert Integer(0) not in program.rooms[0].shape


def test_weights_are_turned_once_where_they_have_no_row_for_each_filter() -> None:
    """The left side has a row for each filter, one entry behind the other: as it is in memory, or copied."""
    turned, (node,) = _program("left", "pointwise2d"), _program("left", "pointwise2d").fixed
    assert (
        isinstance(node, Copy) and node.source.array == "V" and node.target.subscripts == node.source.subscripts[::-1]
    )
    assert _program("left", "pointwise2d", "dX").fixed == () == _program("left", "fully_connected").fixed
    (product,) = [n for n in statements(turned.body) if isinstance(n, MatMul)]
    assert product.left.array == node.target.array and product.left.subscripts[-1] == product.inner[-1].symbol
