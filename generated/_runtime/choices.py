"""What was chosen before: by all that a choice rests on, which is nothing that arrays hold, so that it holds for every filter.

So many choices are kept, those that were asked for last, and calls from several threads find the same.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .costs import seconds
from .planning import Candidate, Choice, candidates, quickest_first, this_machine, within_room

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["APART", "GAPS", "IN_ORDER", "Asked", "chosen", "ranked", "strides_of"]

IN_ORDER, GAPS, APART = range(
    3
)  # classes of strides: no gaps; rows without gaps; entries of a row that are no neighbours


@dataclass(frozen=True, slots=True)
class Asked:
    """What a choice rests on.

    sizes    of the layer and of the batch, as the shapes of the data and of the weights tell them
    kind     the type that computes
    strides  the class of the data's
    threads  how many there are
    strict   whether error bounds are to be those of direct sums
    fixed    whether what is made of weights counts, as each call makes it
    staged   whether programs in stages are admitted: all weights are finite
    bounded  whether error bounds are to be no much larger ones than those of direct sums
    """

    sizes: tuple[tuple[str, int], ...]
    kind: np.dtype[Any]
    strides: int = IN_ORDER
    threads: int = 1
    strict: bool = False
    fixed: bool = False
    staged: bool = True
    bounded: bool = True


def strides_of(array: Any) -> int:
    """The class of an array's strides."""
    if array.flags.c_contiguous:
        return IN_ORDER
    return GAPS if array.strides[-1] == array.itemsize else APART


def chosen(of: Any, asked: Asked) -> Choice:
    """The candidate of a kernel, or of a gradient, that is predicted to be the quickest."""
    found, _ = within_room(ranked(of, asked))
    return found[0].choice if found else Choice(None, {})


@lru_cache(maxsize=1024)
def ranked(of: Any, asked: Asked, held: "Machine | None" = None) -> tuple[Candidate, ...]:
    """The candidates of a kernel, or of a gradient, the quickest first, on this machine or on one that is held to be there.

    Programs in stages take data in order: what has gaps is copied first.
    """
    sizes, itemsize = dict(asked.sizes), asked.kind.itemsize
    held = this_machine() if held is None else held
    terms = int(of.terms(**sizes)) if asked.bounded and of.terms is not None else None
    algorithms = of.algorithms if asked.staged else ()
    apart = asked.strides == APART and not of.contiguous
    how = (asked.strict, asked.fixed, held, terms, asked.threads, apart)
    found = candidates(algorithms, of.work, sizes, itemsize, *how)
    if asked.strides == IN_ORDER:
        return tuple(found)
    own = {name: value for name, value in sizes.items() if name != "batch"}
    shape = (sizes["batch"], *of.shapes(**own)[of.data])
    run = shape[-1] if asked.strides == GAPS else 1
    copying = seconds((("copy", 1, prod(shape), run),), 2 * prod(shape) * itemsize, itemsize, held, asked.fixed)
    ordered = (c if c.choice.algorithm is None else replace(c, seconds=c.seconds + copying) for c in found)
    return tuple(quickest_first([*ordered]))
