"""The ladder and the laws at a few sizes, as one question: what refuses this kernel?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from tests.ladder.checks import Refuted, exact_scalars, small_integers, whole_numbers
from tests.ladder.laws import linear, local, shift_axes, translation_equivariant, windows
from tests.ladder.subjects import Sizes, Subject, sizes_of

__all__ = ["CHECKS", "climb", "odd_sizes", "refused_by"]

Check = Callable[[Subject, Sizes], None]
# What a faulty kernel may do instead of giving a wrong result: read outside an array, or meet shapes that don't fit.
_BREAKAGE = (Refuted, IndexError, ValueError, ZeroDivisionError, NameError)


def odd_sizes(subject: Subject, most: int = 4) -> tuple[Sizes, ...]:
    """The first has no size below 2, and unequal ones where it can; the others are drawn from all."""
    found = sizes_of(subject.name)
    largest = max(found, key=lambda sizes: (min(sizes.values()), len(set(sizes.values()))))
    return (largest, *random.Random(0).sample(found, min(most, len(found)) - 1))


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


def climb(subject: Subject) -> Iterator[tuple[str, Check, Sizes]]:
    """Every check with every size that it is tried at."""
    for sizes in odd_sizes(subject):
        yield from ((name, check, sizes) for name, check in CHECKS)


def refused_by(subject: Subject) -> str | None:
    """The first check that the kernel fails; None for a kernel that passes them all."""
    for name, check, sizes in islice(climb(subject), 64):
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                check(subject, sizes)
        except _BREAKAGE:
            return name
    return None
