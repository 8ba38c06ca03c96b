"""Programs in tiles: what they compute, what is proved of them, and which forms have none."""

from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pytest
from sympy import And, Integer, Mod, Ne, true

import derive
from derive.algorithms import _tiles
from derive.algorithms._tiles import obligations
from derive.checking import exact_arrays, interpreted, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.nodes import Access, Barrier, Copy, Fill, Guard, Launch, Loop, MultiplyAdd, Scratch
from derive.ir.tiles import Tiled
from derive.lowering import batched, in_blocks, slopes
from derive.pipeline import layer
from derive.proof.solver import discharge
from tests.algorithms.test_strips import Edit, edited
from tests.ladder.structures import STRUCTURES

# Layers with channels that nobody wrote a kernel for.
OWN = {
    "dilated 1-D": lambda: derive.convolution(rank=1, dilation=3, stride=2),
    "periodic 3-D": lambda: derive.convolution(rank=3, edges="periodic"),
    "inside, strides 2 and 3": lambda: derive.convolution(rank=2, edges="valid", stride=(2, 3)),
    "odd": lambda: STRUCTURES["odd"],  # no tap in the middle
    "reflected": lambda: derive.convolution(rank=2, edges="reflect"),
}


@cache
def made(name: str) -> tuple[Tiled, Form]:
    form = (OWN[name]() if name in OWN else layer(name).derivation).form
    return _tiles.fitted(_tiles.tiles(form, batched(form)), form), form


def refused(tiled: Tiled, form: Form) -> set[str]:
    """The obligations that fail."""
    return {o.name for o in _tiles.tile_obligations(tiled, form) if not discharge(o).proved}


def agrees(tiled: Tiled, form: Form, count: int) -> bool:
    """Whether the program computes the form at so many small sizes, in blocks of one thread and of several."""
    for sizes, setting in zip(islice(small_sizes(form), count), ((1, 1, 2, 2), (2, 1, 1, 4)), strict=False):
        arrays = exact_arrays(form, sizes)
        knobs = dict(zip(tiled.knobs, map(Integer, setting), strict=True))
        if not np.array_equal(interpreted(tiled.program, arrays, {**sizes, **knobs}), denote(form, arrays, sizes)):
            return False
    return True


@pytest.mark.parametrize("name", OWN)
def test_a_form_that_nobody_thought_of(name: str) -> None:
    tiled, form = made(name)
    assert tiled.narrow
    assert refused(tiled, form) == set()
    assert agrees(tiled, form, count=2)


def test_gradients_are_in_tiles_too() -> None:
    form = layer("conv2d_channels").derivation.form
    found = in_blocks(form, "threads", slopes(form))
    assert {name: type(program) for name, (program, _) in found.items()} == {"direct": Tiled, "direct_dX": Tiled}


@pytest.mark.parametrize(
    ("name", "places", "weights", "chunks"),
    [
        ("conv2d_channels", ["i", "j"], "d", "c"),
        ("conv2d_channels_dX", ["k", "l"], "c", "d"),
        ("fully_connected", ["z"], "i", "k"),  # items of a batch are its places
        ("p4_conv2d", ["i", "j"], "d", "c"),  # not r, which has four values
        ("grouped2d", ["i", "j"], "d", "c"),
        ("dilated 1-D", ["i"], "d", "c"),
    ],
)
def test_which_letters_are_which(name: str, places: list[str], weights: str, chunks: str) -> None:
    tiled, _ = made(name)
    assert [s.letter.name for s in tiled.splits] == [*places, weights]
    assert tiled.summed.letter.name == chunks


def with_edit(tiled: Tiled, edit: Edit) -> Tiled:
    found = replace(tiled, program=replace(tiled.program, body=edited(tiled.program.body, edit)))
    assert found != tiled
    return found


def _untested(node: Any) -> Any:
    """The first condition of a tile that is inside, left out."""
    if isinstance(node, Guard) and len(node.otherwise) == 3:
        return replace(node, condition=And(*sorted(And.make_args(node.condition), key=str)[1:]))
    return node


def _looping(name: str, stop: Any) -> Edit:
    """Another end of a loop through such a letter."""
    return lambda n: (
        replace(n, range=replace(n.range, stop=stop(n.range.stop)))
        if isinstance(n, Loop) and str(n.range.symbol) == name
        else n
    )


def _launching(name: str, stop: Any) -> Edit:
    """Another end of such a letter in a launch."""

    def edit(node: Any) -> Any:
        if not isinstance(node, Launch):
            return node
        spans = (replace(r, stop=stop(r.stop)) if str(r.symbol) == name else r for r in node.threads)
        return replace(node, threads=tuple(spans))

    return edit


