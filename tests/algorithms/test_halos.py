"""Tiles with a halo: what they compute, what is proved of them, and which forms have none."""

from dataclasses import replace
from functools import cache, reduce
from itertools import islice
from typing import Any

import numpy as np
import pytest
from sympy import And, Integer, S, true

import derive
from derive import checking
from derive.algorithms._halos import halo_obligations, halos, obligations, settled
from derive.checking import CheckFailed, exact_arrays, interpreted, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.form import Form
from derive.haloing import in_halos, no_halos
from derive.ir.halos import Haloed
from derive.ir.nodes import Access, Barrier, Copy, Fill, Guard, Launch, Let, Loop, MultiplyAdd, Scratch
from derive.lowering import batched, slopes
from derive.pipeline import Layer, layer
from derive.proof.solver import discharge
from tests.algorithms.test_strips import Edit, diamond_3d, edited


def separable_3d() -> derive.Derivation:
    """Three factors on a volume: the pass that is kept is along the last axis."""
    chain = derive.dense(3).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    return chain.then(derive.local("Delta")).then(derive.separable("R"))


# Layers that nobody wrote a kernel for.
OWN = {
    "diamond 3-D": diamond_3d,
    "separable 3-D": separable_3d,
    "dilated 1-D": lambda: derive.convolution(rank=1, dilation=3, stride=2, channels=False),
    "reflected 3-D": lambda: derive.convolution(rank=3, edges="reflect", channels=False),
    "periodic 1-D": lambda: derive.convolution(rank=1, edges="periodic", channels=False),
    "inside, strides 2 and 3": lambda: derive.convolution(rank=2, edges="valid", stride=(2, 3), channels=False),
}


@cache
def made(name: str, passes: bool = False) -> tuple[Haloed, Form]:
    form = (OWN[name]() if name in OWN else layer(name).derivation).form
    return settled(halos(form, batched(form), passes), form), form


def refused(haloed: Haloed, form: Form) -> set[str]:
    """The obligations that fail."""
    return {o.name for o in halo_obligations(haloed, form) if not discharge(o).proved}


def agrees(haloed: Haloed, form: Form, count: int) -> bool:
    """Whether the program computes the form at so many small sizes, in blocks of several shapes."""
    for sizes, setting in zip(islice(small_sizes(form), count), ((2, 1, 2, 1), (1, 2, 1, 2)), strict=False):
        arrays = exact_arrays(form, sizes)
        knobs = dict(zip(haloed.knobs, map(Integer, setting), strict=True))
        if not np.array_equal(interpreted(haloed.program, arrays, {**sizes, **knobs}), denote(form, arrays, sizes)):
            return False
    return True


@pytest.mark.parametrize(
    ("name", "passes"), [*((name, False) for name in OWN), ("separable2d", True), ("separable 3-D", True)]
)
def test_a_form_that_nobody_thought_of(name: str, passes: bool) -> None:
    haloed, form = made(name, passes)
    assert haloed.narrow
    assert refused(haloed, form) == set()
    assert agrees(haloed, form, count=2)


def test_gradients_have_halos_too() -> None:
    form = layer("separable2d").derivation.form
    found = in_halos(form, "threads", slopes(form))
    names = {name: [p.program.name for p, _ in own] for name, own in found.items()}
    assert names == {"direct": ["halos", "passes"], "direct_dX": ["halos_dX", "passes_dX"]}
    assert in_halos(form, "arrays", slopes(form)) == {}


def with_edit(haloed: Haloed, edit: Edit) -> Haloed:
    found = replace(haloed, program=replace(haloed.program, body=edited(haloed.program.body, edit)))
    assert found != haloed
    return found


def _untested(node: Any) -> Any:
    """The first condition of a tile that is inside, left out."""
    if isinstance(node, Guard) and len(node.otherwise) > 2:
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


def _moved(array: str, written: bool, change: Any, wide: bool | None = None) -> Edit:
    """Another last subscript of what copies write to, or read from, an array; of wide accesses alone, or of others."""

    def moved(access: Access) -> Access:
        *others, last = access.subscripts
        return Access(access.array, (*others, change(last))) if access.array == array else access

    def edit(node: Any) -> Any:
        if not isinstance(node, Copy) or not node.source.subscripts or (wide is not None and bool(node.over) != wide):
            return node
        return replace(node, target=moved(node.target)) if written else replace(node, source=moved(node.source))

    return edit


def _reading(array: str, axis: int) -> Edit:
    """Products of the cell beside, along one axis."""

    def moved(access: Access) -> Access:
        places = [e + int(number == axis) for number, e in enumerate(access.subscripts)]
        return Access(array, tuple(places)) if access.array == array else access

    return lambda n: replace(n, factors=tuple(map(moved, n.factors))) if isinstance(n, MultiplyAdd) else n


def _open(node: Any) -> Any:
    return replace(node, condition=true) if isinstance(node, Guard) and not node.otherwise else node


