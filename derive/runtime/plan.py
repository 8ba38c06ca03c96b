"""A kernel bound to a shape and to weights: what these determine is made once, and each call does the rest.

The plan owns copies of its weights, so that a filter changed later changes nothing here. It may be called from several threads at
once: working arrays belong to a thread. With `threads` of its own it splits each call, with BLAS held to one thread meanwhile.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from .accuracy import counts, error_bound, factor, told
from .banded import Part, directly, mend
from .choices import Asked, ranked
from .costs import Counted
from .errors import ArgumentError, DTypeError, ShapeError
from .explanation import Explanation
from .gradients import planned_gradient
from .machine import Machine, machine
from .outputs import check_output
from .planning import Algorithm, Candidate, Choice, jobs, places_of, quickest_first, within_room
from .primitives import aligned, all_finite
from .quick import Quick, quick, takes_at_once
from .stated import checked_weights, extents, float_type, with_biases
from .threads import one_blas_thread, run_together
from .values import Valued, valued

__all__ = ["Explanation", "Plan", "make_plan"]

_ALONE = Candidate(Choice(None, {}), float("nan"), Counted(0, 0, 0), 0)  # direct sums of which nothing is counted


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Plan:
    """`plan(X, out=None)` is the layer on X, `plan.vjp(X, G)` its gradients; `plan.explain()` says how, and why so."""

    kernel: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compute: np.dtype[Any]
    result: tuple[int, ...]
    choice: Choice
    sizes: Mapping[str, int]
    operands: Mapping[str, Any]
    made: tuple[Any, ...]
    threads: int
    strict: bool
    explanation: Explanation
    value: Valued | None = None
    gradients: dict[str, Any] = field(default_factory=dict)
    quick: Quick | None = field(init=False)
    local: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        object.__setattr__(self, "quick", quick(self))

    def __repr__(self) -> str:
        knobs = "".join(f", {k}={v}" for k, v in self.choice.knobs.items())
        return f"<plan of {self.kernel.name} on {self.shape} {self.dtype} by {self.choice.name}{knobs}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the plan, and why it is that one."""
        from html import escape  # needed in notebooks alone

        return f"<p>{escape(repr(self))}</p>{self.explain()._repr_html_()}"

    @property
    def algorithm(self) -> str:
        """The name of the algorithm that it runs."""
        return self.choice.name

    @property
    def every(self) -> dict[str, int]:
        """The sizes of the layer, those that the weights' values tell, and the settings: what the program takes."""
        told = {} if self.value is None else self.value.sizes
        return {**self.sizes, **told, **self.choice.knobs}

    def explain(self) -> Explanation:
        """The candidates and the choice; `print` it."""
        return replace(self.explanation, bound=told(self))

    def error_bound(self, X: Any) -> Any:
        """How far each result for X can be from the exact one: the derived forward error bound; infinite where it isn't claimed.

        It takes as long as a call or two. Raises ArgumentError for a layer that no bound is stated for, and what a call raises.
        """
        self._check(self.kernel.data, X, self.shape)
        return error_bound(self, X)

    def __call__(self, X: Any, out: Any = None) -> Any:
        """The result for an X of the plan's shape and type, in `out` if that is given.

        Raises ShapeError, DTypeError, ArgumentError or OutputError, before `out` is touched.
        """
        if type(X) is not np.ndarray or X.shape != self.shape or X.dtype != self.dtype:
            self._check(self.kernel.data, X, self.shape)
        if out is None:
            out = np.empty(self.result, self.dtype)
        elif not takes_at_once(out, (X,), self.result, self.dtype):
            check_output(self.kernel.name, np, out, self.result, self.dtype, {self.kernel.data: X})
        if self.quick is not None and X.flags.c_contiguous and out.flags.c_contiguous:
            given, result = self.quick.run(self, X, out)
            if self.strict:
                self._mend(given, result)
        elif out.size:
            self._run(X, out)
        return out

    def vjp(self, X: Any, G: Any) -> tuple[Any, ...]:
        """The gradients of Σ G·H by X and by every weight and bias of the plan, in the order of the layer's arguments.

        G is of the results' shape, and both are of the plan's type. The algorithm of each is chosen when it is first asked for.
        Raises GradientError for a gradient that wasn't emitted, and what a call raises.
        """
        kernel = self.kernel
        self._check(kernel.data, X, self.shape)
        self._check(kernel.cotangent, G, self.result)
        given = {kernel.data: X, kernel.cotangent: G}
        operands = {**self.operands, **{key: np.asarray(a, dtype=self.compute) for key, a in given.items()}}
        kernel.check_gradients(f"{kernel.name}: this plan")
        found = (planned_gradient(self, key, operands) for key in kernel.arguments)
        return tuple(gradient.astype(self.dtype, copy=False) for gradient in found)

    def _check(self, key: str, array: Any, shape: tuple[int, ...]) -> None:
        name = self.kernel.name
        if type(array) is not np.ndarray:
            raise ArgumentError(f"{name}: a plan takes {key} as a numpy.ndarray; this is a {type(array).__name__}.")
        if array.shape != shape:
            raise ShapeError(f"{name}: {key} has shape {array.shape}; this plan is for {shape}.")
        if array.dtype != self.dtype:
            raise DTypeError(f"{name}: {key} has dtype {array.dtype}; this plan is for {self.dtype}.")

    def rooms(self, key: str, algorithm: Algorithm, sizes: Mapping[str, int]) -> tuple[Any, ...]:
        """The working arrays of this thread, for the result or the gradient of this name."""
        own: dict[str, tuple[Any, ...]] = self.local.__dict__
        if key not in own:
            own[key] = algorithm.room(lambda shape: aligned(shape, self.compute), **sizes)
        return own[key]

    def _run(self, X: Any, out: Any) -> None:
        kernel = self.kernel
        given = np.asarray(X, dtype=self.compute)
        direct = out.dtype == self.compute and (out.flags.c_contiguous or self.choice.algorithm is None)
        target = out if direct else np.empty(self.result, self.compute)
        if self.choice.algorithm is None or given.size == 0:
            self._directly(given, target)
        else:
            flat, result = kernel.flat(kernel.data, given), kernel.flat(kernel.result, target)
            self._staged(flat, result)
            if kernel.result not in kernel.signature.batched:
                self._mend_whole(given, target)
            elif self.strict:
                self._mend(flat, result)
        if not direct:
            out[...] = target

    def _directly(self, given: Any, target: Any, part: Part | None = None) -> bool:
        """Direct sums, of a part of the results alone if that can be."""
        operands = {**self.operands, self.kernel.data: given}
        arrays = tuple(operands[key] for key in self.kernel.arrays)
        return directly(self.kernel.body, arrays, target, lambda s: np.empty(s, self.compute), part)

    def _staged(self, flat: Any, result: Any) -> None:
        work = jobs(self.sizes["batch"], places_of(self.choice, result), self._split)
        if len(work) == 1:
            self._part(flat, result, *work[0])
            return
        with one_blas_thread():
            run_together([lambda w=w: self._part(flat, result, *w) for w in work])  # type: ignore[misc]

    def _part(self, flat: Any, result: Any, items: tuple[int, int], span: tuple[int, int]) -> None:
        algorithm = self.choice.algorithm
        assert algorithm is not None
        every = self.every
        rooms = self.rooms(self.kernel.result, algorithm, every)
        kernel = self.kernel
        given = (flat if key == kernel.data else kernel.flat(key, self.operands[key]) for key in algorithm.arrays)
        with np.errstate(invalid="ignore"):
            algorithm.body(*given, result, *self.made, *rooms, items, span, **every)

    @property
    def _split(self) -> int:
        """Over how many threads a call is split: over one where results add up all items."""
        return self.threads if self.kernel.result in self.kernel.signature.batched else 1

    def _mend_whole(self, given: Any, target: Any) -> None:
        """A result that adds up all items is summed directly where it isn't finite."""
        if not all_finite(target):
            with np.errstate(invalid="ignore", over="ignore"):
                self._directly(given, target)

    def _mend(self, flat: Any, result: Any) -> None:
        """Tiles whose results aren't all finite are summed directly: a structural zero times an infinity is no zero."""
        tiled = self.choice.algorithm.tiled if self.choice.algorithm is not None else None
        mend(result, tiled or 0, lambda item, target, part: self._directly(flat[item], target, part))


