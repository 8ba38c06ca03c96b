"""The ladder and the laws at a few sizes, as one question: what refuses this kernel?"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from derive.errors import EmitError
from derive.forms.form import Form
from derive.ir.interpreter import interpret
from derive.ir.nodes import Program
from tests.ladder.checks import Refuted, exact_scalars, small_integers, whole_numbers
from tests.ladder.laws import linear, local, shift_axes, translation_equivariant, windows
from tests.ladder.numbers import filled, same, wanted
from tests.ladder.subjects import Sizes, Subject, sizes_of

__all__ = ["CHECKS", "interpreted", "odd_sizes", "refused_by"]

Check = Callable[[Subject, Sizes], None]
# What a faulty kernel may do instead of giving a wrong result.
_BREAKAGE = (Refuted, IndexError, ValueError, ZeroDivisionError, NameError)


def odd_sizes(subject: Subject, most: int = 4) -> tuple[Sizes, ...]:
    """The first has unequal sizes of 2 and more, so that no axis hides another; the rest are drawn."""
    found = sizes_of(subject.name)
    first = max(found, key=lambda sizes: (min(sizes.values()) > 1, len(set(sizes.values()))))
    return (first, *random.Random(0).sample(found, min(most, len(found)) - 1))


def _laws(subject: Subject, sizes: Sizes) -> None:
    linear(subject, sizes)
    if (axes := shift_axes(subject)) is not None:
        translation_equivariant(subject, sizes, axes)
    for clause in windows(subject):
        local(subject, clause, sizes)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("exact scalars", lambda subject, sizes: exact_scalars(subject, "integers", sizes)),
    (
        "small integers",
        lambda subject, sizes: small_integers(
            subject, whole_numbers(subject, sizes, (np.float32,) * 3, batch=(2,)), sizes
        ),
    ),
    ("laws", _laws),
)


def refused_by(subject: Subject) -> str | None:
    """The first check that the kernel fails; None for a kernel that passes them all."""
    for sizes in odd_sizes(subject):
        for name, check in CHECKS:
            try:
                with np.errstate(invalid="ignore", over="ignore"):
                    check(subject, sizes)
            except _BREAKAGE:
                return name
    return None


def interpreted(program: Program, form: Form, sizes: Sizes, items: int = 2) -> bool:
    """Whether the program, run point by point on integers, gives what the form gives for a batch."""
    arrays = filled(form, sizes, "integers")
    data = form.input.name
    batch = np.stack([filled(form, sizes, "integers", seed)[data] for seed in range(1, items + 1)])
    exact = wanted(form, {**arrays, data: batch}, sizes)
    try:
        if program.batch is None:
            got = np.stack([interpret(program, {**arrays, data: item}, sizes) for item in batch])
        else:
            got = interpret(program, {**arrays, data: batch}, {**sizes, program.batch: items})
    except (EmitError, ValueError, TypeError):
        return False
    return same(got, exact)
