"""The page of files, made once for each state of the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

from derive.artifacts import Made
from derive.cache import Cache
from derive.explorer.settings import Setting
from derive.explorer.static import static_page
from derive.sources import layer_keys

__all__ = ["remembered_page"]


def remembered_page(
    cache: Cache | None,
    home: str | None = None,
    settings: Iterable[Setting] | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, bytes]:
    """See `static_page`; what the cache remembers of these sources is as good."""
    chosen = None if settings is None else tuple(settings)
    told = ["explorer", str(home), *(map(str, chosen) if chosen is not None else ("all",)), *layer_keys().values()]
    key = sha256("\n".join(told).encode()).hexdigest()
    if cache is not None and (found := cache.recall(key)) is not None:
        return {name: text.encode() for name, text in found.files.items()}
    files = static_page(home, chosen, progress=progress)
    if cache is not None:
        cache.keep(key, Made({name: data.decode() for name, data in files.items()}, {}, {}))
    return files
