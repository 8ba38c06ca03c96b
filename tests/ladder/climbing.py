"""The ladder and the laws at a few sizes, as one question: what refuses this kernel?"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from derive.checking import run_exactly
from derive.errors import EmitError
from derive.forms.evaluate import evaluate
from derive.forms.form import Form
from derive.ir.interpreter import interpret
from derive.ir.nodes import Program
from derive.lowering import batched
from tests.ladder.checks import Refuted, exact_scalars, small_integers, whole_numbers
from tests.ladder.laws import equivariant, linear, local, unread_inputs
from tests.ladder.motions import claims, motions
from tests.ladder.numbers import filled, same, wanted
from tests.ladder.subjects import Sizes, Subject, sizes_of

__all__ = [
    "CHECKS",
    "interpreted",
    "odd_sizes",
    "refused_by",
    "same_at_every_small_size",
    "same_program_at_every_small_size",
]

Check = Callable[[Subject, Sizes], None]
# What a faulty kernel may do instead of giving a wrong result.
_BREAKAGE = (Refuted, TypeError, IndexError, ValueError, ZeroDivisionError, NameError)


def odd_sizes(subject: Subject, most: int = 4) -> tuple[Sizes, ...]:
    """The first has unequal sizes, several of all and several results along each axis, so that no axis hides another.

    The rest are drawn.
    """
    found = sizes_of(subject.name)

    def tells(sizes: Sizes) -> tuple[bool, bool, int]:
        results = [int(evaluate(extent, sizes)) for extent in subject.form.output.shape]
        return min(results, default=2) > 1, min(sizes.values(), default=2) > 1, len(set(sizes.values()))

    first = max(found, key=tells)
    return (first, *random.Random(0).sample(found, min(most, len(found)) - 1))


def _laws(subject: Subject, sizes: Sizes) -> None:
    linear(subject, sizes)
    for claim in claims(subject.derivation):
        equivariant(subject, motions(claim, sizes, most=40), sizes)
    local(subject, unread_inputs(subject, sizes), sizes)


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
    for sizes in odd_sizes(subject, most=24):
        for name, check in CHECKS:
            try:
                with np.errstate(invalid="ignore", over="ignore"):
                    check(subject, sizes)
            except _BREAKAGE:
                return name
    return None


def same_at_every_small_size(subject: Subject) -> bool:
    """Whether a kernel gives exactly what its form gives at every small size: the evidence that a change is no fault."""
    for sizes in sizes_of(subject.name, 3):
        arrays = filled(subject.form, sizes, "integers")
        try:
            got = run_exactly(subject.kernel, subject.form, arrays, sizes)
        except _BREAKAGE:
            return False
        if not same(got, wanted(subject.form, arrays, sizes)):
            return False
    return True


def same_program_at_every_small_size(program: Program, of: Subject) -> bool:
    """The same for a program, point by point."""
    return all(interpreted(program, of.form, sizes, items=1) for sizes in sizes_of(of.name, 3))


def interpreted(program: Program, form: Form, sizes: Sizes, items: int = 2) -> bool:
    """Whether the program, run point by point on integers, gives what the form gives for a batch."""
    arrays, own = filled(form, sizes, "integers"), batched(form) & {form.input.name, *(p.name for p in form.params)}
    each = [{n: filled(form, sizes, "integers", seed)[n] for n in own} for seed in range(1, items + 1)]
    together = {**arrays, **{n: np.stack([item[n] for item in each]) for n in own}}
    exact = wanted(form, together, sizes)
    try:
        if program.batch is None:
            got = np.stack([interpret(program, {**arrays, **item}, sizes) for item in each])
        else:
            got = interpret(program, together, {**sizes, program.batch: items})
    except (EmitError, ValueError, TypeError):
        return False
    return same(got, exact)
