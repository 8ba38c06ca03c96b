"""The modules that the checkout holds; that regeneration gives these bytes is a test of the command line."""

from __future__ import annotations

from derive.pipeline import Layer
from tests.commands import ROOT


def text_of(layer: Layer, backend: str) -> str:
    """A layer's module for a backend: the shipped one, and for layers beside the catalogue the one that is emitted now."""
    file = ROOT / "generated" / backend / f"{layer.name}.py"
    return file.read_text(encoding="utf-8") if file.is_file() else layer.source(backend)
