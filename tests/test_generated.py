"""The package that is emitted stands alone, loads fast, and chooses the backend by the arrays."""

import importlib
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from derive.cuda_check import standing_in_for_cupy
from tests.ladder.checks import whole_numbers
from tests.ladder.climbing import odd_sizes
from tests.ladder.numbers import as_fractions, same, wanted
from tests.ladder.subjects import LAYERS, has_compiler, subject
from tests.pace import pace

# The promise is 0.05 s of CPU on a machine of its own; shared cores get three times that.
MOST_SECONDS = 0.15
NAME = "derive_tests_emitted"


@pytest.fixture(scope="session")
def root(regenerated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as it is emitted for the whole catalogue."""
    folder = tmp_path_factory.mktemp("emitted")
    shutil.copytree(regenerated / "generated", folder / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def package(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(root))
    yield importlib.import_module(NAME)
    for name in [m for m in sys.modules if m.split(".")[0] == NAME]:
        monkeypatch.delitem(sys.modules, name)


def _python(root: Path, code: str) -> str:
    """What a fresh interpreter prints that sees nothing but the package and NumPy."""
    paths = (str(root), str(Path(np.__file__).parents[1]))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    return done.stdout.strip()


def test_it_exports_the_catalogue(package: ModuleType) -> None:
    assert tuple(package.__all__) == LAYERS
    assert all(repr(getattr(package, name)) == f"<layer {NAME}.{name}>" for name in LAYERS)


def test_importing_it_imports_no_tool_and_no_cupy(root: Path) -> None:
    tools = ("sympy", "z3", "derive", "cupy", "click", "PIL", "rich")
    loaded = _python(root, f"import sys, {NAME}; print([m for m in {tools} if m in sys.modules])")
    assert loaded == "[]"


def test_calling_a_layer_imports_no_tool_either(root: Path) -> None:
    code = (
        f"import sys, numpy as np, {NAME} as g\n"
        "print(g.conv2d(np.ones((2, 2)), np.ones((3, 3)), 0.0).tolist())\n"
        "print([m for m in ('sympy', 'z3', 'derive', 'cupy') if m in sys.modules])"
    )
    assert _python(root, code).splitlines() == ["[[4.0, 4.0], [4.0, 4.0]]", "[]"]


def test_importing_it_is_fast(root: Path) -> None:
    """CPU seconds beyond `import numpy`; the median of several fresh interpreters."""
    code = f"import time, numpy; t = time.process_time(); import {NAME}; print(time.process_time() - t)"
    seconds = [float(_python(root, code)) for _ in range(7)]
    assert statistics.median(seconds[1:]) < MOST_SECONDS * pace()


@pytest.mark.parametrize("name", LAYERS)
def test_numpy_in_numpy_out(package: ModuleType, name: str) -> None:
    of = subject(name)
    sizes = odd_sizes(of)[0]
    arrays = whole_numbers(of, sizes, (np.float32,) * 3, (2,))
    got = getattr(package, name)(*(arrays[letter] for letter in of.kernel.arguments), **of.stated(sizes))
    assert type(got) is np.ndarray
    exact = wanted(of.form, {n: a.astype(object) for n, a in arrays.items()}, sizes)
    whole = np.rint(got * of.unit) / of.unit  # a transform that was chosen rounds whole numbers too
    assert same(as_fractions(whole), exact) or same(as_fractions(got), exact)


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
@pytest.mark.parametrize("name", LAYERS)
def test_cupy_in_cupy_out(package: ModuleType, name: str) -> None:
    of = subject(name)
    sizes = odd_sizes(of)[0]
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    with standing_in_for_cupy() as cupy:
        operands = [cupy.asarray(arrays[letter]) for letter in of.kernel.arguments]
        got = getattr(package, name)(*operands, **of.stated(sizes))
        out = cupy.empty(got.shape, dtype=got.dtype)
        assert getattr(package, name)(*operands, out=out, **of.stated(sizes)) is out
        assert isinstance(got, cupy.ndarray)
        exact = wanted(of.form, {n: a.astype(object) for n, a in arrays.items()}, sizes)
        assert same(as_fractions(got.get()), exact) and same(as_fractions(out.get()), exact)


PLANNED = f"""
import inspect, sys, numpy as np, {NAME} as g
sys.modules["cupy"] = None
for name in g.__all__:
    kernel = getattr(g, name).cupy
    sizes = {{s: 1 if s in ("Delta", "R") else 40 for s in inspect.signature(kernel.shapes).parameters}}
    shapes, named = kernel.shapes(**sizes), list(inspect.signature(kernel.sizes).parameters)[len(kernel.arrays):]
    weights = [np.zeros(shapes[key], np.float32) for key in kernel.arguments[1:]]
    plan = kernel.plan(shapes[kernel.data], *weights, dtype=np.float32, **{{s: sizes[s] for s in named}})
    told = plan.explain()
    assert str(told) and told.chosen == plan.algorithm and all(c.seconds > 0 for c in told.candidates), name
    assert {{c.choice.name for c in told.candidates}} | set(told.unfit) >= {{"direct", "strips", "parts"}}, name
    print(name, plan.algorithm)
"""


def test_every_layer_is_planned_without_cupy(root: Path) -> None:
    chosen = dict(line.split() for line in _python(root, PLANNED).splitlines())
    assert tuple(chosen) == LAYERS
    assert {"direct", "strips", "tiles", "parts", "product", "shifts"} == set(chosen.values())


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
def test_a_mixture_is_refused(package: ModuleType) -> None:
    with (
        standing_in_for_cupy() as cupy,
        pytest.raises(ImportError, match="X is a CuPy array and V a NumPy array"),
    ):
        package.conv2d(cupy.ones((2, 2)), np.ones((1, 1)), 0.0)


@pytest.mark.parametrize(("name", "dtype"), tuple(product(LAYERS, ["complex64", "complex128", "object", "U3"])))
def test_other_than_real_numbers_are_refused(package: ModuleType, name: str, dtype: str) -> None:
    of = subject(name)
    sizes = odd_sizes(of)[0]
    arrays = whole_numbers(of, sizes, (np.float32,) * 3)
    for letter in of.kernel.arguments:
        wrong = {**arrays, letter: arrays[letter].astype(dtype)}
        with pytest.raises(TypeError, match=rf"{name}: {letter} has dtype .*; it needs real numbers"):
            getattr(package, name)(*(wrong[key] for key in of.kernel.arguments), **of.stated(sizes))


def test_every_file_says_where_it_is_from(root: Path) -> None:
    for name, backend in product(LAYERS, ("numpy", "cupy")):
        text = (root / NAME / backend / f"{name}.py").read_text(encoding="utf-8")
        assert text.startswith(f"# Generated by `python -m derive emit {name} --backend {backend}`. Do not edit.\n")


def test_the_runtime_is_copied_byte_for_byte(root: Path) -> None:
    own = Path(__file__).parent.parent / "derive" / "runtime"
    copied = {p.name: p.read_bytes() for p in (root / NAME / "_runtime").glob("*.py")}
    assert copied == {p.name: p.read_bytes() for p in own.glob("*.py")}


@pytest.mark.parametrize("backend", ["numpy", "cupy"])
def test_modules_import_in_order(backend: str, root: Path) -> None:
    for file in (root / NAME / backend).glob("*.py"):
        found = [line.split()[1] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("from .")]
        assert found == sorted(found), file.name
