"""One class per way in which a call can be wrong; each message is one sentence in the layer's own letters."""

__all__ = [
    "ArgumentError",
    "BackendError",
    "DTypeError",
    "GradientError",
    "LayerError",
    "OutputError",
    "ShapeError",
    "SizeError",
]


class LayerError(Exception):
    """A call that a layer refuses. Every class below derives from it and from the built-in it resembles."""


class ArgumentError(LayerError, TypeError):
    """An argument is missing, unknown, given twice, or can't be read as an array."""


class ShapeError(LayerError, ValueError):
    """An array has the wrong number of axes, an empty axis, or extents that don't fit the others."""


class SizeError(LayerError, ValueError):
    """A size that the shapes don't determine is missing or isn't a natural number."""


class DTypeError(LayerError, TypeError):
    """The element types, or the values in them, leave no type that holds the result."""


class OutputError(LayerError, ValueError):
    """`out` can't take the result: its type, shape, dtype, writability or memory is wrong."""


class BackendError(LayerError, ImportError):
    """A backend isn't there, or the arguments belong to two of them."""


class GradientError(LayerError, NotImplementedError):
    """A layer's gradient by one of its arguments was not emitted."""
