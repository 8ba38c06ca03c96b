"""The command `check-cuda`."""

import json
from pathlib import Path

import click

from .nvrtc import ARCHITECTURES
from .settings import SCHEDULES

__all__ = ["check_cuda"]


@click.command("check-cuda")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--call", "calls", multiple=True, metavar="EXPRESSION", help="Evaluate this among the file's names, too.")
@click.option("--schedule", "schedules", multiple=True, type=click.Choice(SCHEDULES), help="By default, all of them.")
@click.option(
    "--compile", "machine", is_flag=True, help="Compile what was launched for real architectures, too, with NVRTC."
)
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON.")
@click.pass_context
def check_cuda(
    context: click.Context,
    file: Path,
    calls: tuple[str, ...],
    schedules: tuple[str, ...],
    machine: bool,
    as_json: bool,
) -> None:
    """Run FILE, which uses CuPy, without a GPU, and report the faults of its CUDA kernels.

    FILE is a Python program, or a module that `derive emit` wrote. It runs unchanged: its kernels are compiled for the CPU,
    and each launch is watched for accesses outside an argument or through const, races that no barrier prevents,
    uninitialised shared memory, misaligned vectors, divergent barriers, undefined arithmetic, endless loops,
    arguments of the wrong type and limits of launches. The layers of emitted modules, and their gradients,
    are called on arrays of many sizes.

    A function of a file that launches nothing by itself is called by --call:

    \b
        python -m derive check-cuda my.py \\
            --call 'blur(cupy.ones((5, 7), "float32"))'

    With --compile, NVRTC (pip install nvidia-cuda-nvrtc) compiles what was launched for sm_75 to sm_120, without a GPU: warnings
    and spills are faults, and registers and occupancy are told.

    Exits with 0 if there is no fault, 1 if there is one or nothing was launched, 2 for wrong usage.
    """
    from .checking import check_module  # which loads NumPy

    found = check_module(file, calls, schedules or SCHEDULES, ARCHITECTURES if machine else ())
    click.echo(json.dumps(found.data(), indent=2, ensure_ascii=False) if as_json else found.text())
    if not found.launches:
        click.echo("Nothing was launched: --call EXPRESSION says what to run.", err=True)
    context.exit(0 if found.clean else 1)
