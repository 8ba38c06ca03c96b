"""Structures that nobody ships and that the ladder climbs all the same: groups by generators, signs, biases one a diagonal."""

from __future__ import annotations

from functools import cache

import derive
from derive import Channels, Permutations
from derive.derivation import Derivation
from derive.finite import cyclic, defining, monomial, p4, parity, symmetric, wreath
from derive.rules.gradient import gradient
from derive.rules.strided import strided
from tests.lazily import CATALOGUE, Lazily

__all__ = ["SKIPPING", "STRUCTURES"]

S3 = symmetric(3)
TURN = monomial([[[0, -1], [1, 0]]])


@cache
def _near():
    return derive.dense(1, channels=Channels((("c", "C"),), (("d", "D"),))).then(derive.reindex())


def _tied(group: Permutations, sizes: tuple[int, ...], channels: Channels | None = None) -> Derivation:
    return derive.dense(outputs=sizes, inputs=sizes, channels=channels).then(derive.equivariant(group))


@cache
def _turned():
    return _tied(Permutations(TURN), (2,))


STRUCTURES: dict[str, Derivation] = Lazily(
    {
        "tensors": lambda: _tied(Permutations(S3, axes=(0, 1)), (3, 3)),
        "turned": lambda: _turned(),
        "turned_bias": lambda: _tied(Permutations(monomial([[[-1, 0, 0], [0, 0, 1], [0, 1, 0]]])), (3,)),
        "p4_torus": lambda: _tied(Permutations(p4(3)), (3, 3)),
        "wreathed": lambda: _tied(Permutations(wreath(cyclic(2), symmetric(3))), (6,)),
        "with_channels": lambda: _tied(Permutations(S3), (3,), Channels()),
        "signed_channels": lambda: _tied(
            Permutations(S3, channels={"v": defining(S3) + parity(S3), "d": "sign"}),
            (3,),
            Channels((("v", 4),), (("d", "D"),)),
        ),
        "odd": lambda: (
            _near()
            .then(derive.equivariant(derive.Translations()))
            .then(derive.local("Delta"))
            .then(derive.equivariant(derive.PointGroup("D1", channels={"d": "determinant"})))
            .then(derive.boundary("zero"))
        ),
        "composed": lambda: _turned().then(derive.compose(_turned())),
    }
)

# Channels at every second place, and the gradient by the input, which strides scatter: for tests that name them.
SKIPPING: dict[str, Derivation] = Lazily(
    {
        "strided_channels": lambda: CATALOGUE["conv2d_channels"].then(strided(2)),
        "scattered_channels": lambda: SKIPPING["strided_channels"].then(gradient("X")),
    }
)