def _moved(array: str, written: bool, change: Any) -> Edit:
    """Another last subscript of what copies write to, or read from, an array."""

    def moved(access: Access) -> Access:
        *others, last = access.subscripts
        return Access(access.array, (*others, change(last))) if access.array == array else access

    def edit(node: Any) -> Any:
        if not isinstance(node, Copy) or not node.target.subscripts:
            return node
        return replace(node, target=moved(node.target)) if written else replace(node, source=moved(node.source))

    return edit


PLANTS: dict[str, tuple[Edit, set[str]]] = {
    "no test of the first place": (_untested, {"denotes", "shared", "in bounds"}),
    "no test at the edges": (
        lambda n: replace(n, condition=true) if isinstance(n, Guard) and not n.otherwise else n,
        {"denotes", "shared", "in bounds"},
    ),
    "another cell is read": (_moved("x", False, lambda e: e + 1), {"made", "shared", "in bounds"}),
    "another cell is filled": (_moved("v", True, lambda e: e + 1), {"made", "shared", "in bounds"}),
    "two threads fill a cell": (_moved("x", True, lambda e: e - 4 * index("e")), {"made", "shared"}),
    "another entry": (_moved("X", False, lambda e: e - 1), {"shared", "in bounds"}),
    "another weight": (_moved("V", False, lambda e: e + 1), {"shared", "in bounds"}),
    "a chunk too short": (_looping("k", lambda e: e - 1), {"denotes"}),
    "a chunk too long": (_looping("k", lambda e: e + 1), {"denotes", "made", "shared", "in bounds"}),
    "a tap too few": (_looping("a", lambda e: e - 1), {"denotes"}),
    "a tile too few": (_launching("i0", lambda e: e - 1), {"denotes"}),
    "a thread too few": (_launching("q", lambda e: e - 1), {"denotes"}),
    "a register too few": (_looping("s", lambda e: e - 1), {"denotes", "made"}),
    "another bias": (_moved("u", False, lambda e: e - index("s")), {"denotes"}),
    "stored elsewhere": (_moved("H", True, lambda e: e + 1), {"denotes", "in bounds"}),
    "another sign": (lambda n: replace(n, times=-n.times) if isinstance(n, MultiplyAdd) else n, {"denotes"}),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_refused(name: str) -> None:
    edit, failing = PLANTS[name]
    tiled, form = made("conv2d_channels")
    found = refused(with_edit(replace(tiled, narrow=False), edit), form)
    assert found and found <= failing, found


def _of_weights(node: Any) -> Any:
    """Cells of weights are read wherever the weights are, in a tap too that no term has: nothing fills them there."""
    if not isinstance(node, Guard) or not _reads(node, "v"):
        return node
    kept = (part for part in And.make_args(node.condition) if index("s") in part.free_symbols)
    return replace(node, condition=And(*kept))


def _reads(node: Guard, array: str) -> bool:
    """Whether it guards nothing but a read of such an array."""
    (first, *_) = node.body
    return isinstance(first, Copy) and first.source.array == array


def _filling(condition: Any) -> Edit:
    """Cells are filled under one more condition."""
    return lambda n: replace(n, body=(Guard(condition, n.body),)) if isinstance(n, Launch) and len(n.body) == 1 else n


UNFILLED: dict[str, tuple[str, Edit]] = {
    "weights of a tap without terms": ("odd", _of_weights),
    "no test of what is read": (
        "conv2d_channels",
        lambda n: replace(n, condition=true) if isinstance(n, Guard) and _reads(n, "x") else n,
    ),
    "a place of a chunk too few": ("conv2d_channels", _launching("k", lambda e: e - 1)),
    "a thread's cells too few": ("conv2d_channels", _launching("e", lambda e: e - 1)),
    "a register's cell of the input too few": ("conv2d_channels", _launching("r", lambda e: e - 1)),
    "a register's cell of the weights too few": ("conv2d_channels", _launching("s", lambda e: e - 1)),
    "not in the first chunk": ("conv2d_channels", _filling(index("c0") > 0)),
    "not in the middle": ("grouped2d", _filling(Ne(index("a"), 0))),
    "not the first cell": ("fully_connected", _filling(index("k") > 0)),
}


@pytest.mark.parametrize("name", UNFILLED)
def test_a_cell_that_nothing_filled_is_not_read(name: str) -> None:
    """Whether a term needs it or not: no other obligation speaks of what is read and not used."""
    of, edit = UNFILLED[name]
    tiled, form = made(of)
    assert refused(with_edit(replace(tiled, narrow=False), edit), form) == {"made"}


def _unbarred(number: int) -> Edit:
    """A chunk without one of its barriers."""

    def edit(node: Any) -> Any:
        body = getattr(node, "body", ())
        bars = [at for at, n in enumerate(body) if isinstance(n, Barrier)]
        return replace(node, body=(*body[: bars[number]], *body[bars[number] + 1 :])) if bars else node

    return edit


def _stepping(node: Any) -> Any:
    """The loop of stores, a register at a time."""
    steps = isinstance(node, Loop) and str(node.range.symbol) == "t"
    return replace(node, range=replace(node.range, step=Integer(1))) if steps else node


def _renamed(old: str, new: str) -> Edit:
    """A register array under another name."""
    return lambda n: replace(n, array=new) if isinstance(n, Scratch) and n.array == old else n


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_unbarred(0), "filled before a barrier, and used before another"),
        (_unbarred(1), "filled before a barrier, and used before another"),
        (_looping("c0", lambda e: e - index("p")), "go the same way to a barrier; 'C - p' depends on p"),
        (
            lambda n: replace(n, condition=index("p") > 0) if isinstance(n, Guard) and len(n.otherwise) == 3 else n,
            "on p",
        ),
        (lambda n: Fill(n.target, ()) if isinstance(n, Copy) and n.source.array == "u" else n, "than its form's bias"),
        (_moved("x", True, lambda e: e + index("p")), "doesn't depend on which of them does it"),
        (_stepping, "stores its registers one by one, or so many at once"),
        (_renamed("w", "y"), "reads cells into registers of their own"),
        (_renamed("v", "x"), "doesn't write v so"),
        (
            lambda n: (
                replace(n, source=Access("V", n.source.subscripts))
                if isinstance(n, Copy) and n.source.array == "X"
                else n
            ),
            "reads V where its form reads X",
        ),
        (
            lambda n: replace(n, body=n.body[:2]) if isinstance(n, Launch) and len(n.body) == 3 else n,
            "two shared arrays",
        ),
        (
            lambda n: (
                replace(n, body=(*n.body, n.body[-1])) if isinstance(n, Loop) and str(n.range.symbol) == "k" else n
            ),
            "goes through a chunk",
        ),
    ],
)
def test_a_program_of_another_shape_is_refused(edit: Edit, says: str) -> None:
    tiled, form = made("conv2d_channels")
    with pytest.raises(NoLowering, match=says):
        refused(with_edit(tiled, edit), form)


