"""Whole files are checked: every fault once, with its line in the file, and what ran."""

import sys
from pathlib import Path

import pytest

import generated
from derive.artifacts import package_files, write
from derive.cuda_check import Findings, check_module, standing_in_for_cupy
from derive.cuda_check.driving import drive, emitted_kernels, wide
from derive.errors import DeriveError, UnknownName
from derive.pipeline import layer
from tests.cuda.killing import kernels_in
from tests.ladder.subjects import subject
from tests.shipped import text_of

pytestmark = pytest.mark.usefixtures("compiler")

PROGRAM = '''\
"""A program of a user's own."""
import sys
import cupy
from beside import THREADS

SRC = r"""
extern "C" __global__ void turn(const float* X, float* H, int n) {
  __shared__ float tile[64];
  const int t = threadIdx.x;
  tile[t] = X[t];
  /* barrier */
  H[t] = tile[63 - t] + X[t + 1];
}
extern "C" __global__ void move(const float* X, float* H, int n) {
  H[threadIdx.x + n] = X[threadIdx.x];
}
"""
MODULE = cupy.RawModule(code=SRC)


def turned(X):
    H = cupy.empty_like(X)
    MODULE.get_function("turn")((1,), (THREADS,), (X, H, cupy.int32(X.size)))
    MODULE.get_function("move")((1,), (THREADS,), (X, H, 1))
    MODULE.get_function("move")((1,), (THREADS,), (X, H, cupy.int32(1)))
    return H


if __name__ == "__main__":
    print(sys.argv, turned(cupy.ones(64, "float32")).get())
'''


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("THREADS = 64\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path / "program.py"


def mended(program: Path) -> Path:
    text = PROGRAM.replace("/* barrier */", "__syncthreads();").replace("X[t + 1]", "X[t]").replace("+ n]", "]")
    program.write_text(text.replace("(X, H, 1)", "(X, H, cupy.int32(1))"))
    return program


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_every_fault_of_a_program_is_reported_with_its_lines(program: Path) -> None:
    found = check_module(program)
    faults = {(fault.kind, fault.argument): fault for fault in found.faults}
    assert set(faults) == {("race", None), ("out of bounds", "X"), ("out of bounds", "H"), ("wrong arguments", "n")}
    race, read, written = faults["race", None], faults["out of bounds", "X"], faults["out of bounds", "H"]
    assert race.file_line == read.file_line == line_of(PROGRAM, "H[t] = tile")
    assert race.line == line_of(PROGRAM, "H[t] = tile") - line_of(PROGRAM, 'SRC = r"""') + 1
    assert race.earlier_line == race.line - 2
    assert race.launched_at == line_of(PROGRAM, 'get_function("turn")')
    assert read.source == "H[t] = tile[63 - t] + X[t + 1];"
    assert (written.kernel, written.file_line) == ("move", line_of(PROGRAM, "H[threadIdx.x + n]"))
    assert faults["wrong arguments", "n"].launched_at == line_of(PROGRAM, "(X, H, 1)")
    assert (found.kernels, found.launches, found.clean) == (("move", "turn"), 9, False)


def test_what_a_terminal_shows(program: Path) -> None:
    text = check_module(program, schedules=("forward",)).text().splitlines()
    at, launched = line_of(PROGRAM, "H[t] = tile"), line_of(PROGRAM, 'get_function("turn")')
    assert text[0].startswith(f"program.py:{at}: Kernel 'turn', line 7: race: read of 4 bytes at byte ")
    assert text[1:3] == ["    H[t] = tile[63 - t] + X[t + 1];", f"    launched in line {launched}"]
    wrong = (
        f"program.py:{line_of(PROGRAM, '(X, H, 1)')}: Kernel 'move' is launched wrongly: 'n' is int32 and gets int64."
    )
    assert wrong in text
    assert text[-1] == f"{program}: 4 faults in 3 launches of move, turn; threads ran forward."


def test_a_program_without_faults(program: Path) -> None:
    found = check_module(mended(program))
    assert found.clean and found.faults == ()
    assert found.text().endswith(": no fault in 9 launches of move, turn; threads ran forward, reverse, random.")


def test_nothing_of_the_program_stays(program: Path) -> None:
    before = (list(sys.path), list(sys.argv), set(sys.modules))
    check_module(mended(program))
    assert (sys.path, sys.argv) == before[:2]
    assert "beside" not in sys.modules and "cupy" not in set(sys.modules) - before[2]


def test_a_file_that_launches_nothing_is_called(program: Path) -> None:
    program.write_text(mended(program).read_text().replace("__main__", "nobody"))
    assert not check_module(program).clean
    found = check_module(program, calls=["turned(cupy.ones(64, 'float32'))"], schedules=("random",))
    assert found.clean and found.launches == 3


def emitted(folder: Path, name: str) -> Path:
    files = package_files([name], top="") | {f"cupy/{name}.py": text_of(layer(name), "cupy")}
    write(files, folder / "kernels")
    return folder / "kernels" / "cupy" / f"{name}.py"


@pytest.mark.parametrize("name", ["conv2d", "transposed2d", "conv2d_channels_dV", "offset2d"])
def test_the_layers_of_an_emitted_module_are_called(tmp_path: Path, name: str) -> None:
    """By all of their kernels; those of gradients that add up items alone need a batch of many."""
    file = emitted(tmp_path, name)
    found = check_module(file)
    assert found.clean, found.text()
    assert found.launches > 100
    assert {*found.kernels} == {*kernels_in(file.read_text())}


def test_kernels_of_numpy_that_a_program_holds_are_left_alone() -> None:
    """To compare with, for one; the algorithms of their gradients aren't theirs to be asked for."""
    assert emitted_kernels({"n": generated.conv2d_channels.numpy}) == {}


def test_an_emitted_module_without_its_package(tmp_path: Path) -> None:
    file = tmp_path / "alone.py"
    file.write_text(text_of(layer("conv2d"), "cupy"))
    found = check_module(file)
    assert found.clean and len(found.kernels) > 1


def test_some_results_are_many() -> None:
    kernel = subject("conv2d", "cupy").kernel
    assert wide(kernel) == {"n": 131, "m": 131, "Delta": 1}
    with standing_in_for_cupy() as cupy:
        sizes = [results[0].size for _, results in drive(kernel, cupy)]
    assert max(sizes) >= 131**2 and min(sizes) == 1
    assert wide(subject("dense2d", "cupy").kernel) == {"n": 8, "m": 8}


PLANTS = {
    "a guard": ("out of bounds", "if (thread >= batch*n*m) return;", ""),
    "a result that is left out": (
        "unwritten result",
        "H[(z*n + i)*m + j] = acc;",
        "if (i || j) H[(z*n + i)*m + j] = acc;",
    ),
    "a sum of floats in any order": (
        "order of threads",
        "H[(z*n + i)*m + j] = acc;",
        "H[(z*n + i)*m + j] = acc; if (j == 0) atomicExch(&H[z*n*m + m - 1], acc);",
    ),
    "what a compiler refuses": ("compile error", "real acc;", "reel acc;"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_fault_in_an_emitted_module_is_found(tmp_path: Path, plant: str) -> None:
    kind, old, new = PLANTS[plant]
    file = emitted(tmp_path, "conv2d")
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    found = check_module(file)
    assert kind in {fault.kind for fault in found.faults}, found.text()


def test_what_was_launched_is_compiled_for_real_architectures(tmp_path: Path, nvrtc: None) -> None:
    file = emitted(tmp_path, "average_pool2d")
    found = check_module(file, schedules=("forward",), architectures=("sm_75", "sm_90"))
    assert found.clean
    used = {(footprint.kernel, footprint.options): footprint for footprint in found.machine}
    assert {name for name, _ in used} == set(found.kernels)
    one = used["average_pool2d_direct_dX", ("-Dstored=float", "-Dreal=float")]
    assert set(one.resources) == set(one.occupancy) == {"sm_75", "sm_90"}
    assert (
        f"average_pool2d_direct_dX -Dstored=float -Dreal=float: registers (occupancy) sm_75 {one.resources['sm_75'].registers} ("
        in found.text()
    )


def test_what_a_compiler_refuses_has_the_line_that_launched_it(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text('import cupy\n\nK = cupy.RawKernel("#include <cub/cub.cuh>", "k")\nK((1,), (1,), ())\n')
    (fault,) = check_module(file, schedules=("forward",)).faults
    assert (fault.kind, fault.launched_at) == ("compile error", 4)


SPILLING = """import cupy
SPILL = r'''
extern "C" __global__ void spill(float* X, int n) {
  float v[96];
#pragma unroll
  for (int i = 0; i < 96; ++i) v[i] = X[i];
  for (int t = 0; t < n; ++t) {
    asm volatile("" ::: "memory");
#pragma unroll
    for (int i = 0; i < 96; ++i) v[i] = v[i] * v[(i + 1) % 96] + X[i];
  }
#pragma unroll
  for (int i = 0; i < 96; ++i) X[i] = v[i];
}
'''
WARNED = r'''extern "C" __global__ void warned(float* X) { int unused; X[0] = 1; }'''
X = cupy.ones(96, "float32")
cupy.RawModule(code=SPILL, options=("--maxrregcount=32",)).get_function("spill")((1,), (1,), (X, cupy.int32(1)))
cupy.RawModule(code=WARNED).get_function("warned")((1,), (1,), (X,))
"""


def test_spills_and_warnings_are_faults(tmp_path: Path, nvrtc: None) -> None:
    (tmp_path / "spilling.py").write_text(SPILLING)
    found = check_module(tmp_path / "spilling.py", schedules=("forward",), architectures=("sm_90",))
    assert [(f.kind, f.kernel) for f in found.faults] == [("resources", "spill"), ("compile error", "warned")]
    assert "Kernel 'spill' spills" in found.faults[0].message and "sm_90" in found.faults[0].message
    assert "NVRTC warns about the source for sm_90" in found.faults[1].message


def test_a_name_with_a_dot_is_no_package(tmp_path: Path) -> None:
    file = tmp_path / "kernels.v2.py"
    file.write_text("found = 1\n")
    assert check_module(file).launches == 0


@pytest.mark.parametrize("call", ["turned(", "x = 1", "a\0b", ""])
def test_a_call_that_is_no_expression_is_told_before_anything_runs(program: Path, call: str) -> None:
    with pytest.raises(DeriveError, match=r"The call '.*' is no expression: "):
        check_module(program, calls=[call])


def test_files_that_are_none_or_fail(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"There is no file '.*none\.py'\."):
        check_module(tmp_path / "none.py")
    for text, says in (
        ("1 / 0", r"failed at line 1 with ZeroDivisionError: division by zero\."),
        ("exit(3)", r"exits with 3\."),
    ):
        (tmp_path / "bad.py").write_text(text)
        with pytest.raises(DeriveError, match=says):
            check_module(tmp_path / "bad.py")
    (tmp_path / "good.py").write_text("import sys; sys.exit()")
    assert check_module(tmp_path / "good.py") == Findings(
        str(tmp_path / "good.py"), (), 0, ("forward", "reverse", "random"), ()
    )
