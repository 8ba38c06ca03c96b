"""What a program is proved for, in words: the choices of its knobs, and its cases."""

from __future__ import annotations

from typing import Any

from derive.ir.stages import Cases, Staged

__all__ = ["each_setting"]


def each_setting(program: Staged) -> str:
    """The choices and the cases, as the end of a sentence."""
    cases = program.cases or Cases((), ())
    chosen = [k for k in program.knobs if k.choices and not k.free and k.symbol not in cases.symbols]
    each = "".join(f", for {k.symbol} in {{{', '.join(map(str, k.choices))}}}" for k in chosen)
    if not cases.symbols:
        return each
    return f"{each}, for {_tuple(cases.symbols)} in {{{', '.join(map(_tuple, cases.values))}}}"


def _tuple(parts: tuple[Any, ...]) -> str:
    text = ", ".join(map(str, parts))
    return text if len(parts) == 1 else f"({text})"
