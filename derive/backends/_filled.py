"""Copies with what lies beyond the ends of their source, as NumPy text."""

from __future__ import annotations

from sympy import Expr, Integer, Symbol, expand

from derive.backends._expressions import python, vectorised
from derive.backends._views import Views, tuple_text
from derive.ir.stages import Halo

__all__ = ["halo", "placed"]


def halo(views: Views, node: Halo) -> list[str]:
    """One call."""
    source, start, places, more = placed(views, node)
    name, called = node.target.array, "continued" if places else "halo"
    if node.copied:
        target = views.view(node.target, [(r,) for r in node.over], "in")
        return [f"{called}({source}, {start}, {target}{places}{more}, copied=True)"]
    return [f"{name} = {called}({source}, {start}, {name}_{places}{more})"]


def placed(views: Views, node: Halo) -> tuple[str, str, str, str]:
    """The source, where it is read from, the functions that say what is beyond its ends, and how axes go along each other.

    Letters that move nothing in the source are axes of extent one of it, behind that of the letter before.
    """
    letters = [r.symbol for r in node.over]
    beyond = {found.axis: f"lambda {found.letter}: {vectorised(found.value, found.letter)}" for found in node.beyond}
    read: list[tuple[Symbol | None, str, str, Expr, str]] = []
    for axis, (subscript, still) in enumerate(zip(node.source.subscripts, node.read.subscripts, strict=True)):
        met = [s for s in letters if s in subscript.free_symbols]
        step = subscript.coeff(met[0]) if met else Integer(0)
        rest = python(expand(subscript - step * met[0]) if met else still)
        read.append((met[0], ":", rest, step, beyond.get(axis, "None")) if met else (None, rest, "", step, ""))
    for k, letter in enumerate(letters):
        known = [s for s, *_ in read]
        if letter not in known:
            read.insert(known.index(letters[k - 1]) + 1 if k else 0, (letter, "None", "None", Integer(1), "None"))
    index = [text for _, text, *_ in read]
    while index and index[-1] == ":":
        index.pop()
    source = f"{node.source.array}[{', '.join(index)}]" if index else node.source.array
    axes = [part for part in read if part[0] is not None]
    start, steps = tuple_text(part[2] for part in axes), [int(part[3]) for part in axes]
    order = [[part[0] for part in axes].index(letter) for letter in letters]
    more = f", axes={tuple_text(order)}" if order != sorted(order) else ""
    more += f", steps={tuple_text(steps)}" if set(steps) != {1} else ""
    functions = [part[4] for part in axes]
    return source, start, f", {tuple_text(functions)}" if set(functions) != {"None"} else "", more