def test_indices_of_32_bits_are_proved_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    tiled, form = made("conv2d_channels")
    assert "narrow" in {o.name for o in _tiles.tile_obligations(tiled, form)}
    monkeypatch.setattr(obligations, "MOST", 2**31 - 1)
    wide = _tiles.fitted(tiled, form)
    assert not wide.narrow
    assert "narrow" not in {o.name for o in _tiles.tile_obligations(wide, form)}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("conv2d", "a letter that is summed, and that tells weights and entries of X"),
        ("locally_connected2d", "a letter that is summed"),
        ("separable2d", "one array of weights"),
        ("transposed2d", "a product of weights and places that is full"),
        ("conv2d_channels_dV", "weights that are shared by all items"),
    ],
)
def test_a_form_that_has_none_is_refused_with_the_reason(name: str, says: str) -> None:
    form = layer(name).derivation.form
    with pytest.raises(NoLowering, match=says):
        _tiles.tiles(form, batched(form))


def test_a_form_without_terms_or_with_another_start_has_none() -> None:
    form = layer("conv2d_channels").derivation.form
    with pytest.raises(NoLowering, match="it needs a term, and there is none"):
        _tiles.tiles(replace(form, weight=Integer(0)), batched(form))
    tied = replace(form, domain=Mod(form.output.symbols[0] + form.output.symbols[2], 2) < 1)
    with pytest.raises(NoLowering, match="a product of weights and places that is full"):
        _tiles.tiles(tied, batched(form))


def test_tiles_none_of_which_lies_inside_fit_32_bits_too():
    """Columns of windows with rows that mix: a block's condition to lie inside is never, which is no number."""
    form = derive.dense(2).then(derive.equivariant(derive.Translations((0,)))).form
    assert {"direct", "direct_dX"} <= set(in_blocks(form, "threads", slopes(form)))
