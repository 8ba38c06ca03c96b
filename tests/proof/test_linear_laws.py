"""Laws that are linear combinations: a basis with a column too few, too many or wrong is refused, in a certificate too."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sympy import Eq, Integer, Le, Rational, Sum

import derive
from derive import Channels, Matrices, MatrixGroup
from derive.errors import CertificateError, ObligationFailed
from derive.forms.expr import Read, Where, index, indices
from derive.forms.form import Array, Axis, Param, Table
from derive.forms.text import parse, show
from derive.proof.certificate import dumps, mended, verify
from derive.proof.counts import NotCountable
from derive.proof.exact import PRIMES, product, rank, rank_modulo, times
from derive.proof.goal import Status
from derive.proof.linear import Linear
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge
from derive.proof.step import Clause, Kind, View

C4, HALF = Matrices([[[0, -1], [1, 0]]]), Rational(1, 2)
STANDARD = Matrices([[[0, -1], [1, -1]], [[0, 1], [1, 0]]])
I, J = (1, 0, 0, 1), (0, 1, -1, 0)


def layer_of(group, size=2):
    return derive.dense(outputs=size, inputs=size).then(derive.equivariant(group))


@cache
def step_of():
    return layer_of(MatrixGroup(C4)).steps[0].step


def caught(step):
    """The obligations that fail."""
    try:
        return [o.name for o in step_obligations(step) if not discharge(o).proved]
    except ObligationFailed:
        return ["well formed"]


def with_columns(columns, places, step=None):
    """The same step with another basis of 2×2 matrices, whose coordinates are read at these places."""
    step = step_of() if step is None else step
    count, size = Integer(len(columns)), int(step.before.output.shape[0])
    basis, learned = step.after.weights
    axis = replace(basis.array.axes[-1], upper=count - 1)
    values = tuple(Rational(v) for v in np.array(columns, dtype=object).T.ravel())
    weights = (
        replace(basis, array=replace(basis.array, axes=(*basis.array.axes[:-1], axis)), values=values),
        replace(learned, array=replace(learned.array, axes=(axis,))),
    )
    embedding = step.embeddings[0]
    ((letter, low, _),) = embedding.value.limits
    value = Sum(embedding.value.function, (letter, low, count - 1))
    found = zip(("R_i", "R_k"), np.divmod(np.array(places), size), strict=True)
    back = {n: Table(Array(n, (axis,)), tuple(map(int, at))) for n, at in found}
    return replace(
        step,
        after=replace(step.after, reduction=(axis, *step.after.reduction[1:]), weights=weights),
        embeddings=(replace(embedding, value=value), *step.embeddings[1:]),
        tables=tuple(back.get(t.name, t) for t in step.tables),
    )


def test_any_basis_will_do():
    assert caught(step_of()) == caught(with_columns([I, J], [0, 1])) == []
    assert caught(with_columns([(1, 1, -1, 1), J], [0, 1])) == [
        "complete",
        "once",
    ]  # V[1] is read where the first isn't 0
    assert caught(with_columns([(HALF, 0, 0, HALF), J], [0, 1])) == [
        "complete",
        "once",
    ]  # V[0] = W[0, 0] is half of that
    assert caught(with_columns([J, I], [1, 3])) == []


@pytest.mark.parametrize(
    ("columns", "places", "wrong"),
    [
        ([I], [0], ["complete"]),  # a column dropped
        ([J], [1], ["complete"]),
        ([I, J, (0, 0, 0, 1)], [0, 1, 3], ["restricted", "complete", "once"]),  # a wrong one added
        ([I, (0, 1, 1, 0)], [0, 1], ["restricted", "complete"]),  # ... or in the place of another
        ([I, J, (0, 0, 0, 0)], [0, 1, 2], ["once"]),  # one that adds nothing
        ([I, J, I], [0, 1, 3], ["complete", "once"]),  # a dependent one: twice the same
        ([I, J, (1, 1, -1, 1)], [0, 1, 2], ["complete", "once"]),  # ... or a sum
        ([I, J], [0, 0], ["complete", "once"]),  # the wrong coordinate
        ([I, J], [0, 3], ["complete", "once"]),
        ([(1, 0, 0, HALF), J], [0, 1], ["restricted", "complete"]),  # an entry changed
    ],
)
def test_a_wrong_basis_is_refused(columns, places, wrong):
    assert caught(with_columns(columns, places)) == wrong


def test_a_dropped_column_is_refuted_not_only_unproved():
    complete = next(o for o in step_obligations(with_columns([I], [0])) if o.name == "complete")
    assert discharge(complete).status is Status.REFUTED
    restricted = next(o for o in step_obligations(with_columns([I, (0, 1, 1, 0)], [0, 1])) if o.name == "restricted")
    assert discharge(restricted).status is Status.REFUTED


def test_each_generator_is_needed():
    """Of S3's two generators the cycle alone leaves two dimensions, so one column is too few; the two leave one."""
    step = layer_of(MatrixGroup(STANDARD)).steps[0].step
    assert caught(step) == [] and len(step.clauses) == 4
    kept = tuple(c for c in step.clauses if c.says != "H(g2 X) = g2 H(X)")
    assert caught(replace(step, clauses=kept)) == ["complete"]
    cycle = layer_of(MatrixGroup(Matrices(STANDARD.generators[:1]))).steps[0].step
    more = replace(cycle, clauses=step.clauses, tables=tuple(dict.fromkeys(step.tables[:2] + cycle.tables)))
    assert caught(more)[0] == "restricted"


