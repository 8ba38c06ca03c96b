"""A step made again from its label: what `equivariant(Translations(step=2))` makes of a form.

A label is read as calls of rules, groups and supports by name, with constants; nothing in it is run as Python.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from derive.forms import support
from derive.forms.form import Form
from derive.proof.step import Step
from derive.registry import discover
from derive.rules._rule import Application

__all__ = ["named_step", "named_value"]

_LARGEST = 1000
_SUPPORTS = ("Box", "Causal", "Cross", "Diamond", "Disk", "Hexagon", "Mask")


class _Unknown(Exception):
    """A label that holds more than is known by name."""


def named_step(label: str, before: Form) -> Step | None:
    """The step; None where the label names something that isn't known, or holds more than calls and small constants.

    Raises DeriveError where the rule does not apply to the form.
    """
    application = named_value(label)
    return application.apply(before) if isinstance(application, Application) else None


def named_value(label: str) -> Any:
    """The rule with its arguments, the group or the support that a label names; None where it names what isn't known."""
    try:
        return _value(ast.parse(label, mode="eval").body, _known())
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, _Unknown):
        return None


@lru_cache
def _known() -> Mapping[str, Callable[..., Any]]:
    rules = {rule.name: rule for _, rule in discover("derive.rules")}
    groups = {group.__name__: group for _, group in discover("derive.groups")}
    return rules | groups | {name: getattr(support, name) for name in _SUPPORTS}


def _value(node: ast.expr, known: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of a call by name, of a list, tuple or dictionary of such, or of a constant."""

    def each(nodes: list[ast.expr]) -> list[Any]:
        return [_value(part, known) for part in nodes]

    match node:
        case ast.Constant(value=int() | str() | None as value) if not isinstance(value, int) or abs(value) <= _LARGEST:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int())):
            return -_value(node.operand, known)
        case ast.Tuple(elts=parts):
            return tuple(each(parts))
        case ast.List(elts=parts):
            return each(parts)
        case ast.Dict(keys=keys, values=values):
            return dict(zip(each([k for k in keys if k is not None]), each(values), strict=True))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=options) if name in known:
            named = {option.arg: _value(option.value, known) for option in options if option.arg is not None}
            return known[name](*each(args), **named)
    raise _Unknown
