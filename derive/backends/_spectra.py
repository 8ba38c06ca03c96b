"""NumPy text of transforms and products of spectra, and programs as they store them: by half along the last axis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sympy import Expr, Integer, Symbol, floor

from derive.backends._views import Views
from derive.ir.nodes import Range
from derive.ir.spectra import Normwise, Product, Transform
from derive.ir.stages import Room, Staged, statements

__all__ = ["BOUND", "norm_bound", "product", "stored", "transform"]

Lines = list[str]

BOUND = (
    '"""q, α above and below, l, x and w: |error| ≤ γ_q·(α·Σ|w|·max|x| + |u|) + (1 + γ_q)·(l + x·max|x| + w·Σ|w|)·η."""',
)


def stored(program: Staged) -> Staged:
    """The program with ranges and working arrays as far as they are stored."""
    halves = {room.name for room in (*program.made, *program.rooms) if room.spectrum}
    letters: set[Symbol] = set()
    for node in statements((*program.fixed, *program.body)):
        if isinstance(node, Transform) and node.target.array in halves and node.source.array not in halves:
            letters.add(node.wave.symbol)
        if isinstance(node, Transform) and node.source.array in halves and node.target.array not in halves:
            letters.add(node.along.symbol)

    def fix(value: Any) -> Any:
        if isinstance(value, Range) and value.symbol in letters:
            return replace(value, stop=_half(value.stop))
        if isinstance(value, Room) and value.spectrum:
            return replace(value, shape=(*value.shape[:-1], _half(value.shape[-1])))
        if isinstance(value, tuple):
            return tuple(map(fix, value))
        names = getattr(value, "__dataclass_fields__", None)
        return value if names is None else replace(value, **{n: fix(getattr(value, n)) for n in names})

    parts = ("made", "fixed", "rooms", "body")
    return replace(program, **{name: fix(getattr(program, name)) for name in parts}) if halves else program


def _half(extent: Expr) -> Expr:
    return floor(extent / Integer(2)) + 1


def transform(views: Views, node: Transform) -> Lines:
    """One call, on views whose axes are those of the target."""
    halves = {room.name for room in (*views.program.made, *views.program.rooms) if room.spectrum}
    order = [r for e in node.target.subscripts for r in (*node.batch, node.wave) if r.symbol in e.free_symbols]
    axis = order.index(node.wave)
    out = views.view(node.target, [(r,) for r in order], hoist="out")
    read = [(node.along if r == node.wave else r,) for r in order]
    source = views.view(node.source, read, hoist="read")
    more = "" if node.sign == 1 else f", sign={node.sign}"
    more += "" if node.scaled else ", scaled=False"
    if node.source.array not in halves:
        return [f"real_transform({source}, {out}{more})"]
    if node.target.array not in halves:
        return [f"real_inverse({source}, {out})"]
    return [f"transform({source}, {out}, {axis}{more})"]


def product(views: Views, node: Product) -> Lines:
    """One multiplication; axes that a factor lacks in front are repeated by broadcasting."""
    order = [r for e in node.target.subscripts for r in node.over if r.symbol in e.free_symbols]
    sides = []
    for access, hoist in ((node.left, "left"), (node.right, "right")):
        own = [(r,) for r in order if any(r.symbol in e.free_symbols for e in access.subscripts)]
        sides.append(views.view(access, own, hoist=hoist))
    out = views.view(node.target, [(r,) for r in order], hoist="out")
    return [f"np.multiply({sides[0]}, {sides[1]}, out={out})"]


def norm_bound(name: str, bound: Normwise) -> Lines:
    """The function `_<name>_bound` of a program of transforms."""
    lengths = ", ".join(map(str, bound.lengths))
    points = "*".join(map(str, bound.lengths))
    steps = " + ".join(f"({n} - 1).bit_length()" for n in bound.lengths)
    others = len(bound.lengths) * bound.scalings + bound.others + bound.rounded
    read = f"norm*lost + {bound.products}*points" if bound.products else "norm*lost"
    met = f"{bound.largest}*lost" if bound.largest > 1 else "lost"
    return [
        f"def _{name}_bound(*, {lengths}, **_):",
        f"    {BOUND[0]}",
        f"    steps, points = {steps}, {points}",
        "    norm, lost = int(-(-points**0.5 // 1)), 24*(steps + 1)*points",
        f"    return {bound.steps}*steps + {others}, norm, 1, lost, {read}, {met}",
        "",
        "",
    ]
