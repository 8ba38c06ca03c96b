"""CUDA text runs on the CPU where there is a C++ compiler; all of it is compiled at once."""

from collections.abc import Iterator
from itertools import product

import pytest

from derive.cuda_check import MERSENNE_61, NoCompiler, RawModule, find_compiler, prebuild_modules, using
from tests.ladder.subjects import SUBJECTS, subject

REALS = ("float", "double", "long long")


def text_of(module: str) -> str:
    """The CUDA text inside an emitted module."""
    return module.split('SRC = r"""')[1].split('"""')[0]


def source_of(name: str) -> str:
    """The CUDA text inside a layer's CuPy module."""
    return text_of(subject(name, "cupy").text)


def _modules() -> Iterator[RawModule]:
    for name, real in product(SUBJECTS, REALS):
        yield RawModule(code=source_of(name), options=(f"-Dreal={real}",))


@pytest.fixture(scope="session")
def cxx() -> None:
    """A C++ compiler."""
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def compiled(cxx: None) -> None:
    """Every kernel for every element type, and in exact mode."""
    prebuild_modules(_modules())
    with using(prime=MERSENNE_61):
        prebuild_modules(_modules())
