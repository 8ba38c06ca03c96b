"""The commands that look and write nothing: list, show, prove, verify, check, --help."""

from __future__ import annotations

import json
import re
import textwrap
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path

import click.testing
import pytest
from rich.console import Console
from sympy import sympify

from derive.__main__ import cli
from derive.proof.certificate import dumps, mended

CHAIN = ["conv2d", "conv2d_channels", "convolution2d", "dense2d", "fully_connected", "offset2d"]


def test_list_json_has_every_layer_with_formula_counts_proofs_and_kernels(run, regenerated):
    ran = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert set(CHAIN) <= set(rows)
    row = rows["conv2d"]
    assert row["equation"].startswith("H[i, j] = u + Σ")
    assert sympify(row["free_parameters"]["weight"]) == sympify("(2*Delta + 1)**2")
    assert row["free_parameters"]["bias"] == "1"
    assert sympify(row["free_parameters"]["when"]) == sympify("Delta < Min(m, n)")
    assert row["obligations"]["proved"] == row["obligations"]["total"] > 20
    assert row["backends"] == ["cupy", "numpy"]
    assert ran.err == ""


@pytest.mark.parametrize(
    ("at", "name", "weights"),
    [
        ("N=1000,K=1000000", "fully_connected", 10**9),
        ("N=1000,K=100000", "fully_connected", 10**8),
        ("n=1000,m=1000,Delta=1", "dense2d", 10**12),
        ("n=1000,m=1000,Delta=1", "offset2d", 10**12),
        ("n=1000,m=1000,Delta=1", "convolution2d", 3_996_001),
        ("n=1000,m=1000,Delta=1", "conv2d", 9),
        ("n=1000,m=1000,Delta=1,C=3,D=64", "conv2d_channels", 9 * 3 * 64),
        ("n=2,m=3,Delta=7", "conv2d", 15),
    ],
)
def test_list_at_fills_in_the_seeds_own_numbers(run, regenerated, at, name, weights):
    rows = {row["name"]: row for row in json.loads(run("list", "--json", "--at", at).out)}
    numbers = rows[name]["at"]
    assert numbers["weights"] == weights
    assert numbers["bytes"] == 4 * weights
    assert numbers["operations"] > 0


@pytest.mark.parametrize(
    ("at", "needs"), [("n=0", "n ≥ 1"), ("n=0,m=4,Delta=1", "n ≥ 1"), ("N=3,K=4", "a number for n"), ("n=3", "")]
)
def test_list_at_sizes_that_a_layer_is_not_for_says_what_it_needs(run, regenerated, at, needs):
    """Instead of numbers of a layer that isn't there."""
    (row,) = [row for row in json.loads(run("list", "--json", "--at", at).out) if row["name"] == "deepsets1d"]
    assert (row["at"] is None, row.get("needs", "")) == (bool(needs), needs)


def test_list_says_so_in_words(run, regenerated):
    assert run("list", "--at", "n=0").out.count("it needs n ≥ 1") >= 1


def test_list_in_a_pipe_is_plain_text_of_80_columns(process, small, tmp_path):
    own = {"PYTHONPATH": str(small), "DERIVE_CACHE_DIR": str(tmp_path / "cache")}
    ran = process("list", cwd=small, COLUMNS="80", **own)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert all(path.stem in ran.out for path in (small / "derive/catalogue").glob("[!_]*.py"))


@pytest.mark.parametrize("form", ["text", "latex", "markdown", "json"])
@pytest.mark.parametrize("name", CHAIN)
def test_show_prints_the_derivation_in_every_format(run, name, form):
    ran = run("show", name, "--format", form)
    assert ran.code == 0
    assert len(ran.out) > 300
    if form == "json":
        assert json.loads(ran.out)["name"] == name


def test_prove_reports_every_obligation_and_writes_a_certificate_that_verifies(run, tmp_path):
    file = tmp_path / "proofs" / "of" / "conv2d.json"
    ran = run("prove", "conv2d", "--certificate", file)
    assert ran.code == 0
    assert f"{file} is written." in ran.out.splitlines()
    assert "proved for all sizes" in ran.out
    verified = run("verify", file, "--against", "conv2d")
    assert verified.code == 0
    assert "conv" in verified.out.lower() or "H[i, j]" in verified.out
    refused = run("verify", file, "--against", "convolution2d")
    assert refused.code == 1
    assert refused.sentence
    data = json.loads(file.read_text(encoding="utf-8"))
    data["steps"][0]["statement"] = "anything"
    file.write_text(dumps(mended(data)), encoding="utf-8")
    refused = run("verify", file)
    assert refused.code == 1
    assert refused.sentence.endswith("is not what that rule makes of the form before: its 'statement' differs.")


