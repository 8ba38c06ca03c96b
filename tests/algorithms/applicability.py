"""Which algorithm applies to which form, and why the others don't: kept in applies.json and as a table of the guide.

`python -m tests.algorithms.applicability` writes both anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import derive
from derive.algorithms._ways import WAYS
from derive.errors import NoLowering
from derive.lowering import ALGORITHMS, batched, slopes
from derive.registry import find

__all__ = ["FORMS", "KEPT", "PAGE", "form", "on_page", "table", "tried"]

KEPT = Path(__file__).with_name("applies.json")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "choose-an-algorithm.md"
_BEGIN, _END = "<!-- Made by `python -m tests.algorithms.applicability`. -->\n", "<!-- Until here. -->\n"
_SAID = {"yes": "", "phases": "phase by phase ", "continued": ""}
# Complex numbers: what commutes with a product by i is a product, by two numbers in the place of four.
_COMPLEX = {
    "channels": derive.Channels((("c", "C"), ("p", 2)), (("d", "D"), ("q", 2))),
    "symmetry": derive.MatrixGroup([((0, -1), (1, 0))], on="channels", axes=(1,)),
}
# Vectors, which a quarter turn turns: weights are tied with signs.
_VECTORS = {
    "channels": derive.Channels((("c", 2),), (("d", 2),)),
    "symmetry": derive.PointGroup("C4", channels={"c": "vector", "d": "vector"}),
}
_EDGES = ("valid", "periodic", "reflect", "symmetric", "nearest")

# What a layer is told, and by which array its gradient is taken; "" for the layer itself.
FORMS: Mapping[str, tuple[dict, str]] = {
    "7 taps of a line": ({"kernel": 7, "rank": 1, "channels": False}, ""),
    "3×3": ({"channels": False}, ""),
    "any odd side": ({"kernel": "Delta", "channels": False}, ""),
    "3×3×3": ({"rank": 3, "channels": False}, ""),
    "2×4, an even window": ({"kernel": (2, 4), "channels": False}, ""),
    "1×9, a lopsided window": ({"kernel": (1, 9), "channels": False}, ""),
    "a diamond": ({"kernel": derive.Diamond(2), "channels": False}, ""),
    "a diamond of three axes, stride 2": (
        {"kernel": derive.Diamond(1), "rank": 3, "stride": 2, "channels": False},
        "",
    ),
    "3×3, stride 2": ({"stride": 2, "channels": False}, ""),
    "3×3, stride (1, 3)": ({"stride": (1, 3), "channels": False}, ""),
    "3×3, dilation 2": ({"dilation": 2, "channels": False}, ""),
    **{f"3×3, edges {edge}": ({"edges": edge, "channels": False}, "") for edge in _EDGES},
    "channels": ({}, ""),
    "channels, 7×7, stride 2": ({"kernel": 7, "stride": 2}, ""),
    "channels, a diamond of three axes, stride 2": ({"kernel": derive.Diamond(1), "rank": 3, "stride": 2}, ""),
    "channels, dilation 2": ({"dilation": 2}, ""),
    "channels, 1×1": ({"kernel": 1}, ""),
    "groups of channels": ({"groups": 4}, ""),
    "channels of their own": ({"groups": "depthwise"}, ""),
    "complex channels": (_COMPLEX, ""),
    "complex channels, 7×7, stride 2": ({"kernel": 7, "stride": 2, **_COMPLEX}, ""),
    "complex channels, a diamond, edges reflect": ({"kernel": derive.Diamond(2), "edges": "reflect", **_COMPLEX}, ""),
    "vectors, which turn with the window": ({"kernel": 5, **_VECTORS}, ""),
    "vectors, a diamond, stride 2": ({"kernel": derive.Diamond(2), "stride": 2, **_VECTORS}, ""),
    "separable, two factors": ({"kernel": 5, "factors": 2, "channels": False}, ""),
    "by X: 3×3": ({"channels": False}, "X"),
    "by X: channels": ({}, "X"),
    "by X: channels, stride 2": ({"stride": 2}, "X"),
    "by X: vectors": (_VECTORS, "X"),
    "by X: complex channels": (_COMPLEX, "X"),
    "by X: complex channels, stride 2": ({"stride": 2, **_COMPLEX}, "X"),
    "by X: a diamond of channels, stride (2, 3)": ({"kernel": derive.Diamond(1), "stride": (2, 3)}, "X"),
    "by X: 7×7, stride 2": ({"kernel": 7, "stride": 2, "channels": False}, "X"),
    "by X: channels of their own, stride 2": ({"groups": "depthwise", "stride": 2}, "X"),
    "by V: 7 taps of a line": ({"kernel": 7, "rank": 1, "channels": False}, "V"),
    "by V: 3×3": ({"channels": False}, "V"),
    "by V: 3×3×3, stride 2": ({"rank": 3, "stride": 2, "channels": False}, "V"),
    "by V: a diamond": ({"kernel": derive.Diamond(2), "channels": False}, "V"),
    "by V: channels": ({}, "V"),
    "by V: groups of channels, dilation 2": ({"groups": 4, "dilation": 2}, "V"),
    "by V: channels of their own, stride 2": ({"groups": "depthwise", "stride": 2}, "V"),
    "by V: complex channels": (_COMPLEX, "V"),
    "by V: 3×3, edges periodic": ({"edges": "periodic", "channels": False}, "V"),
}


@cache
def form(name):
    """The form of that name with the arrays that have items, and the derivation whose it is, or whose gradient."""
    told, by = FORMS[name]
    layer = derive.convolution(**told)
    if not by:
        return layer.form, batched(layer.form), layer
    slope = next(s for s in slopes(layer.form) if s.by == by)
    return slope.form, slope.items, layer


def tried(name) -> dict[str, str]:
    """For each algorithm why it doesn't apply, or how it does: "yes", or by which way."""
    own, items, _ = form(name)
    ways = {said: way.make for said, way in WAYS.items() if way.fits(own)}
    return {algorithm: _how(find("derive.algorithms", algorithm), own, items, ways) for algorithm in ALGORITHMS}


def _how(make, own, items, ways) -> str:
    try:
        make(own, items)
        return "yes"
    except NoLowering as refused:
        said = str(refused)
    for name, way in ways.items():
        try:
            way(make, own, items)
            return name
        except NoLowering as refused:
            said = str(refused)
    return said


def table(kept: Mapping[str, Mapping[str, str]]) -> str:
    """The table of the guide."""
    lines = ["| layer or gradient | algorithms in stages that apply |", "|---|---|"]
    for name, found in kept.items():
        by = {how: [f"`{a}`" for a, said in found.items() if said == how] for how in ("yes", *WAYS)}
        parts = [f"{_SAID[how]}{', '.join(some)}" for how, some in by.items() if some]
        lines.append(f"| {name} | {'; '.join(parts) or 'none: sums as they are written'} |")
    return "\n".join(lines) + "\n"


def on_page(page: str, made: str) -> str:
    """The page with the table in its place."""
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}\n{made}\n{_END}{rest.split(_END)[1]}"


def _write() -> None:
    kept = {name: tried(name) for name in FORMS}
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(on_page(PAGE.read_text(encoding="utf-8"), table(kept)), encoding="utf-8")


if __name__ == "__main__":
    _write()
