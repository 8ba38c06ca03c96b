"""The commands `bench` and `calibrate`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from derive.progress import working

__all__ = ["bench", "calibrate"]

_BUDGET, _QUICK, _THREADS = 2.0, 0.3, 2


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, dict[str, Any] | None], None]]:
    """A bar on a terminal, a line a row in a pipe's standard error."""
    if not sys.stderr.isatty():
        yield lambda name, row: None if row is None else click.echo(f"{name} is timed.", err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task("starting", total=total)

        def step(name: str, row: dict[str, Any] | None) -> None:
            bar.update(task, description=name, advance=0 if row is None else 1)

        yield step


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
@click.option("--quick", is_flag=True, help=f"{_QUICK} seconds a row instead of {_BUDGET:.0f}: rougher.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=_THREADS, show_default=True, help="Timed beside one thread."
)
@click.option(
    "--unforced", is_flag=True, help="Hide OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE from the measuring processes."
)
@click.option("--write", "keep", is_flag=True, help="Keep figures, page and chart in docs/performance.")
@click.option(
    "--as", "machine", default="", help="With --write: keep them beside those of the first machine, by this name."
)
@click.option(
    "--backend",
    type=click.Choice(["numpy", "cupy"]),
    default="numpy",
    show_default=True,
    help="What is timed: 'cupy' on a device, where all kernels are compared with NumPy's first.",
)
def bench(
    names: tuple[str, ...],
    file: Path | None,
    quick: bool,
    threads: int,
    unforced: bool,
    keep: bool,
    machine: str,
    backend: str,
) -> None:
    """Time layers against the compiled libraries that are installed.

    NAME is a row, a layer or a peer, such as 1mp-3x3, conv2d or cv2.filter2D, or a pattern, such as '1mp-*'; by default,
    all rows. Every result is compared with a float64 reference before it is timed: by CPU time of one thread, and by the
    clock with more. Folders of the file are made where they are missing.
    The peers come with `pip install 'derive-layers[bench]'`; what isn't installed is left out.
    """
    if backend == "cupy":
        if quick or unforced or keep or threads != _THREADS:
            raise click.UsageError("--quick, --threads, --unforced and --write are for NumPy's backend.")
        _on_device(names, file)
        return
    from derive.bench.page import FOLDER, Names
    from derive.bench.report import finish
    from derive.bench.rows import chosen
    from derive.bench.running import figures

    rows = chosen(names)
    if machine and not (keep and machine.isidentifier()):
        raise click.UsageError("--as goes with --write, and is a word.")
    if keep and names and not machine:
        raise click.UsageError("--write keeps the whole table; leave the names out.")
    if keep and FOLDER is None:
        raise click.UsageError("--write keeps figures in a checkout, and this is none.")
    with _progress(len(rows)) as step:
        found = figures(rows, _QUICK if quick else _BUDGET, unforced, threads, step)
    finish(found, file, FOLDER if keep else None, Names(machine))


def _on_device(names: tuple[str, ...], file: Path | None) -> None:
    """Compare all kernels on the device, then time the rows."""
    import json

    from derive.artifacts import write
    from derive.bench.device import device_figures, lines, require_cupy, selected

    rows = selected(names)
    found = device_figures(require_cupy(), rows, step=lambda said: click.echo(f"{said}.", err=True))
    for line in lines(found):
        click.echo(line)
    if file is not None:
        write({file.name: json.dumps(found, indent=2, ensure_ascii=False) + "\n"}, file.parent)


@click.command()
@click.option(
    "--unforced", is_flag=True, help="Hide OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE from the measuring process."
)
def calibrate(unforced: bool) -> None:
    """Measure this machine, in a few seconds, for predictions of time.

    The constants are kept in DERIVE_CACHE_DIR or the user's cache folder, where kernels find them; without
    them they guess. With OPENBLAS_CORETYPE they are kept under another name.
    """
    from rich.console import Console
    from rich.table import Table

    from derive.calibration import calibrate, summary

    with working("measuring"):
        path, made = calibrate(unforced)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in summary(made).items():
        table.add_row(name, value)
    Console(highlight=False).print(table)
    click.echo(f"{path} is written.")
