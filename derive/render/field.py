"""The receptive field, drawn: what the output in the middle reads, one colour a free weight.

It is a row of the dense matrix W, laid out as the image is; where a group ties weights, colours are its orbits on offsets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derive.derivation import Derivation
from derive.forms.form import Role
from derive.render.drawing import drawing
from derive.render.figures import own_form, pattern, ranked, says, sizes_for

__all__ = ["Field", "field"]

_SIDE, _RADIUS = 9, 2


@dataclass(frozen=True, eq=False)
class Field:
    """One output's inputs after a stage; `cells` holds 0, or the number of the weight that an input is read with."""

    file: str
    stage: int
    says: str
    cells: np.ndarray
    letters: tuple[str, str]

    @property
    def caption(self) -> str:
        """What is seen, as a sentence."""
        read, weights = int((self.cells > 0).sum()), int(self.cells.max(initial=0))
        through = f"{weights} different weight{'s' * (weights != 1)}, one colour each"
        at = f" at {self.says}" if self.says else ""
        return f"What the output in the middle reads{at}: {read} of {self.cells.size} inputs, with {through}."

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        down, across = self.letters
        labels = (f"← input row {down}", f"input column {across} →")
        return drawing(self.cells, (down,), (across,), (1, 1), "The receptive field", self.caption, labels)


def field(name: str, derivation: Derivation) -> Field | None:
    """The field of a derivation of that name on a grid of two axes; None for any other, and for dense layers.

    It is that after the last step that speaks of the layer's own weights; transformations make another layer of that one.
    """
    part = own_form(derivation)
    dense = part.dense
    if [len(part.form.grid(a)) for a in (dense.output, dense.input)] != [2, 2] or len(part.steps) < 2:
        return None
    sizes = sizes_for(part.form, _SIDE, 1, _RADIUS)
    outputs, inputs = (tuple(int(extent.subs(sizes)) for extent in a.shape) for a in (dense.output, dense.input))
    middle = np.ravel_multi_index([extent // 2 for extent in outputs], outputs)
    row = pattern(part, sizes)[middle].reshape(inputs)
    axes = dense.input.axes
    cells = row[tuple(slice(None) if axis.role is Role.GRID else 0 for axis in axes)]
    down, across = (str(axis.symbol) for axis in axes if axis.role is Role.GRID)
    return Field(f"{name}-field.svg", len(part.steps), says(sizes), ranked(cells), (down, across))
