"""Every block of code on the hand-written pages runs; every command is one that the command line has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

from derive.__main__ import cli
from derive.cuda_check import find_compiler, standing_in_for_cupy
from derive.errors import ObligationFailed
from tests.cli.test_writing import ROOT

DOCS = ROOT / "docs"
OWN_TEST = {"theorems.md": "tests/test_theorems.py"}  # pages that another test runs
PAGES = [
    page.relative_to(DOCS).as_posix()
    for page in sorted(DOCS.rglob("*.md"))
    if page.relative_to(DOCS).parts[0] not in ("derivations", "_build")
]
LANGUAGES = {"python", "sh", "text", "console", "{toctree}", "{include}"}
WIDEST = 84  # letters of a line of code that a page 1280 pixels wide has between its two sidebars
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for name, text in FENCE.findall((DOCS / page).read_text(encoding="utf-8")) if name == language]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python") and page not in OWN_TEST])
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch):
    code = blocks(page, "python")
    (tmp_path / "docs").symlink_to(DOCS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    needed = {"skimage": "skimage", "decide_with_cvc5": "cvc5"}
    for word, module in needed.items():
        if any(word in text for text in code):
            pytest.importorskip(module, reason=f"the page needs {module}, of the test extra")
    if not any("cupy" in text for text in code):
        _run(page, code)
        return
    if find_compiler() is None:
        pytest.skip("the page's CUDA text is compiled for the CPU, and there is no C++ compiler")
    with standing_in_for_cupy():
        _run(page, code)


def _run(page: str, code: list[str]) -> None:
    names: dict[str, object] = {"__name__": page}
    for text in code:
        exec(compile(text, page, "exec"), names)


def test_pages_that_another_test_runs_are_run_there():
    for page, test in OWN_TEST.items():
        assert f'"{page}"' in (ROOT / test).read_text(encoding="utf-8")


def refusal(line: str) -> str:
    """What the command line has against the options and arguments of `python -m derive ...`; empty where nothing."""
    words = line.split("#")[0].split()
    words = words[words.index("derive") + 1 :]
    if not words:
        return ""
    command = cli.commands.get(words[0])
    if command is None:
        return f"no command {words[0]}"
    try:
        command.make_context(words[0], words[1:])
    except click.ClickException as refused:
        return refused.format_message()
    return ""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")])
def test_every_command_is_one_of_the_command_line(page):
    lines = [line for text in blocks(page, "sh") for line in text.splitlines() if line.strip()]
    for line in lines:
        if line.startswith("python -m derive"):
            assert refusal(line) == "", line
        else:
            assert line.split()[0] in ("coqc", "python3", "."), line


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("python -m derive emit conv2d --backend numpy", ""),
        ("python -m derive", ""),
        ("python -m derive emit", "Missing argument 'NAME'."),
        ("python -m derive fold conv2d", "no command fold"),
        ("python -m derive show conv2d --colour", "No such option '--colour'."),
    ],
)
def test_the_helper_finds_what_the_command_line_refuses(line, says):
    assert refusal(line) == says


def test_every_block_has_a_language_that_is_looked_at():
    for page in PAGES:
        found = {name for name, _ in FENCE.findall((DOCS / page).read_text(encoding="utf-8")) if name}
        assert found <= LANGUAGES, page


@pytest.mark.parametrize("language", ["python", "text"])
def test_no_line_of_code_is_wider_than_a_page(language):
    wide = {
        page: [line for text in blocks(page, language) for line in text.splitlines() if len(line) > WIDEST]
        for page in PAGES
    }
    assert {page: lines for page, lines in wide.items() if lines} == {}


def test_the_helper_reads_fences(tmp_path):
    assert [name for name, _ in FENCE.findall("```python\na\n```\n\n```sh\nb\n```\n")] == ["python", "sh"]
    assert len(PAGES) > 20 and Path(PAGES[0]).suffix == ".md"


def test_the_refusal_on_the_page_of_ones_own_is_what_its_rule_says(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    from own_rule import COUNTEREXAMPLE

    with pytest.raises(ObligationFailed) as refused:
        COUNTEREXAMPLE.application.apply(COUNTEREXAMPLE.form)
    page = (DOCS / "your-own.md").read_text(encoding="utf-8")
    assert " ".join(str(refused.value).split()) in " ".join(page.split())
