"""The arrays that come in choose the backend, and nothing is imported before it is needed."""

import re
import subprocess
import sys
import textwrap
from itertools import count
from types import ModuleType

import numpy as np
import pytest

from derive.runtime import BackendError, Dispatcher, DTypeError, GradientError, OutputError

MODULE = """
from derive.runtime.device import array_module
from tests.runtime import standins
from dataclasses import replace

double = replace(standins.{kernel}, name="double", xp=array_module("{backend}"), doc="Computed by {backend}.")
"""
SERIAL = count()


class ndarray(np.ndarray):
    """What a CuPy array looks like from outside: a type `ndarray` of a module `cupy`."""


ndarray.__module__ = "cupy._core.core"


def fake_cupy():
    module = ModuleType("cupy")
    module.ndarray = ndarray
    module.asarray = lambda value, dtype=None, order=None: np.asarray(value, dtype, order=order).view(ndarray)
    module.empty = lambda shape, dtype: np.empty(shape, dtype).view(ndarray)
    return module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package as the emitter lays it out, with one layer `double`."""
    name = f"emitted{next(SERIAL)}"
    for backend in ("numpy", "cupy"):
        folder = tmp_path / name / backend
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "double.py").write_text(MODULE.format(backend=backend, kernel="smooth"))
    (tmp_path / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def layer(package):
    return Dispatcher(package, "double")


@pytest.fixture
def cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", module := fake_cupy())
    return module


@pytest.fixture
def no_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)


X, V, W = [1.0, 2.0, 3.0], [2.0], [0.0, 1.0, 1.0]
H = [6.0, 10.0, 6.0]


def test_numpy_in_numpy_out(layer, no_cupy):
    result = layer(np.array(X), V, W)
    assert type(result) is np.ndarray and result.tolist() == H
    assert layer(X, V, W).tolist() == H
    assert layer(X, W=W, V=V).tolist() == H


@pytest.mark.parametrize("position", range(3))
def test_cupy_in_cupy_out(layer, cupy, position):
    arguments = [X, V, W]
    arguments[position] = cupy.asarray(arguments[position])
    result = layer(*arguments)
    assert type(result) is ndarray and result.tolist() == H


def test_cupy_by_keyword_or_as_out(layer, cupy):
    assert type(layer(X, V=V, W=cupy.asarray(W))) is ndarray
    out = cupy.empty(3, np.float64)
    assert layer(X, V, W, out=out) is out and out.tolist() == H


def test_the_kernels_are_attributes(layer, cupy):
    assert (layer.numpy.xp, layer.cupy.xp) == (np, cupy)
    assert layer.numpy is layer.numpy
    assert type(layer.cupy(np.array(X), V, W)) is ndarray
    assert layer.kernel_for((X, cupy.asarray(V)), {}) is layer.cupy


def test_cupy_lacks_long_doubles(layer, cupy):
    with pytest.raises(DTypeError, match=r"^double: X has dtype \w+, which cupy lacks; pass float64\.$"):
        layer.cupy(np.array(X, "g"), V, W)


def test_cupy_writes_cupy_arrays(layer, cupy):
    with pytest.raises(OutputError, match=r"^double: out is a numpy\.ndarray; it needs a cupy\.ndarray\.$"):
        layer.cupy(X, V, W, out=np.empty(3))


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda layer, d, h: layer(d(X), h(V), W), ("X", "V")),
        (lambda layer, d, h: layer(h(X), V, W=d(W)), ("W", "X")),
        (lambda layer, d, h: layer(h(X), V, W, out=d(X)), ("out", "X")),
        (lambda layer, d, h: layer(d(X), V, W, h(X)), ("X", "argument 4")),
    ],
)
def test_a_mixture_is_refused(layer, cupy, call, names):
    sentence = (
        f"double: {names[0]} is a CuPy array and {names[1]} a NumPy array; "
        "bring them together with cupy.asarray or cupy.asnumpy."
    )
    with pytest.raises(BackendError, match=f"^{re.escape(sentence)}$"):
        call(layer, cupy.asarray, np.array)


def test_vjp_goes_where_the_arrays_are(tmp_path, package, layer, cupy):
    for backend in ("numpy", "cupy"):
        text = MODULE.format(backend=backend, kernel="stencil")
        (tmp_path / package / backend / "triple.py").write_text(text.replace("double", "triple"))
    triple = Dispatcher(package, "triple")
    on_host, on_device = (
        triple.vjp([1.0, 2.0], [3.0], [1.0, 0.0]),
        triple.vjp([1.0, 2.0], [3.0], cupy.asarray([1.0, 0.0])),
    )
    assert [type(a) for a in (*on_host, *on_device)] == [np.ndarray] * 2 + [ndarray] * 2
    assert [a.tolist() for a in on_host] == [a.tolist() for a in on_device] == [[-3.0, 9.0], [5.0]]
    assert triple.vjp([1.0, 2.0], V=[3.0], G=[1.0, 0.0])[1].tolist() == [5.0]
    sentence = "triple: X is a CuPy array and G a NumPy array; bring them together with cupy.asarray or cupy.asnumpy."
    with pytest.raises(BackendError, match=f"^{re.escape(sentence)}$"):
        triple.vjp(cupy.asarray([1.0]), [1.0], np.array([1.0]))
    with pytest.raises(GradientError, match=r"^double\.vjp: there is no kernel for the gradient by X\.$"):
        layer.vjp(X, V, W, H)


@pytest.mark.parametrize("number", [2.0, np.float64(2), np.array(2.0)])
def test_numbers_go_with_cupy(layer, cupy, number):
    assert layer.kernel_for((cupy.asarray(X), number), {}) is layer.cupy


def test_without_cupy_there_is_one_sentence(layer, no_cupy):
    cupy_array = np.ones(3).view(ndarray)
    sentence = "double: CuPy is not installed; the wheel for CUDA 13 is cupy-cuda13x."
    for call in (lambda: layer.cupy(X, V, W), lambda: layer(cupy_array, V, W)):
        with pytest.raises(BackendError, match=f"^{re.escape(sentence)}$"):
            call()
    assert repr(layer.cupy) == "<cupy kernel double(X[..., n], V[1], W[3]) -> H[..., n]>"


def test_a_plan_is_of_where_the_weights_are(layer, cupy):
    assert layer.plan((3,), [2.0], W, dtype=float).kernel is layer.numpy
    assert layer.plan((3,), [2.0], W=cupy.asarray(W), dtype=float).kernel is layer.cupy


def test_a_missing_kernel_is_named(package, no_cupy):
    sentence = f"triple has no NumPy kernel: there is no module {package}.numpy.triple."
    with pytest.raises(BackendError, match=f"^{re.escape(sentence)}$"):
        Dispatcher(package, "triple")(X, V, W)


def test_a_cupy_that_cannot_start_says_why(layer, tmp_path, monkeypatch):
    (tmp_path / "cupy.py").write_text('raise ImportError("== CuPy ==") from OSError("libcuda.so.1: not found")')
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    sentence = "double: CuPy can't be imported: libcuda.so.1: not found."
    with pytest.raises(BackendError, match=f"^{re.escape(sentence)}$"):
        layer.cupy(X, V, W)


def test_a_kernel_that_is_broken_raises_what_it_raises(package, tmp_path):
    (tmp_path / package / "cupy" / "double.py").write_text("import nowhere")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        _ = Dispatcher(package, "double").cupy


def test_a_layer_describes_itself(layer, package):
    assert repr(layer) == f"<layer {package}.double>"
    assert layer.__doc__ == "Computed by numpy."
    assert Dispatcher.__doc__.startswith("A layer on whichever backend")


def test_importing_the_runtime_is_light(tmp_path):
    """A copy of the folder, as the emitter makes it, imports alone, without CuPy, SymPy or derive."""
    program = """
        import shutil, sys, numpy
        from pathlib import Path
        shutil.copytree(sys.argv[1], "emitted/_runtime")
        Path("emitted/__init__.py").write_text("from ._runtime import Dispatcher; f = Dispatcher('', 'f')")
        sys.path.insert(0, "")
        before = set(sys.modules)
        import emitted
        roots = {name.split(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
        print(sorted(roots))
    """
    from derive import runtime

    folder = next(iter(runtime.__path__))
    command = [sys.executable, "-c", textwrap.dedent(program), folder]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['emitted']"


class Tensor:
    """An array of another library, on a device or not."""

    ndim = 1

    def __init__(self, host, device):
        self.host, self.device = host, device

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, **options):
        return np.asarray(self.host).__dlpack__(**options)


def test_arrays_of_other_libraries_choose_by_their_memory(layer, cupy):
    cupy.from_dlpack = lambda value: cupy.asarray(value.host)
    assert layer.kernel_for((Tensor(X, 2), V), {}) is layer.cupy
    assert layer.kernel_for((Tensor(X, 1), V), {}) is layer.numpy
    assert type(layer(Tensor(X, 2), V, W)) is ndarray and layer(Tensor(X, 2), V, W).tolist() == H
    assert type(layer(Tensor(X, 1), V, W)) is np.ndarray


def test_a_mixture_with_another_library_is_refused(layer, cupy):
    end = "; bring them together with cupy.asarray or cupy.asnumpy."
    for given, told in (
        ((cupy.asarray(X), Tensor(V, 1), W), f"X is a CuPy array and V a {__name__}.Tensor on the CPU"),
        ((Tensor(X, 2), np.array(V), W), f"X is a {__name__}.Tensor on a GPU and V a NumPy array"),
    ):
        with pytest.raises(BackendError) as refused:
            layer(*given)
        assert str(refused.value) == f"double: {told}{end}"
