"""Compiles the kernels of many modules in one translation unit, which costs little more than one of them."""

from collections.abc import Iterable

from .library import prebuild
from .raw_module import RawModule
from .settings import current_settings

__all__ = ["prebuild_modules"]


def prebuild_modules(modules: Iterable[RawModule]) -> None:
    """Afterwards each module's first launch under the present mode finds its kernels in the cache."""
    settings = current_settings()
    prebuild([module.source(settings.prime is not None) for module in modules], settings.checked)
