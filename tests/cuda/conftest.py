"""CUDA text runs on the CPU where there is a C++ compiler."""

import pytest

from derive.cuda_check import NoCompiler, find_compiler
from tests.ladder.subjects import subject


def text_of(module: str) -> str:
    """The CUDA text inside an emitted module."""
    return module.split('SRC = r"""')[1].split('"""')[0]


def source_of(name: str) -> str:
    """The CUDA text inside a layer's CuPy module."""
    return text_of(subject(name, "cupy").text)


@pytest.fixture(scope="session")
def cxx() -> None:
    """A C++ compiler."""
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))
