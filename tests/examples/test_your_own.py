"""A rule, a group, a mask and a layer in files outside the package; and the same files dropped into its folders."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from compileall import compile_dir
from contextlib import redirect_stdout
from io import StringIO
from itertools import product

import numpy as np
import pytest

import derive as public
from derive.__main__ import main
from derive.checking import check_emitted
from derive.errors import DeriveError
from derive.forms.expr import index
from derive.own import load_layer
from derive.proof.coq import Claim, coq_file
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from tests.cli.test_writing import ROOT
from tests.proof.coqc import coqc, needs_coq
from tests.proof.spans import layers_of

EXAMPLES = ROOT / "docs" / "examples"
WOVEN, ARMS = f"{EXAMPLES / 'own_layer.py'}:woven2d", f"{EXAMPLES / 'own_mask.py'}:arms2d"
DROPPED = {
    "own_rule.py": "derive/rules/reciprocal.py",
    "own_group.py": "derive/groups/diagonal.py",
    "own_layer.py": "derive/catalogue/woven2d.py",
}
GROUPS = "tests/rules/test_rule_mutations.py"
IMPORTS = {
    "from own_group import": "from derive.groups.diagonal import",
    "from own_rule import": "from derive.rules.reciprocal import",
}


@pytest.fixture(scope="module")
def emitted(tmp_path_factory):
    """The package that `emit` makes of both files."""
    folder = tmp_path_factory.mktemp("emitted")
    for layer in (WOVEN, ARMS):
        here("emit", layer, "--to", folder / "own_kernels")
    sys.path.insert(0, str(folder))
    yield importlib.import_module("own_kernels")
    sys.path.remove(str(folder))


def here(*arguments):
    """The command line in this process, in which proofs of one layer are found once for all commands."""
    said = StringIO()
    with redirect_stdout(said):
        main(list(map(str, arguments)))
    return said.getvalue()


def derive(*arguments, root, cache=None):
    """The command line in a process of its own, of the project in that folder."""
    environment = {**os.environ, "PYTHONPATH": str(root)} | ({"DERIVE_CACHE_DIR": str(cache)} if cache else {})
    command = [sys.executable, "-m", "derive", *map(str, arguments)]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_rule_proves_its_example_and_refuses_its_counterexample(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    own = importlib.import_module("own_rule")
    step = own.EXAMPLE.application.apply(own.EXAMPLE.form)
    assert all(verdict.proved for verdict in discharge_all(step_obligations(step)))
    with pytest.raises(DeriveError) as refused:
        own.COUNTEREXAMPLE.application.apply(own.COUNTEREXAMPLE.form)
    assert own.COUNTEREXAMPLE.residue in str(refused.value)


def test_show_and_prove_take_the_file():
    assert "⟶" in here("show", WOVEN)
    assert "obligations proved." in here("prove", ARMS)


def matrix(kernel, V, sizes):
    """W[i, j, k, l], as the answers to unit images."""
    units = np.eye(np.prod(sizes), dtype=np.int64).reshape(-1, *sizes)
    return np.moveaxis(kernel(units, V), 0, -1).reshape(*sizes, *sizes)


SIZES = [(3, 4), (4, 3), (3, 3)]


def pairs(sizes):
    """Every output place with every input place within a step of it."""
    places = list(product(*map(range, sizes)))
    return [(o, k) for o, k in product(places, places) if max(abs(p - q) for p, q in zip(o, k, strict=True)) <= 1]


def orbits(sizes):
    """Which pairs are tied, by joining each with its swap and with its neighbour on the diagonal."""
    known = pairs(sizes)
    parent = {pair: pair for pair in known}

    def root(pair):
        while parent[pair] != pair:
            pair = parent[pair]
        return pair

    for o, k in known:
        for other in ((k, o), tuple(tuple(x + 1 for x in place) for place in (o, k))):
            if other in parent:
                parent[root((o, k))] = root(other)
    return {pair: root(pair) for pair in known}


@pytest.mark.parametrize("sizes", SIZES)
def test_the_woven_kernel_has_one_weight_an_orbit(emitted, sizes):
    """Every free weight in a digit of its own: two pairs have equal coefficients exactly if they are tied."""
    n, m = sizes
    shape = (n + m - 1, 2, 3)
    V = np.arange(1, np.prod(shape) + 1).reshape(shape)
    W, tied = matrix(emitted.woven2d, V, sizes), orbits(sizes)
    by_orbit = {}
    for pair, orbit in tied.items():
        by_orbit.setdefault(orbit, set()).add(int(W[(*pair[0], *pair[1])]))
    assert all(len(found) == 1 for found in by_orbit.values())
    assert len(set.union(*by_orbit.values())) == len(by_orbit) and 0 not in set.union(*by_orbit.values())
    far = np.ones(W.shape, dtype=bool)
    for o, k in tied:
        far[(*o, *k)] = False
    assert not W[far].any()
    free = load_layer(WOVEN).derivation.free_parameters["weight"]
    assert free.subs({s: {"n": n, "m": m, "Delta": 1}[s.name] for s in free.free_symbols}) == len(by_orbit)


def test_the_masked_kernel_looks_where_the_mask_says(emitted):
    arms = load_layer(ARMS).derivation
    draw = np.random.default_rng(0)
    X, V = draw.integers(-9, 10, (6, 7)), draw.integers(-9, 10, (5, 5))
    kept = np.array([[(abs(a) + abs(b) == 2) for b in range(-2, 3)] for a in range(-2, 3)])
    padded, wanted = np.pad(X, 2), np.full(X.shape, 7)
    for a, b in product(range(5), repeat=2):
        wanted += kept[a, b] * V[a, b] * padded[a : a + 6, b : b + 7]
    assert np.array_equal(emitted.arms2d(X, V, 7), wanted)
    assert arms.free_parameters["weight"] == 8


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with the three files dropped in, and of the catalogue the first layers only."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("derive", "docs", "generated", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.svg"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for name, place in DROPPED.items():
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        for outside, inside in IMPORTS.items():
            text = text.replace(outside, inside)
        (root / place).write_text(text, encoding="utf-8")
    compile_dir(root / "derive", quiet=1)  # once for all processes that run it
    return root


def test_dropped_in_they_are_proved_emitted_and_shown(copy, tmp_path):
    assert "reciprocal()" in derive("show", "woven2d", root=copy)
    proved = json.loads(derive("prove", "woven2d", "--json", root=copy))
    assert proved
    derive("emit", "woven2d", "--to", tmp_path / "kernels", root=copy)
    assert (tmp_path / "kernels" / "numpy" / "woven2d.py").is_file()


def test_dropped_in_they_are_listed_and_regenerated(copy, tmp_path):
    """Of a copy whose catalogue is this layer alone, since all the others have tests of their own."""
    alone = shutil.copytree(copy, tmp_path / "alone")
    for path in (alone / "derive" / "catalogue").glob("[a-z]*.py"):
        if path.stem != "woven2d":
            path.unlink()
    rows = {row["name"]: row for row in json.loads(derive("list", "--json", root=alone, cache=tmp_path / "cache"))}
    assert rows["woven2d"]["obligations"]["proved"] == rows["woven2d"]["obligations"]["total"]
    assert rows["woven2d"]["backends"] == ["cupy", "numpy"]
    derive("--to", tmp_path / "made", "--jobs", "1", root=alone, cache=tmp_path / "cache")
    for file in ("numpy/woven2d.py", "cupy/woven2d.py"):
        assert (tmp_path / "made" / "generated" / file).is_file()
    page = (tmp_path / "made" / "docs" / "derivations" / "woven2d.md").read_text(encoding="utf-8")
    assert "reciprocal()" in page and "DiagonalShifts()" in page


def test_dropped_in_they_are_seen_by_the_tests_that_iterate(copy):
    files = ["tests/proof/test_rules.py", "tests/ladder/test_small_integers.py", GROUPS]
    names = ("reciprocal", "woven2d", "diagonal")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "nightly or not nightly", *files]
    command += ["-k", f"(test_every_rule or test_every_batch or test_every_group) and ({' or '.join(names)})", "-rA"]
    done = subprocess.run(
        command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    for name in names:
        assert f"[{name}" in done.stdout


@pytest.mark.parametrize(("name", "weights"), [("necklace", 5), ("arrows", 6)])
def test_a_group_by_its_generators_has_exact_kernels(name: str, weights: int) -> None:
    made = load_layer(f"{EXAMPLES / 'own_generators.py'}:{name}")
    count = made.derivation.free_parameters["weight"]
    assert count == weights or count.coeff(index("C")) == weights
    assert made.backends == ("cupy", "numpy") and all(v.proved for v in made.verdicts)
    check_emitted(made)


def glided(o, k, s, t):
    """Where the glide by 2s + 1 rows about t/2 carries a pair of places."""
    return tuple((i + 2 * s + 1, t - j) for i, j in (o, k))


@pytest.mark.parametrize("sizes", [(1, 3), (2, 2), (3, 3), (4, 2)])
def test_footprints_have_one_weight_an_orbit(sizes):
    """Orbits by joining pairs that a glide or a shift by two rows or one column carries to each other, inside the grid."""
    known = pairs(sizes)
    parent = {pair: pair for pair in known}

    def root(pair):
        return pair if parent[pair] == pair else root(parent[pair])

    letters = list(product(range(-5, 6), repeat=2))
    for o, k in known:
        images = [glided(o, k, s, t) for s, t in letters]
        images += [tuple((i + 2 * s, j + t) for i, j in (o, k)) for s, t in letters]
        for image in images:
            if image in parent:
                parent[root((o, k))] = root(image)
    layer = load_layer(f"{EXAMPLES / 'own_glide.py'}:footprints2d").derivation
    n, m = sizes
    assert layer.free_parameters_at(n=n, m=m, Delta=1) == {"weight": len({root(p) for p in known}), "bias": 1}


def test_footprints_are_proved_and_emitted():
    layer = load_layer(f"{EXAMPLES / 'own_glide.py'}:footprints2d").derivation
    assert all(verdict.proved for verdict in layer.verdicts)
    V = np.arange(9).reshape(3, 3)
    H = layer.compile()(np.eye(1, 15, 7, dtype=np.int64).reshape(3, 5), V, 0)  # one foot in the middle
    assert (H[0, 1:4] == V[2, ::-1]).all() and (H[1, 1:4] == V[1, :]).all() and (H[2, 1:4] == V[0, ::-1]).all()


@needs_coq
def test_what_glides_tie_is_accepted_by_coq(tmp_path):
    """Rows are 0 or 1 there, and which of them a theorem speaks of takes the two cases."""
    steps = load_layer(f"{EXAMPLES / 'own_glide.py'}:footprints2d").derivation.steps
    (glides,) = (s.step for s in steps if s.rule.startswith("equivariant(Glides"))
    claims = [Claim("Glides", "glides", o) for o in step_obligations(glides)]
    assert coqc(coq_file("Glides", claims).text, tmp_path) == (0, "Closed under the global context\n")


@pytest.mark.parametrize("stride", [2, 3, pytest.param(5, marks=pytest.mark.nightly)])
def test_footprints_are_strided(stride):
    """A place along the other axis was taken from before the stride: rows of both kinds are kept by odd ones, which was refused."""
    layer = load_layer(f"{EXAMPLES / 'own_glide.py'}:footprints2d").derivation.then(public.strided(stride))
    assert all(verdict.proved for verdict in layer.verdicts)
    for n, m, radius in ((1, 2, 1), (4, 2, 1), (7, 5, 1), (5, 4, 2)):
        sizes = {s: {"n": n, "m": m, "Delta": radius}[s.name] for s in layer.form.sizes}
        told = layer.free_parameters_at(n=n, m=m, Delta=radius)
        assert told["weight"] + told["bias"] == layers_of(layer.form, sizes).rank, sizes
