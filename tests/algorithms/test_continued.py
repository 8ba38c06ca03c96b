"""Arrays that go on beyond their ends: programs are proved, text is exact, planted faults are refused."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

import derive
from derive.algorithms._continued import continued, goes_on
from derive.algorithms._supposed import obligations
from derive.backends._stages import staged_functions
from derive.checking import exact_arrays
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.ir.interpreter import interpret
from derive.ir.pointwise import as_launch
from derive.ir.stages import Halo, MatMul, Store, Tiles, reads_of, statements, weights_of
from derive.lowering import batched
from derive.proof.solver import discharge_all
from derive.registry import find
from derive.runtime import beyond, primitives
from tests.algorithms.test_correlation import changed, gradient, shifted

# By which algorithm, of a layer that is told so, or of its gradient by an array.
PROGRAMS = {
    "repeated lines": ("toeplitz", {"kernel": 4, "rank": 1, "edges": "periodic", "channels": False}, ""),
    "a stride of mirrored lines": (
        *("toeplitz", {"kernel": 5, "rank": 1, "edges": "symmetric", "channels": False, "stride": 2}),
        "",
    ),
    "rows of a diamond": ("rows", {"kernel": derive.Diamond(2), "edges": "reflect", "channels": False}, ""),
    "panels of a name": ("panels", {"kernel": "Delta", "edges": "nearest", "channels": False}, ""),
    "separable": ("separable", {"kernel": (3, 5), "factors": 2, "edges": "periodic", "channels": False}, ""),
    "channels, dilated": ("im2col", {"kernel": (2, 3), "edges": "symmetric", "dilation": (1, 2), "stride": (2, 1)}, ""),
    "a volume of channels of their own": ("shifted", {"rank": 3, "edges": "nearest", "groups": "depthwise"}, ""),
    "by V: a diamond": ("columns", {"kernel": derive.Diamond(2), "edges": "reflect", "channels": False}, "V"),
    "by V: channels": ("correlation", {"edges": "periodic", "kernel": (2, 3), "stride": (1, 2)}, "V"),
    "by V: channels of their own": ("columns", {"edges": "nearest", "groups": "depthwise"}, "V"),
}
SIZES = (
    {"n": 6, "m": 5, "p": 3, "Delta": 1},
    {"n": 1, "m": 3, "p": 2, "Delta": 2},
    {"n": 3, "m": 1, "p": 1, "Delta": 0},
)


@lru_cache
def lowered(name):
    algorithm, told, by = PROGRAMS[name]
    form = derive.convolution(**told).form
    items = batched(form)
    if by:
        slope = gradient(form, by)
        form, items = slope.form, slope.items
    return continued(find("derive.algorithms", algorithm), form, items), form, items


def proved(program, form):
    return all(v.proved for v in discharge_all(obligations(program, form)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_is_proved(name):
    program, form, _ = lowered(name)
    assert proved(program, form)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_text_is_the_form_on_exact_numbers(name):
    program, form, items = lowered(name)
    space = {"np": np, "continued": beyond.continued, **{key: getattr(primitives, key) for key in primitives.__all__}}
    exec("\n".join(staged_functions(program)), space)
    for known in SIZES:
        known = {"batch": 1, "C": 2, "D": 3, "R": 2, **known}
        sizes = {s: known[s.name] for s in form.sizes}
        arrays = exact_arrays(form, sizes)
        got = _run(program, space, arrays, items, {s.name: v for s, v in sizes.items()}, form)
        assert np.array_equal(got, denote(form, arrays, sizes)), known


def _run(program, space, arrays, items, sizes, form):
    """What the emitted functions make of Python's integers, in tiles of two places; what was never written is None."""
    knobs = {str(k.symbol): k.choices[0] if k.choices else 2 for k in program.knobs}
    sizes = {"batch": 1, **sizes, **knobs}
    flat = {name: array[None] if name in items else array for name, array in arrays.items()}
    wanted = denote(form, arrays, {s: sizes[s.name] for s in form.sizes}).shape
    result = np.full((1, *wanted) if program.result.batched else wanted, None)

    def new(shape):
        return np.full(shape, None)

    fixed, room, body = (space[f"_{program.name}{part}"] for part in ("_fixed", "_room", ""))
    made, rooms = fixed(*(flat[key] for key in weights_of(program)), new, **sizes), room(new, **sizes)
    used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
    given = [flat[s.name] for s in program.arguments if s.name in used]
    places = [n for n in _nodes(program.body) if isinstance(n, Tiles) and n.extent != program.batch]
    extent = int(places[0].extent.subs({s: sizes[s.name] for s in places[0].extent.free_symbols})) if places else 1
    body(*given, result, *made, *rooms, (0, 1), (0, extent), **sizes)
    return result[0] if program.result.batched else result


