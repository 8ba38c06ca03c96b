"""A fully connected layer from K inputs to N outputs: one weight for every pair."""

from derive.derivation import dense

__all__ = ["fully_connected"]

fully_connected = dense(rank=1, outputs="N", inputs="K")
