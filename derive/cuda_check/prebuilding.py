"""Compiles the kernels of many modules in one translation unit, which costs little more than one of them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .library import prebuild
from .raw_module import RawModule
from .settings import current_settings, using
from .source import Source

__all__ = ["gathering", "prebuild_modules"]


def prebuild_modules(modules: Iterable[RawModule]) -> None:
    """Afterwards each module's first launch under the present mode finds its kernels in the cache."""
    settings = current_settings()
    prebuild([module.source(settings.prime is not None) for module in modules], settings.checked)


@contextmanager
def gathering() -> Iterator[None]:
    """Launches inside the `with` block run nothing; behind it all that they would have run is compiled, many sources at once.

    Results are what memory held before, so this is for programs that launch the same whatever they find there.
    """
    sources: list[Source] = []
    try:
        with using(gathered=sources):
            yield
    finally:
        prebuild(sources, current_settings().checked)
