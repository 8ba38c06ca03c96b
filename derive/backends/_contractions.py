"""Sums of products as calls of np.einsum, those of three factors and more two at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

__all__ = ["contraction"]

Factor = tuple[str, str]  # the letters of its axes, "..." first where it has a batch, and its text


def contraction(factors: Sequence[Factor], result: str) -> tuple[str, str]:
    """The function and its arguments; no function but a product, where no letter is left to sum and one factor is a number.

    Two factors are contracted before the others while that sums letters away: most of them first.
    """
    left = list(factors)
    while len(left) > 2:
        pairs = {pair: _summed(left, pair, result) for pair in combinations(range(len(left)), 2)}
        pair = max(pairs, key=lambda p: len(pairs[p]))
        if not pairs[pair]:
            break
        both = [left[p] for p in pair]
        kept = "".join(dict.fromkeys(c for labels, _ in both for c in labels if c not in pairs[pair] | {"."}))
        batch = "..." if any("." in labels for labels, _ in both) else ""
        made = f"np.einsum({_arguments(both, batch + kept)})"
        left = [(batch + kept, made), *(f for p, f in enumerate(left) if p not in pair)]
    if [labels for labels, _ in left] == ["", result]:
        return "", " * ".join(text for _, text in left)
    return "np.einsum", _arguments(left, result)


def _arguments(factors: Sequence[Factor], result: str) -> str:
    labels, texts = zip(*factors, strict=True)
    return f'"{",".join(labels)}->{result}", {", ".join(texts)}, optimize=True'


def _summed(factors: Sequence[Factor], pair: tuple[int, int], result: str) -> set[str]:
    """The letters that nothing has but these two."""
    mine, others = ("".join(f[0] for p, f in enumerate(factors) if (p in pair) is here) for here in (True, False))
    return set(mine) - set(others + result) - {"."}