def make_plan(
    kernel: Any,
    shape: Any,
    weights: tuple[Any, ...],
    dtype: Any = None,
    algorithm: str = "auto",
    threads: int = 1,
    accuracy: str = "default",
    sizes: Mapping[str, int] | None = None,
    held: Machine | None = None,
) -> Plan:
    """See `Kernel.plan`; what is predicted is of this machine, or of the one that is `held` to be there."""
    held = machine() if held is None else held
    weights, shape = checked_weights(kernel, weights, algorithm, threads, accuracy), extents(kernel, shape)
    kind = float_type(kernel, dtype, weights)
    like = np.broadcast_to(np.zeros((), kind), shape)
    kernel.signature.read(kernel.data, like)
    call = kernel.prepare(like, *with_biases(kernel, like, weights, kind), **(sizes or {}))
    if call.types.result != kind:
        raise DTypeError(
            f"{kernel.name}.plan: {kind} with these weights gives {call.types.result}; pass dtype= or other weights."
        )
    own = {key: _copied(a) for key, a in zip(kernel.arrays, call.operands, strict=True) if key != kernel.data}
    every, strict, compute = kernel.sizes_of(call.fit), accuracy == "strict", call.types.compute
    staged, free = bool(like.size) and kernel.finite(own), algorithm == "auto"
    new, size = partial(aligned, dtype=compute), compute.itemsize
    told, unfit = valued(kernel.valued if staged else (), own, every, new, size, strict, threads, held)
    asked = Asked(tuple(every.items()), compute, threads=threads, strict=strict, staged=staged, bounded=free)
    listed, beyond = _listed(ranked(kernel, asked, held), told, free)
    unfit = {**kernel.unfit, **unfit, **beyond}
    chosen = _chosen(kernel, listed, algorithm if like.size else "direct", strict, unfit)
    value = told.get(chosen.choice.name)
    explained = _explained(kernel, chosen, listed, unfit, told, (every, compute, held.source))
    own = {**own, **value.arrays} if value else own
    made = _made(chosen.choice, own, {**every, **value.sizes} if value else every, compute)
    explained = replace(explained, weights=sum(int(a.nbytes) for a in made))
    parts = (call.shape, chosen.choice, every, own, made, chosen.threads, strict, explained, value)
    return Plan(kernel, shape, kind, compute, *parts)


