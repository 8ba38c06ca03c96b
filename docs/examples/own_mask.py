"""A mask: any table of booleans says which offsets a layer looks at.

The plane with four arms leaves out its own place: what a place would be, judged by those two steps away and by its
diagonal neighbours. `Mask` takes the middle of the table as offset 0; `origin=` says otherwise.
"""

import derive

__all__ = ["arms", "arms2d"]

arms = derive.Mask(
    (
        (0, 0, 1, 0, 0),
        (0, 1, 0, 1, 0),
        (1, 0, 0, 0, 1),
        (0, 1, 0, 1, 0),
        (0, 0, 1, 0, 0),
    )
)

arms2d = (
    derive.dense(rank=2)
    .then(derive.reindex())
    .then(derive.equivariant(derive.Translations()))
    .then(derive.local(arms))
    .then(derive.boundary("zero"))
)
