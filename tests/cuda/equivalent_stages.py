"""Mutants of programs in stages that no input tells from the original, by the reason why."""

from __future__ import annotations

import ast
import re

__all__ = ["STAGES", "turned"]


def turned(line: str, *changes: tuple[str, str]) -> str:
    """The lines that become of one by changes, each where what is changed stands first, as a regular expression."""
    return "|".join(re.escape(f"{line} ⟶ {line.replace(old, new, 1)}") for old, new in changes)


_EVERY = "shifts|im2col|product|winograd|phased|gathered"
_ROOM_P = "P = new((N, Ki + S*(L - 1), Kj + S*(Tj - 1), C))"
_IN_TILES = (("E", "N, L, Tj, C"), ("Y", "N, L, Tj, C"), ("Q", "N, L, Tj, D"))
_IN_PHASES = (("W", "2, 2, C, D"), ("E", "N, L, Tj, 2, 2, C"), ("Y", "N, L, Tj, 2, 2, C"))


def _exchanged(line: str, *places: int) -> str:
    """Of lines that end in two brackets: each with the extent at a place exchanged for the next."""
    at = line.index("((") + 1
    made = []
    for place in places:
        extents = ast.parse(line[at:-1], mode="eval").body
        assert isinstance(extents, ast.Tuple)
        extents.elts[place : place + 2] = reversed(extents.elts[place : place + 2])
        made.append(re.escape(f"{line} ⟶ {line[:at]}{ast.unparse(extents)})"))
    return "|".join(made)


# The reason, and of which designs, which kinds of mutants, which lines and what comes next, as regular expressions.
STAGES = (
    (
        "a working array is as large, and its steps are those that views of it take",
        _EVERY,
        "sizes",
        "|".join(
            (
                _exchanged("F = new((C, 2*Delta + 1, 2*Delta + 1, D))", 2),
                _exchanged("P = new((N, 2*Delta + R, 2*Delta + m, C))", 0, 1),
                _exchanged("B = new((N, 2*Delta + R, 2*Delta + m, 2*Delta + 1, 2*Delta + 1, D))", 0, 1, 4),
                _exchanged("B = new((N, R, m, 2*Delta + 1, 2*Delta + 1, C))", 0, 1, 4),
                _exchanged("A = new((N, R, m, D))", 0, 1),
                _exchanged("A = new((N, n, m, D))", 0, 1),
                _exchanged(_ROOM_P, 0, 1, 2),
                _exchanged("E = new((Ki, Kj, N, L, Tj, C))", 2, 3, 4),
                _exchanged("Y = new((Ki, Kj, N, L, Tj, C))", 2, 3),
                _exchanged("Q = new((Ki, Kj, N, L, Tj, D))", 2, 3),
                _exchanged("R = new((S, S, N, L, Tj, D))", 2, 3, 4),
                _exchanged("V_ = new((Delta + 1, Delta + 1, 2, 2, C, D))", 3, 4),
                _exchanged("W = new((Ki, Kj, 2, 2, C, D))", 3),
                _exchanged("E = new((Ki, Kj, N, L, Tj, 2, 2, C))", 2, 3, 4, 6),
                _exchanged("Y = new((Ki, Kj, N, L, Tj, 2, 2, C))", 2, 3, 6),
                _exchanged("P = new((N, 2*Ki + 2*S*(L - 1), 2*Kj + 2*S*(Tj - 1), C))", 0, 1, 2),
                _exchanged("F = new((D, 2*Delta + 2, 2*Delta + 2, C))", 2),
                _exchanged("P = new((N, Q0, Q1, D))", 0, 1),
                _exchanged("B = new((N, Q0, Q1, 2*Delta + 2, 2*Delta + 2, C))", 0, 1, 4),
            )
        ),
        "",
    ),
    (
        "a working array is as large, and all of it is told by strides from its first entry",
        "im2col",
        "sizes",
        _exchanged("P = new((N, 2*Delta + R, 2*Delta + m, C))", 2),
        "",
    ),
    (
        "windows of a tile are as wide as high",
        "winograd|phased",
        "sizes",
        "|".join(
            (
                r"W_right = (.*, \()Ki, Kj, 4\*C, D\), (.*) ⟶ W_right = \1Kj, Ki, 4 \* C, D\), \2",
                *(
                    _exchanged(f"{a} = new((Ki, Kj, {others}))", 0)
                    for a, others in (("W", "C, D"), *_IN_TILES, *_IN_PHASES)
                ),
                r"(.*\()Ki, Kj(, L\*N\*Tj, [CD]\), .*) ⟶ \1Kj, Ki(, L \* N \* Tj, [CD]\), .*)",
                r"(.*, N, )Ki, Kj(, Tj.*) ⟶ (.*, N, )Kj, Ki(, Tj.*)",
            )
        ),
        "",
    ),
    (
        "what an even number leaves of a difference, it leaves of the sum",
        "gathered",
        "offset",
        r"(.*\(\([kl]) \+ (Delta\) % 2 .*) ⟶ \1 - \2",
        "",
    ),
    (
        "positions begin at the same place along both axes, whose windows are as wide as high",
        "gathered",
        "sizes",
        r"(.*), f0, f1(, first.*) ⟶ \1, f1, f0\2",
        "",
    ),
    (
        "a tile has no more items than N, and but for the first one no fewer",
        "gathered",
        "bound|guard",
        r"if \(point >= N\*n\*m\*C\) return; ⟶ (?:if \(point > N\*n\*m\*C\) return;)?",
        "",
    ),
    (
        "a tile has no more items than N, and but for the first one no fewer",
        "shifts|im2col|product|winograd|phased",
        "bound|guard",
        r"if \(point >= (N\*.*\*D)\) return; ⟶ (?:if \(point > \1\) return;)?",
        "",
    ),
    (
        "a tile has no more items than N, and but for the first one no fewer",
        _EVERY,
        "offset",
        r"(if \(.*)\b([eq]) \+ first (< (?:last|batch).*) ⟶ \1\2 (?:- first )?\3|(if \(.*)\b([eq]) \+ first (>= 0.*) ⟶ \4\5 \6",
        ".*",
    ),
    (
        "items beyond the last are stored nowhere",
        "product",
        "bound",
        r"(P\[.*\]) = 0; ⟶ \1 = 1;",
        "",
    ),
    (
        "entries are copied, and added to, in the order of memory",
        "product",
        "sizes",
        r"(_\w+_product_[PH]\(.*, \(?(?:batch, )?)n, m(,.*) ⟶ \1m, n\2|(_\w+_product_P\(.*, )m, C(,.*) ⟶ \3C, m\4",
        "",
    ),
)
