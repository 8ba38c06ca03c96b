"""Floating literals as exact rationals: digits · base^exponent, so that 0.1f is one tenth."""

import re

from .faults import CompileError

__all__ = ["exact_literal"]

DECIMAL = re.compile(r"(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?([fFlL]?)")
HEXADECIMAL = re.compile(r"0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)([fFlL]?)")
INTEGER = re.compile(r"(?:0[xX][\da-fA-F]+|0[bB][01]+|\d+)[uUlLzZ]*")


def exact_literal(text: str) -> str:
    """The C++ expression for a number token; integers stay as they are.

    >>> exact_literal("0.25f"), exact_literal("16u"), exact_literal("0x1.8p-3")
    ('cu::literal<25ul, 10ul, -2>()', '16u', 'cu::literal<24ul, 2ul, -7>()')
    """
    if INTEGER.fullmatch(text):
        return text
    if found := HEXADECIMAL.fullmatch(text):
        digits, base, exponent = int(found[1] + found[2], 16), 2, int(found[3]) - 4 * len(found[2])
    elif found := DECIMAL.fullmatch(text):
        digits, base, exponent = int(found[1] + found[2]), 10, int(found[3] or 0) - len(found[2])
    else:
        raise CompileError(f"The literal '{text}' has no exact value that this harness can read.", "")
    if digits >= 1 << 64:
        raise CompileError(f"The literal '{text}' has more digits than exact mode reads.", "")
    return f"cu::literal<{digits}ul, {base}ul, {exponent}>()"
