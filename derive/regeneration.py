"""Every layer of the catalogue: remembered where nothing changed, made in several processes where something did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from derive.artifacts import Files, Made, whole
from derive.cache import Cache
from derive.registry import names
from derive.sources import closures, covered, drop_doubtful_bytecode, layer_keys
from derive.workers import make_all

__all__ = ["Regeneration", "regeneration"]


@dataclass(frozen=True, slots=True)
class Regeneration:
    """What each layer became, in the order of their names, and how many of them were remembered."""

    made: Mapping[str, Made]
    remembered: int

    def files(self) -> Files:
        """Every file of a checkout that is made and not written, by name."""
        return whole(self.made)


def regeneration(
    jobs: int,
    cache: Cache | None,
    progress: Callable[[str], None] = lambda name: None,
    only: Iterable[str] | None = None,
) -> Regeneration:
    """These layers of the catalogue, or all of them; `progress` hears each one's name when it is there.

    Without a cache everything is made. Raises DeriveError for a layer that is not what it says.
    """
    keys, reached = layer_keys(), closures()
    wanted = names("derive.catalogue") if only is None else tuple(only)
    made: dict[str, Made] = {}
    for name in wanted:
        if cache and (found := cache.recall(keys[name])):
            made[name] = found
            progress(name)
    left = {name: reached[name] for name in wanted if name not in made}
    if left:
        drop_doubtful_bytecode()
    with closing(make_all(left, jobs)) as results:
        for result in results:
            made[result.name] = result.made
            if cache and _accounted_for(result.opened, reached[result.name]) and layer_keys() == keys:
                cache.keep(keys[result.name], result.made)
            progress(result.name)
    return Regeneration({name: made[name] for name in wanted}, len(wanted) - len(left))


def _accounted_for(opened: frozenset[str], reached: frozenset[str]) -> bool:
    """Whether nothing was read that the key doesn't know of. Devices and the system's own state are no files."""
    system = ("/dev/", "/proc/", "/sys/", "/etc/")
    return all(covered(Path(name).resolve(), reached) for name in opened if not name.startswith(system))
