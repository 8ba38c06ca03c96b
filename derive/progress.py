"""What is under way, on a terminal's standard error: a bar where the number of things is known, else the seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bar", "working"]


@contextmanager
def bar(total: int, what: str) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing in a pipe; each call names a thing and counts it as done."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as shown:
        task = shown.add_task(what, total=total)

        def step(name: str) -> None:
            shown.update(task, description=name, advance=1)

        yield step


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """The seconds so far on a terminal, nothing in a pipe; each call says anew what is done."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def step(name: str) -> None:
            shown.update(task, description=name)

        yield step
