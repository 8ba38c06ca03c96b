"""How far a plan's results may be from the exact ones: the derived forward error bound, on numbers.

    |error| ≤ γ_q·M + (1 + γ_q)·L·η                  γ_q = q·ε/(1 - q·ε)

M is what the same program gives for the absolute values of everything, its constants included: Σ|w||x| + |u| for sums of
products, and |A|·(|G||w| ⊙ |B||x|) + |u| for a transformed one. Transforms of Fourier keep the norm of errors: there M is Σ|w|
times that of x over the item, (Σ x²)^½, or √(Π N)·max|x| where that is less or a tile may hold an entry more than once, + |u|.
ε is the unit roundoff, η half the smallest subnormal; q, the most roundings on a path, and L, how many η are lost, are counted
by `derive.ir.rounding` and `derive.algorithms`. It is claimed where M, computed as the result is, doesn't overflow: then nothing
does.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ArgumentError
from .primitives import aligned

if TYPE_CHECKING:
    from .plan import Plan
    from .values import Found, Valued

__all__ = ["Counts", "counts", "error_bound", "factor", "told"]

_SLACK = 1 + 2.0**-20  # beyond what computing the bound itself rounds


@dataclass(frozen=True, slots=True)
class Counts:
    """q, α, and L = l + x·max|x| + w·Σ|w|; with Σ|w| at most `terms` times max|w|. `left` of Σ|w| has no part in the sums."""

    q: int
    alpha: float
    lost: tuple[int, int, int]
    terms: int
    left: float = 0.0


class _Magnitudes(np.ndarray[Any, Any]):
    """An array in which absolute values are kept of what is stored."""

    def __setitem__(self, place: Any, values: Any) -> None:
        super().__setitem__(place, np.abs(values))


def counts(kernel: Any, choice: Any, sizes: Mapping[str, int], value: "Valued | None" = None) -> Counts | None:
    """What is counted of an algorithm at these sizes; None for a layer whose sums aren't counted."""
    if kernel.terms is None:
        return None
    terms = int(kernel.terms(**sizes))
    if value is not None and value.found.sizes:
        return _in_passes(value.found, terms)
    if choice.algorithm is not None and choice.algorithm.bound is not None:
        q, above, below, *lost = choice.algorithm.bound(**sizes, **choice.knobs)
        return Counts(q, above / below, (lost[0], lost[1], lost[2]), terms)
    if kernel.steps is None:
        return None
    return Counts(terms + kernel.steps[0], 1.0, (terms * kernel.steps[0], 0, 0), terms)


def _in_passes(found: "Found", terms: int) -> Counts:
    """Products of parts of the weights: a rounding or two for each tap along an axis, for the sum of products, and for the bias.

    What underflows in a pass is multiplied by the parts of the passes after it, and added up.
    """
    taps, ranks = [part.shape[1] for part in found.parts], found.sizes[0]
    after = prod(max(1.0, float(abs(part).max(initial=0))) for part in found.parts)
    lost = ceil(ranks * len(taps) * prod(taps) * after) if isfinite(after) else 0
    return Counts(sum(taps) + ranks, found.met, (lost, 0, 0), terms, found.lost)


def factor(counted: Counts | None, unit: float) -> float:
    """γ_q·α, the bound as a multiple of Σ|w|·max|x|; no number where nothing is counted."""
    return float("nan") if counted is None else _gamma(counted.q, unit) * counted.alpha + counted.left


def _gamma(q: int, unit: Any) -> Any:
    """γ_q; infinite for too many roundings."""
    return q * unit / (1 - q * unit) if q * unit < 1 else np.inf


def told(plan: Any) -> str:
    """The bound of the results of a plan, on a processor or on a device, in words."""
    kernel, counted = plan.kernel, counts(plan.kernel, plan.choice, plan.sizes, plan.value)
    if counted is None:
        return ""
    if not kernel.weights:
        return "Each result is its bias, or 0, exactly."
    data, weight = kernel.data, "||".join(kernel.weights)
    gamma = _gamma(counted.q, float(np.finfo(plan.compute).eps) / 2)
    if plan.value is not None and plan.value.found.sizes:
        return _approximated(plan.value.found, counted, gamma, weight, data)
    stages = plan.choice.algorithm
    if stages is None or stages.bound is None:
        sums = f"(Σ|{weight}||{data}| + |bias|)"
        return f"Each result errs by at most {gamma:.2g}·{sums}, the bound of {counted.terms} products summed in any order."
    if kernel.xp is not np:  # what the device makes of these weights isn't known here
        return (
            f"Each result errs by at most {gamma * counted.alpha:.2g}·Σ|{weight}|·max|{data}| + {gamma:.2g}·|bias|, with the "
            f"maximum over what the results of a tile read: {counted.q} roundings, amplified {counted.alpha:.4g} times."
        )
    most = _sizes(_without_bias(_absolute(plan)), np.ones(plan.shape, plan.compute), counted).max(initial=0)
    after = ""
    if stages.normwise:
        norms = f"{gamma:.2g}·Σ|{weight}| of the norm of {data} there"
        after = f" All errors of a tile together have a norm, (Σ error²)^½, of at most {norms}."
    return (
        f"Each result errs by at most {gamma * counted.alpha:.2g}·Σ|{weight}|·max|{data}| + {gamma:.2g}·|bias|, with these "
        f"weights by {gamma * float(most):.2g}·max|{data}| + {gamma:.2g}·|bias|, with the maximum over what the results of a "
        f"tile read: {counted.q} roundings, amplified {counted.alpha:.4g} times.{after}"
    )


