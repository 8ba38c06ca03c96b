"""Displayed formulas in parts that a page is wide enough for: beside each other where there is room, else beneath."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from derive.forms.notation import LATEX

__all__ = ["apart", "wide"]

_PAGE, _LINE, _PLACE = 60, 20, 12  # letters of a formula, of conditions beneath each other, and of a subscript's line
_OPEN, _CLOSE = r"\begin{cases}", r"\end{cases}"
_BEFORE = re.compile(r" (?== |\+ \\sum|\(|\\left\()")  # where an equation goes on in the next line
_INNERMOST = re.compile(r"\\begin\{(?:cases|array)\}(?:\{l\})?((?:(?!\\begin\{).)*?)\\end\{(?:cases|array)\}")
_INNER_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_SILENT = re.compile(r"\\(?:mathsf|text|left|right|limits|begin|end|underline)\b|[{}_^& ]|\\(?=[ ,])")
_LESS = re.compile(" (?=- )")
_TERM = re.compile(" (?=[+-] )")
_RELATION = re.compile(r"\\(?:le|ge|ne|in)\b|[<=]")  # with room on both sides
_WORD = re.compile(r"\\(?:max|min|gcd|bmod)\b")
_NAME = re.compile(r"\\[A-Za-z]+")


def apart(latex: str) -> list[str]:
    """An equation and its conditions, and where these are wide the equation at its relations and sums.

    >>> apart(r"x = 1 \\qquad 0 \\le n")
    ['x = 1 ', ' 0 \\\\le n']
    """
    if latex.startswith(r"\begin{aligned}"):
        return ["\n".join(map(_terms_beneath, _stacked(latex).split("\n"))) if wide(latex) else latex]
    equation, *conditions = _split(latex, r"\qquad")
    parts = [part for held in conditions for part in _split(held, LATEX.both)]
    found = [_stacked(part) for part in _parts(equation)] if wide(equation) else _sides(equation)
    return [*found, *(f"{part}," for part in parts[:-1]), *parts[-1:]]


def _terms_beneath(row: str) -> str:
    """A row of equations that is wide, without cases, in more rows: it goes on before a term."""
    if not wide(row) or _OPEN in row:
        return row
    first, *terms = _cut(row, (found.span() for found in _TERM.finditer(row)))
    rows = [first]
    for term in terms:
        if _letters(rows[-1]) + _letters(term) <= _PAGE:
            rows[-1] += f" {term}"
        else:
            rows.append(rf"& \qquad {term}")
    return " \\\\\n".join(rows)


def _sides(equation: str) -> list[str]:
    """The sides of an equation that a narrow page is too narrow for; a wide one has them beside each other."""
    sides = _cut(equation, (found.span() for found in re.finditer(" (?== )", equation)))
    return sides if _letters(equation) > _PAGE // 2 else [equation]


def wide(latex: str) -> bool:
    """Whether a formula may be wider than a page."""
    return any(_letters(line) > _PAGE for line in latex.split("\n"))


def _letters(latex: str) -> int:
    """About how many letters wide it is: of cases and fractions the widest row counts."""
    while found := _INNERMOST.search(latex):
        rows = [row.split(" & ") for row in found[1].split(r" \\ ")]
        columns = [max(map(_letters, column)) for column in zip_longest(*rows, fillvalue="")]
        latex = f"{latex[: found.start()]}{'x' * (sum(columns) + 3)}{latex[found.end() :]}"
    while found := _INNER_FRACTION.search(latex):
        latex = f"{latex[: found.start()]}{'x' * max(map(_letters, found.groups()))}{latex[found.end() :]}"
    return len(_NAME.sub("x", _WORD.sub("xxx", _SILENT.sub("", _RELATION.sub("xx", latex)))))


def _depths(latex: str) -> Iterator[int]:
    """Within how many brackets, braces and environments each letter stands; below none, it ends one begun before."""
    depth = 0
    for place, letter in enumerate(latex):
        depth -= letter in ")]}" or latex.startswith(r"\end{", place)
        yield depth
        depth += letter in "([{" or latex.startswith(r"\begin{", place)


def _cut(latex: str, places: Iterable[tuple[int, int]]) -> list[str]:
    """The parts between stretches that stand outside everything."""
    depths, parts, last = list(_depths(latex)), [], 0
    for start, end in places:
        if not depths[start]:
            parts.append(latex[last:start])
            last = end
    return [*parts, latex[last:]]


def _split(latex: str, by: str) -> list[str]:
    return _cut(latex, (found.span() for found in re.finditer(re.escape(by), latex)))


def _parts(equation: str) -> list[str]:
    """What stands before a relation, a sum or a factor in brackets, and what goes on with it; few sums are no line."""
    parts = _cut(equation, (found.span() for found in _BEFORE.finditer(equation)))
    whole = parts[:1]
    for part in parts[1:]:
        if _letters(whole[-1]) + _letters(part) <= _PAGE // 2:
            whole[-1] += f" {part}"
        else:
            whole.append(part)
    return whole


def _stacked(latex: str) -> str:
    """Conditions of cases in lines of their own, and subscripts by cases too where that is not enough."""
    narrow = _each(latex, _OPEN, _CLOSE, _cases)
    return _each(narrow, "_{", "}", _subscripts) if wide(narrow) else narrow


def _each(latex: str, begin: str, end: str, change: Callable[[str], str]) -> str:
    """What stands between these changed, wherever it does."""
    out, last = "", 0
    while (start := latex.find(begin, last)) >= 0:
        inner = latex[start + len(begin) :]
        size = next(place for place, depth in enumerate(_depths(inner)) if depth < 0)
        out += f"{latex[last:start]}{begin}{change(inner[:size])}{end}"
        last = start + len(begin) + size + len(end)
    return out + latex[last:]


def _cases(inner: str) -> str:
    rows = [_split(row, " & ") for row in _split(inner.strip(), r" \\ ")]
    told = (f"{_each(value, _OPEN, _CLOSE, _cases)} & {_lines(_chains(known), _LINE)}" for value, known in rows)
    whole = r" \\ ".join(told)
    return f" {whole} "


def _subscripts(inner: str) -> str:
    wanted = _OPEN in inner or _letters(inner) > 2 * _PLACE
    return _lines([part for place in _listed(inner) for part in _terms(place)], _PLACE) if wanted else inner


def _listed(latex: str) -> list[str]:
    """The parts of a list, each with its comma."""
    *parts, last = _split(latex, ", ")
    return [*(f"{part}," for part in parts), last]


def _terms(place: str) -> list[str]:
    """What is subtracted in a wide place apart from the rest."""
    return _cut(place, (found.span() for found in _LESS.finditer(place))) if _letters(place) > 2 * _PLACE else [place]


def _chains(conditions: str) -> list[str]:
    """Conditions one by one: what stands before one sign, with commas in between, stays together."""
    chains: list[list[str]] = [[]]
    for part in _listed(conditions):
        chains[-1].append(part)
        if _RELATION.search(part):
            chains.append([])
    return [" ".join(chain) for chain in chains if chain]


def _lines(parts: list[str], most: int) -> str:
    """Parts in lines of about so many letters."""
    lines: list[str] = []
    for part in parts:
        if lines and _letters(lines[-1]) + _letters(part) < most:
            lines[-1] += f" {part}"
        else:
            lines.append(part.removeprefix(r"\ "))
    held = r" \\ ".join(lines)
    return " ".join(parts) if len(lines) == 1 else rf"\begin{{array}}{{l}} {held} \end{{array}}"
