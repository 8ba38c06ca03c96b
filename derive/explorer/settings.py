"""What one can choose: a grid, and constraints in an order, in words that a page, an address and a file can hold.

2-box:translations.box.C4        two axes and no edge beyond them; shifts, then a square window, then quarter turns
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from derive.errors import UsageRefused
from derive.forms.arguments import said
from derive.forms.support import Causal, Cross, Diamond, Disk, Hexagon
from derive.groups.point import PointGroup
from derive.groups.translations import Translations
from derive.rules._rule import Application
from derive.rules.boundary import boundary
from derive.rules.channels import channels
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from derive.rules.strided import strided

__all__ = ["GRIDS", "KINDS", "Kind", "Option", "Setting", "setting"]

GRIDS: Mapping[str, str] = {
    "box": "box: nothing beyond its edges",
    "torus": "torus: it closes on itself",
    "reflecting": "reflecting: mirrored at its edges",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a kind of constraint: its word, what a page calls it, and on how many axes there is one."""

    word: str
    says: str
    axes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True, slots=True)
class Kind:
    """Constraints of which at most one is stated."""

    name: str
    label: str
    options: tuple[Option, ...]


KINDS: tuple[Kind, ...] = (
    Kind("translations", "Translations", (Option("translations", "all shifts"),)),
    Kind(
        "locality",
        "Locality, within a radius Δ",
        (
            Option("box", "box: |a|, |b| ≤ Δ", (2,)),
            Option("interval", "interval: |a| ≤ Δ", (1,)),
            Option("causal", "causal: 0 ≤ −a ≤ Δ"),
            Option("diamond", "diamond: |a| + |b| ≤ Δ", (2,)),
            Option("cross", "cross: a = 0 or b = 0", (2,)),
            Option("hexagon", "hexagon: |a|, |b|, |a + b| ≤ Δ", (2,)),
            Option("disk2", "disk: a² + b² ≤ 4", (2,)),
            Option("disk3", "disk: a² + b² ≤ 9", (2,)),
        ),
    ),
    Kind(
        "symmetry",
        "Rotations and reflections",
        (
            Option("D1", "reflection a → −a", (1,)),
            Option("mirror", "reflection b → −b", (2,)),
            Option("C2", "by 180°", (2,)),
            Option("D2", "by 180° and reflections", (2,)),
            Option("C4", "by 90°", (2,)),
            Option("D4", "by 90° and reflections", (2,)),
            Option("C6", "by 60°, hexagonal", (2,)),
            Option("D6", "by 60° and reflections, hexagonal", (2,)),
        ),
    ),
    Kind(
        "stride",
        "Stride",
        (Option("stride2", "every 2nd place"), Option("stride3", "every 3rd place")),
    ),
    Kind("channels", "Channels", (Option("channels", "C in and D out"),)),
)
_KIND_OF: Mapping[str, Kind] = {option.word: kind for kind in KINDS for option in kind.options}
_OPTIONS: Mapping[str, Option] = {option.word: option for kind in KINDS for option in kind.options}
_SUPPORTS: Mapping[str, Any] = {
    "box": "Delta",
    "interval": "Delta",
    "causal": Causal("Delta"),
    "diamond": Diamond("Delta"),
    "cross": Cross("Delta"),
    "hexagon": Hexagon("Delta"),
    "disk2": Disk(2),
    "disk3": Disk(3),
}
_MIRROR = ((1, 0), (0, -1))
_EDGES = {"torus": "periodic", "reflecting": "reflect"}


@dataclass(frozen=True, slots=True)
class Setting:
    """A grid of one or two axes, and constraints by their words, from the first to the last."""

    axes: int
    grid: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.axes}-{self.grid}:{'.'.join(self.words)}"

    def until(self, count: int) -> Setting:
        """The setting with so many of its constraints."""
        return replace(self, words=self.words[:count])

    @property
    def rules(self) -> tuple[tuple[str, Application], ...]:
        """The rules in their order, each with the word that stands for it: none for how inputs are named, and for the edge.

        The edge comes before places are left out. Channels extend the dense layer, so they come first, wherever they are stated.
        """
        stated = [(word, self._rule(word)) for word in self.words if word != "channels"]
        if (edge := self._edge) is not None:
            places = [p for p, (word, _) in enumerate(stated) if word.startswith("stride")]
            stated.insert(places[0] if places else len(stated), ("", boundary(edge)))
        first = [("channels", channels())] if "channels" in self.words else []
        named = [] if self._wraps else [("", reindex())]
        return (*first, *named, *stated)

    @property
    def _windowed(self) -> bool:
        return any(word in _SUPPORTS for word in self.words)

    @property
    def _wraps(self) -> bool:
        """Whether shifts act on the whole torus; with a window the layer is one of the image repeated without end."""
        return self.grid == "torus" and "translations" in self.words and not self._windowed

    @property
    def _edge(self) -> str | None:
        """What is read beyond the edge; nothing has to be said of a layer that reads the grid alone."""
        if self.grid == "reflecting" or (self.grid == "torus" and self._windowed):
            return _EDGES[self.grid]
        return "zero" if self.grid == "box" and self._windowed else None

    def _rule(self, word: str) -> Application:
        if word == "translations":
            return equivariant(Translations(grid="torus") if self._wraps else Translations())
        if word in _SUPPORTS:
            return local(_SUPPORTS[word])
        if word.startswith("stride"):
            return strided(int(word.removeprefix("stride")))
        about = "pixel" if "translations" in self.words else "grid"
        return equivariant(PointGroup((_MIRROR,) if word == "mirror" else word, about=about))

    @property
    def python(self) -> str:
        """The derivation as a program of a few lines."""
        steps = "".join(f"\n    .then(derive.{_typed(str(rule))})" for _, rule in self.rules)
        return f"import derive\n\nlayer = (\n    derive.dense(rank={self.axes}){steps}\n)\n"


def _typed(rule: str) -> str:
    """A rule as one types it: what it is called with are names of `derive` too."""
    name, _, inside = rule.partition("(")
    return f"{name}({'derive.' if inside[:1].isalpha() and inside[:1].isupper() else ''}{inside}"


def setting(text: str) -> Setting:
    """The setting of that name. Raises UsageRefused for a text that names none."""
    head, colon, tail = text.partition(":")
    axes, dash, grid = head.partition("-")
    words = tuple(word for word in tail.split(".") if word)
    if not (colon and dash and axes in ("1", "2") and grid in GRIDS):
        raise UsageRefused(f"A setting is called as 2-box:translations.box; {said(text)} is no such name.")
    for word in words:
        if word not in _OPTIONS or int(axes) not in _OPTIONS[word].axes:
            raise UsageRefused(f"On a grid of {axes} axes there is no constraint '{word}'.")
    kinds = [_KIND_OF[word].name for word in words]
    if twice := [name for name in kinds if kinds.count(name) > 1]:
        raise UsageRefused(f"Constraints of one kind are stated once; {twice[0]} is stated twice.")
    return Setting(int(axes), grid, tuple(sorted(words, key=lambda word: word != "channels")))
