"""Names and letters for what a step adds."""

from __future__ import annotations

from sympy import Sum

from derive.forms.form import Form

__all__ = ["Names"]


class Names:
    """Names and letters that nothing else has."""

    def __init__(self, form: Form, *others: str) -> None:
        arrays = (form.input, form.output, *(p.array for p in form.params))
        letters = (*form.reduction_symbols, *(s for a in arrays for s in a.symbols), *form.sizes)
        bound = (limits[0] for e in form.bias.atoms(Sum) for limits in e.limits)
        self.taken = {a.name for a in arrays} | {s.name for s in (*letters, *bound)} | set(others)
        self.known: dict[str, str] = {}

    def fresh(self, name: str) -> str:
        """The name with as many `_` behind it as make it new; for the same name the same one again."""
        if name not in self.known:
            new = name
            while new in self.taken:
                new += "_"
            self.taken.add(new)
            self.known[name] = new
        return self.known[name]
