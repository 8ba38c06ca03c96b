"""What the worst of users gets to read: one sentence each, and no half of anything."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import pytest

import derive.__main__ as command_line
from derive.artifacts import write
from derive.cache import Cache
from derive.errors import DeriveError, ObligationFailed, OutputError, UnknownName, internal
from derive.own import load_layer
from derive.registry import find
from tests.cli.test_remembering import MADE
from tests.cli.test_writing import ROOT

FAILING = {
    "mine = (derive.dense(1": "failed at line 1 with SyntaxError: '(' was never closed.",
    "x = 1\n1 / 0": "failed at line 2 with ZeroDivisionError: division by zero.",
    "raise ValueError": "failed at line 1 with ValueError.",
    "raise ValueError('one\\ntwo.')": "failed at line 1 with ValueError: one two.",
    "raise BaseException('base')": "failed at line 1 with BaseException: base.",
    "import sys; sys.exit(3)": "failed at line 1 with SystemExit: 3.",
    "def f():\n    f()\nf()": "failed at line 2 with RecursionError: maximum recursion depth exceeded.",
    "import nowhere_at_all": "failed at line 1 with ModuleNotFoundError: No module named 'nowhere_at_all'.",
    "x = '\0'": "failed with SyntaxError: source code string cannot contain null bytes.",
}
HOLDING = "import derive\none = derive.dense(rank=1)\n_two = strided = np = numpy = list = PARTS = one\nif_ = 3\n"


@pytest.mark.parametrize("text", FAILING)
def test_a_file_that_fails_says_where_and_why_in_one_line(tmp_path, text):
    (tmp_path / "my.py").write_text(text)
    with pytest.raises(DeriveError) as refused:
        load_layer(f"{tmp_path / 'my.py'}:mine")
    assert str(refused.value) == f"'{tmp_path / 'my.py'}' {FAILING[text]}"


def test_a_refusal_within_a_file_says_at_which_line_and_keeps_its_counterexample(tmp_path):
    file = tmp_path / "my.py"
    file.write_text(
        "import derive\nmine = derive.dense(rank=1)\nderive.claim(mine.then(derive.reindex()), derive.local(1))\n"
    )
    with pytest.raises(ObligationFailed) as refused:
        load_layer(f"{file}:mine")
    assert str(refused.value).startswith(f"'{file}' is refused at line 3: c(i; k) = 0 outside radius 1 fails at n = 3,")
    assert "assert left != right" in refused.value.counterexample.python


def test_a_file_without_the_layer_says_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("import derive\na = derive.dense(rank=1)\nb = 3\n")
    with pytest.raises(UnknownName, match=r"^'my\.py' holds no derivation called 'b'; it holds a\.$"):
        load_layer("my.py:b")
    (tmp_path / "my.py").write_text("b = 3\n")
    with pytest.raises(UnknownName, match=r"^'my\.py' holds no derivation, such as mine = derive\.dense\(rank=1\)\.$"):
        load_layer("my.py:b")


@pytest.mark.parametrize("name", ["_two", "strided", "np", "numpy", "list", "PARTS"])
def test_a_layer_is_not_called_what_its_module_uses_otherwise(tmp_path, name):
    (tmp_path / "my.py").write_text(HOLDING)
    other = f"my_{name.strip('_').lower()}"
    with pytest.raises(UnknownName, match=f"^'{name}' is no name for a layer: .* otherwise; '{other}' is one\\.$"):
        load_layer(f"{tmp_path / 'my.py'}:{name}")
    assert load_layer(f"{tmp_path / 'my.py'}:one").name == "one"


def test_every_name_that_emitted_modules_hold_is_refused(tmp_path):
    """But the layer's own."""
    held = set()
    for path in (*(ROOT / "generated/numpy").glob("*.py"), *(ROOT / "generated/cupy").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        imported = re.findall(r"^(?:from \S+ )?import (.*)$", text, re.MULTILINE)
        names = {part.split(" as ")[-1] for line in imported for part in line.split(", ")}
        held |= (names | set(re.findall(r"^(\w+) = ", text, re.MULTILINE))) - {path.stem}
    assert {"np", "Kernel", "cp", "strided", "SRC"} <= held
    (tmp_path / "my.py").write_text(f"import derive\n{' = '.join(sorted(held))} = derive.dense(rank=1)\n")
    for name in held:
        with pytest.raises(UnknownName, match="is no name for a layer"):
            load_layer(f"{tmp_path / 'my.py'}:{name}")


def test_what_a_file_prints_is_not_in_the_way(tmp_path, capsys):
    (tmp_path / "my.py").write_text("import derive\nprint('said')\none = derive.dense(rank=1)\n")
    load_layer(f"{tmp_path / 'my.py'}:one")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "said\n")


