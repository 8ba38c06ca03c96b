"""The layers of this project, into a reused `out`: by a plan where the kernel makes plans, and by a plain call where it doesn't."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from derive.bench.peers._family import Family, Participant
from derive.bench.problem import Arrays, Problem, empty

__all__ = ["derived"]


def _start(threads: int) -> None:
    """BLAS was told by the environment."""


def _kernel(problem: Problem, given: Arrays, threads: int) -> Participant:
    kernel = _made(problem)
    arguments = _arguments(problem, given)
    out = empty(problem.result_shape, problem.dtype)
    return planned(kernel, (given.X, *arguments), out, threads)


def planned(kernel: Any, arguments: tuple[np.ndarray, ...], out: np.ndarray, threads: int) -> Participant:
    """The one place that knows whether kernels make plans."""
    X, *rest = arguments
    plan = getattr(kernel, "plan", None)
    if plan is None:
        return Participant(lambda: kernel(*arguments, out=out), lambda made: made, note="plain call")
    ready = plan(X.shape, *rest, dtype=X.dtype, **({"threads": threads} if threads > 1 else {}))
    algorithm = getattr(ready, "algorithm", "")
    return Participant(
        lambda: ready(X, out=out),
        lambda made: made,
        fourier=algorithm == "fft",
        multiple=getattr(ready, "bound", None),
        note=f"plan {algorithm}".strip(),
    )


def _made(problem: Problem) -> Any:
    """The generated kernel, or one that is compiled for the purpose."""
    if isinstance(problem.layer, str):
        return getattr(import_module("generated"), problem.layer).numpy
    return import_module("derive.combined").compile(**problem.layer).kernel


def _arguments(problem: Problem, given: Arrays) -> tuple[np.ndarray, ...]:
    """Weights and biases as the layer takes them."""
    if problem.separable:
        return (*(factor[None] for factor in given.factors), given.u)
    pointwise = problem.channels is not None and not problem.depthwise and set(problem.window) == {1}
    return (given.V[(0,) * len(problem.window)] if pointwise else given.V, given.u)


derived = Family("generated", "derive-layers", _start, {"derive": _kernel})
