"""What people pass: whether it is a whole number or a name, and how a refusal shows it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar

from derive.errors import RuleRefused

__all__ = ["as_tuples", "called_as", "explained", "hold_tuples", "is_count", "is_name", "is_whole", "said"]

Made = TypeVar("Made")

_WIDEST = 60  # characters of a value in a sentence


def as_tuples(value: Any) -> Any:
    """A sequence as a tuple, and what is in it; texts and all else as they are.

    >>> as_tuples([[0, -1], range(2)])
    ((0, -1), (0, 1))
    """
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(map(as_tuples, value))
    return value


def hold_tuples(made: Any) -> None:
    """Of a frozen dataclass, that it holds tuples where it was given other sequences."""
    for field in fields(made):
        object.__setattr__(made, field.name, as_tuples(getattr(made, field.name)))


def called_as(name: str, signature: inspect.Signature, cause: TypeError) -> str:
    """How something is called, and what was wrong with a call of it."""
    taken = ", ".join(str(p.replace(annotation=p.empty)) for p in signature.parameters.values())
    return f"{name}({taken}): {cause}."


def explained(made: type[Made]) -> type[Made]:
    """A class whose calls with other arguments than it takes are refused in a sentence, as those of rules are."""
    own = made.__init__
    signature = inspect.signature(made)

    @wraps(own)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        try:
            signature.bind(*args, **options)
        except TypeError as cause:
            called = called_as(type(self).__name__, signature, cause)
            raise RuleRefused(f"{type(self).__name__} is called as {called}") from cause
        own(self, *args, **options)

    setattr(made, "__init__", checked)  # noqa: B010  (mypy forbids the assignment)
    return made


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; truth values are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    """Whether it is a whole number from 1."""
    return is_whole(value) and value >= 1


def is_name(value: Any) -> bool:
    """Whether it can name a size or a letter."""
    return isinstance(value, str) and value.isidentifier()


def said(value: Any) -> str:
    """A value as a refusal shows it: on one line, cut where it is long."""
    text = re.sub(r"\s+", " ", repr(value))
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