def test_biases_are_held_to_their_law():
    step = layer_of(MatrixGroup(derive.symmetric(3)), 3).steps[0].step
    numbers, learned = step.after.biases
    assert caught(step) == [] and numbers.values == (1, 1, 1)
    wrong = replace(numbers, values=(Rational(1), Rational(1), Rational(2)))
    assert caught(replace(step, after=replace(step.after, biases=(wrong, learned)))) == ["restricted", "complete"]
    none = tuple(replace(m, value=Integer(0)) if m.array == "U" else m for m in step.embeddings)
    without = replace(step.after, bias=Integer(0), biases=())
    dropped = replace(step, after=without, embeddings=none, sections=step.sections[:1])
    assert caught(dropped) == ["complete"]


def test_the_sum_is_the_one_that_the_form_has():
    step = with_columns([I, J], [0, 1])
    shorter = replace(step.embeddings[0], value=Sum(step.embeddings[0].value.function, (index("s"), 0, 0)))
    assert caught(replace(step, embeddings=(shorter, *step.embeddings[1:]))) == ["well formed"]
    other = step.after.weight.xreplace({index("i"): index("k"), index("k"): index("i")})
    assert caught(replace(step, after=replace(step.after, weight=other))) == ["sound"]
    assert "well formed" in caught(replace(step, view=View.SELECTED))
    assert "well formed" in caught(replace(step, kind=Kind.EQUIVALENCE, clauses=()))


@pytest.mark.parametrize("letter", ["i", "k", "t", "i_"])
def test_a_letter_that_a_map_could_capture_is_refused(letter):
    """In Σ_s B[i, k, s]·V[s] the letter s may be nothing else: with i_ for s, W[i_, k] would read B[i_, k, i_]."""
    value = step_of().embeddings[0].value
    taken = Sum(value.function.xreplace({index("s"): index(letter)}), (index(letter), 0, 1))
    assert caught(
        replace(step_of(), embeddings=(replace(step_of().embeddings[0], value=taken), *step_of().embeddings[1:]))
    ) == ["well formed"]


CHANNELS = derive.dense(rank=1, channels=Channels((("c", 2),), (("d", 2),)))


def test_letters_without_numbers_name_entries_alone():
    """W[i, d, k, c] for all i and k: proved tap by tap, refused where a law speaks of other places."""
    step = CHANNELS.then(derive.equivariant(MatrixGroup(C4, on="channels"))).steps[0].step
    assert caught(step) == []
    goal = next(g for o in step_obligations(step) if o.name == "complete" for g in o.goals)
    assert isinstance(goal, Linear) and goal.decide() is Status.EXHAUSTIVE
    i, n = indices("i n")
    law = goal.laws[0]
    near = replace(goal, laws=(replace(law, given=law.given & Le(i, n - 2)),))
    assert near.decide() is Status.UNKNOWN  # known of some places, claimed of all
    moved = replace(law, left=law.left.xreplace({i: i + 1}))
    assert replace(goal, laws=(moved,)).decide() is Status.UNKNOWN  # ties this place to the next
    assert replace(goal, laws=goal.laws[1:]).decide() is not Status.EXHAUSTIVE


