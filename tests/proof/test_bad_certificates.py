"""Whatever a file holds, `verify` says in one sentence what is wrong, and runs none of it."""

from __future__ import annotations

import random

import pytest

from derive.proof.certificate import mended
from tests.lazily import CATALOGUE, Lazily
from tests.proof.edits import changed, places, refusal

CERTIFICATES = Lazily({name: lambda name=name: CATALOGUE[name].certificate() for name in CATALOGUE})
OTHERS = (None, True, 7, -1.5, "x", "", [], {}, [[]], {"x": 1}, "9**9**9", "__import__('os')", "V[a", "⟶\n")


@pytest.mark.parametrize("name", ["dense2d", "conv2d"])
def test_any_value_replaced_by_any_other_is_one_sentence(name):
    data, draw = CERTIFICATES[name], random.Random(5)
    everything = [place for place in places(data) if place[0]]
    for path, old in draw.sample(everything, 90):
        refusal(changed(data, path, draw.choice([value for value in OTHERS if value != old])))


def test_a_missing_or_strange_key_is_named():
    data = CERTIFICATES["offset2d"]
    for key in data:
        assert f"lacks '{key}'" in refusal({k: v for k, v in data.items() if k != key})
    for key in data["steps"][0]:
        step = {k: v for k, v in data["steps"][0].items() if k != key}
        assert refusal({**data, "steps": [step]}) == f"Step 1 lacks '{key}'."
    assert "'extra', which means nothing" in refusal({**data, "extra": 1})
    assert "format is not" in refusal({**data, "format": "derive certificate 2"})


MALICIOUS = [
    "__import__('os').system('touch hacked')",
    "().__class__.__bases__[0].__subclasses__()",
    "(lambda: 0)()",
    "9**9**9**9",
    "((9**4)**4)**4**4",
    "n**9999999",
    "10" * 3000,
    "(" * 4000 + "n" + ")" * 4000,
    "-" * 9000 + "n",
    "Max(" * 60 + "n" + ", 0)" * 60,
    "+".join(["n"] * 9000),
    "n" * 30_000,
    "{n for n in [1]}",
    "f'{n}'",
    "n if n else n",
    "(n := 3)",
    "n.__class__",
    "print(n)",
    "Symbol('n')",
    "1/0",
    "n/0",
    "0.5",
    "1j",
    "True",
    "n, m",
    "n; m",
    "n\nm",
    "n # m",
    "\ud800",
    "\x00",
    "Where(n, 1)",
    "Mod(n)",
    "Max(n < 1, 2)",
    "V[()][()]",
]


@pytest.mark.parametrize("text", MALICIOUS, ids=range(len(MALICIOUS)))
def test_text_is_never_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = CERTIFICATES["dense2d"]
    for path in (("weights", 0, "reader", 0, 1), ("given",), ("weight",), ("output", "axes", 0, "upper")):
        refusal(mended(changed(data, ("start", "form", *path), text)))
    refusal(mended(changed(data, ("start", "form", "output", "name"), text)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"H[i] = U[i]", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": 1, "format": 2}', "not JSON"),
        (b'{"format": NaN}', "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[]", "must be an object"),
        (b"7", "must be an object"),
        (b"{}", "lacks 'format'"),
    ],
)
def test_a_file_that_is_no_certificate(content, reason, tmp_path):
    file = tmp_path / "odd.json"
    file.write_bytes(content)
    assert reason in refusal(file)
    assert reason in refusal(str(file))


def test_a_file_that_cannot_be_read(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "missing.json")
    assert "cannot be read" in refusal(tmp_path)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(17_000_000)
    assert "larger than 16 MB" in refusal(huge)


def test_data_that_json_cannot_hold():
    assert "not JSON data" in refusal({"format": {1, 2}})
    assert "not JSON data" in refusal({"format": float("nan")})
