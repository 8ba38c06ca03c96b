"""Toeplitz products along one axis and separable windows: proved, exact on whole numbers, and refused where a stage is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from sympy import And, Integer, Symbol, floor

from derive.algorithms._inlined import staged_obligations
from derive.algorithms._window import factored, window
from derive.backends._stages import staged_functions
from derive.derivation import Derivation, dense
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import Read, index
from derive.forms.form import Form
from derive.groups.translations import Translations
from derive.ir.nodes import Access, Copy, Range
from derive.ir.stages import Halo, MatMul, Room, Staged, Store, Tiles, reads_of, statements, weights_of
from derive.lowering import batched, slopes
from derive.pipeline import catalogue
from derive.proof.goal import Status
from derive.proof.solver import discharge_all, settle
from derive.registry import find
from derive.rules.boundary import boundary
from derive.rules.dilated import dilated
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.separable import separable
from derive.rules.strided import strided
from derive.runtime import primitives
from tests.lazily import CATALOGUE, Lazily

ALGORITHMS = ("toeplitz", "separable")


def _line() -> Derivation:
    return dense(rank=1).then(reindex()).then(equivariant(Translations()))


_MORE: dict[str, Callable[[], Derivation]] = {
    "strided1d": lambda: CATALOGUE["conv1d"].then(strided(3)),
    "dilated1d": lambda: _line().then(local("3*Delta")).then(dilated(3)).then(boundary("zero")),
    "strided dilated causal": lambda: CATALOGUE["causal1d"].then(strided(2)),
    "valid1d": lambda: _line().then(local("Delta")).then(boundary("valid")),
    "separable, rank 2": lambda: CATALOGUE["conv2d"].then(separable(2)),
    "separable strided": lambda: CATALOGUE["conv2d"].then(strided(2)).then(separable("R")),
    "separable valid": lambda: CATALOGUE["valid2d"].then(separable("R")),
    "separable dilated": lambda: CATALOGUE["dilated2d"].then(separable("R")),
    "separable in space": lambda: CATALOGUE["conv3d"].then(separable("R")),
}
_OWN = ("conv1d", "causal1d", "separable2d")
_FITS = {name: "separable" if name.startswith("separable") else "toeplitz" for name in (*_OWN, *_MORE)}
_ADJOINTS = ("conv1d", "causal1d", "dilated1d", "separable2d", "separable dilated", "separable in space")


@lru_cache
def _form(name: str) -> Form:
    layer, _, gradient = name.partition(", gradient by ")
    form = (_MORE[layer]() if layer in _MORE else find("derive.catalogue", layer)).form
    return next(s.form for s in slopes(form) if s.by == gradient) if gradient else form


@lru_cache
def _lowered(name: str) -> tuple[Staged, Form]:
    form = _form(name)
    return find("derive.algorithms", _FITS[name.partition(", gradient")[0]])(form, batched(form)), form


def _small(found: tuple[Staged, Form]) -> tuple[Staged, Form]:
    """The program with the first choice of each knob alone."""
    program, form = found
    return replace(program, knobs=tuple(replace(k, choices=k.choices[:1]) for k in program.knobs)), form


def _letter(program: Staged, name: str) -> Symbol:
    every = (*program.sizes, *(let.symbol for let in program.lets), *(k.symbol for k in program.knobs))
    return next(s for s in every if s.name == name)


def _separable() -> tuple[Staged, Form]:
    return _lowered("separable2d")


def _toeplitz() -> tuple[Staged, Form]:
    return _lowered("conv1d")


EACH = pytest.mark.parametrize("name", [*_FITS, *(f"{name}, gradient by X" for name in _ADJOINTS)])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_they_fit_no_other_layer(algorithm: str) -> None:
    for entry in catalogue():
        own = entry.derivation.form
        forms = [own, *(s.form for s in slopes(own) if s.by == own.input.name)]
        for form in forms if _FITS.get(entry.name) != algorithm else ():
            with pytest.raises(NoLowering, match=r"^it needs"):
                find("derive.algorithms", algorithm)(form, batched(form))


@EACH
def test_each_is_proved(name: str) -> None:
    program, form = _lowered(name)
    assert all(v.proved for v in discharge_all(staged_obligations(program, form)))


def _run(program: Staged, arrays: Mapping[str, Any], shape: tuple[int, ...], sizes: Mapping[str, int]) -> Any:
    """What the emitted functions make of arrays of Python's integers, a batch in front."""
    space: dict[str, Any] = {"np": np, **{name: getattr(primitives, name) for name in primitives.__all__}}
    exec("\n".join(staged_functions(program)), space)

    def new(extents: tuple[int, ...]) -> Any:
        room = np.empty(extents, dtype=object)
        room[...] = None  # whatever is read before it was written is no number
        return room

    fixed, room, body = (space[f"_{program.name}{part}"] for part in ("_fixed", "_room", ""))
    made, rooms = fixed(*(arrays[name] for name in weights_of(program)), new, **sizes), room(new, **sizes)
    used = {a.array for n in statements(program.body) for a in (n.target, *reads_of(n))}
    given = [arrays[s.name] for s in program.arguments if s.name in used]
    result = new(shape)
    places = next(n for n in _nodes(program.body) if isinstance(n, Tiles)).extent
    letters = {s: sizes[s.name] for s in places.free_symbols}
    body(*given, result, *made, *rooms, (0, sizes["batch"]), (0, int(evaluate(places, letters))), **sizes)
    return result