def test_goals_are_decided_exactly():
    i, s, n = indices("i s n")
    box = (Le(0, i), Le(i, 1))
    third = Param(Array("B", (Axis(s, Integer(0), Integer(2)),)), True, (), data=True, values=(Rational(1, 3),) * 3)
    arrays = (Array("W", (Axis(i, Integer(0), Integer(1)),)),)

    def decided(show_, given=box, numbers=(third,)):
        return Linear(given, show_, (), arrays, (), numbers).decide()

    W = Read("W", i)
    assert decided(Eq(Sum(Read("B", s) * W, (s, 0, 2)), W)) is Status.EXHAUSTIVE
    assert decided(Eq(Sum(Read("B", s) * W, (s, 0, 1)), W)) is Status.REFUTED
    assert decided(Eq(Sum(W * HALF, (s, 1, 2)), W)) is Status.EXHAUSTIVE
    assert decided(Eq(Sum(W, (s, 2, 1)), Integer(0), evaluate=False)) is Status.EXHAUSTIVE
    assert decided(Eq(Where(Le(i, 0), W, Read("W", 1)), Read("W", 0), evaluate=False)) is Status.REFUTED
    assert decided(Eq(Where(Le(i, 0), W, Read("W", 1)), Read("W", 0)), (Le(0, i), Le(i, 0))) is Status.EXHAUSTIVE
    assert decided(Eq(Sum(Read("B", s + 1) * W, (s, 0, 2)), W)) is Status.UNKNOWN  # beyond the numbers
    assert decided(Eq(Sum(Read("W", s), (s, 0, 2)), W)) is Status.UNKNOWN  # beyond the entries
    assert decided(Eq(W * Read("W", 0), W)) is Status.UNKNOWN  # not linear
    assert decided(Eq(Sum(W, (s, 0, n)), W)) is Status.UNKNOWN  # no number of terms
    assert decided(Eq(Sum(W, (s, 0, 10**17)), W)) is Status.UNKNOWN  # too many of them
    assert decided(Eq(Read("W", i) * 2, W)) is Status.REFUTED
    huge = Param(third.array, True, (), data=True, values=(Rational(2**80), Rational(-(2**80)), Rational(1)))
    assert decided(Eq(Sum(Read("B", s) * W, (s, 0, 2)), W), numbers=(huge,)) is Status.EXHAUSTIVE


def test_a_law_that_is_no_equation_of_entries_proves_nothing():
    i = index("i")
    arrays = (Array("W", (Axis(i, Integer(0), Integer(1)),)),)
    box = Le(0, i) & Le(i, 1)

    def follows(law):
        return Linear((box,), Eq(Integer(0), Read("W", i)), (), arrays, (law,), ()).decide()

    assert follows(Clause("", (i,), box, Read("W", i), Integer(0))) is Status.EXHAUSTIVE
    assert follows(Clause("", (i,), box, 2 * Read("W", i), Read("W", 1 - i))) is Status.EXHAUSTIVE
    assert follows(Clause("", (i,), box, Read("W", i), -Read("W", 1 - i))) is Status.REFUTED
    assert follows(Clause("", (i,), box, Read("W", i), Integer(1))) is not Status.EXHAUSTIVE


def test_ranks_modulo_a_prime_never_exceed_those_over_the_rationals():
    draw = np.random.default_rng(0)
    for size in range(1, 7):
        small = draw.integers(-2, 3, (size, 2)).astype(object) @ draw.integers(-2, 3, (2, size)).astype(object)
        import sympy

        assert rank(small) == sympy.Matrix(small.tolist()).rank() == rank_modulo(small, PRIMES[0])
    vanishing = np.array([[PRIMES[0], 0], [0, 1]], dtype=object)
    assert (rank_modulo(vanishing, PRIMES[0]), rank_modulo(vanishing, PRIMES[1]), rank(vanishing)) == (1, 2, 2)
    assert all(sympy.isprime(p) for p in PRIMES) and rank_modulo(np.eye(4, dtype=int), PRIMES[0], 2) == 2
    large = np.array([[2**40]])
    assert times(large, large).item() == product(large, large).item() == 2**80


