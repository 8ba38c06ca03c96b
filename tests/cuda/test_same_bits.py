"""Same input, same bits: emitted text adds to no memory atomically, and each design's results are those of any order of threads."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from derive.cuda_check import SCHEDULES, standing_in_for_cupy
from derive.cuda_check.driving import wide
from tests.commands import ROOT
from tests.cuda.killing import blocks_of, kernels_in, runtime_module
from tests.ladder.floats import drawn
from tests.ladder.subjects import LAYERS, Subject, mutant, subject

SHIPPED = sorted((ROOT / "generated" / "cupy").glob("[a-z]*.py"))
CALLED, LIBRARY = {"min", "max", "llabs", "__syncthreads"}, {"cp.matmul"}
WORDS = {"for", "if", "sizeof", "__align__"}
SIDES = (40, 24, 5, 4, 2)
# A layer for each design; of programs in stages, strides among them.
DESIGNS = {
    "strips": "conv2d",
    "halos": "conv2d",
    "passes": "separable2d",
    "tiles": "conv2d_channels",
    "parts": "conv2d_channels_dV",
    "im2col": "conv2d_channels",
    "shifts": "conv2d_channels",
    "winograd": "conv2d_channels",
    "product": "pointwise2d",
}


def called_in(text: str) -> set[str]:
    """What the kernels of an emitted module call, of each other nothing."""
    every = "\n".join(re.sub(r"//[^\n]*", "", code) for code in blocks_of(text).values())
    return set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", every)) - {*kernels_in(every)} - WORDS


def test_emitted_text_calls_nothing_that_adds_to_memory() -> None:
    """Nor do its statements ask the library for anything but products of matrices; assembly and volatile memory have no place."""
    for file in SHIPPED:
        text = file.read_text(encoding="utf-8")
        assert called_in(text) <= CALLED, file.name
        assert set(re.findall(r"\bcp\.\w+", text)) <= LIBRARY, file.name
        assert not re.search(r"\b(?:asm|volatile|__threadfence\w*|__device__)\b", text), file.name


def test_an_atomic_sum_is_seen() -> None:
    text = (ROOT / "generated" / "cupy" / "conv2d.py").read_text(encoding="utf-8")
    assert called_in(text) == CALLED - {"llabs"}
    assert "atomicAdd" in called_in(text.replace("du[0] = acc;", "atomicAdd(&du[0], acc);", 1))


class Names:
    """The watch of the settings: which kernels are launched, none of them at fault."""

    def __init__(self) -> None:
        self.launched_names: set[str] = set()

    def launched(self, launch: Any) -> None:
        self.launched_names.add(launch.kernel)

    def traced(self, launch: Any, trace: Any) -> None: ...

    def found(self, fault: Exception, code: str) -> None:
        raise fault


def results(of: Subject, kernel: Any, dtype: str, schedule: str, watch: Names) -> list[bytes]:
    """What a layer and its gradients give for real numbers, of a batch of two."""
    sizes = {s: (wide(kernel, SIDES) or {})[s.name] for s in of.form.sizes}
    items = [drawn(of, sizes, "uniform", dtype, seed) for seed in range(2)]
    arrays = items[0] | {name: np.stack([item[name] for item in items]) for name in of.batched & {*items[0]}}
    with standing_in_for_cupy(schedule=schedule, seed=5, watch=watch) as cupy:
        given = [cupy.asarray(arrays[name]) for name in kernel.arguments]
        result = kernel(*given, **of.stated(sizes))
        slopes = kernel.vjp(*given, result, **of.stated(sizes, gradient=True)) if kernel.gradients else ()
        return [array.get().tobytes() for array in (result, *slopes)]


def same_bits(of: Subject, kernel: Any, design: str, dtype: str) -> bool:
    """Whether every order of threads gives the same; the design is launched, parts for sums of few terms too."""
    watch = Names()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime_module("cuda"), "_LEAST", 1)
        first, *others = [results(of, kernel, dtype, schedule, watch) for schedule in SCHEDULES]
    assert design == "product" or any(re.search(rf"_{design}(_|$)", name) for name in watch.launched_names)
    return all(other == first for other in others)


@pytest.mark.parametrize("design", DESIGNS)
def test_any_order_of_threads_gives_the_same_bits(cxx: None, design: str) -> None:
    of = subject(DESIGNS[design], "cupy")
    knobs = {"P": 2, "Q": 2} if design == "tiles" else {}  # small ones are quick
    assert same_bits(of, of.kernel.using(design, **knobs), design, "float32")


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_design_of_every_layer_gives_the_same_bits(cxx: None, name: str, dtype: str) -> None:
    of = subject(name, "cupy")
    every = (of.kernel, *of.kernel.gradients.values())
    for design in dict.fromkeys(d.name for known in every for d in known.algorithms):
        assert same_bits(of, of.kernel.using(design), design, dtype), design


def test_every_design_that_is_shipped_is_asked() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in SHIPPED)
    assert set(re.findall(r"\b(?:Design|Algorithm)\(\n\s*\"(\w+)\"", text)) == set(DESIGNS)


def test_a_result_that_depends_on_the_order_is_seen(cxx: None) -> None:
    of = subject("conv2d", "cupy")
    faulty = mutant(of, of.text.replace("acc[p][q] = (real)u[0];", "acc[p][q] = (real)u[0] + clock64() % 7;", 1))
    assert not same_bits(of, faulty.kernel.using("strips"), "strips", "float32")
