"""A kernel on a device, bound to a shape and to weights: what is launched is chosen once, and can be explained without a device.

The plan owns copies of its weights. They are brought to the device when it is first called; what is missing there is said then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from .accuracy import counts, factor, told
from .costs import Counted
from .designs import STRICT, WEIGHTS, designs_of, exact_designs, instructions, lacking, run_chosen, weights_of
from .device import from_other_library, on_device, require_device
from .device_stages import made_of
from .dtypes import Types
from .errors import ArgumentError, DTypeError, ShapeError
from .explanation import Explanation
from .gpu import DEVICE
from .gradients import Planned, gradient_of
from .outputs import check_output
from .planning import Algorithm, Candidate, Choice
from .stated import checked_weights, extents, float_type, with_biases

__all__ = ["DevicePlan", "make_plan"]

Candidates = tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DevicePlan:
    """`plan(X, out=None)` is the layer on X, `plan.vjp(X, G)` its gradients; `plan.explain()` says how, and why so, of both.

    `without` is why its weights, or what was asked of its accuracy, admit no programs in stages; it is empty where they do.
    """

    kernel: Any
    shape: tuple[int, ...]
    types: Types
    result: tuple[int, ...]
    choice: Choice
    sizes: Mapping[str, int]
    weights: Mapping[str, Any]
    explanation: Explanation
    without: str = ""
    value: None = None
    brought: dict[str, Any] = field(default_factory=dict)
    slopes: dict[str, Candidates] = field(default_factory=dict)
    made: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        knobs = "".join(f", {k}={v}" for k, v in self.choice.knobs.items())
        name = f"{self.kernel.xp.__name__} plan of {self.kernel.name}"
        return f"<{name} on {self.shape} {self.dtype} by {self.choice.name}{knobs}>"

    @property
    def algorithm(self) -> str:
        """The name of the design that it launches."""
        return self.choice.name

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of X and of the results."""
        return self.types.result

    @property
    def compute(self) -> np.dtype[Any]:
        """The type of sums."""
        return self.types.compute

    def explain(self) -> Explanation:
        """The candidates and the choice, and those of each gradient; `print` it."""
        slopes = {key: self._explained(key) for key in self.kernel.arguments if key in self.kernel.gradients}
        return replace(self.explanation, bound=told(self), gradients=slopes)

    def _explained(self, key: str) -> Explanation:
        """Why the gradient by one argument is launched as it is."""
        listed, gradient = self._designs(key), self.kernel.gradients[key]
        known, unfit = (gradient, {}) if not self.without else exact_designs(gradient, self.without)
        unfit = {**(lacking(known, self.sizes) if 0 not in self.shape else {}), **unfit}
        return Explanation(listed[0].choice.name, listed, (), unfit, None, "", DEVICE.source)

    def _designs(self, key: str) -> Candidates:
        """The designs of the gradient by one argument, the quickest first."""
        if key not in self.slopes:
            gradient = self.kernel.gradients[key]
            known = exact_designs(gradient, "")[0] if self.without else gradient
            self.slopes[key] = _listed(known, self.sizes, self.types, 0 not in (*self.shape, *self.result))
        return self.slopes[key]

    def __call__(self, X: Any, out: Any = None) -> Any:
        """The result for an X of the plan's shape and type, in `out` if that is given.

        Raises BackendError for what is missing, ShapeError, DTypeError, ArgumentError or OutputError, before `out` is touched.
        """
        kernel, xp = self.kernel, self.kernel.xp
        given = {**self._operands(), kernel.data: self._read(kernel.data, X, self.shape)}
        if out is None:
            result = xp.empty(self.result, dtype=self.dtype)
        else:
            check_output(kernel.name, xp, out, self.result, self.dtype, {kernel.data: X})
            result = out
        if result.size:
            target = result if result.flags.c_contiguous else xp.empty(self.result, dtype=self.dtype)
            made = self._made(kernel.result, self.choice, given)
            run_chosen(kernel, kernel, kernel.result, self.choice, given, target, self.sizes, self.types, made)
            if target is not result:
                result[...] = target
        return result

    def _made(self, key: str, choice: Choice, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a program in stages makes of the weights, once, for the result or for the gradient by an argument."""
        if isinstance(choice.algorithm, Algorithm) and key not in self.made:
            new = lambda shape: self.kernel.xp.empty(shape, dtype=self.compute)  # noqa: E731
            self.made[key] = made_of(choice, weights_of(self.kernel, given, self.compute), self.sizes, new)
        return self.made.get(key, ())

    def vjp(self, X: Any, G: Any) -> tuple[Any, ...]:
        """The gradients of Σ G·H by X and by every weight and bias of the plan, in the order of the layer's arguments.

        G is of the results' shape, and both are of the plan's type. Raises GradientError for a gradient that wasn't emitted, and
        what a call raises.
        """
        kernel = self.kernel
        kernel.check_gradients(f"{kernel.name}: this plan")
        given = self._operands()
        shapes = {kernel.data: self.shape, **{key: array.shape for key, array in given.items()}}
        given[kernel.data] = self._read(kernel.data, X, self.shape)
        given[kernel.cotangent] = self._read(kernel.cotangent, G, self.result)
        return tuple(
            gradient_of(kernel, key, given, shapes[key], self.types, self.sizes, self._planned(key, given))
            for key in kernel.arguments
        )

    def _planned(self, key: str, given: Mapping[str, Any]) -> Planned:
        """What is launched for the gradient by one argument."""
        choice = self._designs(key)[0].choice
        return Planned(choice, self._made(key, choice, given) if 0 not in (*self.shape, *self.result) else None)

    def _operands(self) -> dict[str, Any]:
        """The weights, biases and constants on the device."""
        kernel = self.kernel
        require_device(kernel.name, kernel.xp)
        if not self.brought:
            own = {key: kernel.xp.array(a, dtype=self.types.stored) for key, a in self.weights.items()}
            self.brought.update(own | {key: kernel.constant(key, self.compute) for key in kernel.constants})
        return dict(self.brought)

    def _read(self, key: str, value: Any, shape: tuple[int, ...]) -> Any:
        """An array of the plan's type, without gaps."""
        name, xp = self.kernel.name, self.kernel.xp
        array = from_other_library(xp, value) if on_device(value) else value
        if not isinstance(array, xp.ndarray):
            raise ArgumentError(
                f"{name}: a plan takes {key} as a {xp.__name__}.ndarray; this is a {type(value).__name__}."
            )
        if array.shape != shape:
            raise ShapeError(f"{name}: {key} has shape {array.shape}; this plan is for {shape}.")
        if array.dtype != self.dtype:
            raise DTypeError(f"{name}: {key} has dtype {array.dtype}; this plan is for {self.dtype}.")
        return xp.ascontiguousarray(array)


def make_plan(
    kernel: Any,
    shape: Any,
    weights: tuple[Any, ...],
    dtype: Any = None,
    algorithm: str = "auto",
    threads: int = 1,
    accuracy: str = "default",
    sizes: Mapping[str, int] | None = None,
) -> DevicePlan:
    """See `Kernel.plan`; a device has threads of its own."""
    if threads != 1:
        raise ArgumentError(f"{kernel.name}.plan: threads split calls of NumPy; a device has its own.")
    twin = replace(kernel, xp=np, contiguous=False)
    weights = checked_weights(twin, tuple(map(_on_host, weights)), algorithm, 1, accuracy)
    shape = extents(kernel, shape)
    kind = float_type(kernel, dtype, weights)
    like = np.broadcast_to(np.zeros((), kind), shape)
    twin.signature.read(kernel.data, like)
    call = twin.prepare(like, *with_biases(twin, like, weights, kind), **(sizes or {}))
    if call.types.result != kind:
        raise DTypeError(
            f"{kernel.name}.plan: {kind} with these weights gives {call.types.result}; pass dtype= or other weights."
        )
    operands = dict(zip(kernel.arrays, call.operands, strict=True))
    own = {k: operands[k].copy() for k in kernel.arguments[1:]}
    every = kernel.sizes_of(call.fit)
    without = STRICT if accuracy == "strict" else "" if twin.finite(operands) else WEIGHTS
    known, unfit = exact_designs(kernel, without) if without else (kernel, {})
    listed = _listed(known, every, call.types, bool(like.size), algorithm == "auto")
    unfit = {**kernel.unfit, **(lacking(known, every) if like.size else {}), **unfit}
    chosen = _wanted(kernel, algorithm, listed, unfit)
    ordered = (chosen, *(c for c in listed if c is not chosen))
    explained = _explanation(kernel, ordered, unfit, every, call)
    return DevicePlan(kernel, shape, call.types, call.shape, chosen.choice, every, own, explained, without)


def _explanation(
    kernel: Any, ordered: Candidates, unfit: Mapping[str, str], sizes: Mapping[str, int], call: Any
) -> Explanation:
    """Why the first candidate is launched for a call of these sizes; its bound is told later."""
    unit = float(np.finfo(call.types.compute).eps) / 2
    errors = tuple(factor(counts(kernel, c.choice, sizes), unit) for c in ordered)
    results = prod(call.shape)
    each = tuple(instructions(kernel, c.choice, sizes, call.types, results) for c in ordered) if results else ()
    chosen = ordered[0].choice
    weights = None if isinstance(chosen.algorithm, Algorithm) else 0
    return Explanation(chosen.name, ordered, errors, unfit, weights, "", DEVICE.source, instructions=each)


def _listed(of: Any, sizes: Mapping[str, int], types: Types, some: bool, bounded: bool = True) -> Candidates:
    """The designs in their order; where there is nothing to sum, one thread a result."""
    found = designs_of(of, sizes, types, False, bounded) if some else []
    return tuple(found) or (Candidate(Choice(None, {}), float("nan"), Counted(0, 0, 0), 0),)


def _on_host(value: Any) -> Any:
    """A weight as NumPy has it."""
    return value.get() if hasattr(value, "get") and on_device(value) else value


def _wanted(kernel: Any, wanted: str, listed: Candidates, unfit: Mapping[str, str]) -> Candidate:
    """The quickest candidate, or the one that was asked for. Raises ArgumentError where there is none of that name."""
    if wanted == "auto":
        return listed[0]
    if found := next((c for c in listed if c.choice.name == wanted), None):
        return found
    if wanted in unfit:
        raise ArgumentError(f"{kernel.name}: algorithm {wanted!r} does not apply: {unfit[wanted]}.")
    names = ", ".join(["auto", *(c.choice.name for c in listed)])
    raise ArgumentError(f"{kernel.name} has no algorithm {wanted!r}; there are {names}.")
