"""The NumPy module of a layer's own program, proved to be its form: short enough to be read."""

from __future__ import annotations

from derive.backends._module import Header
from derive.derivation import Derivation
from derive.errors import EmitError, NoLowering
from derive.forms.equation import formula
from derive.lowering import constants, lower, proof_of, repeats, terms
from derive.registry import find
from derive.render.numbers import cost_text

__all__ = ["kernel"]

_COMMAND = "python -m derive emit my.py:layer --backend numpy"


def kernel(derivation: Derivation) -> tuple[str, str]:
    """The text, and a sentence about it; no text where there is none for sizes that are symbols, and why."""
    form = derivation.form
    try:
        program, proofs = lower(form, "arrays"), proof_of(form, "arrays")
        verdicts = (*derivation.verdicts, *proofs)
        header = Header(
            name="layer",
            command=_COMMAND,
            title="The layer's own program.",
            formula=(formula(form),),
            facts=(
                ("Derivation", repr(derivation).replace("Delta", "Δ")),
                ("Proved", f"{sum(v.proved for v in verdicts)} of {len(verdicts)} obligations"),
                ("Cost", f"{cost_text(form)} operations"),
            ),
            weights=tuple(p.name for p in form.weights),
            biases=tuple(p.name for p in form.biases),
            constants=constants(form),
            repeats=repeats(form),
            terms=terms(form),
        )
        text: str = find("derive.backends", "numpy").emit(program, header)
    except (NoLowering, EmitError) as refused:
        return "", f"There is none: {refused}"
    return text, f"The program of the formula itself. `{_COMMAND}` adds gradients and faster algorithms."
