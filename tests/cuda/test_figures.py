"""The page of what kernels take on real architectures is made from figures, and these are those of today's kernels."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from derive.cuda_check import NoCompiler
from derive.cuda_check.disassembly import find_disassembler
from derive.cuda_check.nvrtc import ARCHITECTURES, find_nvrtc, nvrtc_version
from tests.cuda.killing import kernels_in
from tests.ladder.subjects import LAYERS, subject

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = spec_from_file_location("derive_benchmark_cuda", ROOT / "benchmarks" / "cuda.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(benchmark: ModuleType) -> Any:
    return json.loads((benchmark.FOLDER / "cuda.json").read_text(encoding="utf-8"))


def test_the_page_is_made_from_the_kept_figures(benchmark: ModuleType, figures: Any) -> None:
    assert (benchmark.FOLDER / "cuda.md").read_text(encoding="utf-8") == benchmark.page(figures)


def test_every_layer_is_there(figures: Any) -> None:
    assert tuple(figures["layers"]) == LAYERS
    for found in figures["layers"].values():
        for row in found["kernels"].values():
            types = {options.partition(" -D")[0] for options in row["types"]}
            at_once = types == {"__half"} and row["memory"] is None  # copies beside products, where others need none
            assert {"float", "double"} & types or at_once
            for of in row["types"].values():
                assert tuple(of["registers"]) == tuple(of["occupancy"]) == ARCHITECTURES
                assert all(0 < part <= 1 for part in of["occupancy"].values())


@pytest.mark.parametrize("name", LAYERS)
def test_the_figures_are_those_of_todays_kernels(benchmark: ModuleType, figures: Any, name: str) -> None:
    """Else `python benchmarks/cuda.py NAME --write` makes them anew."""
    kept, text = figures["layers"][name], subject(name, "cupy").text
    assert kept["source"] == benchmark.digest(text)
    assert {*kept["kernels"]} == {*kernels_in(text)}


def test_no_kernel_takes_more_than_was_kept(cxx: None, benchmark: ModuleType, figures: Any) -> None:
    """Of a layer with few kernels; those of all layers nightly, and by day their sources are those that were measured."""
    held_against(benchmark, figures, "average_pool2d")


@pytest.mark.nightly
@pytest.mark.parametrize("name", LAYERS)
def test_no_kernel_of_any_layer_takes_more(cxx: None, benchmark: ModuleType, figures: Any, name: str) -> None:
    held_against(benchmark, figures, name)


def held_against(benchmark: ModuleType, figures: Any, name: str) -> None:
    """Registers, instructions of an output and of a multiply-add, sectors and conflicts, where the compiler is the same."""
    try:
        find_nvrtc()
        find_disassembler()
    except NoCompiler as missing:
        pytest.skip(str(missing))
    if figures["nvrtc"] != nvrtc_version():
        pytest.skip(f"the figures are NVRTC {figures['nvrtc']}'s, and this is {nvrtc_version()}")
    kept, found = figures["layers"][name]["kernels"], benchmark.figures_of(name, (benchmark.DISASSEMBLED,))["kernels"]
    assert set(found) == set(kept)
    for kernel, row in found.items():
        assert row["memory"] == kept[kernel]["memory"]
        for real, of in row["types"].items():
            limits = kept[kernel]["types"][real]
            assert of["registers"].items() <= limits["registers"].items()
            assert of["code"] == limits["code"]
