"""No CuPy, CuPy without a driver, and arrays of other libraries."""

from __future__ import annotations

import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from derive.compiled import load_source
from derive.cuda_check import standing_in_for_cupy
from derive.runtime.device import from_other_library, is_foreign, on_device, require_device
from derive.runtime.errors import BackendError
from tests.ladder.subjects import has_compiler, subject

X, V = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((3, 3), np.float32)


class Foreign:
    """An array of a library that exports its memory, of the host or of a device."""

    def __init__(self, memory, device=(1, 0)):
        self.memory, self.device = memory, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        return self.memory.__dlpack__(**options)


def cupy_with(outcome):
    def count():
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    module = ModuleType("cupy")
    module.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count))
    return module


# The words of CuPy 14.2 where there is no driver.
NO_DRIVER = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (RuntimeError(NO_DRIVER), "there is no driver of NVIDIA's, or one too old for this CuPy"),
        (RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected"), "there is no GPU of NVIDIA's"),
        (RuntimeError("cudaErrorUnknown: unknown error"), "cudaErrorUnknown: unknown error"),
        (0, "there is no GPU of NVIDIA's"),
    ],
)
def test_what_is_missing_in_one_sentence(outcome, says):
    with pytest.raises(BackendError, match=f"^blur: CuPy finds no device: {re.escape(says)}\\.$"):
        require_device("blur", cupy_with(outcome))


def test_nothing_is_missing():
    require_device("blur", np)
    require_device("blur", cupy_with(2))
    require_device("blur", ModuleType("cupy"))


def test_an_emitted_module_loads_without_a_driver_and_a_call_says_so(monkeypatch):
    for name in [n for n in sys.modules if n.endswith("runtime.device")]:
        sys.modules[name]._count.cache_clear()  # what other tests counted, of either copy of the runtime
    with standing_in_for_cupy() as cupy:
        kernel = load_source(subject("conv2d", "cupy").text, "cupy").conv2d
        monkeypatch.setattr(
            cupy.cuda.runtime, "getDeviceCount", cupy_with(RuntimeError(NO_DRIVER)).cuda.runtime.getDeviceCount
        )
        sentence = "conv2d: CuPy finds no device: there is no driver of NVIDIA's, or one too old for this CuPy."
        for call in (lambda: kernel(X, V, 0.0), lambda: kernel.vjp(X, V, 0.0, X)):
            with pytest.raises(ImportError) as refused:
                call()
            assert str(refused.value) == sentence


def test_where_arrays_are():
    host, device = Foreign(X), Foreign(X, (2, 0))
    assert (on_device(host), on_device(device), on_device(Foreign(X, (13, 1)))) == (False, True, True)
    assert (is_foreign(host), is_foreign(device), is_foreign(X), is_foreign(2.0)) == (True, False, False, False)
    assert not on_device(X) and not on_device([1.0])
    read = from_other_library(np, host)
    assert np.shares_memory(read, X) and read.dtype == np.float32


def test_the_hosts_arrays_of_other_libraries_go_to_numpy():
    kernel = subject("conv2d").kernel
    assert np.array_equal(kernel(Foreign(X), Foreign(V), 0.0), kernel(X, V, 0.0))


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
def test_arrays_on_a_device_come_without_a_copy():
    of = subject("conv2d")
    with standing_in_for_cupy() as cupy:
        kernel = load_source(subject("conv2d", "cupy").text, "cupy").conv2d
        own = cupy.asarray(X)
        seen = kernel.signature.read("X", Foreign(own, (2, 0)))
        assert isinstance(seen, cupy.ndarray) and cupy.shares_memory(seen, own)
        got = kernel(Foreign(own, (2, 0)), Foreign(cupy.asarray(V), (2, 0)), 1.0)
        assert isinstance(got, cupy.ndarray)
        assert np.array_equal(got.get(), of.kernel(X, V, 1.0))
        every_second = Foreign(cupy.asarray(np.repeat(X, 2, 1))[:, ::2], (2, 0))
        assert np.array_equal(kernel(every_second, V, 1.0).get(), of.kernel(X, V, 1.0))


def test_what_its_library_does_not_export_is_refused():
    class Closed(Foreign):
        def __dlpack__(self, **options):
            raise BufferError("Can't export tensors that require gradient")

    with pytest.raises(
        TypeError, match=r"^conv2d: X can't be read as an array: Can't export tensors that require gradient\.$"
    ):
        subject("conv2d").kernel(Closed(X), V, 0.0)


def test_tensors_of_torch():
    torch = pytest.importorskip("torch", reason="torch comes with the extra `bench`")
    got = subject("conv2d").kernel(torch.from_numpy(X), torch.from_numpy(V), 0.0)
    assert np.array_equal(got, subject("conv2d").kernel(X, V, 0.0))
