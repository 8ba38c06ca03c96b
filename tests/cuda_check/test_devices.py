"""What a kernel keeps on a device in one mode of numbers is not used in another."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from derive.cuda_check import standing_in_for_cupy
from derive.cuda_check.settings import MERSENNE_61, using
from derive.runtime import Constant, Kernel


def kernel(xp):
    """H = K·X, for a constant K = 1/4."""

    def body(X, K, H, new):
        H[...] = K * X

    return Kernel(
        name="quarter",
        xp=xp,
        body=body,
        sizes=lambda X, K: {"n": X.shape[-1]},
        shapes=lambda n: {"X": (n,), "K": (1,), "H": (n,)},
        data="X",
        weights=("K",),
        bias=(),
        result="H",
        letters={"X": "n", "K": "1", "H": "n"},
        constants={"K": Constant((1,), 4)},
    )


def test_constants_of_residues_are_not_those_of_floats():
    with standing_in_for_cupy() as cupy:
        made = kernel(cupy)
        held = {}
        for prime in (None, MERSENNE_61, None, 65537):
            with using(prime=prime):
                held[prime] = made.constant("K", np.dtype(np.float64)).get()
        assert held[None].tolist() == [0.25]
        for prime in (MERSENNE_61, 65537):
            assert int(held[prime][0]) * 4 % prime == 1
        assert Fraction(*held[None][0].as_integer_ratio()) == Fraction(1, 4)
