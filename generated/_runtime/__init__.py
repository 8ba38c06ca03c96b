"""What emitted files need at run time: calling, checking, choosing a backend.

Ordinary code that knows no layer. The emitter copies this folder, byte for byte, beside the files it
writes; so it imports the standard library and NumPy only, and itself only relatively.
"""

from .constants import Constant
from .dispatch import Dispatcher
from .errors import (
    ArgumentError,
    BackendError,
    DTypeError,
    GradientError,
    LayerError,
    OutputError,
    ShapeError,
    SizeError,
)
from .gradients import Gradient
from .kernel import Kernel, Prepared
from .planning import Algorithm, Reading

__all__ = [
    "Algorithm",
    "ArgumentError",
    "BackendError",
    "Constant",
    "DTypeError",
    "Dispatcher",
    "Gradient",
    "GradientError",
    "Kernel",
    "LayerError",
    "OutputError",
    "Prepared",
    "Reading",
    "ShapeError",
    "SizeError",
]
