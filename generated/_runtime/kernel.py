"""A kernel: an emitted body behind a checked call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from .described import described
from .dtypes import Types, choose
from .letters import axes_of
from .outputs import check_output
from .signature import Shapes, Signature, Sizes

__all__ = ["Kernel", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that passed every check on its arguments.

    `arrays` are the arguments as read, `operands` the same in the type that computes, in the layer's
    order; `shape` is the result's, batch axes first.
    """

    arrays: Mapping[str, Any]
    operands: tuple[Any, ...]
    shape: tuple[int, ...]
    types: Types


@described
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Kernel:
    """A layer on one array module: `kernel(X, V, u, out=None)` gives H.

    `body(*arrays, H, new)` writes H; `new(shape)` is scratch of H's type. It sees arrays of one type,
    whose shapes fit, and never an H without elements; `contiguous` bodies see only C-contiguous ones.
    `sizes`, `shapes` and `letters` say what fits: see `Signature`.

    Arguments come by position, in the order data, weights, biases, or by their letters; sizes that no
    shape determines come by keyword. The data may have leading batch axes. Nothing given is modified.
    """

    name: str
    xp: ModuleType
    body: Callable[..., None]
    sizes: Sizes
    shapes: Shapes
    data: str
    weights: tuple[str, ...]
    bias: tuple[str, ...]
    result: str
    letters: Mapping[str, str]
    doc: str = ""
    contiguous: bool = False
    signature: Signature = field(init=False)

    def __post_init__(self) -> None:
        signature = Signature(
            self.name, self.xp, self.arrays, self.data, self.result, self.letters, self.sizes, self.shapes
        )
        object.__setattr__(self, "signature", signature)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The letters of the arguments, in order."""
        return (self.data, *self.weights, *self.bias)

    def __repr__(self) -> str:
        def shaped(key: str) -> str:
            axes = (*(("...",) if key in (self.data, self.result) else ()), *axes_of(self.letters[key]))
            return f"{key}[{', '.join(axes)}]" if axes else key

        takes = ", ".join(map(shaped, self.arrays))
        return f"<{self.xp.__name__} kernel {self.name}({takes}) -> {shaped(self.result)}>"

    def __call__(self, *arguments: Any, out: Any = None, **named: Any) -> Any:
        """The result, in `out` if that is given.

        Raises ArgumentError, ShapeError, SizeError, DTypeError or OutputError, before `out` is touched.
        """
        call = self.prepare(*arguments, **named)
        if out is not None:
            check_output(self.name, self.xp, out, call.shape, call.types.result, call.arrays)
        return self.run(call, out)

    def prepare(self, *arguments: Any, **named: Any) -> Prepared:
        """Every check on the arguments, in this order: names, axes, shapes, element types."""
        given, sizes = self.signature.bind(arguments, named)
        arrays = {key: self.signature.read(key, value) for key, value in given.items()}
        shape = self.signature.measure(arrays, sizes)
        types = choose(self.name, given, arrays, self.data, self.bias)
        order = "C" if self.contiguous else None
        operands = tuple(self.xp.asarray(array, dtype=types.compute, order=order) for array in arrays.values())
        return Prepared(arrays, operands, shape, types)

    def run(self, call: Prepared, out: Any = None) -> Any:
        """The body on a prepared call; `out` must have passed `check_output`."""
        xp, types = self.xp, call.types
        result = xp.empty(call.shape, dtype=types.result) if out is None else xp.asarray(out)
        if result.size:
            direct = types.compute == types.result and (result.flags.c_contiguous or not self.contiguous)
            target = result if direct else xp.empty(call.shape, dtype=types.compute)
            self.body(*call.operands, target, lambda shape: xp.empty(shape, dtype=types.compute))
            if not direct:
                result[...] = target
        return result if out is None else out
