"""The kernel that the photographs are filtered with."""

import pytest

from generated import conv2d


@pytest.fixture(scope="session")
def kernel():
    return conv2d
