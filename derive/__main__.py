"""The command line: `python -m derive --help`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

_interrupted = False


def _stop(number: int, frame: FrameType | None) -> None:
    """Remembered as well as raised: an exception that arises in a destructor is lost."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _stop)

import click  # noqa: E402

from derive.artifacts import compare, require_folder, write  # noqa: E402
from derive.bench.commands import bench, calibrate  # noqa: E402
from derive.cuda_check.commands import check_cuda  # noqa: E402
from derive.errors import DeriveError, UnknownName, internal  # noqa: E402
from derive.explorer.commands import explorer, serve  # noqa: E402
from derive.progress import bar, working  # noqa: E402
from derive.reading import console, emit, prove, show, verify  # noqa: E402
from derive.registry import names  # noqa: E402

if TYPE_CHECKING:
    from derive.regeneration import Regeneration

__all__ = ["main"]


def _checkout() -> Path | None:
    """The checkout that this package runs from, if it does."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "derive").is_dir() else None


def _making(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of the commands that make everything."""
    count = click.IntRange(min=1)
    jobs = click.option("--jobs", type=count, metavar="N", help="Processes; by default, one a processor.")
    fresh = click.option(
        "--no-cache", "fresh", is_flag=True, help="Remember nothing: derive and prove every layer anew."
    )
    return jobs(fresh(command))


