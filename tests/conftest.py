"""Settings and the browser that tests share, and which layers and cases a slow check runs on by day."""

from __future__ import annotations

import gc
import os
import time
from importlib import import_module
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import settings

from derive.registry import names
from tests.commands import as_process
from tests.docs.browser import Browser, find_browser

# Tests go from one layer to another and back, so a thousand results of each of SymPy's functions, its own number, are too few.
# It reads the variable when it is loaded; that isn't left there, since what is remembered of layers is so under such variables.
if "SYMPY_CACHE_SIZE" not in os.environ:
    os.environ["SYMPY_CACHE_SIZE"] = "20000"
    import_module("sympy")
    del os.environ["SYMPY_CACHE_SIZE"]
# A product of small matrices in several threads has them wait for each other at full speed: tests run one a processor. NumPy's BLAS
# reads the variable when it is loaded; what is about threads asks for them by number.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Formulas are many small objects that last, and Python looks through them often. Both take a twelfth off the time of such tests.
gc.set_threshold(100_000, 50, 100)

settings.register_profile("derive", deadline=None, print_blob=True)
settings.load_profile("derive")

SEED = "4242"
_SHARE = 12
_SELDOM = {"test_coq": 24}  # whole files: test_coq_catalogue is about the theorems of every layer by day
_SLOW = ("proof", "ladder", "cuda", "render")
# Files, and checks of others.
_ALWAYS = {
    "test_every_way",
    "test_exact_scalars",
    "test_pages",
    "test_every_kernel_compiles",
    "test_the_figures_are_those_of_todays_kernels",
}
_LAYERS = frozenset(names("derive.catalogue"))
# Cases that take seconds of a processor and show nothing that the quicker ones of their check don't; those run by day.
_COSTLY = frozenset((Path(__file__).parent / "costly.txt").read_text(encoding="utf-8").splitlines())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Most slow checks of every layer take a twelfth of them by day, another twelfth for each check, and all of them nightly.

    So do the costly cases of a check. Raises UsageError where a check has no others.
    """
    _leave_costly_cases(items, whole=not any("::" in argument for argument in config.args))
    for item in items:
        folder, file = Path(item.path).parent.name, Path(item.path).stem
        values = getattr(item, "callspec", None)
        layers = sorted({v for v in values.params.values() if isinstance(v, str)} & _LAYERS) if values else []
        if not layers or folder not in _SLOW or {file, getattr(item, "originalname", item.name)} & _ALWAYS:
            continue
        check = f"{file}.{getattr(item, 'originalname', item.name)}.{layers[0]}"
        if crc32(check.encode()) % _SELDOM.get(file, _SHARE):
            item.add_marker(pytest.mark.nightly)


def pytest_collection_finish() -> None:
    """Tests that were found last as long as the run does."""
    gc.collect()
    gc.freeze()


def _leave_costly_cases(items: list[pytest.Item], whole: bool) -> None:
    by_day: dict[str, bool] = {}
    for item in items:
        check, costly = item.nodeid.partition("[")[0], item.nodeid in _COSTLY
        if costly:
            item.add_marker(pytest.mark.nightly)
        by_day[check] = by_day.get(check, False) or not costly
    left_out = sorted(check for check, some in by_day.items() if not some)
    if whole and left_out:
        raise pytest.UsageError(
            f"All cases of {left_out[0]} are in tests/costly.txt: name fewer, or mark the check nightly."
        )


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A running Chromium."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is installed; `apt-get install chromium` brings one")
    running = Browser(program, tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def remembered(shared: Path) -> Path:
    """The cache of this run of the tests."""
    return shared / "cache"


@pytest.fixture(scope="session")
def regenerated(shared: Path, remembered: Path) -> Path:
    """A folder with the whole catalogue, made once, from nothing, under a hash seed of its own; not to be changed."""
    folder, done = shared / "whole", shared / "done"
    try:
        (shared / "begun").mkdir()
    except FileExistsError:
        while not done.exists():
            time.sleep(0.2)
    else:
        (shared / "theorems").mkdir()
        variables = {"DERIVE_CACHE_DIR": str(remembered), "PYTHONHASHSEED": SEED, "THEOREMS": str(shared / "theorems")}
        ran = as_process("--to", folder, "--jobs", 2, program=("tests/regenerating.py",), **variables)
        done.write_text(ran.err)
        assert ran.code == 0, ran.err
        assert "remembered" not in ran.out
    assert not done.read_text()
    return folder
