"""The commands that write: regeneration, emit, apply. Nothing half-written stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from derive.artifacts import compare, write
from derive.errors import OutputError
from derive.images import write_image

ROOT = Path(__file__).resolve().parents[2]
WRONG_USAGE = ("is a folder", "There is no", "sobel-x", "such as conv2d")
MINE = """import derive
mine = (derive.dense(rank=1).then(derive.reindex())
        .then(derive.equivariant(derive.Translations()))
        .then(derive.local("Delta")).then(derive.boundary("zero")))
"""


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, caches apart."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def _held() -> dict[str, bytes]:
    return {f"{top}/{k}": v for top in ("generated", "docs/derivations") for k, v in tree(ROOT / top).items()}


def _skip_for_other_versions(run) -> None:
    versions_differ = run("check", "--to", ROOT)
    if "is installed." in versions_differ.err:
        pytest.skip(versions_differ.err.splitlines()[0])


def test_regeneration_gives_the_checked_in_bytes(process, regenerated):
    """Under another hash seed than this process has."""
    _skip_for_other_versions(process)
    made, held = tree(regenerated), _held()
    assert [name for name in sorted({*made, *held}) if made.get(name) != held.get(name)] == []


@pytest.mark.nightly
@pytest.mark.parametrize("seed", ["0", "1"])
def test_no_hash_seed_makes_a_difference(process, regenerated, tmp_path, seed):
    assert process("--to", tmp_path, "--no-cache", PYTHONHASHSEED=seed).code == 0
    assert tree(tmp_path) == tree(regenerated)


def test_check_fails_when_any_byte_changes_and_names_the_file(process, copied_tree):
    assert process("check", "--to", copied_tree).code == 0
    for name in ("generated/numpy/conv2d.py", "docs/derivations/dense2d.md", "generated/_runtime/kernel.py"):
        path = copied_tree / name
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + b"#" + whole[101:])
        ran = process("check", "--to", copied_tree)
        assert ran.code == 1
        assert f"{name} differs" in ran.err
        path.write_bytes(whole)
    lock = copied_tree / "generated/versions.json"
    for whole, changed in (
        (lock.read_bytes(), b"\xff"),
        (lock.read_bytes(), lock.read_bytes().replace(b"\n", b"\r\n")),
    ):
        lock.write_bytes(changed)
        assert "generated/versions.json" in process("check", "--to", copied_tree).sentence_with("versions.json")
        lock.write_bytes(whole)
    (copied_tree / "generated/numpy/extra.py").write_text("")
    assert "generated/numpy/extra.py belongs to no layer." in process("check", "--to", copied_tree).err


def test_a_version_mismatch_is_named(process, copied_tree):
    lock = copied_tree / "generated/versions.json"
    lock.write_text(lock.read_text().replace('"sympy": "', '"sympy": "0.'))
    ran = process("check", "--to", copied_tree)
    assert ran.code == 1
    assert "made with sympy 0." in ran.err


def workers(group: int) -> list[int]:
    """The processes of a group that were started to make layers; none where the system doesn't list them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()  # empty for one that has ended
            if b"multiprocessing.spawn" in command and os.getpgid(int(folder.name)) == group:
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize(
    ("moment", "jobs", "everyone"), [(1.0, 1, False), (1.6, 2, False), (1.6, 2, True), (2.2, 3, True)]
)
def test_interrupted_regeneration_leaves_nothing_behind(tmp_path, moment, jobs, everyone):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DERIVE_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "derive", "--to", str(tmp_path / "out"), "--jobs", str(jobs)]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's `&` would have it ignored
    )
    time.sleep(moment)
    begun = len(workers(running.pid))
    if everyone:
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    else:
        running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert err.strip().splitlines() == ["Stopped; nothing was left half-written."]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*"))
    assert not list(tmp_path.rglob("new-*"))
    assert begun <= jobs
    assert workers(running.pid) == []


def test_files_of_other_people_stay(process, regenerated, tmp_path):
    other = tmp_path / "generated" / "thesis.txt"
    other.parent.mkdir()
    other.write_text("mine")
    assert process("--to", tmp_path).code == 0
    assert other.read_text() == "mine"
    assert "generated/thesis.txt belongs to no layer." in process("check", "--to", tmp_path).err


def test_what_another_run_writes_just_now_stays_and_what_one_left_long_ago_goes(tmp_path):
    pages = tmp_path / "docs" / "derivations"
    pages.mkdir(parents=True)
    now, before = (pages / f".conv2d.md.{word}.unfinished" for word in ("now", "before"))
    for file in (now, before):
        file.write_text("half")
    os.utime(before, (time.time() - 4000,) * 2)
    files = {"docs/derivations/conv2d.md": "whole", "generated/versions.json": "{}"}
    assert compare(files | {"generated/versions.json": "{}"}, tmp_path)[-1] == (
        "docs/derivations/.conv2d.md.before.unfinished belongs to no layer."
    )
    assert write(files, tmp_path, prune=True)[-1] == "docs/derivations/.conv2d.md.before.unfinished"
    assert sorted(p.name for p in pages.iterdir()) == [now.name, "conv2d.md"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "numpy").write_text("a file")
    with pytest.raises(OutputError, match=re.escape(f"Cannot write to '{tmp_path}': ")):
        write({"generated/numpy/conv2d.py": ""}, tmp_path)
    (tmp_path / "generated" / "a.py").mkdir()
    with pytest.raises(OutputError, match=re.escape(f"Cannot write to '{tmp_path / 'generated'}': Is a directory.")):
        write({"generated/a.py": ""}, tmp_path)


