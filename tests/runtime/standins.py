"""Hand-written stand-ins for emitted modules: a body as the emitter would write it, and its declaration."""

import numpy as np

from derive.runtime import Kernel

__all__ = ["conv2d", "conv2d_sizes", "smooth", "strided"]


def conv2d_sizes(X, V, u):
    n, m = X.shape[-2:]
    Delta = (V.shape[0] - 1) // 2
    return {"n": n, "m": m, "Delta": Delta}


def _shapes(n, m, Delta):
    return {"X": (n, m), "V": (2 * Delta + 1, 2 * Delta + 1), "u": (), "H": (n, m)}


def _direct(X, V, u, H, new):
    n, m = X.shape[-2:]
    Delta = (V.shape[0] - 1) // 2
    H[...] = u
    for a in range(-min(Delta, n - 1), min(Delta, n - 1) + 1):
        for b in range(-min(Delta, m - 1), min(Delta, m - 1) + 1):
            to = (..., slice(max(-a, 0), n - max(a, 0)), slice(max(-b, 0), m - max(b, 0)))
            at = (..., slice(max(a, 0), n + min(a, 0)), slice(max(b, 0), m + min(b, 0)))
            H[to] += V[a + Delta, b + Delta] * X[at]


conv2d = Kernel(
    name="conv2d",
    xp=np,
    body=_direct,
    sizes=conv2d_sizes,
    shapes=_shapes,
    data="X",
    weights=("V",),
    bias=("u",),
    result="H",
    letters={"X": "n, m", "V": "2*Delta + 1, 2*Delta + 1", "u": "", "H": "n, m"},
    doc="Cross-correlation of an image with one filter, zero edges.",
)


def _strided_sizes(X, V, s):
    return {"n": X.shape[-1], "p": V.shape[0], "s": s}


def _strided_shapes(n, p, s):
    return {"X": (n,), "V": (p,), "H": (1 + (n - p) // s,)}


def _every_s(X, V, H, new):
    p, outputs = V.shape[0], H.shape[-1]
    s = max((X.shape[-1] - p) // max(outputs - 1, 1), 1)
    H[...] = 0
    for a in range(p):
        H += V[a] * X[..., a : a + s * (outputs - 1) + 1 : s]


strided = Kernel(
    name="strided",
    xp=np,
    body=_every_s,
    sizes=_strided_sizes,
    shapes=_strided_shapes,
    data="X",
    weights=("V",),
    bias=(),
    result="H",
    letters={"X": "n", "V": "p", "H": "1 + (n - p)//s"},
)


def _smooth_sizes(X, V, W):
    return {"n": X.shape[-1]}


def _smooth_shapes(n):
    return {"X": (n,), "V": (1,), "W": (3,), "H": (n,)}


def _two_factors(X, V, W, H, new):
    n = X.shape[-1]
    Z = new(X.shape)
    Z[...] = V[0] * X
    H[...] = W[1] * Z
    H[..., 1:] += W[0] * Z[..., : n - 1]
    H[..., : n - 1] += W[2] * Z[..., 1:]


smooth = Kernel(
    name="smooth",
    xp=np,
    body=_two_factors,
    sizes=_smooth_sizes,
    shapes=_smooth_shapes,
    data="X",
    weights=("V", "W"),
    bias=(),
    result="H",
    letters={"X": "n", "V": "1", "W": "3", "H": "n"},
    contiguous=True,
)
