"""A kernel bound to a shape and to weights: what these determine is made once, and each call does the rest.

The plan owns copies of its weights, so that a filter changed later changes nothing here. It may be called from several threads at
once: working arrays belong to a thread. With `threads` of its own it splits each call, with BLAS held to one thread meanwhile.
"""

import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .costs import Counted
from .errors import ArgumentError, DTypeError, ShapeError
from .machine import machine
from .outputs import check_output
from .planning import Candidate, Choice, candidates, jobs, places_of, quickest_first
from .primitives import aligned
from .tables import in_columns
from .threads import one_blas_thread, run_together
from .values import Valued, valued

__all__ = ["Explanation", "Plan", "make_plan"]

_WIDTH = 80  # columns of a terminal
_FINITE = 1 << 18  # elements that are tested at once


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a plan does what it does: every candidate with what was predicted of it, the chosen one first.

    `unfit` gives for each other algorithm the reason why it does not apply; `weights` is what was made of the weights, in bytes.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    unfit: Mapping[str, str]
    weights: int
    bound: str
    source: str

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("algorithm", "knobs", "predicted", "operations", "moved", "working memory")]
        for c in self.candidates:
            knobs = " ".join(f"{k}={v}" for k, v in c.choice.knobs.items())
            times = f"{c.seconds * 1e3:.3f} ms"
            rows.append((c.choice.name, knobs, times, *map(_short, (c.counted.operations, c.counted.bytes, c.room))))
        table = in_columns(rows)
        lines = ["", f"{self.chosen} is predicted to be the quickest ({self.source})."]
        lines += [f"Weights as it needs them take {self.weights} bytes. {self.bound}"]
        lines += [f"{name} does not apply: {reason}." for name, reason in self.unfit.items()]
        return "\n".join([*table, *(part for line in lines for part in textwrap.wrap(line, _WIDTH) or [""])])


