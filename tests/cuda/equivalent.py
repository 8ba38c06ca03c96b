"""Mutants that no input tells from the original, by the reason why."""

from __future__ import annotations

import re

from tests.cuda.equivalent_stages import STAGES, turned

__all__ = ["reason_of"]


_GUARD = "if (1 - m <= b && 1 - n <= a && a <= n - 1 && b <= m - 1) {"
_FOLDED = "if (32*s <= parts - 1) {"
_OUTSIDE = "if (j0 >= m || i0 >= n) return;"
_RESULT = "if (i0 + {R}*p + {r} <= n - 1 && j0 + q <= m - 1) {{"
_TERM = "if (0 <= i0 + a + R*p + r && 0 <= j0 + q + b && i0 + R*p + r <= n - 1 && i0 + a + R*p + r <= n - 1 && {}) {{".format(
    "j0 + q + b <= m - 1 && j0 + q <= m - 1"
)
_ROWS = "if (0 <= i0 + a + R_*p + r_ && i0 + R_*p + r_ <= n - 1 && i0 + a + R_*p + r_ <= n - 1 && j0 + q <= m - 1) {"
_COLUMNS = "if (0 <= j0 + b + t && j0 + b + t <= m - 1 && j0 + t <= m - 1) {"
_PASSES = "_separable2d_passes((R_, P_, Q_), (n, m), batch, (X, P, Q, u, H), (batch, n, m), (X,), R=R, Delta=Delta)"
_STRIPS = "_conv2d_strips((R, S), (m, n, batch), (X, V, u, H), (batch, n, m), (X, H), Delta=Delta)"


_STARTED = "if (4*q + d0 + s <= D - 1 && i0 + p <= n - 1 && j0 + r <= m - 1) {"
_ADDED = "if (4*q + d0 + s <= D - 1) {"
_CHUNKS = "for (int c0 = 0; c0 < C; c0 += K) {"
_TILED = "if (0 <= i0 + a + p && 0 <= j0 + b + r && i0 + a + p <= n - 1 && i0 + p <= n - 1 && {}) {{".format(
    "j0 + b + r <= m - 1 && j0 + r <= m - 1"
)
_CELL = "if (0 <= i0 + a + e && 0 <= j0 + b + r && i0 + a + e <= n - 1 && i0 + e <= n - 1 && {}) {{".format(
    "j0 + b + r <= m - 1 && j0 + r <= m - 1 && k + c0 <= C - 1"
)
_KEY = "key = (int(kernel.xp.cuda.Device().id), dtype, tuple(numbers.values()))"
_INSTRUCTIONS = (
    "plain = _BEGUN + done.rolled * _ROLLED + done.accesses + done.shared + converted + done.barriers * _BARRIER"
)
_CORNER = "corner = array[tuple(slice(s, None) for s in start)] if any(start) else array"
_CHOSEN = "return _chosen(of, tuple(sizes.items()), types) if of.algorithms else Choice(None, {})"
_SPANS = "(start, stop), (low, high)"


def _results(R: str, r: str) -> str:
    """Of the condition that a register has a result."""
    line = _RESULT.format(R=R, r=r)
    changes = (
        ("n - 1", "n"),
        ("m - 1", "m"),
        (f"p + {r}", f"p - {r}"),
        ("+ q", "- q"),
        (f"p + {r}", "p"),
        (" + q", ""),
    )
    return turned(line, *changes, ("&&", "||"), (line[4:-3], "true"))


