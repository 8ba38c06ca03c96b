import pytest

from derive.cuda_check import NoCompiler, find_compiler


@pytest.fixture(scope="session")
def compiler() -> None:
    try:
        find_compiler()
    except NoCompiler as missing:
        pytest.skip(str(missing))
