"""The page as files that need no server: what the engine made of every setting that is offered stands in scripts beside it."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from derive.derivation import Derivation
from derive.explorer.data import FEW, Ranges, argument, at_sizes, described, ends, sizes_of
from derive.explorer.layers import Outcome, Shared, outcome
from derive.explorer.offered import FIRST, offered
from derive.explorer.settings import GRIDS, KINDS, Setting
from derive.render.palette import colours

__all__ = ["PAGE", "layer_data", "static_page", "unpacked", "vocabulary"]

PAGE = Path(__file__).parent / "page"
_FEW, _MANY = 1000, 4096
Files = dict[str, bytes]


def static_page(
    home: str | None = None,
    settings: Iterable[Setting] | None = None,
    ranges: Ranges = FEW,
    progress: Callable[[str], None] = lambda name: None,
) -> Files:
    """Every file of the page by name; `home` is where its link to the documentation leads."""
    chosen = list(offered() if settings is None else settings)
    shared, layers = Shared(), dict[int, tuple[Derivation, list[Outcome]]]()
    for one in chosen:
        found = outcome(one)
        first = shared.of(found.derivation)
        layers.setdefault(id(first), (first, []))[1].append(found)
        progress(str(one))
    files, held = _own_files(), dict[str, str]()
    for derivation, outcomes in layers.values():
        name = str(outcomes[0].setting).replace(":", "-").rstrip("-")
        held |= {str(found.setting): name for found in outcomes}
        files[f"data/{name}.js"] = _packed(name, layer_data(derivation, outcomes, ranges))
        progress(name)
    says = (
        f"This page holds {len(held)} settings, which come to {len(layers)} layers; `python -m derive serve` has all."
    )
    known = {**vocabulary(chosen), "live": False, "home": home, "settings": held, "says": says}
    files["manifest.js"] = f"window.explorer = {_json(known)};\n".encode()
    return files


def _own_files() -> Files:
    return {path.name: path.read_bytes() for path in sorted(PAGE.iterdir()) if path.is_file()}


def layer_data(derivation: Derivation, outcomes: Iterable[Outcome], ranges: Ranges) -> dict[str, Any]:
    """All of a layer: at all sizes, at each of those offered, and how each setting came to it."""
    places = list(_places(derivation, ranges))
    orders = {}
    for found in outcomes:
        counted = {_named(sizes): ends(found.derivation, sizes) for sizes in places}
        orders[str(found.setting)] = {**argument(found), "counts": counted}
    points = {_named(sizes): at_sizes(derivation, sizes) for sizes in places}
    return {**described(derivation, ranges), "orders": orders, "points": points}


def _places(derivation: Derivation, ranges: Ranges) -> Iterator[dict[str, int]]:
    sizes = sizes_of(derivation, ranges)
    for values in product(*(size["values"] for size in sizes)):
        yield dict(zip((size["name"] for size in sizes), values, strict=True))


def _named(sizes: Mapping[str, int]) -> str:
    return ",".join(f"{name}={value}" for name, value in sizes.items())


def vocabulary(settings: Iterable[Setting] | None = None) -> dict[str, Any]:
    """What can be chosen, by its words; with settings, what any of them states. And the colours."""
    stated = None if settings is None else {word for one in settings for word in one.words}
    kinds = []
    for kind in KINDS:
        options = [
            {"word": o.word, "says": o.says, "axes": list(o.axes)}
            for o in kind.options
            if stated is None or o.word in stated
        ]
        kinds.append({"kind": kind.name, "label": kind.label, "options": options})
    return {
        "kinds": kinds,
        "grids": [{"word": word, "says": says} for word, says in GRIDS.items()],
        "axes": [1, 2],
        "first": str(FIRST),
        "few": list(colours(_FEW)),
        "many": list(colours(_MANY)),
    }


def _packed(name: str, data: Mapping[str, Any]) -> bytes:
    packed = base64.b64encode(gzip.compress(_json(data).encode(), mtime=0)).decode("ascii")
    return f'window.explorer.take("{name}", "{packed}");\n'.encode()


def unpacked(script: bytes) -> dict[str, Any]:
    """The data in such a script."""
    packed = script.decode("ascii").rsplit('"', 2)[1]
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
