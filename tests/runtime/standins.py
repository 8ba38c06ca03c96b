"""Hand-written stand-ins for emitted modules: a body as the emitter would write it, and its declaration."""

from dataclasses import replace

import numpy as np

from derive.runtime import Constant, Gradient, Kernel

__all__ = ["conv2d", "conv2d_sizes", "learned2d", "paired", "smooth", "spread", "stencil", "strided"]


def conv2d_sizes(X, V, u):
    n, m = X.shape[-2:]
    Delta = (V.shape[0] - 1) // 2
    return {"n": n, "m": m, "Delta": Delta}


def _shapes(n, m, Delta):
    return {"X": (n, m), "V": (2 * Delta + 1, 2 * Delta + 1), "u": (), "H": (n, m)}


def _taps(X, Delta):
    """Each tap of a window: its place in V, and the slices of outputs and inputs that it joins."""
    n, m = X.shape[-2:]
    for a in range(-min(Delta, n - 1), min(Delta, n - 1) + 1):
        for b in range(-min(Delta, m - 1), min(Delta, m - 1) + 1):
            to = (..., slice(max(-a, 0), n - max(a, 0)), slice(max(-b, 0), m - max(b, 0)))
            at = (..., slice(max(a, 0), n + min(a, 0)), slice(max(b, 0), m + min(b, 0)))
            yield (a + Delta, b + Delta), to, at


def _direct(X, V, u, H, new):
    H[...] = u
    for tap, to, at in _taps(X, (V.shape[0] - 1) // 2):
        H[to] += V[tap] * X[at]


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


def _direct_dX(V, G, dX, new):
    dX[...] = 0
    for tap, to, at in _taps(dX, (V.shape[0] - 1) // 2):
        dX[at] += V[tap] * G[to]


def _direct_dV(X, G, dV, new):
    dV[...] = 0
    for tap, to, at in _taps(X, (dV.shape[0] - 1) // 2):
        dV[tap] = (G[to] * X[at]).sum()


def _direct_du(G, du, new):
    du[...] = G.sum()


learned2d = replace(
    conv2d,
    name="learned2d",
    gradients={
        "X": Gradient(_direct_dX, ("V", "G")),
        "V": Gradient(_direct_dV, ("X", "G")),
        "u": Gradient(_direct_du, ("G",)),
    },
)


def _stencil_sizes(X, V, K):
    return {"n": X.shape[-1]}


def _stencil_shapes(n):
    return {"X": (n,), "V": (1,), "K": (2,), "H": (n,)}


def _stencil(X, V, K, H, new):
    """H[i] = V[0]·(K[0]·X[i] + K[1]·X[i + 1])."""
    H[...] = V[0] * (K[0] * X)
    H[..., :-1] += V[0] * (K[1] * X[..., 1:])


def _stencil_dX(V, K, G, dX, new):
    dX[...] = V[0] * (K[0] * G)
    dX[..., 1:] += V[0] * (K[1] * G[..., :-1])


def _stencil_dV(X, K, G, dV, new):
    dV[0] = (K[0] * X * G).sum() + (K[1] * X[..., 1:] * G[..., :-1]).sum()


stencil = Kernel(
    name="stencil",
    xp=np,
    body=_stencil,
    sizes=_stencil_sizes,
    shapes=_stencil_shapes,
    data="X",
    weights=("V", "K"),
    bias=(),
    result="H",
    letters={"X": "n", "V": "1", "K": "2", "H": "n"},
    gradients={"X": Gradient(_stencil_dX, ("V", "K", "G")), "V": Gradient(_stencil_dV, ("X", "K", "G"))},
    constants={"K": Constant((-1, 3))},
)


def _spread_sizes(X, V, r):
    return {"n": X.shape[-1], "r": r}


def _spread_shapes(n, r):
    return {"X": (n,), "V": (), "H": (2 * r + 1,)}


def _spread(X, V, H, new):
    """H[i] = V·Σ_k X[k], the same for every i."""
    H[...] = V * X.sum(-1, keepdims=True)


def _spread_dX(V, G, dX, new):
    dX[...] = V * G.sum(-1, keepdims=True)


def _spread_dV(X, G, dV, new):
    dV[...] = (X.sum(-1, keepdims=True) * G).sum()


spread = Kernel(
    name="spread",
    xp=np,
    body=_spread,
    sizes=_spread_sizes,
    shapes=_spread_shapes,
    data="X",
    weights=("V",),
    bias=(),
    result="H",
    letters={"X": "n", "V": "", "H": "2*r + 1"},
    gradients={"X": Gradient(_spread_dX, ("V", "G")), "V": Gradient(_spread_dV, ("X", "G"))},
    told={"r": (0, 2, 1)},
    repeats=lambda n, r: n,
)


def _paired_sizes(G, X):
    return {"n": G.shape[-1]}


def _paired_shapes(n):
    return {"G": (n,), "X": (n,), "dV": ()}


def _paired(G, X, dV, new):
    """dV = Σ_i G[i]·X[i], over the batch as well."""
    dV[...] = (G * X).sum()


def _paired_by(other, Y, by, new):
    by[...] = Y * other


paired = Kernel(
    name="paired",
    xp=np,
    body=_paired,
    sizes=_paired_sizes,
    shapes=_paired_shapes,
    data="G",
    weights=("X",),
    bias=(),
    result="dV",
    letters={"G": "n", "X": "n", "dV": ""},
    gradients={"G": Gradient(_paired_by, ("X", "Y")), "X": Gradient(_paired_by, ("G", "Y"))},
    batched=("G", "X"),
    cotangent="Y",
)
