"""`bench` and `calibrate` on the command line, in process, with figures that take no time."""

from __future__ import annotations

import json

import pytest

from derive.__main__ import main
from derive.bench import commands, page, running


@pytest.fixture
def run(capsys):
    """The exit code, and what was printed."""

    def call(*arguments):
        code = 0
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def asked(monkeypatch):
    """What `figures` was asked for; it answers with no rows."""
    seen = []

    def figures(rows, budget, unforced, threads, step):
        seen.append(([row.name for row in rows], budget, unforced, threads))
        for row in rows:
            step(row.name, None)
            step(row.name, {})
        return {
            "rows": [],
            "threads": threads,
            "blas": [],
            "processor": "A Processor",
            "constants": "guessed",
            "limits": dict.fromkeys(("gemm_float32", "gemm_float64", "copy_bytes", "read_bytes"), 1e9),
            "versions": {},
            "environment": {},
            **dict.fromkeys(("date", "processors", "system", "python", "memory"), "-"),
            "budget": budget,
        }

    monkeypatch.setattr(running, "figures", figures)
    return seen


def test_names_and_options_reach_the_harness(run, asked, tmp_path):
    code, out, err = run(
        "bench", "1mp-3x3", "conv3d", "--quick", "--unforced", "--threads", 4, "--json", tmp_path / "f"
    )
    assert code == 0
    assert asked == [(["1mp-3x3", "volume-3x3x3"], 0.3, True, 4)]
    assert json.loads((tmp_path / "f").read_text())["threads"] == 4
    assert "4 thr." in out
    assert err.splitlines() == ["1mp-3x3 is timed.", "volume-3x3x3 is timed."]


def test_an_unknown_row_is_wrong_usage(run, asked):
    code, out, err = run("bench", "conv9")
    assert (code, out) == (2, "")
    assert err.startswith("No row of the benchmark is called 'conv9'; ")
    assert asked == []


def test_the_page_is_of_the_whole_table(run, asked, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    code, _, err = run("bench", "1mp-3x3", "--write")
    assert code == 2 and "--write keeps the whole table; leave the names out." in err
    assert run("bench", "--write")[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["numpy-limit.svg", "numpy.json", "numpy.md", "numpy.svg"]
    assert run("bench", "1mp-3x3", "--write", "--as", "other")[0] == 0
    assert sum(p.name.startswith("numpy-other") for p in tmp_path.iterdir()) == 4
    for wrong in (("--as", "other"), ("--write", "--as", "../other")):
        code, _, err = run("bench", *wrong)
        assert code == 2 and "--as goes with --write, and is a word." in err
    monkeypatch.setattr(page, "FOLDER", None)
    code, _, err = run("bench", "--write")
    assert code == 2 and "--write keeps figures in a checkout, and this is none." in err


def test_stopping_is_clean(run, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "figures", stopped)
    assert run("bench", "1mp-3x3") == (130, "", "Stopped; nothing was left half-written.\n")


def test_calibrate_says_what_it_measured_and_where_it_is(run, monkeypatch, tmp_path):
    from derive import calibration
    from derive.runtime.machine import Machine

    monkeypatch.setattr(
        calibration, "calibrate", lambda unforced: (tmp_path / "machine.json", Machine(ufunc_call=2e-6))
    )
    code, out, err = run("calibrate")
    assert (code, err) == (0, "")
    assert "a ufunc's call" in out and "2.00 µs" in out
    assert out.splitlines()[-1] == f"{tmp_path / 'machine.json'} is written."
    assert all(len(line) <= 80 for line in out.splitlines()[:-1])


def test_help_names_the_rows_and_the_extra(run):
    code, out, _ = run("bench", "--help")
    assert code == 0 and "derive-layers[bench]" in out and commands.bench.name == "bench"
