"""From a layer to its files: proved, checked, emitted and rendered. Everything that needs the algebra is here."""

from __future__ import annotations

from typing import Any

from derive.artifacts import PAGES, Made
from derive.checking import check_emitted
from derive.derivation import Derivation
from derive.errors import OutputError
from derive.pipeline import Layer
from derive.proof.certificate import dumps, mended
from derive.proof.coq import Claim, CoqFile, coq_file
from derive.proof.stated import Stated
from derive.render import markdown
from derive.render.chart import chart
from derive.render.content import blocks
from derive.render.data import data, listed, row
from derive.render.document import Subject, write_blocks
from derive.render.field import field
from derive.render.figures import pictures, strip
from derive.symmetry import stated_symmetry

__all__ = ["certificate", "claims", "coq_claims", "coq_theorems", "make", "subject"]

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
        called=layer.called,
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


def claims(derivation: Derivation) -> tuple[Stated, ...]:
    """What is proved of a layer besides its steps: the symmetry that it keeps of those stated before its places were selected."""
    found = stated_symmetry(derivation)
    return () if found is None else (found,)


def certificate(derivation: Derivation) -> dict[str, Any]:
    """The derivation's certificate, with those of what is proved besides."""
    own, besides = derivation.certificate(), [c.certificate() for c in claims(derivation)]
    return mended(own | {"claims": besides}) if besides else own


def coq_claims(layer: Layer) -> tuple[Claim, ...]:
    """The layer's obligations, and those of its programs, each with its place."""
    derivation = layer.derivation
    places = [("The first form", "first", derivation.start_verdicts)]
    for number, step in enumerate(derivation.steps, start=1):
        places.append((f"Step {number}: {step.rule}", f"step{number}_{step.rule.partition('(')[0]}", step.verdicts))
    places += [(f"Besides: {c.statement.says}", c.statement.kind, c.verdicts) for c in claims(derivation)]
    places += [(f"Lowered: {part}", part, verdicts) for part, verdicts in layer.lowered_verdicts.items()]
    return tuple(Claim(place, prefix, v.obligation) for place, prefix, verdicts in places for v in verdicts)


def make(layer: Layer) -> Made:
    """A layer's own files, proved and checked: one module a backend, a page, its pictures, and the certificate.

    Raises ObligationFailed or CheckFailed where the layer is not what it says.
    """
    check_emitted(layer)
    made = subject(layer)
    page = tuple(blocks(made))
    files = {f"generated/{b}/{layer.name}.py": text for b, text in layer.sources.items()}
    files[f"{PAGES}/{layer.name}.md"] = markdown.page(page)
    files |= {f"{PAGES}/{picture.file}": picture.svg for picture in made.pictures}
    files |= {f"{PAGES}/{drawn.file}": drawn.svg for drawn in (made.chart, made.receptive) if drawn is not None}
    files[f"{PAGES}/{layer.name}.certificate.json"] = dumps(certificate(layer.derivation))
    if layer.name == _ON_THE_FRONT:
        files[f"{PAGES}/chain.svg"] = strip(layer.derivation)
    told = row(layer.name, layer.derivation, layer.verdicts, layer.backends)
    shown = {"blocks": write_blocks(page), "data": data(made)}
    return Made(files, listed(layer.title, told, layer.derivation.form), shown)
