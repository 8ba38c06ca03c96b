"""What machine code does, read from its disassembly."""

import pytest

from derive.cuda_check import CompileError, NoCompiler
from derive.cuda_check import disassembly as reading
from derive.cuda_check.disassembly import MachineCode, disassemble, find_disassembler
from derive.cuda_check.nvrtc import ARCHITECTURES, compile_cuda, find_nvrtc
from tests.cuda_check.kernels import TILE, TILE_OPTIONS, WINDOW

try:
    find_nvrtc()
    find_disassembler()
except NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)

SUM = """
extern "C" __global__ void sum(const real* X, const real* V, real* H, long long n) {
  real h = 0;
  for (long long i = 0; i < n; ++i) h += X[i] * V[i];
  H[0] = h;
}"""


def read(code: str, name: str, architecture: str = "sm_90", options: tuple[str, ...] = TILE_OPTIONS) -> MachineCode:
    return disassemble(compile_cuda(code, architecture, options).cubin)[name]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_window_in_registers(architecture: str) -> None:
    """Eight results a thread, nine multiply-adds each; four rows of one vector and two neighbours, and the weights."""
    code = read(WINDOW + TILE, "window", architecture)
    assert code.path.multiply_adds == 72
    assert code.path.stores == ((16, 2),) and dict(code.path.loads)[16] == 4
    assert code.path.stored == 32
    assert 72 / 8 < code.an_output(4) < 30
    assert code.inner is None and code.a_multiply_add is None


def test_a_tile_in_shared_memory() -> None:
    code = read(WINDOW + TILE, "tile")
    assert code.path.multiply_adds == 9
    assert code.path.shared >= 10  # a store of each thread's own, and nine reads in wider ones of the weights
    assert code.path.stores == ((4, 1),)


@pytest.mark.parametrize(("real", "size"), [("float", 4), ("double", 8)])
def test_a_loop(real: str, size: int) -> None:
    code = read(SUM, "sum", options=(f"-Dreal={real}",))
    assert code.inner is not None and code.inner.multiply_adds >= 1
    assert dict(code.inner.loads) == {size: 2 * code.inner.multiply_adds}
    assert 3 <= code.a_multiply_add < 8
    assert code.path.stores == ((size, 1),)


def test_more_work_is_more_instructions() -> None:
    more = SUM.replace("h += X[i] * V[i]", "h += X[i] * V[i] * V[i] + X[i]")
    assert (
        read(more, "sum", options=("-Dreal=float",)).a_multiply_add
        > read(SUM, "sum", options=("-Dreal=float",)).a_multiply_add
    )


def test_what_is_no_machine_code() -> None:
    with pytest.raises(CompileError, match="nvdisasm refuses the machine code"):
        disassemble(b"nothing")


def test_no_disassembler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "nvidia_folders", list)
    with pytest.raises(NoCompiler, match="`pip install nvidia-cuda-nvdisasm`"):
        find_disassembler.__wrapped__()
