"""The network of derived layers: its gradients against central differences, a short training, and the page's figures.

A layer is affine in each argument p, so ⟨G, H⟩ is affine in each entry of p, and a central difference over any h is its
slope exactly: no truncation, only roundings, which weigh the less the larger h is. With h = 1 the two differ by at most

    (E(p + h) + E(p - h)) / 2h + E′        E = Σ_o |G[o]|·(bound of H[o]),  E′ = the bound of the gradient's entry

where the bounds are those derived from the programs (`derive.ir.rounding`), and what adds them up is exact.
"""

from __future__ import annotations

import json
import math
import runpy
import sys
from fractions import Fraction
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from derive.ir.rounding import Roundings, error_bound, roundings
from derive.pipeline import layer
from tests.cli.test_writing import ROOT

pytestmark = pytest.mark.skipif(
    find_spec("sklearn") is None, reason="scikit-learn, of the docs extra, is not installed"
)

EXAMPLES = ROOT / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))
BATCH, STEP, ENTRIES, UNIT = 3, 1.0, 12, Fraction(1, 2**53)


@cache
def digits():
    """The example's script, which imports scikit-learn."""
    return SimpleNamespace(**runpy.run_path(str(EXAMPLES / "digits.py")))


def network(name):
    """A network with its weights as it begins, in float64."""
    draw = np.random.default_rng(0)
    made = {"convolutional": digits().convolutional, "fully connected": digits().connected}[name](
        draw, digits().CHOSEN[name][1]
    )
    return [[kernel, V.astype(float), u.astype(float), then] for kernel, V, u, then in made]


def images(dtype):
    scans = digits().digits()[0][:BATCH]
    return (digits().placed(scans) * 16).astype(dtype)


def fraction(value) -> Fraction:
    return Fraction(*float(value).as_integer_ratio())


def most(computed: float, counted: Roundings) -> Fraction:
    """At most so much is a sum of numbers none of which is negative, if this is what floats make of it."""
    lost, relative = (error_bound(counted, Fraction(one), float) for one in (0, 1))
    return (fraction(computed) + lost) / (1 - relative)


def counted(name, arrays):
    """The roundings of a layer's program, and of its gradients' by argument, at these shapes."""
    made = layer(name)
    symbols = {s.name: s for s in made.derivation.form.sizes}
    sizes = import_module(f"generated.numpy.{name}").__dict__[name].sizes(*arrays)
    at = {symbols[n]: value for n, value in sizes.items()}
    programs = made.gradients("numpy")
    of_slopes = {by: roundings(p, at if p.batch is None else at | {p.batch: BATCH}) for by, p in programs.items()}
    return roundings(made.program("numpy"), at), of_slopes


def paired(kernel, arrays, G, own):
    """⟨G, H⟩ of the floats H that the kernel gives, and how far that is at most from the true one.

    G has entries ±1, so the products are exact; `fsum` rounds once. A bound is affine in the magnitude, so that of the
    sum is the one at the sum of the magnitudes, with what may underflow once for every entry.
    """
    value = fraction(math.fsum((G * kernel(*arrays)).ravel()))
    magnitude = most(math.fsum(kernel(*map(abs, arrays)).ravel()), Roundings(own.q + 1, own.p * G.size))
    error = error_bound(Roundings(own.q, own.p * G.size), magnitude, float)
    return value, error + (abs(value) + error) * UNIT


def disagreements(kernel, arrays, G, spoil=lambda slopes: slopes):
    """The entries of a layer's gradients that central differences refute, of some entries of every argument."""
    own, of_slopes = counted(kernel.name, arrays)
    found = spoil(kernel.vjp(*arrays, G))
    limits = kernel.vjp(*map(abs, arrays), abs(G))
    wrong = []
    for p, (by, its_count) in enumerate(of_slopes.items()):
        for place in np.random.default_rng(p).permutation(arrays[p].size)[:ENTRIES]:
            ends = []
            for step in (STEP, -STEP):
                moved = [a.copy() for a in arrays]
                moved[p].flat[place] += step
                ends.append((*paired(kernel, moved, G, own), fraction(moved[p].flat[place])))
            (above, error, high), (below, other, low) = ends
            quotient, bound = (above - below) / (high - low), (error + other) / (high - low)
            bound += error_bound(its_count, most(limits[p].flat[place], its_count), float)
            if abs(quotient - fraction(found[p].flat[place])) > bound:
                wrong.append((by, int(place)))
    return wrong


def layers(name):
    """Each layer of a network with what it is given there, and a slope by its result, all in float64."""
    net, draw = network(name), np.random.default_rng(1)
    for (kernel, V, u, _), (X, out) in zip(net, digits().forward(net, images(float) / 16)[1], strict=True):
        yield kernel, [X, V, u], draw.choice([-1.0, 1.0], out.shape)


@pytest.mark.parametrize("name", ["convolutional", "fully connected"])
def test_every_gradient_agrees_with_central_differences_within_the_derived_error(name):
    for kernel, arrays, G in layers(name):
        assert disagreements(kernel, arrays, G) == [], kernel.name