# The reason, and of which designs or classes, which kinds of mutants, which lines and what comes next, as regular expressions.
_EQUIVALENT = (
    (
        "the loops under it are empty where it does not hold",
        "sums|parts",
        "bound|guard",
        turned(
            _GUARD,
            ("a <= n - 1", "a <= n"),
            ("b <= m - 1", "b <= m"),
            (" && 1 - n", " || 1 - n"),
            (" && a <=", " || a <="),
            (" && b <=", " || b <="),
            (_GUARD[4:-3], "true"),
        ),
        ".*",
    ),
    (
        "the loops under it are empty where it does not hold",
        "parts",
        "bound|guard",
        turned(_FOLDED, ("parts - 1", "parts"), (_FOLDED[4:-3], "true")),
        ".*",
    ),
    (
        "the loops behind it are empty where it holds",
        "strips",
        "bound|guard",
        turned(_OUTSIDE, (">= m", "> m"), (">= n", "> n"), (_OUTSIDE, "")),
        "",
    ),
    (
        "there is one item, whose number is 0",
        "parts",
        "offset",
        f"{turned('acc += P[(z*parts + 32*s + t)*results + p];', ('z*parts', 'z'))}|"
        f"{turned('S[(z*sums + s)*results + p] = acc;', ('z*sums', 'z'))}",
        "",
    ),
    (
        "at the edges results are summed as inside",
        "strips|halos|passes",
        "bound",
        r"(?=if \(0 <= j0 \+ left && Delta <= i0 && i0 \+ Delta \+ )(if \(.*?) <= (.*) ⟶ \1 < \2",
        ".*",
    ),
    (
        "accesses are as wide as divides what a thread or a warp has along a row",
        "strips|halos|passes",
        "offset",
        r"(const int right = Delta \+ \(\(\(-Delta) - \w+(\) .*) ⟶ \1\2",
        "",
    ),
    (
        "a tile has as many rows as results of a thread times threads, in any order",
        "passes",
        "sizes",
        turned(_PASSES, ("R_, P_", "P_, R_")),
        "",
    ),
    (
        "a tile has as many rows as results of a thread times threads, in any order",
        "halos",
        "sizes",
        turned(
            "_conv2d_halos((R, P, Q), (n, m), batch, (X, V, u, H), (batch, n, m), (X,), Delta=Delta)", ("R, P", "P, R")
        ),
        "",
    ),
    ("all arrays are asked, in any order", "strips", "sizes", turned(_STRIPS, ("(X, H)", "(H, X)")), ""),
    ("registers without a result are stored nowhere", "halos", "bound|offset|guard", _results("R", "r"), r"// acc.*"),
    (
        "registers without a result are stored nowhere",
        "passes",
        "bound|offset|guard",
        _results("R_", "r_"),
        r"// acc.*",
    ),
    (
        "registers without a result are stored nowhere",
        "passes",
        "bound|offset",
        "|".join(
            (
                turned(
                    _ROWS,
                    ("i0 + R_*p + r_ <= n - 1", "i0 + R_*p + r_ <= n"),
                    ("i0 + R_*p + r_ <=", "i0 + R_*p - r_ <="),
                    ("i0 + R_*p + r_ <=", "i0 + R_*p <="),
                    ("j0 + q <= m - 1", "j0 + q <= m"),
                    ("j0 + q", "j0 - q"),
                    ("j0 + q", "j0"),
                ),
                turned(
                    _COLUMNS, ("j0 + t <= m - 1", "j0 + t <= m"), ("j0 + t <=", "j0 - t <="), ("j0 + t <=", "j0 <=")
                ),
            )
        ),
        ".*",
    ),
    (
        "registers without a result are stored nowhere",
        "halos",
        "bound|offset",
        turned(
            _TERM,
            ("i0 + R*p + r <= n - 1", "i0 + R*p + r <= n"),
            ("j0 + q <= m - 1", "j0 + q <= m"),
            ("i0 + R*p + r", "i0 + R*p - r"),
            ("j0 + q <=", "j0 - q <="),
            ("i0 + R*p + r", "i0 + R*p"),
            ("j0 + q <=", "j0 <="),
        ),
        ".*",
    ),
    (
        "registers without a result are stored nowhere",
        "tiles",
        "bound|offset",
        f"{turned(_STARTED, ('i0 + p', 'i0 - p'), ('n - 1', 'n'))}|{turned(_ADDED, ('D - 1', 'D'), ('+ s', '- s'))}",
        r"(?:// acc|acc\[).*",
    ),
    (
        "registers without a result are stored nowhere",
        "tiles",
        "bound",
        turned(_TILED, ("i0 + p <= n - 1", "i0 + p <= n")),
        "#pragma unroll",
    ),
    (
        "an entry is read that no product takes",
        "tiles",
        "bound|offset",
        turned(
            _TILED,
            ("i0 + p <= n - 1", "i0 + p <= n"),
            ("j0 + b + r <=", "j0 + b <="),
            ("j0 + b + r <=", "j0 + r <="),
            ("i0 + a + p <=", "i0 + p <="),
        ),
        r"y\[r\].*",
    ),
    (
        "a rest is summed as a whole chunk is",
        "tiles",
        "bound",
        f"{turned('if (c0 + K <= C) {', ('<=', '<'))}|{turned(_CHUNKS, ('c0 < C', 'c0 <= C'))}",
        ".*",
    ),
    (
        "cells of places without a result are read nowhere",
        "tiles",
        "bound",
        turned(_CELL, ("i0 + e <= n - 1", "i0 + e <= n")),
        ".*",
    ),
    (
        "no lane is 32 or more, so the round more adds 0",
        "prefix",
        "bound",
        turned("for (int d = 1; d < 32; d <<= 1) {", ("d < 32", "d <= 32")),
        ".*",
    ),
    (
        "the largest of all counts",
        "CudaStrips|CudaTiles|CudaHalos",
        "sizes",
        r"return too_wide\(self\.narrow, \((\*\w+), (\*\w+)((?:, others)?)\)\) ⟶ return too_wide\(self\.narrow, "
        r"(?:\(\2, \1\3\)|\(\1, others, \2\))\)",
        "",
    ),
    (
        "keys are told apart in any order",
        "CudaStrips",
        "sizes",
        f"{re.escape(_KEY)} ⟶ key = (?:{re.escape('(dtype, int(kernel.xp.cuda.Device().id), tuple(numbers.values()))')}|"
        f"{re.escape('(int(kernel.xp.cuda.Device().id), tuple(numbers.values()), dtype)')})",
        "",
    ),
    (
        "a compiler takes its options in any order",
        "CudaKernel|CudaStrips",
        "sizes",
        r"return \(f\"-Dstored=\{stored\}\", .* ⟶ return \((?:f'-Dreal.*, \*header|f'-Dstored=\{stored\}', \*header, f'-Dreal.*)\)"
        r"|options = \(\*_options\(dtype\), .* ⟶ options = \(\*\(f.*, \*_options\(dtype\)\)",
        "",
    ),
    (
        "a header changes nothing for other types",
        "CudaKernel",
        "guard",
        r"header = (\(\"--pre-include=cuda_fp16\.h\",\)) if .* ⟶ header = \('--pre-include=cuda_fp16\.h',\)",
        "",
    ),
    (
        "of direct sums alone these are chosen, whoever is asked",
        "designs",
        "guard",
        turned(_CHOSEN, (" if of.algorithms else Choice(None, {})", "")),
        "",
    ),
    (
        "what begins at an array's first entries is the array",
        "device_stages",
        "guard",
        turned(_CORNER, (_CORNER[9:], "array[tuple((slice(s, None) for s in start))]")),
        "",
    ),
    (
        "17 bytes hold as many entries of any type as 16",
        "CudaStrips",
        "launch size",
        turned("_BYTES = 16  # of the widest access", ("16", "17")),
        "",
    ),
    (
        "a factor of 1",
        "Device",
        "launch size",
        turned(_INSTRUCTIONS, (" * _ROLLED", "")),
        "",
    ),
    (
        "one of several kinds, in any order",
        "Device",
        "sizes",
        r".*\(\"(view|copy|gather|room)\", \"([\w ]+)\"\).* ⟶ .*\('\2', '\1'\).*",
        "",
    ),
    (
        "the slowest of all, in any order",
        "Device",
        "sizes|arrays",
        "|".join(
            (
                r"parts = \( ⟶ parts = \((?=.*_ALONE)(?=.*_LATENCY)(?=.*served)(?=.*lanes).*",
                r"return (?:self\.statement \+ )?_slowest\((.*), ([^,]*)\) ⟶ return (?:self\.statement \+ )?_slowest\(\2, \1\)",
            )
        ),
        "",
    ),
    (
        "sharing goes both ways",
        "outputs",
        "sizes",
        re.escape(f"{_SPANS} = span(one), span(other) ⟶ {_SPANS} = (span(other), span(one))"),
        "",
    ),
    *STAGES,
)


def reason_of(name: str, mutant: str) -> str | None:
    """Why a mutant of a design or a class is listed as equivalent; None for one that isn't."""
    line, _, after = mutant.partition(" | ")
    for reason, designs, kinds, lines, behind in _EQUIVALENT:
        found = re.fullmatch(designs, name) and re.fullmatch(f"(?:{kinds}): (?:{lines})", line)
        if found and re.fullmatch(behind, after):
            return reason
    return None