def _nodes(body):
    for node in body:
        yield node
        yield from _nodes(getattr(node, "body", ()))


def _other(node, change):
    """A halo with another function beyond the ends of one axis."""
    if not node.beyond:
        return node
    first, *rest = node.beyond
    return replace(node, beyond=(replace(first, value=change(first)), *rest))


FAULTS = {
    "zeros lie beyond an end": (Halo, lambda n: replace(n, beyond=n.beyond[1:])),
    "the last place is repeated": (Halo, lambda n: _other(n, lambda b: b.value.subs(b.letter, b.letter + 1))),
    "tiles begin a row late": (Halo, lambda n: replace(n, source=shifted(n.source, 1))),
    "a tap is left out": (MatMul, lambda n: replace(n, inner=n.inner[1:])),
    "the last column is not stored": (Store, lambda n: replace(n, condition=n.condition & (n.target.subscripts[2] > 0))),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault):
    kind, change = FAULTS[fault]
    program, form, _ = lowered("panels of a name")
    wrong = replace(program, body=changed(program.body, kind, change))
    assert wrong != program
    try:
        kept = proved(wrong, form)
    except NoLowering:
        kept = False
    assert not kept


def test_a_mask_that_results_lack_is_refused():
    program, form, _ = lowered("by V: a diamond")
    wrong = replace(program, body=changed(program.body, Store, lambda n: replace(n, condition=True)))
    assert wrong != program and not proved(wrong, form)


def test_a_launch_fills_what_lies_beyond_too():
    """The same copy as one thread an entry, which is how a device makes it."""
    program, _, _ = lowered("a stride of mirrored lines")
    (copy,) = [n for n in statements(program.body) if isinstance(n, Halo)]
    launch = as_launch(program, copy, "P")
    known = {"batch": 1, "n": 5, "N": 1, "K": 3 * 2 + 4 - 1, "T": 4, "low": 0, "high": 3, "z": 0}
    X = np.arange(5)[None]
    got = interpret(launch, {"X": X}, {s: known[s.name] for s in launch.sizes})
    assert got.tolist() == [1, 0, 0, 1, 2, 3, 4, 4, 3, 2, 1][: got.size]


def test_what_does_not_go_on_is_refused_with_its_reason():
    plain, repeated = derive.convolution(channels=False).form, derive.convolution(channels=False, edges="periodic").form
    assert goes_on(repeated) and not goes_on(plain)
    with pytest.raises(NoLowering, match=r"^it needs reads of an array that goes on beyond its ends$"):
        continued(find("derive.algorithms", "rows"), plain, batched(plain))
    with pytest.raises(NoLowering, match=r"^it needs X to be copied in tiles, and reads it where it is$"):
        continued(find("derive.algorithms", "bands"), repeated, batched(repeated))
    with pytest.raises(NoLowering, match=r"^it needs channels in or filters out$"):
        continued(find("derive.algorithms", "winograd"), repeated, batched(repeated))


@pytest.mark.parametrize("edge", ["reflect", "wrap", "symmetric", "edge"])
@pytest.mark.parametrize("kind", [np.float32, object])
def test_copies_are_those_of_padded_arrays(edge, kind):
    """By steps, along axes in another order, with one that is copied again; a view where all is inside."""
    source = np.arange(5 * 4 * 3).reshape(5, 4, 3).astype(kind)
    padded = np.pad(source, ((9, 9), (9, 9), (0, 0)), mode=edge)
    at = [lambda k, n=n: np.pad(np.arange(n), 9, mode=edge)[k + 9] for n in (5, 4)]
    room = np.full((3, 7, 6), -1, kind)
    got = beyond.continued(source, (-4, -2, 0), room, (at[0], at[1], None), axes=(2, 0, 1), steps=(2, 1, 1))
    assert got is room and np.array_equal(got, padded[5 : 5 + 2 * 7 : 2, 7:13].transpose(2, 0, 1))
    again = np.full((2, 9), -1, kind)
    beyond.continued(source[0, None, :, 0], (None, -2), again, (None, at[1]), copied=True)
    assert np.array_equal(again, np.stack([padded[9, 7:16, 0]] * 2))
    view = beyond.continued(source, (1, 0, 0), np.empty((2, 4, 3), kind), (at[0], at[1], None))
    assert np.shares_memory(view, source) and np.array_equal(view, source[1:3])
    outside = beyond.continued(source[:, 0, 0], (-2,), np.full(9, -1, kind), (None,))
    assert np.array_equal(outside, np.pad(source[:, 0, 0], 2))