def test_a_claim_is_proved_and_verified_and_nothing_is_printed_into_what_is_under_way(run, tmp_path, monkeypatch):
    live = []

    @contextmanager
    def working(what):
        live.append(what)
        yield
        live.clear()
        told.append(what)

    told, shown = [], []
    monkeypatch.setattr("derive.reading.working", working)
    monkeypatch.setattr("derive.reading.click.echo", lambda text, **_: shown.append((text, list(live))))
    file = tmp_path / "my.py"
    file.write_text(
        "import derive\n"
        "near = derive.dense(rank=1).then(derive.reindex()).then(derive.local('Delta'))\n"
        "fits = derive.claim(near, derive.local('2*Delta'))\n"
    )
    assert run("prove", f"{file}:fits", "--certificate", tmp_path / "fits.json").code == 0
    monkeypatch.setattr("derive.reading.console", lambda: Console(force_terminal=True, width=60))
    assert run("verify", tmp_path / "fits.json").code == 0
    lines = [line for text, _ in shown for line in text.splitlines() if not text.startswith(str(tmp_path))]
    assert len(told) == 2 and [under_way for _, under_way in shown if under_way] == []
    assert max(map(len, lines)) <= 60 and any(line.startswith("Says         V[i, k - i] where") for line in lines)


def test_prove_writes_theorems_for_coq(run, tmp_path):
    file = tmp_path / "theorems" / "dense.v"
    ran = run("prove", "dense2d", "--coq", file)
    assert ran.code == 0
    stated = re.search(
        r"(\d+) theorems state (\d+) of \2 obligations; `coqc .*dense\.v` checks it\.", ran.out.replace("\n", " ")
    )
    text = file.read_text(encoding="utf-8")
    assert stated is not None and text.count("Proof. by_witness. Qed.") == int(stated[1])
    assert "python -m derive prove dense2d --coq dense.v" in text
    assert json.loads(run("prove", "dense2d", "--coq", file, "--json").out)


@pytest.mark.parametrize("name", ["dense-2d.v", "dense.txt", "2d.v", ".v"])
def test_a_name_that_coq_cannot_compile_is_refused_and_nothing_written(run, tmp_path, name):
    ran = run("prove", "dense2d", "--certificate", tmp_path / "dense.json", "--coq", tmp_path / name)
    assert ran.code == 1
    assert ran.sentence == f"Coq compiles files such as dense2d.v: letters, digits, _ and .v; '{name}' is none."
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_on_standard_output_stands_there_alone_and_is_taken_from_standard_input(run, monkeypatch):
    ran = run("prove", "conv1d", "--certificate", "-")
    assert ran.code == 0 and json.loads(ran.out)["format"]
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(ran.out.encode())))
    assert run("verify", "-", "--against", "conv1d").code == 0
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"")))
    assert run("verify", "-").sentence == "'-' is no certificate: it is not JSON."
    assert not Path("-").exists()
    assert run("prove", "conv1d", "--certificate", "-", "--json").code == 2


def test_prove_json_is_clean(run):
    data = json.loads(run("prove", "offset2d", "--json").out)
    assert data


def test_the_file_of_ones_own_in_the_help_is_a_layer_that_its_use_calls(run):
    ran = run("--help")
    assert ran.code == 0 and "emit my.py:mine --to my_kernels" in ran.out
    shown = re.search(r"in my.py:\n(.*?)\n\n", ran.out, re.DOTALL)[1]
    names = {}
    exec(compile(textwrap.dedent(shown), "my.py", "exec"), names)
    form = names["mine"].form
    (used,) = re.findall(r" H = mine\((.*)\)", ran.out)
    assert re.findall(r"(\w+)=", used) == [form.input.name, *(p.name for p in form.params)]


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", [None, *sorted(cli.commands)])
def test_help_is_whole_in_a_narrow_terminal(command, width):
    shown = click.testing.CliRunner().invoke(cli, [command, "--help"] if command else ["--help"], terminal_width=width)
    lines = shown.output.splitlines()
    assert shown.exit_code == 0 and lines[0].startswith("Usage: ")
    assert [line for line in lines if len(line) > width] == []
    assert [line for line in lines[1:] if line.endswith("...") and not line.endswith("]...")] == []
