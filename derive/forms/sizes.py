"""Which shape tells which size: n is X's first extent, Δ is half of V's, less one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr, Integer, Symbol

from derive.errors import DeriveError
from derive.forms.form import Array, Form

__all__ = ["SizeSource", "numeric_sizes", "size_sources"]


@dataclass(frozen=True, slots=True)
class SizeSource:
    """`size` = (extent of the array's axis - offset) / factor."""

    size: Symbol
    array: str
    axis: int
    factor: int
    offset: int


def size_sources(form: Form, arrays: Iterable[Array] | None = None) -> tuple[SizeSource, ...]:
    """One source for each size that some extent determines by itself, the input's first."""
    known = (form.input, *(p.array for p in form.params)) if arrays is None else tuple(arrays)
    found: dict[Symbol, SizeSource] = {}
    for array in known:
        for axis, extent in enumerate(array.shape):
            source = _source(extent, array.name, axis)
            if source is not None and source.size not in found:
                found[source.size] = source
    return tuple(found.values())


def _source(extent: Expr, array: str, axis: int) -> SizeSource | None:
    if len(extent.free_symbols) != 1:
        return None
    (size,) = extent.free_symbols
    factor = extent.coeff(size)
    offset = extent - factor * size
    if not (isinstance(factor, Integer) and isinstance(offset, Integer) and factor > 0):
        return None
    return SizeSource(size, array, axis, int(factor), int(offset))


def numeric_sizes(form: Form, shapes: Mapping[str, tuple[int, ...]], **given: int) -> dict[Symbol, int]:
    """Every size of the form, from actual shapes (of any of its arrays) and keywords.

    Raises DeriveError where a shape contradicts the others or a size stays unknown.
    """
    arrays = [a for a in (form.input, form.output, *(p.array for p in form.params)) if a.name in shapes]
    values = {s: given[s.name] for s in form.sizes if s.name in given}
    for source in size_sources(form, arrays):
        shape = shapes[source.array]
        if len(shape) > source.axis:
            values.setdefault(source.size, (shape[source.axis] - source.offset) // source.factor)
    if missing := [s.name for s in form.sizes if s not in values]:
        raise DeriveError(f"The size {missing[0]} is in no shape that was given; state it as {missing[0]}=....")
    for array in arrays:
        wanted = tuple(int(e.subs(values)) for e in array.shape)
        if tuple(shapes[array.name]) != wanted:
            letters = ", ".join(str(e) for e in array.shape)
            raise DeriveError(
                f"{array.name} has shape {tuple(shapes[array.name])}; it needs ({letters}), which is {wanted} here."
            )
    return values
