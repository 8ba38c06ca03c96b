"""Objects that carry their own documentation, as functions do."""

from typing import Any, TypeVar

__all__ = ["described"]

T = TypeVar("T", bound=type)


class _Docstring:
    """The class's docstring on the class; on an instance, its `doc`, and the class's where that is empty."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def __get__(self, instance: Any, owner: type) -> str | None:
        return self.text if instance is None else instance.doc or self.text


def described(cls: T) -> T:
    """Make `instance.__doc__`, and so `help(instance)`, read `instance.doc`."""
    cls.__doc__ = _Docstring(cls.__doc__)  # type: ignore[assignment]
    return cls