def _nodes(body: tuple[Any, ...]) -> Iterator[Any]:
    for node in body:
        yield node
        yield from _nodes(getattr(node, "body", ()))


def _sizes(form: Form, most: int) -> list[dict[Symbol, int]]:
    """Small sizes at which the form exists, in an order that chance gives."""
    every = (dict(zip(form.sizes, values, strict=True)) for values in product(range(8), repeat=len(form.sizes)))
    found = [sizes for sizes in every if form.given.xreplace({s: Integer(v) for s, v in sizes.items()}) == True]  # noqa: E712
    return random.Random(3).sample(found, min(most, len(found)))


def _settings(program: Staged) -> Iterator[dict[str, int]]:
    choices = [k.choices[:2] or (1, 3) for k in program.knobs]
    yield from (dict(zip((str(k.symbol) for k in program.knobs), values, strict=True)) for values in product(*choices))


@EACH
def test_the_text_is_the_form_on_whole_numbers(name: str) -> None:
    program, form = _lowered(name)
    numbers = np.random.default_rng(1)
    for sizes in _sizes(form, 8 if len(form.sizes) < 5 else 2):
        arrays = {}
        for array in (form.input, *(p.array for p in form.params)):
            shape = tuple(int(evaluate(e, sizes)) for e in array.shape)
            shape = (2, *shape) if array.name == form.input.name else shape
            arrays[array.name] = np.array(numbers.integers(-9, 10, shape).tolist(), dtype=object).reshape(shape)
        shape = tuple(int(evaluate(e, sizes)) for e in form.output.shape)
        wanted = [denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]]
        for knobs in _settings(program):
            every = {s.name: v for s, v in sizes.items()} | knobs | {"batch": 2}
            assert (_run(program, arrays, (2, *shape), every) == np.array(wanted)).all(), (sizes, knobs)


def _changed(program: Staged, kind: type, name: str, **fields: Any) -> Staged:
    """The program with fields of one statement replaced: of that kind, into the array of that name."""

    def turn(node: Any) -> Any:
        if hasattr(node, "body"):
            return replace(node, body=tuple(map(turn, node.body)))
        hit = isinstance(node, kind) and node.target.array == name
        return replace(node, **{k: f(getattr(node, k)) for k, f in fields.items()}) if hit else node

    found = replace(program, fixed=tuple(map(turn, program.fixed)), body=tuple(map(turn, program.body)))
    assert found != program
    return found


