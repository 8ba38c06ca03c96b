"""The modules that the checkout holds; that regeneration gives these bytes is a test of the command line."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version

from derive.pipeline import Layer
from tests.commands import ROOT

_GENERATED = ROOT / "generated"


def text_of(layer: Layer, backend: str) -> str:
    """A layer's module for a backend: the shipped one, or what is emitted now.

    That is for layers beside the catalogue, and for all where other versions than the shipped ones' are installed: there the test
    of regeneration is skipped.
    """
    file = _GENERATED / backend / f"{layer.name}.py"
    return file.read_text(encoding="utf-8") if _has_its_versions() and file.is_file() else layer.source(backend)


@cache
def _has_its_versions() -> bool:
    made_with = json.loads((_GENERATED / "versions.json").read_text(encoding="utf-8"))
    return all(version(name) == number for name, number in made_with.items())
