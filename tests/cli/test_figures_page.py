"""The page of figures is what the benchmark makes of the figures that it kept."""

import json
from importlib.util import module_from_spec, spec_from_file_location

from tests.cli.test_writing import ROOT


def test_the_page_is_made_from_the_kept_figures():
    spec = spec_from_file_location("derive_benchmark_startup", ROOT / "benchmarks" / "startup.py")
    benchmark = module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    figures = json.loads((benchmark.FOLDER / "startup.json").read_text(encoding="utf-8"))
    assert (benchmark.FOLDER / "startup.md").read_text(encoding="utf-8") == benchmark.page(figures)
    assert set(figures["seconds"]) == set(benchmark.ROWS)
