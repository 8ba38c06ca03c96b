"""Programs in blocks: what they compute, what is proved of them, and which forms have none."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import cycle, islice
from typing import Any

import numpy as np
import pytest
from sympy import And, Integer, true

import derive
from derive.algorithms import _strips
from derive.algorithms._designs import unblocked
from derive.algorithms._strips import obligations
from derive.checking import CheckFailed, check_emitted, exact_arrays, interpreted, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.form import Form
from derive.forms.support import Diamond
from derive.ir.blocks import Blocked
from derive.ir.nodes import Access, Copy, Fill, Guard, Launch, Let, Loop, MultiplyAdd, Node, Scratch
from derive.lowering import batched, blocked, in_blocks, lower, slopes
from derive.pipeline import Layer, layer
from derive.proof.solver import discharge

SETTINGS = ((2, 4, 2), (1, 4, 4), (3, 2, 1), (2, 4, 4))


def diamond_3d() -> derive.Derivation:
    """Steps (2, 1, 3) of a window |a| + |b| + |c| ≤ Δ."""
    chain = derive.dense(3).then(derive.reindex()).then(derive.equivariant(derive.Translations()))
    return chain.then(derive.local(Diamond("Delta"))).then(derive.boundary("zero")).then(derive.strided((2, 1, 3)))


@cache
def made(name: str) -> tuple[Blocked, Form]:
    form = (diamond_3d() if name == "diamond_3d" else layer(name).derivation).form
    return _strips.strips(form, batched(form)), form


def refused(blocked: Blocked, form: Form) -> set[str]:
    """The obligations that fail."""
    return {o.name for o in _strips.strip_obligations(blocked, form) if not discharge(o).proved}


def agrees(blocked: Blocked, form: Form, count: int) -> bool:
    """Whether the program computes the form at so many small sizes, in blocks of several shapes."""
    for sizes, setting in zip(islice(small_sizes(form), count), cycle(SETTINGS), strict=False):
        arrays = exact_arrays(form, sizes)
        knobs = dict(zip(blocked.knobs, map(Integer, setting[-len(blocked.knobs) :]), strict=True))
        got = interpreted(blocked.program, arrays, {**sizes, **knobs})
        if not np.array_equal(got, denote(form, arrays, sizes)):
            return False
    return True


@pytest.mark.parametrize(
    "name", ["conv1d", "conv3d", "diamond2d", "dilated2d", "reflect2d", "strided2d", "depthwise2d"]
)
def test_a_program_in_blocks_computes_its_form(name: str) -> None:
    assert agrees(*made(name), count=6)


def test_a_form_that_nobody_thought_of() -> None:
    blocked, form = made("diamond_3d")
    assert refused(blocked, form) == set()
    assert agrees(blocked, form, count=4)


def test_gradients_are_in_blocks_too() -> None:
    form = layer("valid2d").derivation.form
    found = in_blocks(form, "threads", slopes(form))
    assert set(found) == {"direct", "direct_dX"}
    assert all(v.proved for _, verdicts in found.values() for v in verdicts)
    assert in_blocks(form, "arrays", slopes(form)) == {}
    (gradient,) = (s for s in slopes(form) if s.by == "X")
    assert agrees(found["direct_dX"][0], gradient.form, count=6)


def test_blocks_add_up_in_the_order_of_direct_sums() -> None:
    """A gradient reads its window backwards: its rows are met from the last one on."""
    form = next(s for s in slopes(layer("conv2d").derivation.form) if s.by == "X").form
    blocked = _strips.strips(form, frozenset({"G", "dX"}))
    assert [str(e) for s, e in blocked.chart.up] == ["Delta + R + a - p - 1"]


Edit = Callable[[Any], Any]


def edited(part: Any, edit: Edit) -> Any:
    """Every node, inner ones first, replaced by what `edit` makes of it."""
    if isinstance(part, tuple):
        return tuple(edited(p, edit) for p in part)
    if is_dataclass(part) and not isinstance(part, type) and isinstance(part, Node | Blocked):
        inner = {f.name: edited(getattr(part, f.name), edit) for f in fields(part) if f.name in ("body", "otherwise")}
        return edit(replace(part, **inner) if inner else part)
    return part


def with_edit(blocked: Blocked, edit: Edit) -> Blocked:
    found = replace(blocked, program=replace(blocked.program, body=edited(blocked.program.body, edit)))
    assert found != blocked
    return found


def _letting(name: str, value: Callable[[Any], Any]) -> Edit:
    return lambda n: replace(n, value=value(n.value)) if isinstance(n, Let) and n.symbol.name == name else n


def _looping(name: str, unrolled: bool, **bounds: Callable[[Any], Any]) -> Edit:
    def edit(node: Any) -> Any:
        if not isinstance(node, Loop) or node.range.symbol.name != name or node.unrolled != unrolled:
            return node
        changed = {key: change(getattr(node.range, key)) for key, change in bounds.items()}
        return replace(node, range=replace(node.range, **changed))

    return edit


def _untested(node: Any) -> Any:
    """The first condition of a block that is inside, left out."""
    if isinstance(node, Guard) and node.otherwise:
        return replace(node, condition=And(*sorted(And.make_args(node.condition), key=str)[1:]))
    return node


def _unmasked(node: Any) -> Any:
    return replace(node, condition=true) if isinstance(node, Guard) and "a + b" in str(node.condition) else node


def _shifted(array: str, read: bool, axis: int) -> Edit:
    """An access to an array in a copy of several neighbours, one place further along an axis."""

    def moved(access: Access) -> Access:
        places = [e + int(number == axis) for number, e in enumerate(access.subscripts)]
        return replace(access, subscripts=tuple(places)) if access.array == array else access

    def edit(node: Any) -> Any:
        if not isinstance(node, Copy) or not node.over:
            return node
        return replace(node, source=moved(node.source)) if read else replace(node, target=moved(node.target))

    return edit


def _short_launch(node: Any) -> Any:
    if not isinstance(node, Launch):
        return node
    *others, last = node.threads
    return replace(node, threads=(*others, replace(last, stop=last.stop - 1)))


def _negated(node: Any) -> Any:
    return replace(node, times=-node.times) if isinstance(node, MultiplyAdd) else node


PLANTS: dict[str, tuple[str, Edit, set[str]]] = {
    "no test of the first row": ("conv2d", _untested, {"in bounds", "denotes"}),
    "no mask": ("diamond2d", _unmasked, {"denotes"}),
    "another tap": ("conv2d", _letting("a", lambda e: e + 1), {"denotes", "in bounds"}),
    "another row": ("conv2d", _shifted("X", True, 1), {"denotes", "in bounds"}),
    "another place of the row": ("conv2d", _shifted("X", True, 2), {"denotes", "in bounds", "aligned"}),
    "a row too few": ("conv2d", _looping("y", True, stop=lambda e: e - 1), {"denotes"}),
    "a row too many": ("conv2d", _looping("y", True, stop=lambda e: e + 1), {"in bounds"}),
    "rows end unaligned": ("conv2d", _letting("left", lambda e: e - 1), {"aligned", "in bounds"}),
    "a register too few for a row": (
        "conv2d",
        lambda n: replace(n, shape=(n.shape[0] - 1,)) if isinstance(n, Scratch) and n.array == "x" else n,
        {"in bounds", "aligned"},
    ),
    "stored a row on": ("conv2d", _shifted("H", False, 1), {"denotes", "in bounds"}),
    "stored in part": (
        "conv2d",
        _looping("t", True, stop=lambda e: e - 1),
        {"denotes", "made", "in bounds", "aligned"},
    ),
    "an edge without its first row": ("conv2d", _looping("i", False, start=lambda e: e + 1), {"denotes"}),
    "a last block too few": ("conv2d", _short_launch, {"denotes"}),
    "another sign": ("conv2d", _negated, {"denotes"}),
    "a row backwards": ("dilated2d", _letting("a", lambda e: -e), {"denotes", "in bounds"}),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_fault_is_refused(name: str) -> None:
    of, edit, failing = PLANTS[name]
    blocked, form = made(of)
    found = refused(with_edit(blocked, edit), form)
    assert found and found <= failing, found


def _filled_to(stop: Callable[[Any], Any]) -> Edit:
    """The load of a row ends elsewhere."""

    def edit(node: Any) -> Any:
        load = isinstance(node, Loop) and isinstance(node.body[0], Copy) and node.body[0].target.array == "x"
        return replace(node, range=replace(node.range, stop=stop(node.range.stop))) if load else node

    return edit


def _started_to(stop: Callable[[Any], Any]) -> Edit:
    """The start of results ends elsewhere along a row."""

    def edit(node: Any) -> Any:
        begin = isinstance(node, Loop) and isinstance(node.body[0], Copy) and node.body[0].target.array == "acc"
        same = begin and node.body[0].target.subscripts
        return replace(node, range=replace(node.range, stop=stop(node.range.stop))) if same else node

    return edit


UNFILLED: dict[str, tuple[str, Edit, set[str]]] = {
    "a row filled but for its end": ("conv2d", _filled_to(lambda e: e - 1), {"made"}),
    "a dilated row too": ("dilated2d", _filled_to(lambda e: e - 1), {"made"}),
    "results started but for the last": ("conv2d", _started_to(lambda e: e - 1), {"made", "denotes"}),
}


@pytest.mark.parametrize("name", UNFILLED)
def test_a_register_that_nothing_filled_is_not_read(name: str) -> None:
    of, edit, failing = UNFILLED[name]
    blocked, form = made(of)
    assert refused(with_edit(blocked, edit), form) == failing


def _double(node: Any) -> Any:
    return (
        replace(node, body=(*node.body, *node.body))
        if isinstance(node, Loop) and node.range.symbol.name == "y"
        else node
    )


def _unstarted(node: Any) -> Any:
    return Fill(node.target, ()) if isinstance(node, Copy) and node.source.array == "u" else node


def _one_register(node: Any) -> Any:
    return replace(node, shape=(Integer(1),)) if isinstance(node, Scratch) and len(node.shape) == 2 else node


def _rebound(node: Any) -> Any:
    return (
        replace(node, symbol=derive.forms.expr.index("n"))
        if isinstance(node, Let) and node.symbol.name == "a"
        else node
    )


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_double, "reads a row and adds its products"),
        (_unstarted, "starts from something else than its form's bias"),
        (_one_register, "has a register for each of its results"),
        (_rebound, "binds 'n' twice"),
        (lambda n: replace(n, otherwise=()) if isinstance(n, Guard) else n, "two branches"),
        (_looping("t", True, step=lambda e: Integer(1)), "filled one after the other"),
    ],
)
def test_a_program_of_another_shape_is_refused(edit: Edit, says: str) -> None:
    blocked, form = made("conv2d")
    with pytest.raises(NoLowering, match=says):
        refused(with_edit(blocked, edit), form)


def test_indices_of_32_bits_are_proved_or_left(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, form = made("strided2d")
    assert _strips.narrowed(blocked, form).narrow
    monkeypatch.setattr(obligations, "_narrow", obligations._narrow.__wrapped__)
    monkeypatch.setattr(obligations, "MOST", 2**31 - 1)
    wide = _strips.narrowed(blocked, form)
    assert not wide.narrow
    assert "narrow" not in {o.name for o in _strips.strip_obligations(wide, form)}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dense2d", "a window that is told apart from the size of X"),
        ("conv2d_channels", "a window that is told apart from the size of X"),
        ("locally_connected2d", "weights that are the same at each i"),
        ("conv2d_channels_dV", "weights that are shared by all items"),
    ],
)
def test_a_form_that_has_none_is_refused_with_the_reason(name: str, says: str) -> None:
    form = layer(name).derivation.form
    with pytest.raises(NoLowering, match=says):
        _strips.strips(form, batched(form))
    found = in_blocks(form, "threads", ())
    assert not any(isinstance(made, Blocked) for made, _ in found.values())
    assert lower(form, "threads").name == "direct"


def test_blocks_that_no_proof_is_found_for_are_left_out() -> None:
    """What z3 leaves open is no fault of the layer's: it keeps its direct sums."""
    thinned = derive.convolution(kernel=3, rank=1, edges="symmetric", stride=2, dilation=2, channels=False)
    of = thinned.form, lower(thinned.form, "threads"), batched(thinned.form)
    with pytest.raises(NoLowering, match="it needs a letter that is summed"):  # of tiles, which are tried last
        blocked(*of)
    reason = "No proof is found that the program in blocks keeps its obligation 'denotes'"
    assert unblocked(*of)["strips"].startswith(reason)
    assert "direct" not in in_blocks(thinned.form, "threads", ())


def test_a_form_without_terms_has_none() -> None:
    form = layer("conv2d").derivation.form
    with pytest.raises(NoLowering, match="it needs a term, and there is none"):
        _strips.strips(replace(form, weight=Integer(0)), batched(form))


def test_a_layer_whose_blocks_are_another_form_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    of = replace(layer("laplacian2d"))  # one of its own, as it keeps its texts
    wrong = {name: with_edit(program, _negated) for name, program in of.blocked("cupy").items()}
    monkeypatch.setattr(Layer, "blocked", lambda self, backend: wrong if backend == "cupy" else {})
    with pytest.raises(CheckFailed, match="The cupy program in blocks of 'laplacian2d' differs from its form"):
        check_emitted(of)
