"""Forms on small integers: arguments, outputs and dense matrices, all exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from sympy import Symbol

from derive.checking import exact_arrays
from derive.compiled import load_source
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.pipeline import Layer

__all__ = ["arrays_of", "emitted", "flat_matrix", "sizes_of"]

Sizes = dict[Symbol, int]


def emitted(layer: Layer) -> Any:
    """The NumPy kernel that is written for a layer, from the text that `check_emitted` looks at too."""
    return getattr(load_source(layer.sources["numpy"], "numpy"), layer.name)


def sizes_of(form: Form, choices: Mapping[str, tuple[int, ...]]) -> Iterator[Sizes]:
    """All combinations of values, given by name, that the form admits."""
    for values in product(*(choices[s.name] for s in form.sizes)):
        sizes = dict(zip(form.sizes, values, strict=True))
        if bool(evaluate(form.given, sizes)):
            yield sizes


def arrays_of(form: Form, sizes: Sizes, seed: int = 0) -> dict[str, np.ndarray]:
    """Integers for the input and the parameters; a table of numbers holds its own."""
    arrays = exact_arrays(form, sizes, seed)
    for param in form.weights:
        if param.values is not None:
            shape = arrays[param.name].shape
            arrays[param.name] = np.array(param.values, dtype=object).reshape(shape)
    return arrays


def flat_matrix(form: Form, arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    """The coefficients as a matrix over flattened outputs and inputs."""
    full = matrix(form, arrays, sizes)
    inputs = int(np.prod([int(evaluate(e, sizes)) for e in form.input.shape], dtype=int))
    return full.reshape(-1, inputs)
