"""The catalogue's layers, and their pages without emitted sources."""

from importlib import import_module

import pytest

from derive.render.document import Subject
from derive.render.figures import pictures

NAMES = ("fully_connected", "dense2d", "offset2d", "convolution2d", "conv2d", "conv2d_channels")


def load(name):
    module = import_module(f"derive.catalogue.{name}")
    return getattr(module, name), module.__doc__.splitlines()[0]


@pytest.fixture(scope="session")
def layers():
    return {name: load(name)[0] for name in NAMES}


@pytest.fixture(scope="session")
def subjects():
    found = {}
    for name in NAMES:
        layer, title = load(name)
        found[name] = Subject(name, title, layer, {"numpy": "H = X\n"}, {}, pictures(name, layer))
    return found


@pytest.fixture(params=NAMES)
def subject(request, subjects):
    return subjects[request.param]
