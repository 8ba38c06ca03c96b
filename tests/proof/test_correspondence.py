"""Claims about coefficients that are sums: true ones are proved by a bijection between terms, and by nothing less."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from sympy import Mod

import derive
from derive.errors import ObligationFailed
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index, indices
from derive.proof import correspondence
from derive.proof.goal import Status
from derive.proof.remainders import congruences
from derive.proof.screen import Screen
from derive.proof.small import dense_like
from derive.proof.solver import decide, decide_with_cvc5

EDGES = ("periodic", "reflect", "symmetric", "nearest")
AROUND = derive.equivariant(derive.Translations(grid="torus"))
MIRROR = derive.equivariant(derive.PointGroup("D1", about="grid"))
SQUARE = derive.equivariant(derive.PointGroup("D4", about="grid"))
BOX = derive.equivariant(derive.PointGroup("D2", about="grid"))


@cache
def window(radius="Delta", group="", rank=1, sizes=None, channels=False):
    layer = derive.dense(rank, outputs=sizes, inputs=sizes)
    layer = layer.then(derive.channels()) if channels else layer
    layer = layer.then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(radius))
    layer = layer.then(derive.equivariant(derive.PointGroup(group))) if group else layer
    return layer.then(derive.unbiased())


@cache
def behind(edge, **options):
    return window(**options).then(derive.boundary(edge))


def after(one, other):
    return one.then(derive.compose(other))


@cache
def stencil():
    return behind("reflect", rank=2, radius=1).then(derive.fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]]))


TRUE = {
    "rolls": lambda: (behind("periodic"), AROUND),
    "rolls, two axes and channels": lambda: (behind("periodic", rank=2, channels=True), AROUND),
    "rolls, an even window": lambda: (behind("periodic", radius=derive.Box(0, 1)), AROUND),
    "rolls, an adjoint": lambda: (behind("periodic").then(derive.adjoint()), AROUND),
    "rolls, two layers": lambda: (after(behind("periodic"), behind("periodic", radius="Gamma")), AROUND),
    "shifts of a box, periodic": lambda: (behind("periodic"), derive.equivariant(derive.Translations())),
    **{f"the mirror, {e}": lambda e=e: (behind(e, group="D1"), MIRROR) for e in EDGES},
    **{f"the mirror, adjoint, {e}": lambda e=e: (behind(e, group="D1").then(derive.adjoint()), MIRROR) for e in EDGES},
    **{f"the square, {e}": lambda e=e: (behind(e, group="D4", rank=2, sizes=("n", "n")), SQUARE) for e in EDGES},
    "the mirror, two layers": lambda: (after(*[behind("reflect", group="D1")] * 2), MIRROR),
    "given numbers": lambda: (stencil(), BOX),
    **{f"a radius, {e}": lambda e=e: (behind(e), derive.local("Delta")) for e in EDGES[1:]},
}
FALSE = {
    **{f"rolls, {e}": lambda e=e: (behind(e), AROUND) for e in EDGES[1:]},
    **{f"the mirror, {e}": lambda e=e: (behind(e), MIRROR) for e in EDGES},
    "a radius, periodic": lambda: (behind("periodic"), derive.local("Delta")),
    "a smaller radius": lambda: (behind("reflect", radius=2), derive.local(1)),
    "the square of a window with half its symmetry": lambda: (
        behind("reflect", group="D2", rank=2, sizes=("n", "n")),
        SQUARE,
    ),
    "given numbers": lambda: (
        behind("reflect", rank=2, radius=1).then(derive.fixed([[0, 1, 0], [1, -4, 2], [0, 1, 0]])),
        BOX,
    ),
}


@pytest.mark.parametrize("what", TRUE)
def test_true_claims_are_proved_for_all_sizes_by_two_solvers(what):
    layer, structure = TRUE[what]()
    verdicts = derive.claim(layer, structure)
    assert verdicts and all(v.status is Status.PROVED for v in verdicts)
    for goal in (goal for v in verdicts for goal in v.obligation.goals):
        assert decide_with_cvc5(goal.smt) is not Status.REFUTED
        assert decide(goal.smt) is Status.PROVED


@pytest.mark.parametrize("what", FALSE)
def test_false_claims_meet_a_counterexample_and_no_map_proves_them(what, monkeypatch):
    layer, structure = FALSE[what]()
    monkeypatch.setattr(Screen, "admits", lambda self, goal: True)  # the solver alone is the judge
    clauses = structure.clauses(dense_like(layer.form))
    assert None in [correspondence.proved_by_terms(layer.form, clause) for clause in clauses]
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(layer, structure)
    assert caught.value.counterexample is not None
    assert all(isinstance(value, int) for _, value in caught.value.counterexample.entries)


@pytest.mark.parametrize("what", ["rolls", "the mirror, reflect", "the mirror, symmetric", "rolls, two layers"])
def test_what_is_proved_is_seen_at_small_sizes(what):
    layer, structure = TRUE[what]()
    draw = np.random.default_rng(7)
    for n, delta in product(range(1, 5), range(4)):
        sizes = {index("n"): n, index("Delta"): delta, index("Gamma"): 1}
        arrays = {
            p.name: draw.integers(1, 99, [int(evaluate(e, sizes)) for e in p.array.shape]).astype(object)
            for p in layer.form.params
        }
        W = matrix(layer.form, arrays, sizes)
        moved = np.roll(W, (1, 1), (0, 1)) if structure is AROUND else W[::-1, ::-1]
        assert (moved == W).all()


def test_maps_that_no_other_undoes_prove_nothing(monkeypatch):
    """Sums beside a nearest edge: c(0, 0) has two terms of weight 1 where c(1, 1) has one, and each goes to one that is there."""
    layer = behind("nearest", radius=1).then(derive.fixed([1, 1, 1]))
    shifts = derive.equivariant(derive.Translations())

    def onto_one(form, moved, still):
        (a,) = form.reduction_symbols
        yield {a: moved[1] - moved[0]}, {a: still[1] - still[0]}

    monkeypatch.setattr(correspondence, "candidates", onto_one)
    monkeypatch.setattr(Screen, "admits", lambda self, goal: True)
    (clause,) = shifts.clauses(dense_like(layer.form))[:1]
    assert correspondence.proved_by_terms(layer.form, clause) is None


def test_without_what_remainders_have_in_common_a_claim_is_not_decided(monkeypatch):
    monkeypatch.setattr(correspondence, "congruences", lambda expressions: ())
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(behind("periodic"), AROUND)
    assert str(caught.value) == (
        'equivariant(Translations(grid="torus")) is not decided: several terms may read one entry of X, no bijection between terms '
        "was found that proves it, and that the claim holds at all sizes whose sum is at most 7, and at some larger ones, "
        "is no proof."
    )
    assert caught.value.counterexample is None


def test_congruences_are_true_of_remainders():
    i, j, n = indices("i j n")
    facts = list(congruences([Mod(i, n) + Mod(j, n), Mod(i + j, n), Mod(i, 3), Mod(i, n + 1)]))
    assert len(facts) == 6
    for size, x, y in product((-1, 0, 1, 2, 3, 5), range(-6, 7), range(-6, 7)):
        assert all(size == 0 or fact.xreplace({n: size, i: x, j: y}) == True for fact in facts)  # noqa: E712


def test_a_screen_drops_what_fails_and_keeps_what_holds():
    layer = behind("reflect", group="D1")
    (clause,) = [c for c in MIRROR.clauses(dense_like(layer.form)) if "X = 0" not in c.says]
    attempts = list(correspondence._attempts(layer.form, clause))
    assert len(attempts) == 1 and all(decide(goal.smt) is not Status.REFUTED for goal in attempts[0])


@pytest.mark.parametrize(
    "layer",
    [
        lambda: derive.convolution(1, edges="nearest", stride=3, dilation=2, channels=False),
        lambda: derive.convolution(3, edges="reflect", stride=4, channels=False, rank=1),
    ],
)
def test_what_takes_several_strides_to_show_is_refuted_on_a_long_grid(layer):
    """On grids whose sizes add up to 7 no shift by 2 stays among the places that are kept: they were called not decided."""
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(layer(), derive.equivariant(derive.Translations(step=2)))
    stated = caught.value.counterexample
    assert stated is not None and sum(size for _, size in stated.sizes) > 7
