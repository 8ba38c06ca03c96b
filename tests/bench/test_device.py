"""The benchmark on a device, on a CPU that stands in: what it compares, what it refuses, and how it takes the time."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from derive.__main__ import main
from derive.bench import device, device_checks
from derive.bench.device_rows import ROWS, DeviceRow
from derive.bench.device_timing import Clock, rotating
from derive.bench.problem import Problem
from derive.bench.reference import Reference
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.errors import DeriveError, UnknownName


@pytest.fixture
def cupy():
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))
    with standing_in_for_cupy() as module:
        yield module


def test_kernels_are_compared_with_numpys(cupy):
    assert device.checked(cupy, ("conv1d", "average_pool2d")) == ("conv1d", "average_pool2d")
    assert "conv2d_channels" in device_checks.layers()


def test_a_wrong_kernel_ends_it(cupy, monkeypatch):
    from generated.cupy import conv1d as module

    def wrong(*arrays):
        module._direct(*arrays)
        arrays[-2][...] += 1

    monkeypatch.setattr(module, "conv1d", replace(module.conv1d, body=wrong))
    says = "Nothing is timed, since kernels are wrong on this device: conv1d: the result differs from NumPy's at n = 3"
    with pytest.raises(DeriveError, match=says):
        device.checked(cupy, ("conv1d",))


class _Counted:
    """A clock that calls everybody once, and says that it took a millisecond."""

    def seconds(self, calls):
        for call in calls:
            call()
        return 1e-3


def test_a_row_has_everybodys_figures(cupy, monkeypatch):
    monkeypatch.setattr(device, "_limits", lambda cupy, clock: {"copy": 1e9, "gemm": 1e9})
    monkeypatch.setattr(device, "layers", lambda: ("conv1d",))
    monkeypatch.setitem(sys.modules, "torch", None)
    rows = [
        DeviceRow("line", Problem("conv1d", (40,), (3,)), "copy", 0.8, "cupyx.scipy.ndimage", 3.0),
        DeviceRow("mixed", Problem("pointwise2d", (3, 4), (1, 1), channels=(2, 3), batch=2), "gemm", 0.5),
        DeviceRow("slope", Problem("conv2d", (9, 8), (3, 3)), "copy", by="V"),
    ]
    found = device.device_figures(cupy, rows, _Counted())
    assert (found["device"], found["checked"]) == ("a CPU that stands in", ["conv1d"])
    line, mixed, slope = (row["participants"] for row in found["rows"])
    assert line["derive"] == {"seconds": 1e-3, "of limit": (40 + 3 + 40) * 4 / 1e-3 / 1e9}
    assert line["torch"] == {"refused": "torch is not installed"}
    assert line["cupyx.scipy.ndimage"] == {"refused": "cupyx is not installed"}
    assert mixed["derive"]["of limit"] == 2 * 2 * 12 * 6 / 1e-3 / 1e9
    assert set(slope) == {"derive"}
    said = device.lines(found)
    assert said[0].startswith("a CPU that stands in, 20")
    assert said[1].startswith("line: 1000.0 µs, 0% of copy, goal 80%; cupyx.scipy.ndimage cupyx is not installed")


def test_a_result_that_rounding_does_not_explain_is_not_timed(cupy, monkeypatch):
    monkeypatch.setattr(device, "_limits", lambda cupy, clock: {"copy": 1e9, "gemm": 1e9})
    monkeypatch.setattr(device, "layers", tuple)
    monkeypatch.setattr(device, "reference", lambda problem, given: Reference(given.X * 0.0, abs(given.X)))
    with pytest.raises(
        DeriveError, match=r"line: the result is .* times farther from the reference than rounding can be"
    ):
        device.device_figures(cupy, [DeviceRow("line", Problem("conv1d", (40,), (3,)), "copy")], _Counted())


class _Event:
    """Milliseconds of a device that every call keeps busy for one."""

    now = 0.0

    def record(self):
        self.at = _Event.now

    def synchronize(self): ...


def test_the_time_is_the_devices_own():
    spun = []
    stream = SimpleNamespace(synchronize=lambda: None)
    cuda = SimpleNamespace(
        Event=_Event, get_current_stream=lambda: stream, get_elapsed_time=lambda first, last: last.at - first.at
    )
    fake = SimpleNamespace(cuda=cuda, int64=int, RawKernel=lambda text, name: lambda *launch: spun.append(launch))

    def call():
        _Event.now += 1.0

    assert Clock(fake).seconds([call, call]) == pytest.approx(1e-3)
    assert len(spun) == 9
    assert all(grid == block == (1,) and cycles >= 0 for grid, block, (cycles,) in spun)


def test_arrays_rotate_beyond_the_cache():
    attributes = {"L2CacheSize": 50 << 20}
    fake = SimpleNamespace(cuda=SimpleNamespace(Device=lambda: SimpleNamespace(attributes=attributes)))
    assert [rotating(fake, size << 20) for size in (1, 30, 100, 1000)] == [8, 5, 2, 2]


def _cupy_that(count):
    module = ModuleType("cupy")
    module.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count))
    return module


def _no_driver():
    raise RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version")


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, "A benchmark on a device needs CuPy, and CuPy is not installed.\n"),
        (_cupy_that(lambda: 0), "A benchmark on a device needs one, and CuPy finds none.\n"),
        (_cupy_that(_no_driver), "A benchmark on a device needs one, and CuPy finds none: cudaErrorInsufficientDriver"),
    ],
)
def test_what_is_missing_is_said(module, says, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", module)
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--backend", "cupy"])
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(says)


def test_rows_are_named(capsys):
    assert device.selected(()) == ROWS
    assert [row.name for row in device.selected(("3x3",))] == ["3x3"]
    with pytest.raises(UnknownName, match="No row of the benchmark on a device is called '2x2'; they are 3x3, "):
        device.selected(("2x2",))
    with pytest.raises(SystemExit):
        main(["bench", "--backend", "cupy", "--quick"])
    assert "are for NumPy's backend" in capsys.readouterr().err
