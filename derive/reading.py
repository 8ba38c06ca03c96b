"""The commands `show`, `prove`, `verify` and `emit`: what there is to say of one layer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from derive.artifacts import PAGES, Made, emitted_tree, require_folder, write
from derive.errors import OutputError
from derive.progress import working
from derive.registry import names

__all__ = ["console", "emit", "prove", "show", "verify"]

_FORMATS = click.Choice(["text", "latex", "markdown", "json"])
_FILE = click.Path(path_type=Path, dir_okay=False)
_STANDARD = Path("-")


def console() -> Any:
    """Where tables and pages are printed."""
    from rich.console import Console

    return Console(highlight=False)


def _of_a_layer(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and the option of the commands that tell of a layer."""
    fresh = click.option("--no-cache", "fresh", is_flag=True, help="Remember nothing: derive and prove it anew.")
    return click.argument("name")(fresh(command))


def _made(name: str, fresh: bool, own: Any = None) -> tuple[Made, bool]:
    """What a layer becomes, and whether that was remembered. A layer in a file of one's own is made every time."""
    if name not in names("derive.catalogue"):
        from derive.making import make
        from derive.own import load_layer

        return make(load_layer(name) if own is None else own), False
    from derive.cache import users_cache
    from derive.regeneration import regeneration

    found = regeneration(1, None if fresh else users_cache(), only=(name,))
    return found.made[name], found.remembered > 0


@click.command()
@_of_a_layer
@click.option("--format", "form", type=_FORMATS, default="text", show_default=True, help="How it is written.")
def show(name: str, form: str, fresh: bool) -> None:
    """The derivation of NAME, or of FILE.py:NAME, step by step.

    A layer of the catalogue is remembered for as long as its sources are what they were.
    """
    from derive.render import latex, markdown, text
    from derive.render.document import read_blocks

    with working(f"deriving {name}"):
        made, _ = _made(name, fresh)
    out = console()
    if form == "json":
        click.echo(json.dumps(made.shown["data"], indent=2, ensure_ascii=False))
        return
    page = read_blocks(made.shown["blocks"])
    if form == "text" and out.is_terminal:
        out.print(text.page(page))
    else:
        printed = {"text": text.plain, "latex": latex.document, "markdown": markdown.page}[form]
        click.echo(printed(page), nl=False)


@click.command()
@_of_a_layer
@click.option(
    "--certificate", type=_FILE, help="Write the certificate here; - is standard output, then without a table."
)
@click.option("--coq", "theorems", type=_FILE, help="Write the obligations for Coq here.")
@click.option("--json", "as_json", is_flag=True, help="The verdicts as JSON.")
def prove(name: str, fresh: bool, certificate: Path | None, theorems: Path | None, as_json: bool) -> None:
    """Prove every obligation of NAME, or of FILE.py:NAME, a layer or a claim.

    Proofs of a layer of the catalogue are remembered for as long as its sources are what they were.
    Folders of the files that it writes are made where they are missing.
    """
    from derive.render.terminal import verdict_data, verdict_table
    from derive.render.wrapping import printed

    if as_json and certificate == _STANDARD:
        raise click.UsageError(
            "--json and --certificate - both write to standard output; name a file for the certificate."
        )
    with working(f"proving {name}"):
        loaded = _own(name)
        claimed = loaded is not None and not hasattr(loaded, "derivation")
        if not claimed:
            stated = None if theorems is None else _theorems(name, theorems, loaded)
            made, remembered = _made(name, fresh, loaded)
    if claimed:
        _prove_claim(name, loaded, certificate, theorems, as_json)
        return
    verdicts, own = verdict_data(made.shown["data"]), made.listed["row"]["name"]
    _certify(certificate, made.files[f"{PAGES}/{own}.certificate.json"], as_json)
    if theorems is not None and stated is not None:
        write({theorems.name: stated.text}, theorems.parent)
    if as_json:
        click.echo(json.dumps(verdicts, indent=2, ensure_ascii=False))
    elif certificate != _STANDARD:
        printed(console(), verdict_table(own, verdicts, remembered))
    if stated is not None:
        click.echo(
            f"{theorems}: {stated.summary}; `coqc {theorems}` checks it.", err=as_json or certificate == _STANDARD
        )


def _own(name: str) -> Any:
    """A layer or a claim in a file of the user's own; None for a name of the catalogue."""
    if name in names("derive.catalogue"):
        return None
    from derive.own import load

    return load(name)