def _short(number: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Plan:
    """`plan(X, out=None)` is the layer on X; `plan.explain()` says how, and why so."""

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
    _local: threading.local = field(default_factory=threading.local)

    def __repr__(self) -> str:
        knobs = "".join(f", {k}={v}" for k, v in self.choice.knobs.items())
        return f"<plan of {self.kernel.name} on {self.shape} {self.dtype} by {self.choice.name}{knobs}>"

    @property
    def algorithm(self) -> str:
        """The name of the algorithm that it runs."""
        return self.choice.name

    def explain(self) -> Explanation:
        """The candidates and the choice; `print` it."""
        return self.explanation

    def __call__(self, X: Any, out: Any = None) -> Any:
        """The result for an X of the plan's shape and type, in `out` if that is given.

        Raises ShapeError, DTypeError, ArgumentError or OutputError, before `out` is touched.
        """
        kernel, data = self.kernel, self.kernel.data
        if type(X) is not np.ndarray:
            raise ArgumentError(f"{kernel.name}: a plan takes {data} as a numpy.ndarray; this is a {type(X).__name__}.")
        if X.shape != self.shape:
            raise ShapeError(f"{kernel.name}: {data} has shape {X.shape}; this plan is for {self.shape}.")
        if X.dtype != self.dtype:
            raise DTypeError(f"{kernel.name}: {data} has dtype {X.dtype}; this plan is for {self.dtype}.")
        if out is None:
            out = np.empty(self.result, self.dtype)
        else:
            check_output(kernel.name, np, out, self.result, self.dtype, {data: X})
        if out.size:
            self._run(X, out)
        return out

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
            if self.strict:
                self._mend(flat, result)
        if not direct:
            out[...] = target

    def _directly(self, given: Any, target: Any) -> None:
        kernel = self.kernel
        operands = {**self.operands, kernel.data: given}
        kernel.body(*(operands[key] for key in kernel.arrays), target, lambda s: np.empty(s, self.compute))

    def _staged(self, flat: Any, result: Any) -> None:
        work = jobs(result.shape[0], places_of(self.choice, result), self.threads)
        if len(work) == 1:
            self._part(flat, result, *work[0])
            return
        with one_blas_thread():
            run_together([lambda w=w: self._part(flat, result, *w) for w in work])  # type: ignore[misc]

    def _part(self, flat: Any, result: Any, items: tuple[int, int], span: tuple[int, int]) -> None:
        algorithm = self.choice.algorithm
        assert algorithm is not None
        rooms = getattr(self._local, "rooms", None)
        every = {**self.sizes, **self.choice.knobs}
        if rooms is None:
            rooms = self._local.rooms = algorithm.room(lambda s: aligned(s, self.compute), **every)
        given = (flat if key == self.kernel.data else self.operands[key] for key in algorithm.arrays)
        with np.errstate(invalid="ignore"):
            algorithm.body(*given, result, *self.made, *rooms, items, span, **every)

    def _mend(self, flat: Any, result: Any) -> None:
        """Items whose result isn't finite are summed directly: a structural zero times an infinity is no zero."""
        for item in range(result.shape[0]):
            lines = result[item].reshape(-1)
            if not all(np.isfinite(lines[k : k + _FINITE]).all() for k in range(0, lines.size, _FINITE)):
                with np.errstate(invalid="ignore", over="ignore"):
                    self._directly(flat[item], result[item])


def make_plan(
    kernel: Any,
    shape: tuple[int, ...],
    weights: tuple[Any, ...],
    dtype: Any = None,
    algorithm: str = "auto",
    threads: int = 1,
    accuracy: str = "default",
    sizes: Mapping[str, int] | None = None,
) -> Plan:
    """See `Kernel.plan`."""
    weights = _check(kernel, weights, algorithm, threads, accuracy)
    kind = np.dtype(dtype) if dtype is not None else _type_of(weights)
    if kind.kind != "f":
        raise DTypeError(f"{kernel.name}.plan needs floats; for {kind} call {kernel.name} itself.")
    like = np.broadcast_to(np.zeros((), kind), shape)
    kernel.signature.read(kernel.data, like)
    call = kernel.prepare(like, *_with_biases(kernel, like, weights, kind), **(sizes or {}))
    if call.types.result != kind:
        raise DTypeError(
            f"{kernel.name}.plan: {kind} with these weights gives {call.types.result}; pass dtype= or other weights."
        )
    own = {key: np.array(a) for key, a in zip(kernel.arrays, call.operands, strict=True) if key != kernel.data}
    every, strict, compute = kernel.sizes_of(call.fit), accuracy == "strict", call.types.compute
    known = (kernel.algorithms, kernel.valued) if like.size and kernel.finite(own) else ((), ())
    terms = int(kernel.terms(**every)) if kernel.terms is not None and algorithm == "auto" else None
    told, unfit = _valued(known[1], own, every, compute, strict)
    found = candidates(known[0], kernel.work, every, compute.itemsize, strict, False, None, terms)
    found = found or [Candidate(Choice(None, {}), float("nan"), Counted(0, 0, 0), 0)]
    found, unfit = quickest_first([*found, *(v.candidate for v in told.values())]), {**kernel.unfit, **unfit}
    chosen = _chosen(kernel, found, algorithm if like.size else "direct", strict, unfit)
    value = told.get(chosen.choice.name)
    own, every = ({**own, **value.arrays}, {**every, **value.sizes}) if value else (own, every)
    made = _made(chosen.choice, own, every, compute)
    bound = _bound(kernel, call, chosen.choice, value)
    explained = _explained(chosen, found, unfit, made, bound)
    parts = (call.shape, chosen.choice, every, own, made, threads, strict, explained)
    return Plan(kernel, tuple(shape), kind, compute, *parts)


def _explained(
    chosen: Candidate, found: list[Candidate], unfit: Mapping[str, str], made: tuple[Any, ...], bound: str
) -> Explanation:
    others, room = tuple(c for c in found if c is not chosen), sum(int(a.nbytes) for a in made)
    return Explanation(chosen.choice.name, (chosen, *others), unfit, room, bound, machine().source)


def _valued(
    known: tuple[Any, ...], own: Mapping[str, Any], sizes: Mapping[str, int], kind: np.dtype[Any], strict: bool
) -> tuple[dict[str, Valued], dict[str, str]]:
    """What the values of the weights admit besides, and what they don't."""
    return valued(known, own, sizes, lambda shape: aligned(shape, kind), kind.itemsize, strict)


def _check(kernel: Any, weights: tuple[Any, ...], algorithm: str, threads: int, accuracy: str) -> tuple[Any, ...]:
    """The weights and biases, None for each bias that was left out. Raises ArgumentError."""
    names = kernel.arguments[1:]
    if len(weights) > len(names):
        raise ArgumentError(f"{kernel.name}.plan takes a shape and {', '.join(names)}; more were given.")
    weights = (*weights, *([None] * (len(names) - len(weights))))
    if missing := [n for n, w in zip(names, weights, strict=True) if w is None and n not in kernel.bias]:
        raise ArgumentError(f"{kernel.name}.plan takes a shape and {', '.join(names)}; {missing[0]} is missing.")
    if accuracy not in ("default", "strict"):
        raise ArgumentError(f"{kernel.name}.plan: accuracy is 'default' or 'strict', not {accuracy!r}.")
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ArgumentError(f"{kernel.name}.plan: threads is a natural number of at least 1, not {threads!r}.")
    if threads > 1:
        one_blas_thread()
    return weights


def _made(choice: Choice, own: Mapping[str, Any], sizes: Mapping[str, int], kind: Any) -> tuple[Any, ...]:
    """What an algorithm makes of the weights."""
    stages = choice.algorithm
    if stages is None:
        return ()
    given = (own[key] for key in stages.weights)
    return stages.fixed(*given, lambda shape: aligned(shape, kind), **sizes, **choice.knobs)


def _type_of(weights: tuple[Any, ...]) -> np.dtype[Any]:
    given = [w for w in weights if w is not None]
    kind = np.result_type(*given) if given else np.dtype(np.float64)
    return np.dtype(kind if kind.kind == "f" else np.float64)


def _with_biases(kernel: Any, like: Any, weights: tuple[Any, ...], kind: np.dtype[Any]) -> list[Any]:
    """The weights, with zeros for biases that were left out or are None."""
    names = kernel.arguments[1:]
    if all(value is not None for value in weights):
        return list(weights)
    given = {n: np.asarray(v) for n, v in zip(names, weights, strict=True) if v is not None}
    shapes = kernel.shapes(**kernel.signature.told_sizes({kernel.data: like, **given}))
    return [np.zeros(shapes[n], kind) if value is None else value for n, value in zip(names, weights, strict=True)]


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


def _bound(kernel: Any, call: Any, choice: Choice, value: Valued | None) -> str:
    """The forward error bound in words: of sums of products, see `derive.ir.rounding`, or that which the algorithm states."""
    unit = float(np.finfo(call.types.compute).eps) / 2
    data, weight = kernel.data, kernel.weights[0] if kernel.weights else ""
    if choice.algorithm is not None and choice.algorithm.bound is not None:
        q, above, below = choice.algorithm.bound(**kernel.sizes_of(call.fit), **choice.knobs)
        factor = q * unit / (1 - q * unit)
        return (
            f"Each result errs by at most {factor * above / below:.2g}·Σ|{weight}|·max|{data}| + {factor:.2g}·|bias|, with the "
            f"maximum over what the results of a tile read: {q} roundings, amplified {above / below:.4g} times."
        )
    if kernel.terms is None:
        return ""
    terms = int(kernel.terms(**call.fit.sizes))
    if value is not None and value.found.sizes:
        return _approximated(value, weight, data, unit)
    q = terms + 1
    factor = q * unit / (1 - q * unit)
    sums = f"(Σ|{weight}||{data}| + |bias|)"
    return f"Each result errs by at most {factor:.2g}·{sums}, the bound of {terms} products summed in any order."


def _approximated(value: Valued, weight: str, data: str, unit: float) -> str:
    """The bound of sums of products of parts of the weights, which may leave something of these out."""
    found, ranks = value.found, value.found.sizes[0]
    q = (
        sum(part.shape[1] for part in found.parts) + ranks
    )  # a product and its sum for each tap, sums of ranks, the bias
    factor = q * unit / (1 - q * unit)
    lost = f", {found.lost:.2g} of it for what they leave out" if found.lost else ", exactly these weights"
    many = f"{ranks} products of windows along its axes" if ranks > 1 else "one product of windows along its axes"
    return (
        f"Each result errs by at most {factor * found.met + found.lost:.2g}·Σ|{weight}|·max|{data}| + {factor:.2g}·|bias|: "
        f"{many} in the place of {weight}{lost}."
    )
