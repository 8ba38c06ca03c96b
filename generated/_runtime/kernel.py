"""A kernel: an emitted body behind a checked call, and the bodies of its gradients behind another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .banded import directly
from .bounds import gradient_bound, result_bound
from .choices import Asked, chosen, strides_of
from .constants import Constant
from .described import described
from .designs import choose_design, exact_designs, run_chosen, using_design
from .device import require_device
from .dtypes import Types, choose
from .errors import ArgumentError, DTypeError, GradientError
from .gradients import Gradient, gradient_of
from .letters import axes_of
from .outputs import check_output
from .planning import Algorithm, Choice, places_of, run_staged
from .primitives import all_finite
from .quick import call_at_once, known
from .signature import Fit, Shapes, Signature, Sizes

if TYPE_CHECKING:
    from .device_plan import DevicePlan
    from .plan import Plan

__all__ = ["Gradient", "Kernel", "Prepared"]

Body = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that passed every check on its arguments.

    `arrays` are the arguments as read, `operands` the layer's arrays in the types that the body takes, constants
    among them, in the layer's order; `shape` is the result's, batch axes first; `fit` says how the sizes came out.
    """

    arrays: Mapping[str, Any]
    operands: tuple[Any, ...]
    shape: tuple[int, ...]
    types: Types
    fit: Fit