def test_what_is_no_file_is_written_to_and_stays(tmp_path):
    """A pipe or a device, as /dev/stdout is: a file in its place would be read by nobody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert write({"pipe": "all of it"}, tmp_path) == ["pipe"]
        assert os.read(reader, 99) == b"all of it" and pipe.is_fifo()
    finally:
        os.close(reader)


def test_what_a_link_names_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "far").mkdir()
    link, picture = tmp_path / "conv2d.json", tmp_path / "edges.png"
    link.symlink_to("far/conv2d.json")
    picture.symlink_to("far/edges.png")
    write({link.name: "new"}, tmp_path)
    write_image(picture, np.ones((2, 3)))
    assert link.is_symlink() and (tmp_path / "far" / "conv2d.json").read_text() == "new"
    assert picture.is_symlink() and Image.open(tmp_path / "far" / "edges.png").size == (3, 2)


def test_a_layer_of_ones_own_is_emitted_and_runs(run, tmp_path, monkeypatch):
    (tmp_path / "my.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run("emit", "my.py:mine", "--backend", "numpy", "--to", "my_kernels").code == 0
    assert run("emit", "my.py:mine", "--backend", "cupy", "--to", "my_kernels").code == 0
    from my_kernels import mine  # type: ignore[import-not-found]

    assert mine(np.arange(5), np.array([1, 0, -1]), 0).tolist() == [-1, -2, -2, -2, 3]
    assert run("show", "my.py:mine").code == 0
    shown = run("show", "my.py:mine").out
    assert "H[i] = u + " in shown and "prove my.py:mine --coq mine.v" in shown


def test_emit_without_a_folder_prints_the_checked_in_text(run):
    assert run("emit", "conv2d").out == (ROOT / "generated/numpy/conv2d.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_apply_filters_a_picture(run, tmp_path, mode):
    rng = np.random.default_rng(0)
    shape = (40, 50) if mode == "L" else (40, 50, 3)
    Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8), mode).save(tmp_path / "in.png")
    ran = run("apply", "conv2d", tmp_path / "in.png", "--filter", "sobel-x", "--out", tmp_path / "out.png")
    assert ran.code == 0, ran.err
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (50, 40)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "conv3"], "There is no 'conv3' in catalogue; did you mean conv3d"),
        (
            ["emit", "conv2d", "--backend", "fortran"],
            "There is no 'fortran' in backends; there are cupy, numpy.",
        ),
        (["emit", "nothere.py:mine"], "There is no file 'nothere.py'."),
        (["emit", "{tmp}:mine"], "is a folder; name a file."),
        (["check-cuda", "{tmp}"], "is a folder; name a file."),
        (["apply", "conv2d", "{tmp}/none.png", "--filter", "sobel-x", "--out", "{tmp}/o.png"], "none.png"),
        (["apply", "conv2d", "{tmp}/empty.png", "--filter", "sobel-x", "--out", "{tmp}/o.png"], "empty.png"),
        (["apply", "conv2d", "{tmp}/ok.png", "--filter", "{tmp}/even.npy", "--out", "{tmp}/o.png"], "odd"),
        (
            ["apply", "conv2d", "{tmp}/ok.png", "--filter", "{tmp}/three.npy", "--out", "{tmp}/o.png"],
            "three.npy",
        ),
        (
            ["apply", "conv2d", "{tmp}/white.png", "--filter", "{tmp}/huge.npy", "--out", "{tmp}/o.png"],
            "huge.npy' is too large: its entry [0, 0] is 1e+308, and H overflows.",
        ),
        (["apply", "conv2d", "{tmp}/ok.png", "--filter", "sobel", "--out", "{tmp}/o.png"], "sobel-x"),
        (
            ["apply", "conv2d_channels", "{tmp}/ok.png", "--filter", "sobel-x", "--out", "{tmp}/o.png"],
            "such as conv2d",
        ),
        (
            ["apply", "conv2d", "{tmp}/ok.png", "--filter", "sobel-x", "--out", "/proc/none/o.png"],
            "/proc/none",
        ),
        (["verify", "{tmp}/empty.png"], "empty.png"),
        (["--to", "/proc/none"], "/proc/none"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_file(run, tmp_path, arguments, sentence):
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(np.zeros((8, 9), dtype=np.uint8)).save(tmp_path / "ok.png")
    Image.fromarray(np.full((8, 9), 255, dtype=np.uint8)).save(tmp_path / "white.png")
    np.save(tmp_path / "huge.npy", np.full((3, 3), 1e308))
    np.save(tmp_path / "even.npy", np.ones((4, 4)))
    np.save(tmp_path / "three.npy", np.ones((3, 3, 3)))
    before = tree(tmp_path)
    ran = run(*(a.replace("{tmp}", str(tmp_path)) for a in arguments))
    assert ran.code == (2 if any(part in sentence for part in WRONG_USAGE) else 1)
    assert sentence in ran.sentence
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["show"], ["list", "--at", "n:3"], ["show", "conv2d", "--format", "pdf"]]
)
def test_wrong_usage_exits_with_2(run, arguments):
    assert run(*arguments).code == 2
