"""`check-cuda`: words, JSON and exit status."""

import json

import pytest

from tests.cuda_check.test_checking import PROGRAM, line_of
from tests.ladder.subjects import has_compiler

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")


@pytest.fixture
def program(tmp_path):
    (tmp_path / "beside.py").write_text("THREADS = 64\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path / "program.py"


def test_faults_in_words(run, program):
    ran = run("check-cuda", program)
    assert ran.code == 1 and ran.err == ""
    assert f"program.py:{line_of(PROGRAM, 'H[t] = tile')}: Kernel 'turn', line 7: race: read of 4 bytes" in ran.out
    assert "4 faults in 9 launches of move, turn; threads ran forward, reverse, random." in ran.out


def test_faults_as_json(run, program):
    ran = run("check-cuda", program, "--json", "--schedule", "reverse")
    data = json.loads(ran.out)
    assert ran.code == 1
    assert (data["launches"], data["schedules"], len(data["faults"])) == (3, ["reverse"], 4)
    assert {"kind", "kernel", "line", "file_line", "argument", "message", "launched_at"} <= set(data["faults"][0])


def test_no_fault(run, process):
    ran = run("check-cuda", "generated/cupy/offset2d.py")
    assert (ran.code, ran.err) == (0, "")
    assert "no fault in" in ran.out
    assert process("check-cuda", "generated/cupy/offset2d.py", "--schedule", "forward").code == 0


def test_nothing_to_launch(run, program):
    program.write_text(PROGRAM.replace("__main__", "nobody"))
    ran = run("check-cuda", program)
    assert (ran.code, ran.sentence) == (1, "Nothing was launched: --call EXPRESSION says what to run.")
    assert run("check-cuda", program, "--call", "turned(cupy.ones(65, 'float32'))").code == 1


def test_wrong_usage(run, tmp_path):
    assert run("check-cuda", tmp_path / "none.py").code == 2
    (tmp_path / "bad.py").write_text("1 / 0\n")
    ran = run("check-cuda", tmp_path / "bad.py")
    assert ran.code == 1 and ran.sentence.endswith("failed at line 1 with ZeroDivisionError: division by zero.")


def test_a_file_that_is_no_text_is_said_to_be_none(run, tmp_path):
    (tmp_path / "binary.py").write_bytes(b"\x00\xff")
    ran = run("check-cuda", tmp_path / "binary.py")
    assert ran.code == 1 and ran.err.endswith("binary.py' is no Python file: it is not UTF-8 text.\n")