def _approximated(found: "Found", counted: Counts, gamma: float, weight: str, data: str) -> str:
    ranks = found.sizes[0]
    lost = f", {counted.left:.2g} of it for what they leave out" if counted.left else ", exactly these weights"
    many = f"{ranks} products of windows along its axes" if ranks > 1 else "one product of windows along its axes"
    return (
        f"Each result errs by at most {gamma * counted.alpha + counted.left:.2g}·Σ|{weight}|·max|{data}| + {gamma:.2g}·|bias|: "
        f"{many} in the place of {weight}{lost}."
    )


def _without_bias(plan: "Plan") -> "Plan":
    own = {k: np.zeros_like(a) if k in plan.kernel.bias else a for k, a in plan.operands.items()}
    return replace(plan, operands=own)


def error_bound(plan: "Plan", X: Any) -> Any:
    """See `Plan.error_bound`."""
    counted = counts(plan.kernel, plan.choice, plan.sizes, plan.value)
    if counted is None:
        raise ArgumentError(f"{plan.kernel.name}: no bound on errors is stated for sums of such terms.")
    kind, wide = plan.compute, np.promote_types(plan.compute, np.float64)
    limits = np.finfo(kind)
    data = np.abs(np.asarray(X, kind))
    with np.errstate(all="ignore"):
        made = _absolute(plan)
        sizes = _sizes(made, data, counted).astype(wide)
        lost = np.ceil(_lost(made, data, counted) / 2) * wide.type(
            limits.smallest_subnormal
        )  # 2·η, as η is no number there
        gamma = _gamma(counted.q, wide.type(limits.eps) / 2)
        most = (sizes + (1 + gamma) * lost) / (1 - gamma)  # M, from what was computed
        bound = (gamma * most + (1 + gamma) * lost + _left(plan, data, counted)) * _SLACK + np.finfo(
            wide
        ).smallest_subnormal
        bound = np.where((sizes <= limits.max) & (gamma < 1), bound, np.inf)
        return bound if plan.dtype == kind else _stored(bound, most, plan.dtype)


def _left(plan: "Plan", data: Any, counted: Counts) -> Any:
    """What the sums leave out of the weights, at most."""
    wide = np.promote_types(plan.compute, np.float64)
    sums = sum(float(np.abs(plan.operands[key]).sum(dtype=wide)) for key in plan.kernel.weights)
    return counted.left * sums * float(data.max(initial=0)) if counted.left else 0.0


def _stored(bound: Any, most: Any, kind: Any) -> Any:
    """The bound once results are rounded to a narrower type."""
    limits = np.finfo(kind)
    reached = most + bound
    stored = bound + (float(limits.eps) / 2 * reached + float(limits.smallest_subnormal) / 2) * _SLACK
    return np.where(reached <= float(limits.max), stored, np.inf)


def _absolute(plan: "Plan") -> "Plan":
    """The same plan for absolute values."""
    own = {key: np.abs(array) for key, array in plan.operands.items()}
    made: tuple[Any, ...] = ()
    stages = plan.choice.algorithm
    if stages is not None:
        given = (own[key] for key in stages.weights)
        room = lambda shape: aligned(shape, plan.compute).view(_Magnitudes)  # noqa: E731
        made = stages.fixed(*given, room, **plan.every)
    return replace(plan, dtype=plan.compute, operands=own, made=made, threads=1, strict=False, local=threading.local())


def _sizes(absolute: "Plan", data: Any, counted: Counts) -> Any:
    """M, as computed."""
    stages = absolute.choice.algorithm
    if stages is None or not stages.normwise:
        return absolute(data)
    biases = np.zeros(absolute.result, absolute.compute)
    bias = {key: absolute.operands[key] for key in absolute.kernel.bias}
    for array in bias.values():
        biases += array.max(initial=0)
    sums = max(
        (float(abs(array).max(initial=0)) for array in absolute.made), default=0.0
    )  # Σ|w| is an entry of a spectrum
    largest = float(data.max(initial=0))
    unscaled = counted.alpha**2 * largest * max(1.0, sums)  # what a transform reaches before it is scaled
    if not unscaled <= np.finfo(absolute.compute).max:
        return np.full_like(biases, np.inf)
    items = absolute.kernel.flat(absolute.kernel.data, data)
    norms = np.full(len(items), counted.alpha * largest)
    if not stages.repeated:
        norms = np.minimum(norms, _norms(items))
    return (biases.reshape(len(norms), -1) + sums * norms[:, None]).reshape(absolute.result)


def _norms(items: Any) -> Any:
    """(Σ x²)^½ of each item, which that of none of its tiles is beyond: from shares of its largest, since squares underflow."""
    flat = items.reshape(len(items), -1).astype(np.promote_types(items.dtype, np.float64))
    largest = flat.max(axis=1, initial=0)
    shares = flat / np.where(largest > 0, largest, 1)[:, None]
    return largest * np.sqrt(np.einsum("ij,ij->i", shares, shares))


def _lost(absolute: "Plan", data: Any, counted: Counts) -> Any:
    """L, or more."""
    largest = [float(absolute.operands[key].max(initial=0)) for key in absolute.kernel.weights]
    first, read, met = counted.lost
    if read or met:
        return first + read * float(data.max(initial=0)) + met * counted.terms * max(largest, default=0.0)
    _, deep = absolute.kernel.steps
    found = sorted((max(1.0, m) for m in (*largest, float(data.max(initial=0)))), reverse=True)
    return first * prod(found[:deep])
