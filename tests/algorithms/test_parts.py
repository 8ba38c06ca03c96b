"""Programs in parts: what they compute, what is proved of them, and which programs have none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Max, Min, S, Symbol

from derive.algorithms import _parts
from derive.algorithms._parts import making, obligations
from derive.checking import CheckFailed, check_emitted, exact_arrays, small_sizes
from derive.errors import NoLowering, ObligationFailed
from derive.forms.denote import denote
from derive.ir.interpreter import interpret
from derive.ir.nodes import Loop, Program
from derive.ir.parts import FOLD, LANES, Parted
from derive.lowering import Gradient, gradients, lower, slopes
from derive.parting import in_parts, parted
from derive.pipeline import Layer, layer
from derive.proof.solver import discharge
from tests.algorithms.test_strips import edited

LENGTHS = (1, 2, 40)


def made(name: str, by: str = "V") -> tuple[Parted, Program, Gradient]:
    form = layer(name).derivation.form
    plain, _ = gradients(form, "threads", slopes(form))[by]
    return _parts.parts(plain), plain, next(s for s in slopes(form) if s.by == by)


def refused(found: Parted, plain: Program) -> set[str]:
    """The obligations that fail."""
    return {o.name for o in _parts.part_obligations(found, plain) if not discharge(o).proved}


def computed(found: Parted, arrays: dict[str, np.ndarray], sizes: dict[Symbol, int], length: int) -> np.ndarray:
    """What both programs make of two items, point by point, from chunks of such a length."""
    known = {**sizes, found.program.batch: 2}
    extents = [int(c.extent.subs(known)) for c in found.chunks]
    counts = {c.count: -(-extent // length) for c, extent in zip(found.chunks, extents, strict=True)}
    every = known | counts | {c.length: length for c in found.chunks}
    parts = interpret(found.program, arrays, every)
    shape = parts.shape[len(counts) + (found.lanes > 1) :]
    rows = parts.reshape(-1, int(np.prod(shape)))
    while len(rows) > 1:
        amount = {"parts": len(rows), "results": rows.shape[1], "sums": -(-len(rows) // FOLD)}
        told = {s: amount[s.name] for s in found.fold.sizes} | {found.fold.batch: 1}
        (rows,) = interpret(found.fold, {"P": rows[None]}, told)
    return rows.reshape(shape)


@pytest.mark.parametrize(
    ("name", "by"), [("conv1d", "V"), ("valid2d", "u"), ("hexagonal2d", "V"), ("separable2d", "Q")]
)
def test_parts_add_up_to_the_form(name: str, by: str) -> None:
    found, plain, slope = made(name, by)
    sizes = [s for s in small_sizes(slope.form) if min(s.values()) > 0][-1]
    items = [exact_arrays(slope.form, sizes, seed) for seed in range(2)]
    stored = {s.name: s for s in plain.arguments}
    arrays = {
        n: np.stack([i[n] for i in items]) if stored[n].batched else a for n, a in items[0].items() if n in stored
    }
    wanted = sum(denote(slope.form, {**items[0], **{n: i[n] for n in i if stored[n].batched}}, sizes) for i in items)
    for length in LENGTHS:
        assert np.array_equal(computed(found, arrays, dict(sizes), length), wanted)


@pytest.mark.parametrize("name", ["conv2d", "deepsets1d", "p4_conv2d", "strided2d", "dense2d", "transposed2d"])
def test_all_gradients_by_weights_and_biases_are_in_parts(name: str) -> None:
    form = layer(name).derivation.form
    found = in_parts(form, "threads", slopes(form))
    assert set(found) == {f"direct_d{s.by}" for s in slopes(form) if s.by != form.input.name}
    assert all(v.proved for _, verdicts in found.values() for v in verdicts)
    assert in_parts(form, "arrays", slopes(form)) == {}


def test_what_is_cut_and_what_neighbouring_threads_differ_in() -> None:
    def cut(name: str, by: str = "V") -> tuple[str, Any]:
        found, _, _ = made(name, by)
        return " ".join(c.letter.name for c in found.chunks), None if found.along is None else found.along.name

    assert cut("conv2d") == ("z i j", "j")
    assert cut("conv2d", "u") == ("z i j", "j")
    assert cut("hexagonal2d") == ("z i j", "j")  # not the loops over the window
    assert cut("conv2d_channels") == ("z i j", None)  # neighbours are channels
    assert cut("deepsets1d") == ("z k_ i", "i")
    assert cut("p4_conv2d") == ("z i j", None)  # nor those over elements of a group
    assert cut("dense2d", "W") == ("z", None)


def test_letters_of_a_layer_are_left_alone() -> None:
    plain = made("conv1d")[1]
    renamed = replace(plain, sizes=(*plain.sizes, Symbol("lane", integer=True)))
    found = _parts.parts(renamed)
    assert found.lane.name == "lane_"


def _span(**changes: Callable[[Any], Any]) -> Callable[[Loop], Loop]:
    return lambda loop: replace(
        loop, range=replace(loop.range, **{k: f(getattr(loop.range, k)) for k, f in changes.items()})
    )


FAULTY_CHUNKS: dict[str, Callable[[Loop], Loop]] = {
    "a place less": _span(stop=lambda e: e - 1),
    "a place more": _span(stop=lambda e: e + 1),
    "from the next place": _span(start=lambda e: e + 1),
    "from the place before": _span(start=lambda e: e - 1),
    "wider steps": _span(step=lambda e: e + 1),
    "another lane": _span(start=lambda e: e + 1 if e.has(Symbol("lane", integer=True)) else e),
    "no lane": _span(start=lambda e: e.subs({s: 0 for s in e.free_symbols if s.name == "lane"})),
    "to the end": _span(stop=lambda e: next(a for a in e.args if a.is_Symbol) if isinstance(e, Min) else e),
    "from the chunk's start": _span(
        start=lambda e: next(a for a in e.args if a.is_Symbol) if isinstance(e, Max) else e
    ),
}


@pytest.mark.parametrize("name", FAULTY_CHUNKS)
def test_chunks_that_are_none_are_refuted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, fault = making.chunk_of, FAULTY_CHUNKS[name]
    obligations._chunk_goals.cache_clear()
    for module in (making, obligations):
        monkeypatch.setattr(module, "chunk_of", lambda *given: fault(own(*given)))
    plain = made("conv2d")[1]
    assert refused(_parts.parts(plain), plain) == {"parts"}
    parted.cache_clear()
    with pytest.raises(ObligationFailed, match="The program in parts fails its obligation 'parts'"):
        parted(plain)
    obligations._chunk_goals.cache_clear()


def test_a_sum_that_leaves_parts_out_is_refuted() -> None:
    found, plain, _ = made("conv1d")

    def edit(node: Any) -> Any:
        return replace(node, range=replace(node.range, stop=node.range.stop - 1)) if isinstance(node, Loop) else node

    less = replace(found, fold=replace(found.fold, body=edited(found.fold.body, edit)))
    assert refused(less, plain) == {"added"}


def _edit_body(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[[Parted], Parted]:
    def edit(found: Parted) -> Parted:
        launch = replace(found.launch, body=change(found.launch.body))
        return replace(found, program=replace(found.program, body=(launch,)))

    return edit


def _result(found: Parted) -> Parted:
    return replace(found, program=replace(found.program, result=replace(found.program.result, shape=(Integer(4),))))


def _threads(found: Parted) -> Parted:
    launch = replace(found.launch, threads=found.launch.threads[1:])
    return replace(found, program=replace(found.program, body=(launch,)))


def _loops(change: Callable[[Loop], Any]) -> Callable[[Parted], Parted]:
    return _edit_body(lambda body: edited(body, lambda n: change(n) if isinstance(n, Loop) else n))


OTHERS: dict[str, Callable[[Parted], Parted]] = {
    "has a part for each chunk, lane and result": _result,
    "has a thread for each chunk, result and lane": _threads,
    "starts where those before it end": _edit_body(lambda b: (replace(b[0], value=b[0].value + 1), *b[1:])),
    "is stored at the place": _edit_body(lambda b: (*b[:-1], replace(b[-1], times=S(2)))),
    "The loop over z is no chunk": _loops(
        lambda n: replace(n, range=replace(n.range, stop=n.range.stop + 1)) if n.range.symbol.name == "z" else n
    ),
    "has other statements": _edit_body(lambda b: (*b[:4], *b[5:])),
}


@pytest.mark.parametrize("says", OTHERS)
def test_programs_of_another_shape_are_refused(says: str) -> None:
    found, plain, _ = made("conv2d")
    with pytest.raises(NoLowering, match=says):
        _parts.part_obligations(OTHERS[says](found), plain)


def test_places_that_nothing_bounds_are_refused() -> None:
    found, plain, _ = made("conv2d")
    short = replace(found, chunks=(replace(found.chunks[0], extent=Integer(3)), *found.chunks[1:]))
    with pytest.raises(NoLowering, match="A loop that is cut runs through places of an argument"):
        _parts.part_obligations(short, plain)
    again = replace(plain, sizes=(*plain.sizes, found.lane))
    with pytest.raises(NoLowering, match="counts its parts by letters of their own"):
        _parts.part_obligations(found, again)


def test_a_layer_whose_parts_are_another_form_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    of = replace(layer("conv1d"))  # one of its own, as it keeps its texts
    shorter = _loops(_span(stop=lambda e: e - 1))
    wrong = {name: shorter(program) if name == "direct_du" else program for name, program in of.parted("cupy").items()}
    monkeypatch.setattr(Layer, "parted", lambda self, backend: wrong if backend == "cupy" else {})
    with pytest.raises(CheckFailed, match="The cupy program in parts of 'conv1d' differs from its form"):
        check_emitted(of)


def test_programs_without_parts() -> None:
    form = layer("conv2d").derivation.form
    with pytest.raises(NoLowering, match="it needs results that add up all items"):
        _parts.parts(lower(form, "threads"))
    plain = made("conv2d")[1]
    (launch,) = plain.body
    begin, start, *_, last = launch.body
    alone = replace(plain, body=(replace(launch, body=(begin, start, last)),))
    with pytest.raises(NoLowering, match="it needs a sum over places of the data"):
        _parts.parts(alone)


def test_the_numbers_are_those_of_the_runtime() -> None:
    from derive.runtime import cuda

    assert (cuda._LANES, cuda._FOLD) == (LANES, FOLD)
