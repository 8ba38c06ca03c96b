"""Translations of a torus by a step: phases and wrapped differences, for all sizes that the step divides."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import derive
from derive.checking import check_emitted
from derive.errors import DeriveError, ObligationFailed, RuleRefused
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.groups import _torus
from derive.pipeline import Layer
from derive.proof.certificate import verify
from derive.proof.counterexample import Counterexample
from derive.render.numbers import numbers

n = index("n")


def rolls(step, axes=None):
    return derive.equivariant(derive.Translations(grid="torus", step=step, axes=axes))


def line(step):
    size = f"{step}*n"
    return derive.dense(1, size, size).then(rolls(step))


def classes(shape, step, chosen):
    """Union-find over all pairs of places, by one step along each chosen axis."""
    pairs = list(product(*map(range, (*shape, *shape))))
    root = {pair: pair for pair in pairs}

    def find(pair):
        while root[pair] != pair:
            pair = root[pair]
        return pair

    rank = len(shape)
    for pair in pairs:
        for p in chosen:
            moved = tuple((x + step * (q % rank == p)) % shape[q % rank] for q, x in enumerate(pair))
            root[find(pair)] = find(moved)
    return {pair: find(pair) for pair in pairs}


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_entries_are_tied_as_union_find_ties_them(step):
    layer = line(step)
    assert all(v.proved for v in layer.verdicts)
    assert (layer.counts.exact_weight, layer.counts.exact_bias) == (step * step * n, step)
    names = layer.form.weight.subscripts
    for turns in range(1, 7 if step < 3 else 4):
        tied = classes((step * turns,), step, (0,))
        named = {
            pair: tuple(
                int(
                    evaluate(
                        e,
                        {n: turns} | dict(zip(layer.form.output.symbols + layer.form.input.symbols, pair, strict=True)),
                    )
                )
                for e in names
            )
            for pair in tied
        }
        assert len(set(named.values())) == len(set(tied.values())) == step * step * turns
        assert len(set(zip(named.values(), tied.values(), strict=True))) == len(set(tied.values()))


@pytest.mark.parametrize(("step", "stride"), [(2, 2), (2, 3), (3, 2), (6, 4)])
def test_strides_read_the_remainders_that_they_meet(step, stride):
    """A place that wraps around follows the place that reads it, whichever that is."""
    layer = line(step).then(derive.strided(stride))
    assert all(v.proved for v in layer.verdicts)
    for turns in range(1, 6):
        size = step * turns
        read = {(o % step, (k - o) % size) for o in range(0, size, stride) for k in range(size)}
        assert numbers(layer.form, {"n": turns})["weights"] == len(read), turns


def test_strides_of_their_own_along_two_axes():
    layer = derive.dense(2, ("2*n", "2*m"), ("2*n", "2*m")).then(rolls(2)).then(derive.strided((2, 3)))
    assert all(v.proved for v in layer.verdicts)
    for turns, other in ((1, 1), (2, 1), (2, 2)):
        shape = (2 * turns, 2 * other)
        kept = product(range(0, shape[0], 2), range(0, shape[1], 3))
        ends = list(product(*map(range, shape)))
        read = {(i % 2, j % 2, (k - i) % shape[0], (l - j) % shape[1]) for i, j in kept for k, l in ends}
        assert numbers(layer.form, {"n": turns, "m": other})["weights"] == len(read)


def test_a_step_of_its_own_along_each_axis():
    layer = derive.dense(2, ("2*n", "3*m"), ("2*n", "3*m")).then(rolls(2, axes=(0,))).then(rolls(3, axes=(1,)))
    assert all(v.proved for v in layer.verdicts)
    assert layer.counts.exact_weight.subs({n: 1, index("m"): 1}) == (2 * 2) * (3 * 3)
    assert layer.counts.exact_weight.subs({n: 2, index("m"): 1}) == (2 * 4) * (3 * 3)


def test_a_strided_torus_has_kernels_and_a_dense_layer():
    layer = line(2).then(derive.strided(3))
    check_emitted(Layer("rolled", layer, "A stepped layer.", "python -m derive emit", "docs"))


def test_two_axes_one_of_them_by_steps():
    layer = derive.dense(2, ("2*n", "m"), ("2*n", "m")).then(rolls(2, axes=(0,)))
    for turns, other in ((1, 1), (2, 2), (3, 1)):
        count = layer.counts.exact_weight.subs({n: turns, index("m"): other})
        assert count == len(set(classes((2 * turns, other), 2, (0,)).values()))
    both = derive.dense(2, ("2*n", "2*m"), ("2*n", "2*m")).then(rolls(2))
    for turns, other in ((1, 1), (2, 1), (2, 2)):
        count = both.counts.exact_weight.subs({n: turns, index("m"): other})
        assert count == len(set(classes((2 * turns, 2 * other), 2, (0, 1)).values()))


def test_kernels_commute_with_the_step_and_with_no_smaller_one():
    kernel, draw = line(2).compile(), np.random.default_rng(3)
    X, V, u = draw.integers(-9, 9, 8), draw.integers(-9, 9, (2, 8)), draw.integers(-9, 9, 2)
    H = kernel(X, V, u)
    assert (kernel(np.roll(X, 2), V, u) == np.roll(H, 2)).all()
    assert (kernel(np.roll(X, 1), V, u) != np.roll(H, 1)).any()
    W = np.array([[V[i % 2, (k - i) % 8] for k in range(8)] for i in range(8)])
    assert (W @ X + u[np.arange(8) % 2] == H).all()
    G = draw.integers(-9, 9, 8).astype(float)
    dX, dV, du = kernel.kernel.vjp(X.astype(float), V.astype(float), u.astype(float), G)
    assert (dX == W.T @ G).all() and (du == [G[::2].sum(), G[1::2].sum()]).all()
    wanted = [[sum(G[i] * X[(i + a) % 8] for i in range(r, 8, 2)) for a in range(8)] for r in range(2)]
    assert (dV == wanted).all()


def test_a_kernel_refuses_a_size_that_the_step_does_not_divide():
    kernel = line(2).compile()
    with pytest.raises(ValueError, match=r"X has shape \(7,\); it needs \(2\*n"):
        kernel(np.zeros(7), np.zeros((2, 6)), np.zeros(2))


def test_channels_and_certificates_go_along():
    layer = derive.dense(1, "3*n", "3*n").then(derive.channels()).then(rolls(3))
    assert layer.counts.exact_weight == 9 * n * index("C") * index("D")
    verify(line(2).certificate(), line(2).theorem)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (
            lambda: derive.dense(1).then(rolls(2)),
            "Rule 'equivariant' refused: On a torus of n places shifts by 2 are those by gcd(2, n), and 2 needn't divide n: "
            'state a multiple of 2, such as "2*n".',
        ),
        (
            lambda: derive.dense(1, 6, 6).then(rolls(4)),
            "Rule 'equivariant' refused: On a torus of 6 places shifts by 4 are those by 2, and 4 needn't divide 6: "
            "state a multiple of 4, or step=2.",
        ),
        (
            lambda: derive.dense(1, "2*n", "2*n").then(derive.local(1)).then(rolls(2)),
            "Rule 'equivariant' refused: the support is kept by no shift",
        ),
    ],
)
def test_refusals(build, says):
    with pytest.raises(RuleRefused) as caught:
        build()
    assert str(caught.value).startswith(says)


def test_layers_by_steps_have_the_structure_and_a_smaller_step_is_refuted():
    assert all(v.proved for v in derive.claim(line(2), rolls(2)))
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(line(2), rolls(1))
    found = caught.value.counterexample
    assert isinstance(found, Counterexample) and dict(found.sizes) == {"n": 1}


@pytest.mark.parametrize("fault", ["phase", "carry"])
def test_planted_faults_are_refused(fault, monkeypatch):
    """Orbits without phases tie too much; a witness that is one step off ties nothing to its representative."""
    real = _torus._first

    def wrong(letter, size, step):
        first, carry = real(letter, size, step)
        return (letter + 1, carry) if fault == "phase" else (first, carry + 1)

    monkeypatch.setattr(_torus, "_first", wrong)
    with pytest.raises(DeriveError):
        line(2)
