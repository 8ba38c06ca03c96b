"""Pages: what stands on them, valid mathematics, eighty columns, and the same bytes every time."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from derive.render import latex, markdown, text
from derive.render.content import blocks
from derive.render.data import data
from derive.render.document import Figure, Table, read_blocks, write_blocks
from derive.render.index import index_page

ROOT = Path(__file__).parents[2]
SCRIPT = """
import hashlib, json, sys
sys.path.insert(0, "tests/render")
from conftest import NAMES, load
from derive.render import latex, markdown, text
from derive.render.content import blocks
from derive.render.data import data
from derive.render.document import Subject
from derive.render.figures import pictures, strip
digest = hashlib.sha256()
for name in NAMES:
    layer, title = load(name)
    subject = Subject(name, title, layer, {"numpy": "H = X"}, {}, pictures(name, layer))
    page = tuple(blocks(subject))
    parts = [markdown.page(page), latex.document(page), text.plain(page), json.dumps(data(subject))]
    for part in (*parts, *(p.svg for p in subject.pictures), strip(layer)):
        digest.update(part.encode())
print(digest.hexdigest())
"""


def mathematics(page):
    return re.findall(r"\$\$\n(.*?)\n\$\$", page, re.DOTALL) + re.findall(r"(?<!\$)\$([^$\n]+)\$(?!\$)", page)


def balanced(formula):
    """Braces, environments and sized pairs all closed in order."""
    open_ones = []
    for token in re.findall(r"\\begin\{\w+\*?\}|\\end\{\w+\*?\}|\\[lr]vert|\\[lr]floor|\\[lr]ceil|[{}()]", formula):
        if token.startswith(r"\begin"):
            open_ones.append(token.replace("begin", "end"))
        elif token in ("{", "(", r"\lvert", r"\lfloor", r"\lceil"):
            open_ones.append({"{": "}", "(": ")"}.get(token, token.replace(r"\l", r"\r", 1)))
        elif not open_ones or open_ones.pop() != token:
            return False
    return not open_ones


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"\frac{a}{b}", True),
        (r"\begin{cases} a & (b) \end{cases}", True),
        (r"\frac{a}{b", False),
        (r"\begin{cases} (a \end{cases}", False),
        (r"\lvert a \rvert)", False),
    ],
)
def test_the_helper_knows_what_is_balanced(formula, verdict):
    assert balanced(formula) is verdict


def test_mathematics_is_balanced(subject):
    found = mathematics(markdown.page(blocks(subject)))
    assert len(found) >= 8
    assert all(balanced(formula) for formula in found)
    assert not any(re.search(r"\\[,;!:{}]", formula) for formula in found), "Markdown would eat the backslash"


def test_a_page_tells_the_whole_argument(subjects):
    page = markdown.page(blocks(subjects["conv2d"]))
    for part in (
        "# Cross-correlation with a small window, zero edges",
        "3\xa0996\xa0001",
        "## Step 2: equivariant(Translations())",
        "H(T_{s,t} X)[i+s, j+t] = H(X)[i, j]",
        r"\mathsf{V}_{i + s, j + t, a, b} = \mathsf{V}_{i, j, a, b}",
        "s := max(0, -a) - i",
        "## The theorem",
        r"\text{operations} = 2 n m (2\Delta + 1)^{2}",
        '<img src="conv2d-local.svg"',
        "```python\nH = X\n```",
        "python -m derive verify conv2d.json --against conv2d",
    ):
        assert part in page


def test_every_obligation_stands_on_the_page_with_its_verdict(subject):
    page = markdown.page(blocks(subject))
    assert page.count("| proved for all sizes |") == len(subject.derivation.verdicts)
    assert page.count("<details>") == page.count("</details>")


def test_the_steps_of_an_argument_follow_from_each_other(subjects):
    """The equivariance step: law, biases, coefficients, representative, name, in this order."""
    page = markdown.page(blocks(subjects["convolution2d"]))
    part = page[page.index("## Step 2") : page.index("## The theorem")]
    marks = [part.index(mark) for mark in ("What is demanded", "The argument", "**1.**", "**2.**", "**3.**", "**4.**")]
    assert marks == sorted(marks)


def test_every_row_of_the_index_has_its_four_cells_whatever_bars_stand_in_them():
    counts = {"weight": "|a|", "bias": "1", "when": "|a| < n"}
    row = {"name": "x", "equation": "H[i] = X[|i|]        |a| ≤ Δ", "free_parameters": {"when": "Abs(a) < n"}}
    made = index_page([{"title": "A window |a| ≤ Δ.", "row": row, "free": counts}])
    held = (ROOT / "docs" / "derivations" / "README.md").read_text(encoding="utf-8")
    rows = [line for page in (made, held) for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 30 and {len(re.split(r"(?<!\\)\|", line)) for line in rows} == {1 + 4 + 1}


def test_columns_in_which_nothing_stands_are_left_out():
    table = Table(("a", "b", "c"), (("x", "", "1"), ("y", "", "2")), (2,))
    assert table.filled == table.worded == Table(("a", "c"), (("x", "1"), ("y", "2")), (1,))
    assert markdown.page([table]).endswith("| a | c |\n| --- | ---: |\n| x | 1 |\n| y | 2 |\n")
    assert replace(table, rows=()).filled == replace(table, rows=())
    pictured = Table(("a", "W"), (("x", Figure("w.svg", "W", 9)),))
    assert pictured.filled == pictured and pictured.worded == Table(("a",), (("x",),))


def test_a_page_without_programs_has_no_chapter_on_them(subjects):
    subject = subjects["dense2d"]
    assert "## Emitted code" in markdown.page(blocks(subject))
    assert "## Emitted code" not in markdown.page(blocks(replace(subject, emitted={})))


def test_plain_text_fits_eighty_columns(subject):
    page = text.plain(blocks(subject))
    assert max(map(len, page.splitlines())) <= 80
    assert "\x1b" not in page and not re.search(r" $", page, re.MULTILINE)


def test_long_code_is_not_broken_in_a_pipe(subjects):
    line = "H = " + " + ".join(["X"] * 40)
    assert line in text.plain(blocks(replace(subjects["dense2d"], emitted={"numpy": line})))


def test_a_terminal_gets_colour(subjects):
    console = Console(file=StringIO(), force_terminal=True, width=80)
    with console.capture() as capture:
        console.print(text.page(blocks(subjects["conv2d"])))
    assert "\x1b[" in capture.get()


def test_a_document_declares_every_sign_that_it_uses(subject):
    document = latex.document(blocks(subject))
    head, body = document.split(r"\begin{document}")
    foreign = {letter for letter in body if ord(letter) > 127}
    assert foreign == {chr(int(code, 16)) for code in re.findall(r"DeclareUnicodeCharacter\{(\w+)\}", head)}
    for begin, end in (
        ("verbatim", "verbatim"),
        ("tabular", "tabular"),
        ("align*", "align*"),
        ("cases", "cases"),
    ):
        assert body.count(rf"\begin{{{begin}}}") == body.count(rf"\end{{{end}}}")


def test_data_is_json_and_says_what_the_page_says(subject):
    found = json.loads(json.dumps(data(subject)))
    assert found["name"] == subject.name and len(found["steps"]) == len(subject.derivation.steps)
    assert found["obligations"]["proved"] == found["obligations"]["total"] == len(subject.derivation.verdicts)


def test_bytes_do_not_depend_on_the_hash_seed():
    digests = set()
    for seed in ("0", "4242"):
        environment = dict(os.environ, PYTHONHASHSEED=seed, PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1 and len(digests.pop()) == hashlib.sha256().digest_size * 2


def test_a_page_is_read_back_as_it_was_written(subjects):
    for subject in subjects.values():
        page = tuple(blocks(subject))
        assert read_blocks(json.loads(json.dumps(write_blocks(page)))) == page