def _failed(program: Staged, form: Form) -> set[str]:
    return {v.obligation.name for v in discharge_all(staged_obligations(program, form)) if not v.proved}


def _refused(program: Staged, form: Form, says: str) -> bool:
    """Whether an obligation fails, or there is none for the reason that it says."""
    try:
        return bool(_failed(program, form))
    except NoLowering as cause:
        return str(cause).startswith(says)


def _moved(axis: int, by: int) -> Any:
    """An access one subscript of which is off."""
    return lambda a: Access(
        a.array, tuple(e + by if k == axis % len(a.subscripts) else e for k, e in enumerate(a.subscripts))
    )


def _shorter(r: Range) -> Range:
    return replace(r, stop=r.stop - 1)


FAULTS: dict[str, Any] = {
    "an offset of the halo": lambda p: _changed(p, Halo, "E", source=_moved(-1, 1)),
    "a row of the halo": lambda p: _changed(p, Halo, "E", source=_moved(-2, 1)),
    "an offset of the first pass": lambda p: _changed(p, MatMul, "Z", right=_moved(-1, 1)),
    "a margin": lambda p: _changed(p, MatMul, "Z", target=_moved(-1, 1)),
    "a dropped row": lambda p: _changed(p, MatMul, "Z", inner=lambda rs: tuple(map(_shorter, rs))),
    "an offset of the second pass": lambda p: _changed(p, MatMul, "A", left=_moved(-1, 1)),
    "a dropped column": lambda p: _changed(p, MatMul, "A", columns=lambda rs: tuple(map(_shorter, rs))),
    "a dropped tap": lambda p: _changed(p, Copy, "W", over=lambda rs: (*rs[:-1], _shorter(rs[-1]))),
    "a band that is off": lambda p: _changed(p, Copy, "B", target=_moved(-2, 1)),
    "a dropped rank": lambda p: _changed(p, Store, "H", over=lambda rs: (_shorter(rs[0]), *rs[1:])),
    "a swapped factor": lambda p: _changed(p, Copy, "W", source=lambda a: Access("Q", a.subscripts)),
    "a place of the result": lambda p: _changed(p, Store, "H", target=_moved(-1, 1)),
    "a bound of the result": lambda p: _changed(p, Store, "H", condition=lambda c: And(*list(c.args)[:1])),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_separable_program_is_refused(fault: str) -> None:
    program, form = _small(_separable())
    assert _refused(FAULTS[fault](program), form, "The stages read other arrays than their form.")


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        (Halo, "P", {"source": _moved(-1, -1)}),
        (MatMul, "A", {"left": _moved(0, 1)}),
        (MatMul, "A", {"inner": lambda rs: tuple(map(_shorter, rs))}),
        (MatMul, "A", {"rows": lambda rs: tuple(map(_shorter, rs))}),
        (Copy, "B", {"target": _moved(0, 1)}),
        (Copy, "B", {"over": lambda rs: tuple(map(_shorter, rs))}),
        (Store, "H", {"target": _moved(-1, -1)}),
    ],
)
def test_a_fault_in_toeplitz_products_is_refused(kind: type, name: str, fields: Any) -> None:
    program, form = _small(_toeplitz())
    assert _refused(
        _changed(program, kind, name, **fields), form, "A result is made in its place only where A is stored whole"
    )


def test_a_live_tap_in_the_next_row_is_refused() -> None:
    """Rows of Z without a margin on the right: what the last taps read is the margin of the next row, zeros by luck alone."""
    program, form = _small(_separable())
    m, Delta, M, T = (_letter(program, name) for name in ("m", "Delta", "M", "T"))
    tight = tuple(
        replace(let, value=floor((m + Delta + T - 1) / T)) if let.symbol == M else let for let in program.lets
    )
    goals = [g for o in staged_obligations(replace(program, lets=tight), form) if o.name == "denotes" for g in o.goals]
    statuses = [settle(goal) for goal in goals]
    assert statuses.count(Status.REFUTED) == 1