class _Wrapped(click.Group):
    """Its list of commands has what each does in as many lines as the terminal needs; click would cut it."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.commands[name].get_short_help_str(sys.maxsize)) for name in self.list_commands(context)]
        with formatter.section("Commands"):
            formatter.write_dl(commands)


@click.group(
    cls=_Wrapped,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Where to write; by default, the checkout.")
@_making
@click.pass_context
def cli(context: click.Context, folder: Path | None, jobs: int | None, fresh: bool) -> None:
    """Derive layers from stated structure, prove every step, and emit fast kernels.

    Without a command: derive, prove, emit, check and render the whole catalogue into generated/ and
    docs/derivations/. A layer is remembered, in DERIVE_CACHE_DIR or the user's cache folder, for as long
    as its sources, and everything they rest on, are what they were.

    \b
    A layer of your own, in my.py:
        import derive
        mine = (
            derive.dense(rank=1).then(derive.reindex())
            .then(derive.equivariant(derive.Translations()))
            .then(derive.local("Delta"))
            .then(derive.boundary("zero"))
        )

    \b
    Its kernel, in a package that needs NumPy alone:
        python -m derive emit my.py:mine --to my_kernels

    \b
    And its use:
        import numpy as np
        from my_kernels import mine
        H = mine(X=np.arange(9.0), V=np.ones(3), u=0.0)
    """
    if context.invoked_subcommand is None:
        _regenerate(folder, jobs, fresh)


def _root(folder: Path | None) -> Path:
    root = folder or _checkout()
    if root is None:
        raise click.UsageError("Outside a checkout, say where to write: --to DIR.")
    return root


def _made(jobs: int | None, fresh: bool) -> Regeneration:
    from derive.cache import users_cache
    from derive.regeneration import regeneration
    from derive.workers import processors

    with bar(len(names("derive.catalogue")), "deriving") as step:
        made = regeneration(jobs or processors(), None if fresh else users_cache(), step)
    if _interrupted:
        raise KeyboardInterrupt
    return made


def _regenerate(folder: Path | None, jobs: int | None, fresh: bool) -> None:
    root = _root(folder)
    require_folder(root)
    made = _made(jobs, fresh)
    files = made.files()
    changed = write(files, root, prune=folder is None)
    known = f" ({made.remembered} of them before, and remembered)" if made.remembered else ""
    click.echo(
        f"{len(made.made)} layers derived, proved, emitted and checked{known}; "
        f"{len(changed)} of {len(files)} files changed."
    )
    for name in changed:
        click.echo(f"  {name}")


@cli.command()
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="The folder to look at; by default, the checkout."
)
@_making
def check(folder: Path | None, jobs: int | None, fresh: bool) -> None:
    """Write nothing; exit with 1 if generated/ or docs/derivations/ are stale.

    The files are compared byte for byte with what the derivations give. What they give may be remembered
    from an earlier run on the same sources; with --no-cache every layer is derived and proved anew.
    """
    root = _root(folder)
    if not root.is_dir():
        raise UnknownName(f"There is no folder '{root}' to look at.")
    files = _made(jobs, fresh).files()
    wrong = compare(files, root)
    for sentence in wrong:
        click.echo(sentence, err=True)
    if wrong:
        raise DeriveError("Stale: `python -m derive` makes them anew.")
    click.echo(f"{len(files)} files are what the derivations give.")


def _numbers(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, int] | None:
    """n=1000,m=1000 as a dictionary."""
    if text is None:
        return None
    values: dict[str, int] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not (name.isidentifier() and value.isascii() and value.isdecimal() and len(value) < 100):
            raise click.BadParameter(f"'{part}' is not of the form n=1000.")
        if name in values:
            raise click.BadParameter(f"'{name}' is given twice.")
        values[name] = int(value)
    return values


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
@click.option("--at", callback=_numbers, metavar="n=1000,m=1000,...", help="Fill in numbers for sizes.")
@_making
def list_layers(as_json: bool, at: dict[str, int] | None, jobs: int | None, fresh: bool) -> None:
    """Every layer: formula, free parameters, proofs, kernels.

    Layers that are not remembered from an earlier run on the same sources are derived, proved and checked.
    """
    entries = [made.listed for made in _made(jobs, fresh).made.values()]
    rows = [entry["row"] for entry in entries] if at is None else _rows_at(entries, at)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from derive.render.terminal import layer_table
    from derive.render.wrapping import printed

    printed(console(), layer_table(rows, [entry["free"] for entry in entries]))


def _rows_at(entries: Sequence[Mapping[str, Any]], at: Mapping[str, int]) -> list[dict[str, Any]]:
    from derive.render.data import row_at

    found = [row_at(entry, at) for entry in entries]
    if unknown := set(at).difference(*(sizes for _, sizes in found)):
        raise click.BadParameter(f"no layer has a size '{min(unknown)}'.", param_hint="--at")
    return [row for row, _ in found]


@cli.command()
@click.argument("name")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--filter",
    "kernel",
    required=True,
    metavar="NAME|FILE.npy",
    help="Such as sobel-x or gaussian-5 (an unknown name lists all), or a file.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The picture to write.")
def apply(name: str, image: Path, kernel: str, out: Path) -> None:
    """Filter a photograph with a layer that takes one square window, such as conv2d."""
    from derive.images import apply as apply_filter
    from derive.images import picture, read_filter, read_image, write_image
    from derive.own import load_layer
    from derive.pipeline import window_kernel

    pixels, window = read_image(image), read_filter(kernel)
    with working(f"deriving {name}"):
        layer = load_layer(name)
        run = window_kernel(layer)
    write_image(out, picture(apply_filter(run, pixels, window, name=kernel), window))
    click.echo(f"{out} is written: {layer.name} with '{kernel}' on {image.name}, {pixels.shape[0]}×{pixels.shape[1]}.")


cli.add_command(bench)
cli.add_command(calibrate)
cli.add_command(check_cuda)
cli.add_command(emit)
cli.add_command(explorer)
cli.add_command(prove)
cli.add_command(serve)
cli.add_command(show)
cli.add_command(verify)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    It exits with 0, 1 for a check that failed, 2 for wrong usage, and as other programs do with 130 where Ctrl-C and 141 where
    the reader of a pipe ends it. A false claim is one sentence on standard error, and its counterexample as Python on standard
    output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # of letters that the terminal's encoding lacks
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    if code:
        sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Run the command line and say how it ended, in at most one sentence; the exit code."""
    try:
        with cli.make_context("python -m derive", arguments) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        return 2
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _said("Stopped; nothing was left half-written.", 130)
    except BrokenPipeError:
        return _unprinted(141)
    except OSError as cause:
        return _said(f"Cannot print: {cause.strerror or cause}.", _unprinted(1))
    except DeriveError as error:
        if _interrupted:
            return _said("Stopped; nothing was left half-written.", 130)
        if shown := getattr(getattr(error, "counterexample", None), "python", ""):
            click.echo(shown)
        return _said(str(error), 2 if isinstance(error, UnknownName) else 1)
    except Exception as fault:  # noqa: BLE001  (whatever it is, it ends in a sentence)
        return _said(internal(fault, "running this command"), 1)
    return 0


def _said(sentence: str, code: int) -> int:
    click.echo(sentence, err=True)
    return code


def _unprinted(code: int) -> int:
    """What is left to be printed goes nowhere, so that Python doesn't complain of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


if __name__ == "__main__":
    main()