@described
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Kernel:
    """A layer on one array module: `kernel(X, V, u, out=None)` gives H, `kernel.vjp(X, V, u, G)` its gradients.

    `body(*arrays, H, new)` writes H; `new(shape)` is scratch of H's type. It sees arrays of one type,
    whose shapes fit, and never an H without elements; `contiguous` bodies see only C-contiguous ones, and those with `halves` take
    float16 itself, where others get float32.
    `sizes`, `shapes` and `letters` say what fits: see `Signature`, also for `told`.

    Arguments come by position, in the order data, weights, biases, or by their letters; sizes that no
    shape determines come by keyword. The data may have leading batch axes, and so may whatever else
    `batched` names. Nothing given is modified.

    `constants` are arrays of the layer that it brings along: bodies take them in their places, callers don't.
    They don't choose the result's type, but for this: integers alone give int64 only where all constants are
    integers, and float64 otherwise. `repeats(**sizes)` is how often one result may use one entry of the
    weights at most (once, where it isn't given): the bound that keeps int64 from overflowing rests on it.
    `cotangent` is the letter of the gradient by the result.

    `algorithms` are other programs of the same layer; `work` counts what the body does, so that they can be compared. A call on
    floats takes the one that is predicted to be the quickest for its sizes. `unfit` says of further algorithms why the layer
    has none; `terms(**sizes)` is how many products one result adds at most, `steps` how many roundings a term has besides its
    sums, and how many factors follow a product that underflows. `valued` are algorithms for weights whose values satisfy
    something, which plans find out.
    """

    name: str
    xp: ModuleType
    body: Body
    sizes: Sizes
    shapes: Shapes
    data: str
    weights: tuple[str, ...]
    bias: tuple[str, ...]
    result: str
    letters: Mapping[str, str]
    doc: str = ""
    contiguous: bool = False
    gradients: Mapping[str, Gradient] = field(default_factory=dict)
    constants: Mapping[str, Constant] = field(default_factory=dict)
    batched: tuple[str, ...] = ()
    told: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    repeats: Callable[..., int] | None = None
    cotangent: str = "G"
    algorithms: tuple[Algorithm, ...] = ()
    work: Callable[..., tuple[tuple[Any, ...], ...]] | None = None
    terms: Callable[..., int] | None = None
    steps: tuple[int, int] | None = None
    unfit: Mapping[str, str] = field(default_factory=dict)
    valued: tuple[Algorithm, ...] = ()
    halves: bool = False
    signature: Signature = field(init=False)
    _brought: dict[tuple[str, str, int], Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.gradients and self.cotangent in (*self.arrays, self.result):
            raise ArgumentError(f"{self.name} has an array {self.cotangent}; its cotangent needs another letter.")
        batched = self.batched or (self.data, self.result)
        signature = Signature(
            *(self.name, self.xp, self.arrays, batched, self.result),
            *(self.letters, self.sizes, self.shapes, self.constants, self.told),
        )
        object.__setattr__(self, "signature", signature)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The letters of what the body takes, in order: arguments and constants."""
        return (self.data, *self.weights, *self.bias)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The letters of what a caller gives, in order."""
        return self.signature.given

    @property
    def _numbers(self) -> tuple[str, ...]:
        """The arrays of the bias that the layer brings along."""
        return tuple(key for key in self.bias if key in self.constants)

    def __repr__(self) -> str:
        def shaped(key: str) -> str:
            axes = (*(("...",) if key in self.signature.batched else ()), *axes_of(self.letters[key]))
            return f"{key}[{', '.join(axes)}]" if axes else key

        takes = ", ".join(map(shaped, self.arguments))
        return f"<{self.xp.__name__} kernel {self.name}({takes}) -> {shaped(self.result)}>"

    def __call__(self, *arguments: Any, out: Any = None, **named: Any) -> Any:
        """The result, in `out` if that is given.

        An infinity or NaN of the input may reach results near those whose window holds it, as algorithms multiply by structural
        zeros; a plan with accuracy="strict" keeps it to these.
        Raises ArgumentError, ShapeError, SizeError, DTypeError or OutputError, before `out` is touched.
        """
        found = None if named or self.xp is not np or self.constants else known(self, arguments)
        if found is not None and (result := call_at_once(self, found, arguments, out)) is not None:
            return result
        call = self.prepare(*arguments, **named)
        if out is not None:
            check_output(self.name, self.xp, out, call.shape, call.types.result, call.arrays)
        return self.run(call, out)

    def prepare(self, *arguments: Any, **named: Any) -> Prepared:
        """Every check on the arguments, in this order: names, axes, shapes, element types."""
        given, arrays, fit = self._read(self.signature, arguments, named)
        bound = result_bound(self.data, self.weights, self.bias, self._repeats(fit), self._numbers)
        types = choose(self.name, given, arrays, self.constants, (bound,), (self.data,), self.halves)
        operands = self._operands(arrays, types)
        shape = self._shape(self.result, fit)
        return Prepared(arrays, tuple(operands[key] for key in self.arrays), shape, types, fit)

    def run(self, call: Prepared, out: Any = None) -> Any:
        """The body on a prepared call; `out` must have passed `check_output`."""
        xp, types = self.xp, call.types
        result = xp.empty(call.shape, dtype=types.result) if out is None else xp.asarray(out)
        if result.size:
            choice = self.choose(call)
            flat = self.contiguous or choice.algorithm is not None
            direct = types.stored == types.result and (result.flags.c_contiguous or not flat)
            target = result if direct else xp.empty(call.shape, dtype=types.stored)
            if xp is not np or choice.algorithm is None:
                arrays = dict(zip(self.arrays, call.operands, strict=True))
                run_chosen(self, self, self.result, choice, arrays, target, self.sizes_of(call.fit), types)
            else:
                self._staged(choice, call, target)
            if not direct:
                result[...] = target
        return result if out is None else out

    def plan(
        self,
        shape: tuple[int, ...],
        *weights: Any,
        dtype: Any = None,
        algorithm: str = "auto",
        threads: int = 1,
        accuracy: str = "default",
        **sizes: Any,
    ) -> "Plan | DevicePlan":
        """The layer on inputs of one shape, batch axes included, with these weights and biases, which are copied.

        `plan(X, out=...)` is the result, `plan.explain()` a table of the candidates. A bias that is left out or None is 0. `dtype`
        is X's, the weights' unless given; `algorithm` one of those that `explain` lists; `threads` split each call. The default
        `accuracy` lets an infinity reach results near those whose window holds it, where an algorithm multiplies by structural
        zeros; 'strict' admits algorithms with the bound of direct sums alone, and sums tiles that aren't finite directly.
        Raises ArgumentError, ShapeError, SizeError or DTypeError.
        """
        named = {key: sizes.pop(key) for key in self.arguments[1:] if key in sizes}
        given = (*weights, *(named.get(key) for key in self.arguments[1 + len(weights) :]))
        if self.xp is np:  # what most programs never do is loaded when it is first done
            from .plan import make_plan
        else:
            from .device_plan import make_plan  # type: ignore[assignment]
        return make_plan(self, shape, given, dtype, algorithm, threads, accuracy, sizes)

    def using(self, algorithm: str, **knobs: int) -> "Kernel":
        """The layer by one of its algorithms alone, on floats and on exact numbers; on a device its gradients too.

        Knobs that aren't given are chosen, the same on every machine.
        """
        if self.xp is not np:
            on_device: Kernel = using_design(self, algorithm, knobs)
            return on_device
        from .using import using

        kernel: Kernel = using(self, algorithm, knobs)
        return kernel

    def choose(self, call: Prepared, strides: int | None = None) -> Choice:
        """The algorithm for a call: by sizes, element type and the class of the data's strides, that of the call's unless given."""
        if self.xp is not np:
            return self._design(call)
        direct = not self.algorithms or call.types.compute.kind != "f" or 0 in call.arrays[self.data].shape
        if direct or not self.finite(dict(zip(self.arrays, call.operands, strict=True))):
            return Choice(None, {})
        held = strides_of(call.arrays[self.data]) if strides is None else strides
        return chosen(self, Asked(tuple(self.sizes_of(call.fit).items()), call.types.compute, held, fixed=True))

    def _design(self, call: Prepared) -> Choice:
        """What a device launches."""
        if 0 in call.arrays[self.data].shape:
            return Choice(None, {})
        found = choose_design(self, self.sizes_of(call.fit), call.types)
        if isinstance(found.algorithm, Algorithm) and not self.finite(
            dict(zip(self.arrays, call.operands, strict=True))
        ):
            found = choose_design(exact_designs(self, "")[0], self.sizes_of(call.fit), call.types)
        return found

    def finite(self, arrays: Mapping[str, Any]) -> bool:
        """Whether all weights are: an infinity that never meets the input must not meet structural zeros either."""
        if self.xp is not np:
            return all(bool(self.xp.isfinite(arrays[key]).all()) for key in self.weights)
        return all(all_finite(arrays[key]) for key in self.weights)

    def sizes_of(self, fit: Fit) -> dict[str, int]:
        """The sizes, with how many items there are."""
        return {**fit.sizes, "batch": prod(fit.batch)}

    def _staged(self, choice: Choice, call: Prepared, target: Any) -> None:
        """An algorithm in stages, on contiguous arrays with one batch axis."""
        arrays = dict(zip(self.arrays, call.operands, strict=True))
        flat = {key: self.flat(key, array) for key, array in arrays.items()}
        result = self.flat(self.result, target)
        run_staged(choice, flat, result, self.sizes_of(call.fit), places_of(choice, result))
        if self.result not in self.signature.batched and not all_finite(
            target
        ):  # sums of all items: infinities stay apart
            with np.errstate(invalid="ignore", over="ignore"):
                directly(self.body, call.operands, target, lambda shape: np.empty(shape, dtype=call.types.compute))

    def flat(self, key: str, array: Any) -> Any:
        """An array without gaps, its leading axes as one where it has an entry for each item of the batch."""
        return np.ascontiguousarray(array).reshape(self.flat_shape(key, array.shape))

    def flat_shape(self, key: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape with its leading axes as one where the array has an entry for each item of the batch."""
        key = self.result if key == self.cotangent else key
        if key not in self.signature.batched:
            return shape
        lead = len(shape) - len(axes_of(self.letters[key]))
        return (prod(shape[:lead]), *shape[lead:])

    def vjp(self, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """The gradients of Σ G·H by every argument, in order, given the arguments and then G, of H's shape.

        Each has its argument's shape, and all have one type, chosen as in a call with G among the arguments. Sizes
        that no argument's shape tells come by keyword, where G's doesn't tell them either. Each is made by the algorithm that is
        predicted to be the quickest; an infinity of G may reach entries of the gradient by the data near those it belongs to.
        Raises GradientError for a gradient that wasn't emitted, and what a call raises.
        """
        signature = self._with_cotangent()
        wanted = self.arguments
        self.check_gradients(signature.name)
        given, arrays, fit = self._read(signature, arguments, named)
        repeats, g = self._repeats(fit), self.cotangent
        bounds = tuple(gradient_bound(key, self.data, self.weights, g, repeats, self._numbers) for key in wanted)
        types = choose(signature.name, given, arrays, self.constants, bounds, (self.data, g), self.halves)
        operands = self._operands(arrays, types)
        sizes = self.sizes_of(fit)
        return tuple(gradient_of(self, key, operands, self._shape(key, fit), types, sizes) for key in wanted)

    def check_gradients(self, name: str) -> None:
        """Raises GradientError where there is no gradient by some argument."""
        if missing := [key for key in self.arguments if key not in self.gradients]:
            raise GradientError(f"{name}: there is no kernel for the gradient by {missing[0]}.")

    def _with_cotangent(self) -> Signature:
        return replace(self.signature, name=f"{self.name}.vjp", cotangent=self.cotangent)

    def _read(
        self, signature: Signature, arguments: tuple[Any, ...], named: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], Fit]:
        """The arguments as they came, the same as arrays, and how they fit."""
        require_device(self.name, self.xp)
        given, sizes = signature.bind(arguments, named)
        arrays = {key: signature.read(key, value) for key, value in given.items()}
        return given, arrays, signature.measure(arrays, sizes)

    def _repeats(self, fit: Fit) -> int:
        return 1 if self.repeats is None else self.repeats(**fit.sizes)

    def _shape(self, key: str, fit: Fit) -> tuple[int, ...]:
        return (*fit.batch, *fit.shapes[key]) if key in self.signature.batched else fit.shapes[key]

    def _operands(self, arrays: Mapping[str, Any], types: Types) -> dict[str, Any]:
        """What bodies take: the arguments, and the constants in the type that computes."""
        order = "C" if self.contiguous else None
        read = {key: self.xp.asarray(array, dtype=types.stored, order=order) for key, array in arrays.items()}
        return {**read, **{key: self.constant(key, types.compute) for key in self.constants}}

    def constant(self, key: str, dtype: np.dtype[Any]) -> Any:
        """A constant in a type, made when first needed, once for each device."""
        device = int(self.xp.cuda.Device().id) if hasattr(self.xp, "cuda") else 0
        place = (key, str(dtype), device)
        if place not in self._brought:
            constant = self.constants[key]
            host = constant.as_array(np, dtype)
            if dtype.kind == "f" and not np.isfinite(host).all():
                value = constant.exact()[~np.isfinite(host)].flat[0]
                raise DTypeError(f"{self.name}: {key} holds {value}, which is infinite in {dtype}; pass wider floats.")
            self._brought[place] = self.xp.asarray(host)
        return self._brought[place]

    def exact_constants(self) -> dict[str, Any]:
        """The constants as object arrays, of integers or of Fractions, for bodies run on exact numbers."""
        return {key: constant.exact() for key, constant in self.constants.items()}