def _shorter(array: str, axis: int) -> Edit:
    def edit(node: Any) -> Any:
        if not isinstance(node, Scratch) or node.array != array:
            return node
        return replace(node, shape=tuple(e - int(number == axis) for number, e in enumerate(node.shape)))

    return edit


ALL = {"denotes", "made", "in bounds", "aligned"}
PLANTS: dict[str, tuple[str, Edit, set[str]]] = {
    "no test of a first place": ("halos", _untested, {"denotes", "in bounds"}),
    "no test at the edges": ("halos", _open, {"denotes", "made", "in bounds"}),
    "another cell of a row": ("halos", _reading("x", 1), {"denotes", "made", "in bounds"}),
    "a cell of another row": ("halos", _reading("x", 0), {"denotes", "made", "in bounds"}),
    "another weight": ("halos", _reading("v", 1), {"denotes", "made", "in bounds"}),
    "another entry": ("halos", _moved("X", False, lambda e: e - 1), {"denotes", "in bounds", "aligned"}),
    "a row of cells too few": ("halos", _launching("y", lambda e: e - 1), {"made"}),
    "the last places not filled": ("halos", _launching("t", lambda e: e - 8), {"made"}),
    "a row of shared memory too few": ("halos", _shorter("x", 0), {"in bounds"}),
    "weights not filled": ("halos", _launching("b", lambda e: e - 1), {"made"}),
    "a tap too few": ("halos", _looping("a", lambda e: e - 1), {"denotes"}),
    "a result too few": ("halos", _looping("r", lambda e: e - 1), {"denotes", "made"}),
    "a thread too few": ("halos", _launching("q", lambda e: e - 1), {"denotes"}),
    "a tile too few": ("halos", _launching("i0", lambda e: e - 1), {"denotes"}),
    "another sign": ("halos", lambda n: replace(n, times=-n.times) if isinstance(n, MultiplyAdd) else n, {"denotes"}),
    "stored elsewhere": ("halos", _moved("H", True, lambda e: e + 1), {"denotes", "in bounds"}),
    "unaligned": ("halos", _moved("X", False, lambda e: e + 1, True), {"aligned", "denotes", "in bounds"}),
    "another cell of the first pass": ("passes", _reading("Z", 1), {"denotes", "made", "in bounds"}),
    "another column of the first pass": ("passes", _reading("Z", 2), {"denotes", "made", "in bounds"}),
    "a row of the first pass too few": ("passes", _launching("y", lambda e: e - 1), {"made", "denotes"}),
    "a tap of the first pass too few": ("passes", _looping("b", lambda e: e - 1), {"denotes"}),
    "a rank too few": ("passes", _launching("r", lambda e: e - 1), {"made", "denotes"}),
    "no test of the first pass": ("passes", _open, {"denotes", "made", "in bounds"}),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_refused(name: str) -> None:
    design, edit, failing = PLANTS[name]
    haloed, form = made("conv2d") if design == "halos" else made("separable2d", True)
    found = refused(with_edit(replace(haloed, narrow=False), edit), form)
    assert found and found <= failing, found


def _without(kind: type, number: int) -> Edit:
    """A body without one of its statements of a kind."""

    def edit(node: Any) -> Any:
        if not isinstance(node, Guard) or not node.otherwise:
            return node
        places = [at for at, inner in enumerate(node.body) if isinstance(inner, kind)]
        return replace(node, body=tuple(inner for at, inner in enumerate(node.body) if at != places[number]))

    return edit


def _uneven(node: Any) -> Any:
    """Whether a tile is inside depends on the thread."""
    here = isinstance(node, Guard) and len(node.otherwise) > 2
    return replace(node, condition=And(node.condition, derive.forms.expr.index("q") > 0)) if here else node


def _weights(change: Any) -> Edit:
    return lambda n: change(n) if isinstance(n, Copy) and n.source.array in ("V", "P") else n


@pytest.mark.parametrize(
    ("design", "edit", "says"),
    [
        ("halos", _without(Barrier, 0), "used behind a barrier"),
        ("passes", _without(Barrier, 1), "used behind a barrier"),
        ("passes", _without(Barrier, 0), "one sum over cells that were filled before a barrier"),
        ("halos", _without(Launch, 1), "Each shared array is filled once"),
        (
            "halos",
            _weights(lambda n: replace(n, source=Access("V", (n.source.subscripts[0], derive.forms.expr.index("q"))))),
            "doesn't depend on which of them does it",
        ),
        ("halos", _weights(lambda n: replace(n, times=-n.times)), "A cell is filled by a copy"),
        (
            "halos",
            _weights(lambda n: replace(n, target=Access("v", (S.Zero, n.target.subscripts[1])))),
            "at the letters",
        ),
        (
            "halos",
            lambda n: Fill(n.target, ()) if isinstance(n, Copy) and n.source.array == "u" else n,
            "its form's bias",
        ),
        (
            "halos",
            lambda n: replace(n, otherwise=n.otherwise[:2]) if isinstance(n, Guard) and n.otherwise else n,
            "starts",
        ),
        ("halos", lambda n: replace(n, value=n.value - 1) if isinstance(n, Let) else n, "two ends of a row"),
        ("halos", _uneven, "go the same way"),
    ],
)
def test_a_program_of_another_shape_is_refused(design: str, edit: Edit, says: str) -> None:
    haloed, form = made("conv2d") if design == "halos" else made("separable2d", True)
    with pytest.raises(NoLowering, match=says):
        refused(with_edit(haloed, edit), form)


def _hurried(node: Any) -> Any:
    """Cells are filled again while others still read them."""
    last = isinstance(node, Loop) and bool(node.body) and isinstance(node.body[-1], Barrier)
    return replace(node, body=node.body[:-1]) if last else node


def _waiting(node: Any) -> Any:
    """Threads wait for each other before they store results, though no cell is filled again."""
    edges = isinstance(node, Guard) and node.otherwise
    return replace(node, otherwise=(*node.otherwise[:-1], Barrier(), node.otherwise[-1])) if edges else node


@pytest.mark.parametrize(("name", "edit"), [("depthwise2d", _hurried), ("conv2d", _waiting)])
def test_threads_wait_behind_the_last_read_where_cells_are_filled_again(name: str, edit: Edit) -> None:
    haloed, form = made(name)
    with pytest.raises(NoLowering, match="barrier where they are filled again"):
        refused(with_edit(haloed, edit), form)


def test_rows_of_cells_end_at_whole_accesses() -> None:
    """In the program and in what is told of it alike: what is read, and no more, isn't aligned."""
    haloed, form = made("conv2d")
    low = -derive.forms.expr.index("Delta")
    edit: Edit = lambda n: replace(n, value=low) if isinstance(n, Let) and n.symbol.name == "left" else n  # noqa: E731
    wrong = replace(with_edit(haloed, edit), left=(haloed.left[0], low))
    with pytest.raises(NoLowering, match="begins and ends at a multiple of two accesses"):
        refused(wrong, form)


def test_indices_of_32_bits_are_proved_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    haloed, form = made("strided2d")
    assert haloed.narrow
    monkeypatch.setattr(obligations, "MOST", 2**31 - 1)
    wide = settled(haloed, form)
    assert not wide.narrow
    assert "narrow" not in {o.name for o in halo_obligations(wide, form)}


@pytest.mark.parametrize(
    ("name", "passes", "says"),
    [
        ("dense2d", False, "a window that is told apart from the size of X"),
        ("pointwise2d", False, "it needs"),
        ("conv2d_channels_dV", False, "weights that are shared by all items"),
        ("conv2d", True, r"products of windows along one axis each; 'V\[a, b\]' is of both"),
        ("conv1d", True, "a window along two axes, for a pass along each"),
    ],
)
def test_a_form_that_has_none_is_refused_with_the_reason(name: str, passes: bool, says: str) -> None:
    form = layer(name).derivation.form
    with pytest.raises(NoLowering, match=says):
        halos(form, batched(form), passes)


def test_a_form_without_terms_has_none() -> None:
    form = layer("conv2d").derivation.form
    with pytest.raises(NoLowering, match="it needs a term, and there is none"):
        halos(replace(form, weight=Integer(0)), batched(form))


def test_a_form_whose_results_share_nothing_has_none() -> None:
    form = layer("conv2d").derivation.form.at({derive.forms.expr.index("Delta"): Integer(0)})
    fixed = replace(
        form, reduction=(), read=form.output.symbols, weight=form.weight.subs(dict.fromkeys(form.reduction_symbols, 0))
    )
    with pytest.raises(NoLowering, match="it needs a window, so that results share entries of X"):
        halos(fixed, batched(fixed))


def test_a_layer_whose_tiles_are_another_form_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    of = replace(layer("laplacian2d"))  # one of its own, as it keeps its texts
    negated: Edit = lambda n: replace(n, times=-n.times) if isinstance(n, MultiplyAdd) else n  # noqa: E731
    wrong = {name: tuple(with_edit(p, negated) for p in own) for name, own in of.haloed("cupy").items()}
    monkeypatch.setattr(Layer, "haloed", lambda self, backend: wrong if backend == "cupy" else {})
    sizes = next(small_sizes(of.derivation.form))
    with pytest.raises(CheckFailed, match="The cupy program of tiles with a halo of 'laplacian2d' differs"):
        checking._check_blocks(of, "cupy", exact_arrays(of.derivation.form, sizes), sizes)


def test_a_cell_that_is_a_number_alone_is_no_tile() -> None:
    """Of two layers that continue their input at reflecting edges, one after the other."""

    def reflecting(*rules: Any) -> derive.Derivation:
        near = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
        return reduce(derive.Derivation.then, (derive.local(1), *rules, derive.boundary("reflect")), near)

    form = reflecting().then(derive.compose(reflecting(derive.unbiased()))).form
    assert no_halos(form, "threads")["halos"] == "A cell is one of an array; a number alone is kept by each thread"
