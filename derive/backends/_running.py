"""Running sums as NumPy text: cumulative sums into memory of the result's type, from either end."""

from __future__ import annotations

from derive.backends._expressions import python
from derive.backends._slices import slice_text
from derive.ir.nodes import Accumulate, Storage

__all__ = ["running_sums"]


def running_sums(node: Accumulate, source: Storage, target: Storage) -> list[str]:
    """All places of the target: the one where nothing is added yet, and the others."""
    span, behind = node.over, node.rank - node.axis - 1
    lead = f"*{source.name}.shape[:{-behind - 1}], " if behind or source.batched else ""
    tail = f", *{source.name}.shape[{-behind}:]" if behind else "" if lead else ","
    along = slice_text(node.place, {span.symbol: span}, source.shape[node.axis])
    rest = ", :" * behind
    back = f"[..., ::-1{rest}]" if node.onwards else ""
    first, others = ("-1", ":-1") if node.onwards else ("0", "1:")
    terms = source.name if along == ":" else f"{source.name}[..., {along}{rest}]"
    return [
        f"{target.name} = new(({lead}{python(target.shape[node.axis])}{tail}))",
        f"{target.name}[..., {first}{rest}] = 0",
        f"np.cumsum({terms}{back}, axis={-behind - 1}, out={target.name}[..., {others}{rest}]{back})",
    ]
