"""Emitted Python text is no wider than a page, and means the same as in long lines."""

import ast
from pathlib import Path

import pytest

from derive.backends._narrow import WIDTH, narrow

GENERATED = sorted(f for f in (Path(__file__).parents[2] / "generated").glob("*/*.py") if f.parent.name != "_runtime")
SIDES = " + ".join(f"side_{k}" for k in range(30))
CASES = {
    "arguments": [f"def f({', '.join(f'argument_{k}' for k in range(20))}, *, n, **_):", "    pass"],
    "a call within a call": [f"x = f(g({', '.join(f'value_{k}' for k in range(30))}), out=target)"],
    "a sum": [f"return ({SIDES})"],
    "a quotient of sums": [f"x = (h(min({SIDES}, 0))*({SIDES})/(sum(k for k in range({SIDES})))**2 // (a*b**c))"],
    "an entry of a tuple": ["x = (", f'    ("sweep", min({SIDES}), "zij,zij->zij", max({SIDES})*n**2),', ")"],
    "a literal": ["x = {", f"""    "rows": "it needs '{"letters that are contracted " * 9}' here",""", "}"],
    "a condition": [f"if {' and '.join(f'{k} < side_{k}' for k in range(30))}:", "    pass"],
    "a choice": [f"x = [a if a < {SIDES} else b for a in range({SIDES}) if a or b]"],
    "a slice of a function": [f"x[a : {SIDES}, lambda k: k % n] = y['[', {SIDES}]"],
    "a remark": [f"# {SIDES}", "x = 1"],
    "text of several lines": [f'x = r"""{SIDES}', SIDES + SIDES, '"""'],
    "no brackets": [f"x = {SIDES}"],
}


@pytest.mark.parametrize("case", CASES)
def test_lines_are_narrow_and_mean_the_same(case):
    made = narrow(CASES[case])
    assert ast.dump(ast.parse("\n".join(made))) == ast.dump(ast.parse("\n".join(CASES[case])))
    kept = case in ("text of several lines", "no brackets")
    assert (made == CASES[case]) is kept and (max(map(len, made)) <= WIDTH) is not kept


def test_short_lines_stay_as_they_are():
    lines = [
        "def f(x):",
        '    """What it does, in (one, two) words."""',
        "    return [x, 1]",
        "",
        "x = (",
        "    1,",
        ")",
    ]
    assert narrow(lines) == lines


@pytest.mark.parametrize("file", GENERATED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_emitted_modules_are_narrow(file):
    _, _, code = file.read_text(encoding="utf-8").partition('"""\n')
    texts = code.split('"""')  # formulas of the header, and CUDA text, are literals
    assert max((len(line) for text in texts[::2] for line in text.split("\n")), default=0) <= WIDTH