@pytest.mark.parametrize("argument", [0, 1, 2])
def test_a_gradient_wrong_by_a_millionth_is_refuted(argument):
    def spoil(slopes):
        return [g * (1 + 1e-6 * (p == argument)) for p, g in enumerate(slopes)]

    for kernel, arrays, G in layers("convolutional"):
        wrong = {by for by, _ in disagreements(kernel, arrays, G, spoil)}
        assert wrong == {tuple(counted(kernel.name, arrays)[1])[argument]}, kernel.name


@pytest.mark.parametrize("name", ["convolutional", "fully connected"])
def test_the_chain_rule_is_exact_on_integers(name):
    """A network is affine in each entry of each weight for as long as no ReLU changes its mind; on integers with ==."""
    draw = np.random.default_rng(2)
    net = [
        [kernel, draw.integers(-9, 10, V.shape), draw.integers(-999, 1000, u.shape), then]
        for kernel, V, u, then in network(name)
    ]
    X = images(np.int64)
    answers, seen = digits().forward(net, X)
    G = draw.integers(-9, 10, answers.shape)
    compared = 0
    for place, slopes in enumerate(digits().backward(net, seen, G)):
        for p, slope in enumerate(slopes):
            for entry in draw.permutation(slope.size)[:ENTRIES]:
                ends = []
                for step in (1, -2):
                    net[place][1 + p].flat[entry] += step
                    ends.append(digits().forward(net, X))
                net[place][1 + p].flat[entry] += 1
                if _same_signs(seen, ends[0][1]) and _same_signs(seen, ends[1][1]):
                    assert ((ends[0][0] - ends[1][0]) * G).sum() == 2 * slope.flat[entry]
                    compared += 1
    assert compared > 3 * ENTRIES


def _same_signs(seen, others):
    return all(np.array_equal(H > 0, other > 0) for (_, H), (_, other) in zip(seen, others, strict=True))


def test_a_short_run_learns():
    """From 360 digits, a quarter, seen twelve times."""
    draw = np.random.default_rng(0)
    scans, numbers, others, right = digits().digits()
    rate, first, held = digits().CHOSEN["convolutional"]
    net = digits().convolutional(draw, first)
    losses = digits().train(net, digits().placed(scans[:360]), numbers[:360], draw, rate, held, 12)
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) / 2
    assert digits().accuracy(net, others, right) > 0.5


def test_the_kept_choice_was_made_on_digits_that_the_test_does_not_have():
    """No scan stands in two of the three parts, and the rates and biases in use are the best of those tried."""
    choice = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "digits_choice.py")))
    learnt, _, asked, _ = choice.validation()
    parts = [{scan.tobytes() for scan in part} for part in (learnt, asked, digits().digits()[2])]
    assert list(map(len, parts)) == [1151, 287, 359]
    assert len(set.union(*parts)) == sum(map(len, parts))
    tried = json.loads((EXAMPLES / "digits_choice.json").read_text(encoding="utf-8"))
    assert {name: choice.best(rows) for name, rows in tried.items()} == digits().CHOSEN
    for name, rows in tried.items():
        assert [tuple(row[key] for key in choice.KEYS) for row in rows] == choice.GRID[name]
        assert len({tuple(row[key] for key in choice.KEYS) for row in rows}) == len(rows) > 1


def test_digits_are_moved_whole():
    scans = digits().digits()[0][:5]
    for shift in digits().SHIFTS:
        assert np.array_equal(
            np.sort(digits().placed(scans, shift), axis=None), np.sort(digits().placed(scans), axis=None)
        )
        assert len(digits().SHIFTS) == 25 and digits().SHIFTS[12] == (0, 0)


def test_both_networks_have_as_many_weights():
    made = {name: sum(V.size + u.size for _, V, u, _ in network(name)) for name in digits().CHOSEN}
    assert 0 <= made["fully connected"] - made["convolutional"] < 155


def test_the_page_and_its_picture_are_made_from_the_kept_figures():
    page = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "digits_page.py")))
    figures = json.loads((EXAMPLES / "digits.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "digits.md").read_text(encoding="utf-8") == page.page(figures)
    assert (ROOT / "docs" / "digits.svg").read_text(encoding="utf-8") == page.picture(figures)


def test_the_kept_figures_reach_the_goals():
    """97 % of centred digits; shifts cost the convolutional network at most 2 points, the other at least 20."""
    for found in json.loads((EXAMPLES / "digits.json").read_text(encoding="utf-8"))["runs"]:
        _reaches(found)


@pytest.mark.nightly
def test_a_run_reaches_the_goals():
    _reaches({name: digits().run(name, 0, digits().digits(), *chosen) for name, chosen in digits().CHOSEN.items()})


def _reaches(found):
    layered, other = found["convolutional"], found["fully connected"]
    assert other["weights"] >= layered["weights"]
    assert layered["centred"] >= 0.97
    assert layered["centred"] - layered["shifted"] <= 0.02
    assert other["centred"] - other["shifted"] >= 0.2
