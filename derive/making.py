"""From a layer to its files: proved, checked, emitted and rendered. Everything that needs the algebra is here."""

from __future__ import annotations

from pathlib import Path

from derive.artifacts import PAGES, Made, package_files
from derive.checking import check_emitted
from derive.errors import OutputError
from derive.pipeline import Layer, backends
from derive.proof.certificate import dumps
from derive.proof.coq import Claim, CoqFile, coq_file
from derive.registry import find
from derive.render import markdown
from derive.render.chart import chart
from derive.render.data import listed, row
from derive.render.document import Subject
from derive.render.field import field
from derive.render.figures import pictures, strip

__all__ = ["coq_claims", "coq_theorems", "emitted_tree", "make", "subject"]

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
        chart=chart(layer.name, layer.derivation),
        receptive=field(layer.name, layer.derivation),
    )


def coq_theorems(layer: Layer, file: str | None = None) -> CoqFile:
    """The layer's obligations, those of its programs included, as theorems for Coq in a file of that name.

    Raises OutputError for a name that Coq can't compile.
    """
    name = f"{layer.name}.v" if file is None else file
    stem, dot, end = name.rpartition(".")
    if not (stem.isascii() and stem.isidentifier() and dot and end == "v"):
        raise OutputError(f"Coq compiles files such as {layer.name}.v: letters, digits, _ and .v; '{name}' is none.")
    command = layer.command.replace(" emit ", " prove ", 1)
    made = f"Made by `{command} --coq {name}`; checked by `coqc {name}`."
    return coq_file(f"{layer.title}\n\n{layer.derivation.theorem}\n\n{made}", coq_claims(layer))


def coq_claims(layer: Layer) -> tuple[Claim, ...]:
    """The layer's obligations, and those of its programs, each with its place."""
    derivation = layer.derivation
    places = [("The first form", "first", derivation.start_verdicts)]
    for number, step in enumerate(derivation.steps, start=1):
        places.append((f"Step {number}: {step.rule}", f"step{number}_{step.rule.partition('(')[0]}", step.verdicts))
    places += [(f"Lowered: {part}", part, verdicts) for part, verdicts in layer.lowered_verdicts.items()]
    return tuple(Claim(place, prefix, v.obligation) for place, prefix, verdicts in places for v in verdicts)


def make(layer: Layer) -> Made:
    """A layer's own files, proved and checked: one module a backend, a page, its pictures, and the certificate.

    Raises ObligationFailed or CheckFailed where the layer is not what it says.
    """
    check_emitted(layer)
    made = subject(layer)
    files = {f"generated/{b}/{layer.name}.py": text for b, text in layer.sources.items()}
    files[f"{PAGES}/{layer.name}.md"] = markdown.page(made)
    files |= {f"{PAGES}/{picture.file}": picture.svg for picture in made.pictures}
    files |= {f"{PAGES}/{drawn.file}": drawn.svg for drawn in (made.chart, made.receptive) if drawn is not None}
    files[f"{PAGES}/{layer.name}.certificate.json"] = dumps(layer.derivation.certificate())
    if layer.name == _ON_THE_FRONT:
        files[f"{PAGES}/chain.svg"] = strip(layer.derivation)
    told = row(layer.name, layer.derivation, layer.verdicts, layer.backends)
    return Made(files, listed(layer.title, told, layer.derivation.form))


def emitted_tree(layer: Layer, backend: str, root: Path) -> dict[str, str]:
    """A layer's module for one backend, in a package of its own that may hold others already."""
    find("derive.backends", backend)
    check_emitted(layer)
    present = {p.stem for b in backends() for p in (root / b).glob("*.py") if p.stem != "__init__"}
    files = package_files(present | {layer.name}, top="")
    return files | {f"{backend}/{layer.name}.py": layer.source(backend)}
