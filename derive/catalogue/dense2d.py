"""A fully connected layer between two images: every output place weighs every input place."""

from derive.derivation import dense

__all__ = ["dense2d"]

dense2d = dense(rank=2)
