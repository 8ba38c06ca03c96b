"""Brute force for finite groups: union-find over all pairs, Burnside's count, matrices of constraints."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from derive.groups._finite.codes import Codes, Ints, compose, identity
from derive.groups._finite.representation import Representation


def all_elements(codes: Codes) -> list[Codes]:
    """The group that signed permutations generate, by closing under products."""
    found = [identity(codes.shape[1])]
    seen = {found[0].tobytes()}
    for element in found:
        for g in codes:
            if (product := compose(g, element)).tobytes() not in seen:
                seen.add(product.tobytes())
                found.append(product)
    return found


def tied_pairs(out: Representation, source: Representation) -> tuple[dict[tuple[int, int], tuple[int, int]], int]:
    """Signed union-find, pair by pair: each pair's (root, sign), sign 0 if it must be 0; the free count."""
    parent = {2 * (o * source.size + k) + s: 2 * (o * source.size + k) + s
              for o in range(out.size) for k in range(source.size) for s in (0, 1)}  # fmt: skip

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for g, h in zip(out.codes.tolist(), source.codes.tolist(), strict=True):
        for o, go in enumerate(g):
            for k, hk in enumerate(h):
                for s in (0, 1):
                    a = root(2 * (o * source.size + k) + s)
                    b = root(2 * ((go >> 1) * source.size + (hk >> 1)) + (s ^ (go & 1) ^ (hk & 1)))
                    parent[max(a, b)] = min(a, b)
    tied, free = {}, set()
    for o in range(out.size):
        for k in range(source.size):
            plus, minus = root(2 * (o * source.size + k)), root(2 * (o * source.size + k) + 1)
            tied[o, k] = (plus >> 1, 0 if plus == minus else 1 - 2 * (plus & 1))
            free |= {plus >> 1} if plus != minus else set()
    return tied, len(free)


def burnside(out: Representation, source: Representation) -> Fraction:
    """The mean over the group of trace R_out(g)·trace R_in(g): the dimension of the equivariant maps."""
    elements = all_elements((out + source).codes)
    total = 0
    for element in elements:
        signed = (1 - 2 * (element & 1)) * (element >> 1 == np.arange(len(element)))
        total += int(signed[: out.size].sum()) * int(signed[out.size :].sum())
    return Fraction(total, len(elements))


def constraint_matrix(out: list[Ints], source: list[Ints]) -> Ints:
    """Rows: the entries of R_out(g)·W − W·R_in(g); columns: the entries of W."""
    p, q = len(out[0]), len(source[0])
    columns = []
    for o in range(p):
        for k in range(q):
            w = np.zeros((p, q), object)
            w[o, k] = 1
            columns.append(np.concatenate([(a.dot(w) - w.dot(b)).ravel() for a, b in zip(out, source, strict=True)]))
    return np.array(columns).T


def bell(n: int, blocks: int) -> int:
    """Partitions of n things into at most `blocks` blocks: Stirling numbers of the second kind, summed."""
    row = [1] + [0] * blocks
    for _ in range(n):
        row = [0, *(row[b - 1] + b * row[b] for b in range(1, blocks + 1))]
    return sum(row)
