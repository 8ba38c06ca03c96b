"""The same layer with inputs named by their offset from the output's place."""

from derive.catalogue.dense2d import dense2d
from derive.rules.reindex import reindex

__all__ = ["offset2d"]

offset2d = dense2d.then(reindex())
