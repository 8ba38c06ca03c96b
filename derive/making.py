"""From a layer to its files: proved, checked, emitted and rendered. Everything that needs the algebra is here."""

from __future__ import annotations

from pathlib import Path

from derive.artifacts import PAGES, Made, package_files
from derive.checking import check_emitted
from derive.pipeline import Layer, backends
from derive.proof.certificate import dumps
from derive.registry import find
from derive.render import markdown
from derive.render.document import Subject
from derive.render.figures import pictures, strip
from derive.render.index import index_row

__all__ = ["emitted_tree", "make", "subject"]

_ON_THE_FRONT = "conv2d"  # the derivation whose pictures stand in README.md


def subject(layer: Layer) -> Subject:
    """What a page says of a layer."""
    return Subject(
        name=layer.name,
        title=layer.title,
        derivation=layer.derivation,
        emitted=layer.sources,
        program_verdicts=layer.lowered_verdicts,
        pictures=pictures(layer.name, layer.derivation),
    )


def make(layer: Layer) -> Made:
    """A layer's own files, proved and checked: one module a backend, a page, its pictures, and the certificate.

    Raises ObligationFailed or CheckFailed where the layer is not what it says.
    """
    check_emitted(layer)
    made = subject(layer)
    files = {f"generated/{b}/{layer.name}.py": text for b, text in layer.sources.items()}
    files[f"{PAGES}/{layer.name}.md"] = markdown.page(made)
    files |= {f"{PAGES}/{picture.file}": picture.svg for picture in made.pictures}
    files[f"{PAGES}/{layer.name}.certificate.json"] = dumps(layer.derivation.certificate())
    if layer.name == _ON_THE_FRONT:
        files[f"{PAGES}/chain.svg"] = strip(layer.derivation)
    return Made(files, index_row(layer.name, layer.title, layer.derivation.form))


def emitted_tree(layer: Layer, backend: str, root: Path) -> dict[str, str]:
    """A layer's module for one backend, in a package of its own that may hold others already."""
    find("derive.backends", backend)
    check_emitted(layer)
    present = {p.stem for b in backends() for p in (root / b).glob("*.py") if p.stem != "__init__"}
    files = package_files(present | {layer.name}, top="")
    return files | {f"{backend}/{layer.name}.py": layer.source(backend)}