def test_what_goes_on_needs_a_row_after_the_last() -> None:
    program, form = _small(_separable())
    (room,) = [r for r in program.rooms if r.name == "Z"]
    tight = Room(room.name, (room.shape[0], room.shape[1] - 1, room.shape[2]), True)
    assert "in bounds" in _failed(
        replace(program, rooms=tuple(tight if r.name == "Z" else r for r in program.rooms)), form
    )


def test_what_goes_on_starts_as_zeros() -> None:
    program, form = _separable()
    rooms = tuple(replace(r, zeroed=False) for r in program.rooms)
    with pytest.raises(NoLowering, match=r"^What is read past an end of Z was never made, so it starts as zeros\.$"):
        staged_obligations(replace(program, rooms=rooms), form)


def test_a_result_in_its_place_is_stored_whole() -> None:
    program, form = _toeplitz()
    half = _changed(program, Store, "H", over=lambda rs: (rs[0], _shorter(rs[1])))
    with pytest.raises(NoLowering, match=r"^A can't live in H, which has it in other places\.$"):
        staged_obligations(half, form)


def test_a_halo_that_stands_still_outside_is_refused() -> None:
    program, form = _small(_lowered("separable in space"))

    def still(a: Access) -> Access:
        return Access(a.array, (a.subscripts[0], Integer(-1), *a.subscripts[2:]))

    assert "in bounds" in _failed(_changed(program, Halo, "E", source=still), form)


def test_one_array_twice_in_a_term() -> None:
    """P[a]·P[b]: which entry is which factor is not asked, as long as they are the two."""
    form = _separable()[1]
    r, a, b = index("r"), index("a"), index("b")
    twice = replace(form, weight=Read("P", r, a) * Read("P", r, b), weights=form.weights[:1])
    lowered = find("derive.algorithms", "separable")(twice, batched(twice))
    assert not _failed(*_small((lowered, twice)))


REFUSED = Lazily(
    {
        "toeplitz": lambda: (CATALOGUE["conv2d"], "it needs a window along the last axis alone"),
        "separable": lambda: (
            CATALOGUE["conv2d"],
            "it needs a weight with one factor for each axis, whose taps are all live",
        ),
    }
)


@pytest.mark.parametrize("algorithm", REFUSED)
def test_forms_that_do_not_fit(algorithm: str) -> None:
    derivation, says = REFUSED[algorithm]
    with pytest.raises(NoLowering, match=f"^{says}"):
        find("derive.algorithms", algorithm)(derivation.form, batched(derivation.form))


def test_a_separable_window_needs_two_axes() -> None:
    with pytest.raises(NoLowering, match=r"^it needs a window along its last two axes"):
        find("derive.algorithms", "separable")(CATALOGUE["conv1d"].form, batched(CATALOGUE["conv1d"].form))


def test_a_product_is_no_single_weight() -> None:
    form = _separable()[1]
    with pytest.raises(NoLowering, match=r"^it needs one array of weights that is read once in a term"):
        window(form)
    found = factored(form)
    assert [f.array for f in found.factors] == ["P", "Q"]
    assert [str(axis.symbol) for axis in found.ranks] == ["r"]


def test_a_sum_is_no_product() -> None:
    form = _separable()[1]
    with pytest.raises(NoLowering, match=r"^it needs a product of entries of weights"):
        factored(replace(form, weight=form.weight + 1))


def test_the_text_of_toeplitz_products() -> None:
    """A row of results is made where it belongs, and a window's rows are a view of the input."""
    text = "\n".join(staged_functions(_toeplitz()[0]))
    assert "A = held(H[z, low:high], A_)" in text
    assert "phased(strided(P, (0,), (N, K), ((0, T), (0, 1))), B, out=A)" in text