def test_sums_are_read_back():
    text = "Sum(G1[i, i_]*W[i_, k], (i_, 0, 1), (k, 0, 2))"
    assert show(parse(text)) == text
    assert parse("Sum(Sum(W[i, k], (i, 0, 1)), (k, 0, 2))") == parse("Sum(W[i, k], (i, 0, 1), (k, 0, 2))")


def test_dependent_columns_are_not_counted():
    form = with_columns([I, J, I], [0, 1, 3]).after
    with pytest.raises(NotCountable, match="The columns of B are not independent"):
        derive.derivation.Counts.of(form)


@pytest.fixture(scope="module")
def certified():
    return json.loads(dumps(layer_of(MatrixGroup(derive.symmetric(3)), 3).certificate()))


EDITS = {
    "an entry of the basis": lambda s: s["after"]["weights"][0]["values"].__setitem__(1, "5"),
    "a fraction": lambda s: s["after"]["weights"][0]["values"].__setitem__(0, "1/2"),
    "an entry that is no number": lambda s: s["after"]["weights"][0]["values"].__setitem__(0, "t"),
    "an entry of a generator": lambda s: s["tables"][0]["values"].__setitem__(0, 7),
    "a bias": lambda s: s["after"]["biases"][0]["values"].__setitem__(0, "2"),
    "the places of the leading ones": lambda s: next(t for t in s["tables"] if t["array"]["name"] == "R_k")[
        "values"
    ].reverse(),
    "a shorter sum": lambda s: s["embeddings"][0].__setitem__("value", "Sum(B[i, k, s]*V[s], (s, 0, 0))"),
    "a captured letter": lambda s: s["embeddings"][0].__setitem__("value", "Sum(B[i, k, i_]*V[i_], (i_, 0, 1))"),
    "a dropped law": lambda s: s["clauses"].pop(0),
    "another law": lambda s: s["clauses"][0].__setitem__("right", s["clauses"][0]["left"]),
    "another view": lambda s: s.__setitem__("view", "selected places"),
    "another array of numbers": lambda s: s["after"].__setitem__("weight", "C[i, t]*V[t]"),
    "one goal less": lambda s: s["obligations"][3]["goals"].pop(),
}


@pytest.mark.parametrize("name", EDITS)
def test_edited_certificates_are_refused(name, certified):
    """With digests mended and the stated obligations made those of the edited step, where it has any."""
    data = copy.deepcopy(certified)
    EDITS[name](data["steps"][0])
    with pytest.raises(CertificateError):
        verify(mended(data))
    assert "entry by entry" in str(verify(certified))


def restated(step, start):
    """A certificate of a step that states the step's own obligations."""
    from derive.proof.certificate import certificate

    return certificate(start, (step,))


@pytest.mark.parametrize("columns", [[I], [I, (0, 1, 1, 0)], [I, J, I]])
def test_a_certificate_that_states_its_own_obligations_is_refused(columns):
    step = with_columns(columns, [0, 1, 3][: len(columns)])
    try:
        data = restated(step, step_of().before)
    except NotCountable:
        return
    with pytest.raises(CertificateError, match="does not hold for every entry"):
        verify(data)


def test_another_group_is_another_theorem():
    """Matrices that the same text reads: the tables are part of the theorem; so are the generators that are left out."""
    turn, cycle = (layer_of(MatrixGroup(Matrices(g))) for g in (C4.generators, STANDARD.generators[:1]))
    both = layer_of(MatrixGroup(STANDARD))
    assert str(turn.theorem.constraints[0]) == str(cycle.theorem.constraints[0])
    for one, other in ((turn, cycle), (cycle, turn), (cycle, both), (both, cycle)):
        assert verify(one.certificate(), against=one.theorem).points > 0
        with pytest.raises(CertificateError):
            verify(one.certificate(), against=other.theorem)
