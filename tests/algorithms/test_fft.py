"""Fourier transforms of tiles as a program in stages: exact results, proofs, planted faults, refusals."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import pytest
from sympy import Integer, Le, Lt, Poly, Symbol, cyclotomic_poly

from derive import Diamond, convolution
from derive.algorithms import _waves
from derive.algorithms._inlined import staged_obligations
from derive.algorithms._waves import check_roots, without_waves
from derive.algorithms.fft import fft
from derive.backends._stages import staged_functions
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.form import Form
from derive.ir.nodes import Access, Copy
from derive.ir.spectra import Product, Transform
from derive.ir.stages import Halo, Knob, Staged, Store, Tiles
from derive.lowering import batched, staged
from derive.pipeline import layer
from derive.proof.solver import discharge_all
from derive.runtime import primitives, transforms
from tests.algorithms import residue_transforms

Sizes = Mapping[Symbol, int]
LAYERS = (
    "conv1d",
    "causal1d",
    "conv2d",
    "valid2d",
    "dilated2d",
    "strided2d",
    "diamond2d",
    "convolution2d",
    "conv3d",
    "depthwise2d",
)
WINDOWS: Mapping[str, Mapping[str, Any]] = {
    "1-D, stride 3": {"kernel": 5, "rank": 1, "stride": 3},
    "1-D, dilation 3, stride 2": {"kernel": 3, "rank": 1, "stride": 2, "dilation": 3},
    "2-D, 3×5": {"kernel": (3, 5)},
    "2-D, 1×3": {"kernel": (1, 3)},
    "2-D, dilation (1, 3), stride (2, 1)": {"kernel": 3, "stride": (2, 1), "dilation": (1, 3)},
    "2-D, no bias": {"kernel": 2, "bias": False},
    "3-D, diamond, stride (2, 1, 3)": {"kernel": Diamond(1), "rank": 3, "stride": (2, 1, 3)},
}
NAMES = (*LAYERS, *WINDOWS)


@lru_cache
def forms() -> Mapping[str, Form]:
    found = {name: layer(name).derivation.form for name in LAYERS}
    return found | {name: convolution(channels=False, **options).form for name, options in WINDOWS.items()}


@lru_cache
def program(name: str) -> Staged:
    return fft(forms()[name], batched(forms()[name]))


def functions(name: str, transforming: Any = transforms) -> dict[str, Any]:
    """The emitted functions of one program, with the transforms of a module."""
    names: dict[str, Any] = {"np": np}
    for module in (primitives, transforming):
        names |= {key: getattr(module, key) for key in module.__all__}
    exec("\n".join(staged_functions(program(name))), names)
    return names


def sizes_of(form: Form, draw: random.Random) -> dict[Symbol, int]:
    """A few places along each axis, a window of a few taps that may be larger than the image."""
    grid = {s for k in form.grid(form.input) for s in form.input.axes[k].extent.free_symbols}
    while True:
        sizes = {s: draw.randint(1, 7) if s in grid else draw.randint(0, 2) for s in form.sizes}
        if bool(evaluate(form.given, sizes)):
            return sizes


def drawn(shape: Sequence[int], draw: random.Random) -> np.ndarray:
    made = np.empty(prod(shape), object)
    made[:] = [draw.randint(-9, 9) for _ in range(prod(shape))]
    return made.reshape(shape)


def arrays_of(form: Form, sizes: Sizes, items: int, draw: random.Random) -> dict[str, np.ndarray]:
    found = {}
    for array in (form.input, *(p.array for p in form.params)):
        lead = (items,) if array.name == form.input.name else ()
        found[array.name] = drawn((*lead, *(int(evaluate(e, sizes)) for e in array.shape)), draw)
    return found


def run(
    name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes, knobs: Mapping[str, int], transforming: Any = transforms
) -> np.ndarray:
    """The emitted functions on arrays of one type, places in two spans; what they don't write stays a marker."""
    made, form, names = program(name), forms()[name], functions(name, transforming)
    some, items = arrays[form.input.name], len(arrays[form.input.name])
    every = {**{s.name: v for s, v in sizes.items()}, **knobs}

    def new(extents: Sequence[int]) -> np.ndarray:
        return np.full(extents, Fraction(1, 7) if some.dtype == object else np.nan, some.dtype)

    weights = [a.name for a in made.arguments if a.name in {p.name for p in form.weights}]
    fixed = names["_fft_fixed"](*(arrays[key] for key in weights), new, **every)
    taken = [arrays[a.name] for a in made.arguments if a.name not in weights]
    result = new((items, *(int(evaluate(e, sizes)) for e in form.output.shape)))
    rooms, places = names["_fft_room"](new, **every), int(evaluate(tiles(made)[1].extent, sizes))
    for span in ((0, places // 2), (places // 2, places)):
        names["_fft"](*taken, result, *fixed, *rooms, (0, items), span, **every)
    return result


def tiles(made: Staged) -> list[Tiles]:
    """The tiles of items and those of places, from the outermost in."""
    return [n for n in _nodes(made.body) if isinstance(n, Tiles)]


def _nodes(body: tuple[Any, ...]) -> Iterator[Any]:
    for node in body:
        yield node
        yield from _nodes(getattr(node, "body", ()))


def knobs_of(name: str, sizes: Sizes, draw: random.Random, powers: bool = False) -> dict[str, int]:
    """Some lengths that the window fits in, and how many tiles and items at once."""
    lengths = [n.wave.stop.name for n in _nodes(program(name).body) if isinstance(n, Transform) and n.sign > 0]
    fits = program(name).fits.xreplace(dict(sizes))
    while True:
        found = {n: draw.choice((8, 16)) if powers else draw.randint(9, 17) for n in lengths}
        found["I"] = draw.randint(1, 3)
        if len(lengths) == 1:
            found |= {"Si": draw.randint(1, 3), "G": draw.randint(1, 3)}
        if bool(fits.xreplace({s: found[s.name] for s in fits.free_symbols})):
            return found


def exact(name: str, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    form = forms()[name]
    return np.array([denote(form, {**arrays, form.input.name: item}, sizes) for item in arrays[form.input.name]])


@pytest.mark.parametrize("name", NAMES)
def test_the_emitted_functions_are_exact(name: str) -> None:
    """On whole numbers and Fractions with formal spectra, for any lengths, images smaller than a tile and larger ones."""
    draw = random.Random(0)
    for count in range(4 if name in ("conv3d", "3-D, diamond, stride (2, 1, 3)") else 12):
        sizes = sizes_of(forms()[name], draw)
        arrays = arrays_of(forms()[name], sizes, draw.randint(1, 4), draw)
        arrays = {n: np.asarray(a * Fraction(1, 1 + count % 3), object) for n, a in arrays.items()}
        assert (run(name, arrays, sizes, knobs_of(name, sizes, draw)) == exact(name, arrays, sizes)).all()


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "dilated2d", "strided2d", "1-D, stride 3"])
def test_the_emitted_functions_are_exact_on_residues(name: str) -> None:
    """Modulo a prime of 61 bits np.fft's place is taken by transforms with true roots of unity, and half a spectrum is half."""
    draw = random.Random(1)
    for _ in range(3):
        sizes = sizes_of(forms()[name], draw)
        arrays = arrays_of(forms()[name], sizes, 2, draw)
        got = run(name, arrays, sizes, knobs_of(name, sizes, draw, powers=True), residue_transforms)
        assert ((got - exact(name, arrays, sizes)) % residue_transforms.PRIME == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_proved_for_all_sizes(name: str) -> None:
    assert all(v.proved for v in discharge_all(staged_obligations(program(name), forms()[name])))
    assert not program(name).strict
    assert "fft" in {made.name for made, _ in staged(forms()[name])}


def edited(made: Staged, change: Any) -> Staged:
    """The program with statements replaced."""

    def fix(node: Any) -> Any:
        node = change(node)
        return replace(node, body=tuple(map(fix, node.body))) if hasattr(node, "body") else node

    return replace(made, fixed=tuple(map(fix, made.fixed)), body=tuple(map(fix, made.body)))


def shifted(access: Access, axis: int, by: int = 1) -> Access:
    subscripts = list(access.subscripts)
    subscripts[axis] += by
    return replace(access, subscripts=tuple(subscripts))


def plant(kind: str, node: Any) -> Any:
    """A statement as it is with a fault of a kind."""
    match kind, node:
        case "halo", Halo():
            return replace(node, source=shifted(node.source, 1))
        case "a tile too large by one", Tiles() if node.low.name == "i0":
            return replace(node, step=node.step + 1)
        case "the last place of the next axis wraps round", Tiles() if node.low.name == "j0":
            return replace(node, step=node.step + 1)
        case "the sign of the weights' transform", Transform() if not node.scaled:
            return replace(node, sign=1)
        case "the sign of the way back", Transform() if node.sign < 0 and node.scaled:
            return replace(node, sign=1)
        case "a factor √N", Transform() if node.source.array == "R":
            return replace(node, scaled=False)
        case "a wave of the weights", Product():
            return replace(node, right=replace(node.right, subscripts=node.right.subscripts[::-1]))
        case "the next wave", Product():
            return replace(node, right=shifted(node.right, 0))
        case "the last wave", Transform() if node.target.array == "Bi":
            return replace(node, along=replace(node.along, stop=node.along.stop - 1))
        case "a tap", Copy():
            return replace(node, over=(replace(node.over[0], stop=node.over[0].stop - 1), *node.over[1:]))
        case "a tap's place", Copy():
            return replace(node, target=shifted(node.target, 0))
        case "the end", Store():
            return replace(node, over=(*node.over[:-1], replace(node.over[-1], stop=node.over[-1].stop + 1)))
        case "the place", Store():
            return replace(node, source=shifted(node.source, 1))
        case "the item", Store():
            return replace(node, target=shifted(node.target, 0))
        case "the bias", Store():
            return replace(node, bias=None)
        case "half of something else", Transform() if node.target.array == "Yj":
            return replace(
                node,
                target=replace(node.target, subscripts=(*node.target.subscripts[:1], *node.target.subscripts[:0:-1])),
            )
    return node


PLANTS = (
    *("halo", "a tile too large by one", "the last place of the next axis wraps round"),
    *("the sign of the weights' transform", "the sign of the way back", "a factor √N", "a wave of the weights"),
    *("the next wave", "the last wave", "a tap", "a tap's place", "the end", "the place", "the item", "the bias"),
    "half of something else",
)


def proved(made: Staged, form: Form) -> bool:
    try:
        return all(v.proved for v in discharge_all(staged_obligations(made, form)))
    except NoLowering:
        return False


@pytest.mark.parametrize("kind", PLANTS)
def test_a_changed_statement_is_refused(kind: str) -> None:
    made, form = program("conv2d"), forms()["conv2d"]
    wrong = edited(made, lambda node: plant(kind, node))
    assert wrong != made
    assert not proved(wrong, form)


def test_several_tiles_at_once_that_overlap_too_little_are_refused() -> None:
    made, form = program("conv1d"), forms()["conv1d"]
    letter = next(k.symbol for k in made.knobs if k.symbol.name == "Si")
    wrong = replace(made, fits=made.fits.xreplace({letter: letter - 1}))
    assert wrong.fits != made.fits and proved(made, form) and not proved(wrong, form)


def test_a_window_larger_than_a_tile_is_outside_what_is_proved() -> None:
    made, form = program("conv2d"), forms()["conv2d"]
    assert not proved(replace(made, fits=True), form)


def test_a_spectrum_is_made_of_real_arrays() -> None:
    made, form = program("conv2d"), forms()["conv2d"]
    rooms = tuple(replace(room, spectrum=room.spectrum or room.name == "R") for room in made.rooms)
    with pytest.raises(
        NoLowering, match="R is made of halves of spectra, or is one, and these are not those of real arrays"
    ):
        staged_obligations(replace(made, rooms=rooms), form)


@pytest.mark.parametrize("order", range(1, 33))
def test_sums_of_roots_of_unity(order: int) -> None:
    """The identity itself modulo the cyclotomic polynomial, by SymPy, for every e."""
    z = Symbol("z")
    for e in range(order):
        total = Poly(sum(z ** (f * e % order) for f in range(order)), z).rem(Poly(cyclotomic_poly(order, z), z))
        assert total == Poly(0 if e else order, z)
    assert _waves._sums_to_zero(order)


def test_a_root_of_another_order_is_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    _waves._sums_to_zero.cache_clear()
    monkeypatch.setattr(_waves, "cyclotomic_poly", lambda n, z: cyclotomic_poly(n + 2, z))
    with pytest.raises(NoLowering, match=r"The powers of a root of unity of order \d+ don't sum to 0\."):
        check_roots(program("conv2d"))
    _waves._sums_to_zero.cache_clear()


def test_transforms_of_places_that_nobody_listed_are_refused() -> None:
    made, form = program("conv2d"), forms()["conv2d"]
    knobs = tuple(Knob(k.symbol, (), free=True) for k in made.knobs)
    with pytest.raises(NoLowering, match="A transform runs through a number of places among given ones, not N"):
        staged_obligations(replace(made, knobs=knobs), form)


f, g, e, N = (index(s) for s in "fgeN")


RANGE = (Le(0, f), Lt(f, N))


def root(power: Any, halves: int = 1) -> Access:
    return Access("ω", (N, power, Integer(halves)))


@pytest.mark.parametrize(
    ("letters", "facts", "entries", "says"),
    [
        ((f,), (f >= 0, f < N - 1), (root(f * e), root(-f * g)), "is to run through 0 ≤ f < N alone"),
        ((f,), RANGE, (root(f * e), root(f**2)), "that have f are no sum over one root"),
        ((f,), RANGE, (root(f * e), root(-f * g, 0)), "along f are not scaled by 1/N together"),
        ((), (), (root(f * e),), r"A transform isn't undone: the root to the power e\*f is left"),
    ],
)
def test_powers_that_are_no_sum_over_one_root_are_refused(letters: Any, facts: Any, entries: Any, says: str) -> None:
    with pytest.raises(NoLowering, match=says):
        without_waves(letters, facts, entries)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "it needs channels that don't mix"),
        ({"channels": False, "rank": 4}, "it needs a window along one axis, two or three"),
    ],
)
def test_what_is_refused_says_why(options: Mapping[str, Any], says: str) -> None:
    form = convolution(**options).form
    with pytest.raises(NoLowering, match=says):
        fft(form, batched(form))
