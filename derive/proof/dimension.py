"""How many numbers a form has to learn where its sizes give no formula: at each choice of them one number, found exactly.

    dim(Δ, n, m, p)   at Δ = 1, n = 3, m = 4, p = 5   ⟶   rank of V ↦ W at these sizes

Three sizes that a group exchanges are an example: along one axis as many functions are told apart at n, at m and at p places around
as [0, 2Δ] has classes tied by steps of n, m and p, which takes an algorithm like Euclid's for three numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Expr, Integer, Mul, Piecewise, Symbol, false, true
from sympy.core.symbol import Str

from derive.errors import DeriveError
from derive.forms.conditions import pieces
from derive.forms.count import NotCountable, count
from derive.forms.evaluate import evaluate, grid
from derive.forms.expr import Named
from derive.forms.form import Form, Param
from derive.forms.polyhedron import NotAffine
from derive.proof.encoding import write_form
from derive.proof.json_data import digest

__all__ = ["Dimension", "everywhere", "free_entries_at"]

_FORMS: dict[str, Form] = {}  # by digest


def everywhere(form: Form, part: str, exact: Expr | None, short: Expr, when: Any) -> Expr:
    """A number for all sizes: the exact one, or where none is known the short one under its condition and `Dimension` elsewhere."""
    if exact is not None:
        return exact
    number = Dimension.of(form, part)
    return number if when in (true, false) else Piecewise((short, when), (number, True), evaluate=False)


class Dimension(Named):
    """The dimension of what a form's weights, or its biases, can be: a number where all sizes are and the form admits them.

    Raises NotCountable where these are so large that its matrix isn't gone through.
    """

    called = "dim"

    def __new__(cls, name: Str, *sizes: Expr) -> Expr:
        part, _, known = name.name.partition(" ")
        at = dict(zip(_FORMS[known].sizes, sizes, strict=True))
        if all(size.is_Integer for size in sizes) and _FORMS[known].given.xreplace(at) == True:  # noqa: E712  SymPy's
            return Integer(_number(_FORMS[known], part, at))
        return Expr.__new__(cls, name, *sizes)

    @classmethod
    def of(cls, form: Form, part: str) -> Expr:
        """Of a form with sizes by name, its "weights" or "biases"."""
        known = digest(write_form(form))
        _FORMS[known] = form
        return cls(Str(f"{part} {known}"), *form.sizes)

    def __reduce__(self) -> Any:
        part, _, known = self.args[0].name.partition(" ")
        return _again, (_FORMS[known], part, self.sizes)

    def __getnewargs__(self) -> Any:
        return self.args

    def _code(self, printer: Any) -> str:
        """A call of `dimensions`, for SymPy's `lambdify`."""
        call = printer._module_format(f"{__name__}.dimensions")
        return f"{call}({self.args[0].name!r}, {', '.join(map(printer._print, self.sizes))})"

    _numpycode = _pythoncode = _mpmathcode = _code


def dimensions(name: str, *sizes: Any) -> Any:
    """The numbers at whole numbers, or at arrays of these that broadcast, by the name that the expression has.

    Raises DeriveError for sizes that the layer doesn't admit.
    """
    found = np.frompyfunc(lambda *at: _at(name, at), len(sizes), 1)(*sizes)
    return found.astype(np.int64) if isinstance(found, np.ndarray) else found


def _at(name: str, at: tuple[Any, ...]) -> int:
    number = Dimension(Str(name), *(Integer(size) for size in at))
    if not number.is_Integer:
        raise DeriveError(f"The layer doesn't admit the sizes {', '.join(map(str, at))}.")
    return int(number)


def _again(form: Form, part: str, sizes: tuple[Expr, ...]) -> Expr:
    known = Dimension.of(form, part)
    return known.func(known.args[0], *sizes)


def _number(form: Form, part: str, sizes: Mapping[Symbol, Integer]) -> int:
    """Of weights that share inputs as many as W tells, else the entries that are free."""
    from derive.proof.counts import Counts

    if form.shared and part == "weights" and not isinstance(form.weight, Mul):
        known = Counts.of(form.at(sizes))
        if known.exact_weight is None and known.when != True:  # noqa: E712  SymPy's
            raise NotCountable("The layers are more than are gone through.")
        return int(known.weight if known.exact_weight is None else known.exact_weight)
    return sum(free_entries_at(p, sizes) for p in getattr(form, part) if not p.data)


def free_entries_at(param: Param, sizes: Mapping[Symbol, Any]) -> int:
    """The free entries of an array, as polyhedra where they are some, since there may be too many of them to look at each."""
    try:
        parts = pieces(param.domain.subs({s: Integer(value) for s, value in sizes.items()}))
        return sum(int(count(part, param.array.symbols)) for part in parts)
    except NotAffine:
        return _one_by_one(param, {s: int(value) for s, value in sizes.items()})


def _one_by_one(param: Param, sizes: Mapping[Symbol, int]) -> int:
    ends = ((axis.symbol, (evaluate(axis.lower, sizes), evaluate(axis.upper, sizes))) for axis in param.array.axes)
    box = {symbol: (int(low), int(high)) for symbol, (low, high) in ends}
    shape = tuple(high - low + 1 for low, high in box.values())
    return int(np.broadcast_to(evaluate(param.free, {**sizes, **grid(box)}), shape).sum())
