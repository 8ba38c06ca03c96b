"""Necklaces: beads in three blocks, turned block by block and exchanged; and a field of arrows on a torus with quarter turns."""

import derive
from derive.finite import ROTATION4, cyclic, monomial, symmetric, torus, wreath

__all__ = ["arrows", "necklace"]

necklace = derive.dense(outputs=12, inputs=12).then(
    derive.equivariant(derive.Permutations(wreath(cyclic(4), symmetric(3))))
)

# Two translations leave an arrow as it is, a quarter turn turns it.
STILL = ((1, 0), (0, 1))
turns = monomial([STILL, STILL, ROTATION4])
group = derive.Permutations(torus((4, 4), [ROTATION4]), channels={"d": turns})
arrows = derive.dense(outputs=(4, 4), inputs=(4, 4), channels=derive.Channels((("c", "C"),), (("d", 2),))).then(
    derive.equivariant(group)
)