def test_a_command_to_repeat_can_be_pasted(tmp_path):
    (tmp_path / "my layer.py").write_text("import derive\none = derive.dense(rank=1)\n")
    assert load_layer(f"{tmp_path / 'my layer.py'}:one").command == "python -m derive emit 'my layer.py:one'"


def test_names_in_other_capitals_are_near():
    with pytest.raises(UnknownName, match="did you mean conv2d "):
        find("derive.catalogue", "CONV2D")


@pytest.mark.parametrize("to", [".", ""])
def test_a_package_is_not_written_where_it_would_hide_numpy(run, tmp_path, monkeypatch, to):
    monkeypatch.chdir(tmp_path)
    ran = run("emit", "conv2d", "--to", to)
    assert ran.code == 1 and list(tmp_path.iterdir()) == []
    assert ran.sentence == (
        "'.' is the current folder, where a folder numpy hides NumPy itself; name a package, such as my_kernels."
    )


def test_a_file_where_a_folder_should_be_is_said(run, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    says = f"Cannot write to '{file}': it is a file."
    assert run("emit", "conv2d", "--to", file).sentence == says
    assert run("--to", file).sentence == says
    with pytest.raises(OutputError, match=re.escape(says)):
        write({"x": "x"}, file)
    assert run("check", "--to", file).sentence == f"There is no folder '{file}' to look at."


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "Stopped; nothing was left half-written."),
        (OSError(28, "No space left on device"), 1, "Cannot print: No space left on device."),
        (DeriveError("No."), 1, "No."),
        (ValueError("odd\nthing."), 1, "A fault of derive's own while running this command, in test_wrong.py, line "),
    ],
)
def test_whatever_happens_ends_in_a_sentence(run, monkeypatch, raised, code, says):
    def fail(*arguments, **options):
        raise raised

    monkeypatch.setattr(command_line, "_made", fail)
    monkeypatch.setattr(command_line, "_unprinted", lambda code: code)
    ran = run("list")
    assert ran.code == code and ran.sentence.startswith(says)


def test_a_fault_of_our_own_is_told_in_whole_only_where_that_is_asked_for():
    try:
        raise ValueError("odd")
    except ValueError as fault:
        said = internal(fault, "thinking")
    assert re.fullmatch(
        r"A fault of derive's own while thinking, in test_wrong\.py, line \d+: ValueError: odd; please report it with "
        r"what `python -X dev -m derive` shows\.",
        said,
    )
    code = "import derive.errors as e\ntry: 1/0\nexcept Exception as f: print(e.internal(f, 'x'))"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.startswith("Traceback") and done.stdout.endswith("ZeroDivisionError: division by zero\n")


def shell(line: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in the checkout, with `$derive` for the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "derive": f"{sys.executable} -m derive", **variables}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, check=False)


def test_a_reader_who_leaves_early_is_no_fault():
    done = shell("set -o pipefail; $derive emit dense2d | true")
    assert (done.returncode, done.stderr) == (141, b"")
    done = shell("$derive emit dense2d > /dev/full")
    assert (done.returncode, done.stderr) == (1, b"Cannot print: No space left on device.\n")


def test_letters_that_a_terminal_lacks_are_written_out():
    done = shell("$derive prove dense2d --json; $derive show dense2d", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0 and done.stderr == b""
    verdicts, _ = json.JSONDecoder().raw_decode(done.stdout.decode("latin-1"))
    assert verdicts and b"\\u03a3_k" in done.stdout


def test_a_cache_that_may_only_be_read_is_read(tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    cache.keep("k", MADE)

    def refuse(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.recall("k") == MADE


def test_quotes_and_backslashes_in_a_title_are_kept(tmp_path, capsys):
    title = r'A "layer" with """quotes""" and a \n of its own'
    (tmp_path / "odd.py").write_text(f"r'''{title}'''\nimport derive\nmine = derive.dense(1)\n", encoding="utf-8")
    command_line.main(["emit", f"{tmp_path}/odd.py:mine", "--backend", "numpy"])
    said = ast.get_docstring(ast.parse(capsys.readouterr().out)) or ""
    assert said.splitlines()[0] == title