def _listed(
    found: tuple[Candidate, ...], told: Mapping[str, Valued], free: bool
) -> tuple[list[Candidate], dict[str, str]]:
    """The candidates, the quickest first; where none is demanded, those with small working arrays, and why the others are none."""
    every = quickest_first([*(found or [_ALONE]), *(v.candidate for v in told.values())])
    return within_room(every) if free else (every, {})


def _copied(array: Any) -> Any:
    """A copy that begins where a line of the cache does: products read weights a twentieth quicker than beside it."""
    made = aligned(array.shape, array.dtype)
    made[...] = array
    return made


def _explained(
    kernel: Any,
    chosen: Candidate,
    listed: list[Candidate],
    unfit: Mapping[str, str],
    told: Mapping[str, Valued],
    of: tuple[Mapping[str, int], np.dtype[Any], str],
) -> Explanation:
    every, unit = of[0], float(np.finfo(of[1]).eps) / 2
    ordered = (chosen, *(c for c in listed if c is not chosen))
    errors = tuple(factor(counts(kernel, c.choice, every, told.get(c.choice.name)), unit) for c in ordered)
    return Explanation(chosen.choice.name, ordered, errors, unfit, 0, "", of[2])


def _made(choice: Choice, own: Mapping[str, Any], sizes: Mapping[str, int], kind: Any) -> tuple[Any, ...]:
    """What an algorithm makes of the weights."""
    stages = choice.algorithm
    if stages is None:
        return ()
    given = (own[key] for key in stages.weights)
    return stages.fixed(*given, lambda shape: aligned(shape, kind), **sizes, **choice.knobs)


def _chosen(kernel: Any, found: list[Candidate], wanted: str, strict: bool, unfit: Mapping[str, str]) -> Candidate:
    if wanted == "auto":
        return found[0]
    for candidate in found:
        if candidate.choice.name == wanted:
            return candidate
    if wanted in unfit:
        raise ArgumentError(f"{kernel.name}: algorithm {wanted!r} does not apply: {unfit[wanted]}.")
    known = next((a for a in (*kernel.algorithms, *kernel.valued) if a.name == wanted), None)
    if known is not None and strict and not known.strict:
        raise ArgumentError(
            f"{kernel.name}: algorithm {wanted!r} has not the error bound of direct sums that 'strict' asks for."
        )
    if known is not None:
        raise ArgumentError(f"{kernel.name}: algorithm {wanted!r} is for {known.only} alone.")
    names = ", ".join(["auto", *(c.choice.name for c in found)])
    raise ArgumentError(f"{kernel.name} has no algorithm {wanted!r}; there are {names}.")
