"""Values by name, each made when it is first asked for, so that collecting the tests derives nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from derive.registry import find, names

__all__ = ["CATALOGUE", "Lazily"]


class Lazily(Mapping[Any, Any]):
    """What the makers by those names return, each called once at most; to go through the names calls none."""

    def __init__(self, makers: Mapping[Any, Callable[[], Any]]) -> None:
        self._makers, self._made = dict(makers), dict[Any, Any]()

    def __getitem__(self, name: Any) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: Any) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[Any]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


CATALOGUE = Lazily({name: partial(find, "derive.catalogue", name) for name in names("derive.catalogue")})
