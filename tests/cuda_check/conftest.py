import pytest

from derive.cuda_check import NoCompiler, find_compiler
from derive.cuda_check.nvrtc import find_nvrtc


@pytest.fixture(scope="session")
def compiler() -> None:
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def nvrtc() -> None:
    try:
        find_nvrtc()
    except NoCompiler as missing:
        pytest.skip(str(missing))
