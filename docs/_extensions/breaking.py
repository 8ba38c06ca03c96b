"""Displayed formulas in parts that a page, or a phone, is wide enough for: beside each other where there is room, else beneath."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from derive.forms.notation import LATEX

__all__ = ["PAGE", "PHONE", "apart", "rows", "wide"]

PAGE, PHONE = 60, 27  # letters of a formula
_PLACE, _NAMED = 12, 12  # letters of a subscript's line, and of a left side with which the right one begins
_OPEN, _CLOSE = r"\begin{cases}", r"\end{cases}"
_BEFORE = re.compile(r" (?== |\+ \\sum|\(|\\left\()")  # where an equation goes on in the next line
_FACTOR = re.compile(r" (?=\(|\\left\(|\\min\b|\\max\b)")  # and where a term may on a phone
_EXTREMUM = re.compile(r"((?:- )?\\(?:min|max)\()(.*)(\),?)")
_ALIGNED = "\\begin{aligned}", "\\end{aligned}"
_INNERMOST = re.compile(r"\\begin\{(?:cases|array)\}(?:\{l\})?((?:(?!\\begin\{).)*?)\\end\{(?:cases|array)\}")
_INNER_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_SUBSCRIPT, _SMALL = re.compile(r"_\{([^{}]*)\}"), 0.7
_SILENT = re.compile(r"\\(?:mathsf|text|left|right|limits|begin|end|underline)\b|[{}_^&]|\\(?=[ ,])")
_EQUALS = re.compile(" (?== )")
_LESS = re.compile(" (?=- )")
_TERM = re.compile(" (?=[+-] )")
_RELATION = re.compile(r"\\(?:le|ge|ne|in)\b|[<=]")  # with room on both sides
_WORD = re.compile(r"\\(?:max|min|gcd|bmod)\b")
_NAME = re.compile(r"\\[A-Za-z]+")


def apart(latex: str, page: int = PAGE) -> list[str]:
    """An equation and its conditions, and where these are wide for the page the equation at its relations and sums.

    >>> apart(r"x = 1 \\qquad 0 \\le n")
    ['x = 1 ', ' 0 \\\\le n']
    """
    if latex.startswith(_ALIGNED[0]):
        return ["\n".join(map(_terms_beneath, _stacked(latex, page).split("\n"))) if wide(latex) else latex]
    equation, *conditions = _split(latex, r"\qquad")
    parts = [part for held in conditions for part in _split(held, LATEX.both)]
    found = [_stacked(part, page) for part in _parts(equation, page)] if wide(equation, page) else _sides(equation)
    return [*found, *(f"{part}," for part in parts[:-1]), *parts[-1:]]


def rows(latex: str) -> list[str]:
    """The equations of a system, each by itself.

    >>> rows("\\\\begin{aligned} x &= 1 \\\\\\\\\\ny &= 2 \\\\end{aligned}")
    ['x = 1', 'y = 2']
    """
    if not latex.startswith(_ALIGNED[0]):
        return [latex]
    begin, end = _ALIGNED
    lines = latex.removeprefix(begin).removesuffix(end).split("\\\\\n")
    return [line.strip().replace(" &= ", " = ", 1) for line in lines]


def _terms_beneath(row: str) -> str:
    """A row of equations that is wide, without cases, in more rows: it goes on before a term."""
    if not wide(row) or _OPEN in row:
        return row
    first, *terms = _merged(_at(_TERM, row), PAGE)
    return " \\\\\n".join([first, *(rf"& \qquad {term}" for term in terms)])


def _sides(equation: str) -> list[str]:
    """The sides of an equation that a narrow page is too narrow for; a wide one has them beside each other."""
    return _at(_EQUALS, equation) if _letters(equation) > PHONE else [equation]


def wide(latex: str, page: int = PAGE) -> bool:
    """Whether a formula may be wider than a page."""
    return any(_letters(line) > page for line in latex.split("\n"))


def _letters(latex: str) -> int:
    """About how many letters wide it is: of cases and fractions the widest row counts."""
    while found := _INNERMOST.search(latex):
        rows = [row.split(" & ") for row in found[1].split(r" \\ ")]
        columns = [max(map(_letters, column)) for column in zip_longest(*rows, fillvalue="")]
        latex = f"{latex[: found.start()]}{'x' * (sum(columns) + 3)}{latex[found.end() :]}"
    while found := _SUBSCRIPT.search(latex):
        latex = f"{latex[: found.start()]}{'x' * round(_SMALL * _letters(found[1]))}{latex[found.end() :]}"
    while found := _INNER_FRACTION.search(latex):
        latex = f"{latex[: found.start()]}{'x' * max(map(_letters, found.groups()))}{latex[found.end() :]}"
    return len(_NAME.sub("x", _WORD.sub("xxxx", _SILENT.sub("", _RELATION.sub("xx", latex)))).replace(" ", ""))


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
    return _at(re.compile(re.escape(by)), latex)


def _parts(equation: str, page: int) -> list[str]:
    """What stands before a relation, a sum or a factor in brackets, and what goes on with it; few sums are no line."""
    if page == PAGE:
        return _merged(_at(_BEFORE, equation), PHONE)
    left, *right = _at(_EQUALS, equation)
    terms = ([part for term in _at(_TERM, side) for part in _factors(term)] for side in (left, *right))
    first, *others = (_merged(parts, PHONE) for parts in terms)
    if others and _letters(left) <= _NAMED and _letters(left) + _letters(others[0][0]) <= PHONE:
        first, others[0] = [f"{left} {others[0][0]}"], others[0][1:]
    return [*first, *(part for parts in others for part in parts)]


def _factors(term: str) -> list[str]:
    return _merged(_at(_FACTOR, term), PHONE) if _letters(term) > PHONE else [term]


def _at(places: re.Pattern[str], latex: str) -> list[str]:
    """The parts between what is found outside everything."""
    return _cut(latex, (found.span() for found in places.finditer(latex)))


def _merged(parts: list[str], most: int) -> list[str]:
    """Parts that go on in the same line as long as it has at most so many letters."""
    whole = parts[:1]
    for part in parts[1:]:
        if _letters(whole[-1]) + _letters(part) <= most:
            whole[-1] += f" {part}"
        else:
            whole.append(part)
    return whole


def _stacked(latex: str, page: int) -> str:
    """Conditions of cases in lines of their own, and subscripts by cases too where that is not enough."""
    if not wide(latex, page):
        return latex
    narrow = _each(latex, _OPEN, _CLOSE, lambda inner: _cases(inner, page))
    return _each(narrow, "_{", "}", _subscripts) if wide(narrow, page) else narrow


def _each(latex: str, begin: str, end: str, change: Callable[[str], str]) -> str:
    """What stands between these changed, wherever it does."""
    out, last = "", 0
    while (start := latex.find(begin, last)) >= 0:
        inner = latex[start + len(begin) :]
        size = next(place for place, depth in enumerate(_depths(inner)) if depth < 0)
        out += f"{latex[last:start]}{begin}{change(inner[:size])}{end}"
        last = start + len(begin) + size + len(end)
    return out + latex[last:]


def _cases(inner: str, page: int) -> str:
    rows = [_split(row, " & ") for row in _split(inner.strip(), r" \\ ")]
    room = page - max(_letters(value) for value, _ in rows)
    values = [_each(value, _OPEN, _CLOSE, lambda part: _cases(part, page)) for value, _ in rows]
    conditions = [_lines(_chains(known, room), page // 3) for _, known in rows]
    whole = r" \\ ".join(map(" & ".join, zip(values, conditions, strict=True)))
    return f" {whole} "


def _subscripts(inner: str) -> str:
    wanted = _OPEN in inner or _letters(inner) > 2 * _PLACE
    return _lines([part for place in _listed(inner) for part in _terms(place)], _PLACE) if wanted else inner


def _listed(latex: str) -> list[str]:
    """The parts of a list, each with its comma."""
    *parts, last = _split(latex, ", ")
    return [*(f"{part}," for part in parts), last]


def _terms(place: str) -> list[str]:
    """What is subtracted in a wide place apart from the rest, and what a wide minimum or maximum is of."""
    if _letters(place) <= 2 * _PLACE:
        return [place]
    parts = _at(_LESS, place)
    whole = _EXTREMUM.fullmatch(place)
    if len(parts) > 1:
        return [part for term in parts for part in _terms(term)]
    if _letters(place) <= 3 * _PLACE or whole is None or min(_depths(whole[2])) < 0:
        return parts
    first, *rest = [part for argument in _listed(whole[2]) for part in _terms(argument)]
    *rest, last = [f"{whole[1]}{first}", *rest]
    return [*rest, f"{last}{whole[3]}"]


def _chains(conditions: str, most: int) -> list[str]:
    """Conditions one by one: what stands before one sign, with commas in between, stays together where there is room."""
    chains: list[list[str]] = [[]]
    for part in _listed(conditions):
        chains[-1].append(part)
        if _RELATION.search(part):
            chains.append([])
    held = ((chain, " ".join(chain)) for chain in chains if chain)
    return [part for chain, whole in held for part in (chain if _letters(whole) > most else [whole])]


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