def _theorems(name: str, file: Path, own: Any) -> Any:
    from derive.making import coq_theorems
    from derive.own import load_layer

    return coq_theorems(load_layer(name) if own is None else own, file.name)


def _prove_claim(name: str, found: Any, certificate: Path | None, theorems: Path | None, as_json: bool) -> None:
    """A claim that its file has proved already: what it says, and what shows it."""
    from derive.proof.json_data import dumps

    _certify(certificate, dumps(found.certificate()), as_json)
    if as_json:
        rows = [{"obligation": v.obligation.says, "status": v.status.value} for v in found.verdicts]
        click.echo(json.dumps({"claim": found.statement.says, "verdicts": rows}, indent=2, ensure_ascii=False))
    elif certificate != _STANDARD:
        click.echo(f"{name}: {found.statement.says}")
        for verdict in found.verdicts:
            click.echo(f"  {verdict.status.value}: {verdict.obligation.says}")
    if theorems is not None:
        stated = found.coq(theorems.name)
        write({theorems.name: stated.text}, theorems.parent)
        click.echo(
            f"{theorems}: {stated.summary}; `coqc {theorems}` checks it.", err=as_json or certificate == _STANDARD
        )


def _certify(file: Path | None, text: str, as_json: bool) -> None:
    if file == _STANDARD:
        click.echo(text, nl=False)
    elif file is not None:
        write({file.name: text}, file.parent)
        click.echo(f"{file} is written.", err=as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--against", metavar="NAME", help="Require the theorem to be this layer's.")
def verify(file: Path, against: str | None) -> None:
    """Prove a certificate's theorem or claim anew, trusting nothing in the file; - is standard input."""
    from derive.certified import verify_claim
    from derive.errors import UsageRefused
    from derive.labels import named_step
    from derive.own import load_layer
    from derive.proof.certificate import verify as verify_certificate
    from derive.proof.displays import LABEL
    from derive.proof.json_data import LARGEST, parsed, plain
    from derive.proof.stated import CLAIM_FORMAT
    from derive.render.wrapping import labelled

    with working(f"proving {file.name}"):
        standard = file == _STANDARD
        data = parsed(sys.stdin.buffer.read(LARGEST + 1), "-") if standard else plain(file)
        if isinstance(data, dict) and data.get("format") == CLAIM_FORMAT:
            if against:
                raise UsageRefused(f"--against names a layer, and '{file}' is the certificate of a claim.")
            proved = str(verify_claim(data))
        else:
            wanted = load_layer(against).derivation.certificate() if against else None
            proved = str(verify_certificate(data, against=wanted, named=named_step, claimed=verify_claim))
    out = console()
    for line in proved.splitlines():
        click.echo("\n".join(labelled(line, LABEL, out.width)) if out.is_terminal else line)


@click.command()
@_of_a_layer
@click.option("--backend", default="numpy", show_default=True, help="numpy or cupy.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="The package to write into; without it, print.")
def emit(name: str, fresh: bool, backend: str, folder: Path | None) -> None:
    """The kernel of NAME, or of FILE.py:NAME, as source.

    Source of a layer of the catalogue is remembered for as long as what it is made of is what it was.
    """
    if folder is not None:
        _require_package(folder)
    with working(f"deriving {name}"):
        made, _ = _made(name, fresh)
        source = _source(made, name, backend)
    if folder is None:
        click.echo(source, nl=False)
        return
    own = made.listed["row"]["name"]
    changed = write(emitted_tree(own, backend, source, folder), folder)
    click.echo(f"{folder / backend / own}.py is written; files changed: {len(changed)}.")


def _require_package(folder: Path) -> None:
    """Raises OutputError for what can be no package: a file, or the folder that programs start in."""
    require_folder(folder)
    if folder.resolve() == Path.cwd():
        raise OutputError(
            f"'{folder}' is the current folder, where a folder numpy hides NumPy itself; name a package, such as my_kernels."
        )


def _source(made: Made, name: str, backend: str) -> str:
    """A layer's module. Raises UnknownName, or says why the layer has none for this backend."""
    found = made.files.get(f"generated/{backend}/{made.listed['row']['name']}.py")
    if found is not None:
        return found
    from derive.own import load_layer

    return load_layer(name).source(backend)
