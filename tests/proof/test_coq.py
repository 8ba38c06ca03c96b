"""Coq accepts every layer's theorems without an axiom, and rejects what is false."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from sympy import And, Eq, Ge, Implies, Le, Lt, Max, Min, Mod, Not, Or, floor

import derive
from derive.algorithms._obligations import program_obligations
from derive.algorithms.direct import direct
from derive.errors import DeriveError, NoLowering, TextError
from derive.forms.expr import Read, Where, indices
from derive.forms.extension import EXTENSIONS
from derive.making import coq_theorems
from derive.pipeline import layer
from derive.proof.coq import Claim, coq_file, left_out, statement
from derive.proof.goal import Goal, Obligation, Status
from derive.proof.obligations import step_obligations
from derive.proof.solver import decide
from derive.registry import names
from tests.proof.coqc import coqc, needs_coq, stated, without_proofs
from tests.rules.test_structures import LAYERS, conv2d, image, near, signal, volume

ROOT = Path(__file__).resolve().parents[2]
CLOSED = (0, "Closed under the global context\n")
a, i, j, k, n, s, x = indices("a i j k n s x")


def V(*places):
    return Read("V", *places)


def W(*places):
    return Read("W", *places)


@needs_coq
@pytest.mark.parametrize("name", names("derive.catalogue"))
def test_every_layer_is_accepted_without_an_axiom(name, tmp_path):
    made = coq_theorems(layer(name))
    assert made.theorems > 0 and made.left_out == ()
    assert coqc(made.text, tmp_path) == CLOSED


@needs_coq
def test_every_rules_example_is_accepted(tmp_path):
    claims = []
    for name in names("derive.rules"):
        example = import_module(f"derive.rules.{name}").EXAMPLE
        step = example.application.apply(example.form)
        claims += [Claim(name, name, o) for o in step_obligations(step)]
    assert coqc(coq_file("Examples", claims).text, tmp_path) == CLOSED


def claims_of(name, subject):
    """A derivation's claims, and those of its programs where there are any."""
    obligations = [v.obligation for v in subject.verdicts]
    for target in ("arrays", "threads"):
        try:
            obligations += program_obligations(direct(subject.form, target), subject.form)
        except NoLowering:
            continue
    return [Claim(name, name.replace(" ", "_"), o) for o in obligations]


def structures():
    """Layers that nobody ships, with their adjoints and gradients."""
    found = dict(LAYERS)
    for rank, base in ((1, signal()), (2, image()), (3, volume())):
        local = base.then(derive.local("Delta"))
        found |= {f"{edge} {rank}": local.then(derive.boundary(edge)) for edge in ("valid", *EXTENSIONS)}
    for name, subject in list(found.items()):
        for what, view in (("adjoint", derive.adjoint()), *((p, derive.gradient(p)) for p in ("weight", "bias"))):
            try:
                found[f"{name} {what}"] = subject.then(view)
            except DeriveError:
                continue
    return found


@needs_coq
@pytest.mark.nightly
def test_every_structure_is_accepted(tmp_path):
    made = coq_file("Structures", [c for name, subject in structures().items() for c in claims_of(name, subject)])
    assert made.left_out == () and made.theorems > 1000
    assert coqc(made.text, tmp_path) == CLOSED


@needs_coq
def test_structures_that_nobody_ships_are_accepted(tmp_path):
    chosen = {
        "mask": LAYERS["mask"],
        "strided unevenly": LAYERS["strided unevenly"],
        "grouped": LAYERS["grouped"],
        "turned": conv2d().then(derive.adjoint()),
        "slope": near(signal(), "Delta").then(derive.gradient("weight")),
        "mirrored": signal().then(derive.local("Delta")).then(derive.boundary("reflect")),
    }
    made = coq_file("Structures", [c for name, subject in chosen.items() for c in claims_of(name, subject)])
    assert made.left_out == ()
    assert coqc(made.text, tmp_path) == CLOSED


def knight():
    """A window of a knight's moves and its own place."""
    table = [[int({abs(a), abs(b)} == {1, 2} or a == b == 0) for b in range(-2, 3)] for a in range(-2, 3)]
    return image().then(derive.local(derive.Mask(table)))


@needs_coq
def test_each_entry_of_a_table_is_a_case_by_itself(tmp_path):
    claims = [Claim("knight", "knight", verdict.obligation) for verdict in knight().steps[-1].verdicts]
    assert coqc(coq_file("A knight", claims).text, tmp_path) == CLOSED


@needs_coq
@pytest.mark.nightly
def test_so_it_is_where_a_group_ties_them(tmp_path):
    claims = claims_of("knight", knight().then(derive.equivariant(derive.PointGroup("D4"))))
    assert coqc(coq_file("A knight", claims).text, tmp_path) == CLOSED


TRUE = {
    "integers": (Goal((Le(0, i), Lt(i, n)), And(Lt(0, n), Or(Lt(i, 5), Ge(n, 6)))),),
    "maxima": (Goal((Le(Max(0, -a), i), Lt(i, Min(n, n - a))), And(Le(0, i + a), Lt(i + a, n))),),
    "divisions by numbers": (
        Goal((Ge(i, 0),), Le(2 * floor(i / 2) + Mod(i, 2), i)),
        Goal((Eq(Mod(i, 6), 4),), Eq(Mod(i, 3), 1)),
    ),
    "remainders by a size": (
        Goal((Le(0, i), Lt(i, n)), Eq(Mod(i - n, n), i)),
        Goal((Eq(i, n), Ge(n, 1)), Eq(V(Mod(i, n)), V(0))),
        Goal((Ge(n, 1), Eq(i, j)), Eq(V(Mod(i, n)), V(Mod(j, n)))),
    ),
    "cases of integers": (Goal((), Ge(Where(Ge(x, 0), x, -x), 0)), Goal((), Eq(V(Where(Eq(i, i + a), 0, a)), V(a)))),
    "entries": (
        Goal((Implies(Lt(i, n), Eq(V(i), W(j))), Eq(i, n - 1), Eq(j, k)), Eq(V(n - 1), W(k))),
        Goal((Eq(V(i), W(i)), Eq(W(j), 0), Eq(i, j)), Eq(V(j), 0)),
        Goal((Or(Eq(V(i), 0), Lt(i, 0)), Ge(i, 0)), And(Ge(i, 0), Or(Eq(V(i), 0), Eq(i, 7)))),
        Goal((Not(Eq(V(i), 0)), Eq(i, j)), Not(Eq(V(j), 0))),
    ),
    "signs": (
        Goal((Eq(V(x), -V(-x)),), Eq(V(Where(Ge(x, 0), x, -x)) * Where(Ge(x, 0), 1, -1), V(x))),
        Goal((Eq(V(x), -V(-x)), Eq(x, 0)), Eq(V(x), 0)),
    ),
    "sums": (Goal((Eq(2 * V(x), W(i) + W(j) / 3), Eq(i, j)), Eq(3 * V(x), 2 * W(j))),),
    "scalars": (Goal((Eq(Read("u"), 0),), Eq(Where(Ge(i, 0), Read("u"), 0), 0)),),
}


@needs_coq
def test_true_goals_of_every_shape_are_proved(tmp_path):
    goals = [goal for group in TRUE.values() for goal in group]
    assert all(decide(goal.smt) is Status.PROVED for goal in goals)
    made = stated(goals)
    assert made.theorems == len(goals)
    assert coqc(made.text, tmp_path) == CLOSED


def nearly(goal):
    """The goal with the sign of each letter in turn changed in what it shows, and with each fact in turn left out."""
    for letter in sorted(goal.show.free_symbols, key=str):
        yield Goal(goal.given, goal.show.xreplace({letter: -letter}))
    for fact in goal.facts:
        yield Goal(tuple(other for other in goal.facts if other != fact), goal.show)


def refuted(goals):
    return [goal for goal in goals if goal.show != False and decide(goal.smt) is Status.REFUTED]  # noqa: E712


@needs_coq
def test_what_is_nearly_true_is_not_proved(tmp_path):
    true = [goal for group in TRUE.values() for goal in group]
    false = refuted(changed for goal in true for changed in nearly(goal))
    assert len(false) > 15
    text = without_proofs(stated(false).text, "Proof. Fail by_witness. Abort.")
    assert text.count("Fail") == len({str(statement(goal)) for goal in false})
    assert coqc(text, tmp_path)[0] == 0


@needs_coq
def test_a_layers_obligations_with_a_wrong_sign_are_not_proved(tmp_path):
    goals = [g for v in layer("conv2d").derivation.verdicts for g in v.obligation.goals]
    false = refuted(
        Goal(goal.given, goal.show.xreplace({letter: -letter}))
        for goal in goals
        for letter in sorted(goal.show.free_symbols & {a, i}, key=str)
    )
    assert len(false) > 20 and any(goal.show.has(Read) for goal in false)
    assert coqc(without_proofs(stated(false).text, "Proof. Fail by_witness. Abort."), tmp_path)[0] == 0


def instances(goal):
    """The instances of a constraint that a goal may use."""
    return [fact for fact in goal.facts if isinstance(fact, Implies)]


def misled(goal, instance):
    """The goal with an instance that speaks of the places beside those that it should."""
    given, equation = instance.args
    beside = equation.lhs.replace(
        lambda e: isinstance(e, Read), lambda e: Read(e.array, e.subscripts[0] + 1, *e.subscripts[1:])
    )
    wrong = Implies(given, Eq(beside, equation.rhs))
    return Goal(tuple(wrong if fact == instance else fact for fact in goal.facts), goal.show)


@needs_coq
@pytest.mark.parametrize("name", ["hexagonal2d", "p4_lifting2d"])
def test_a_wrong_witness_is_not_accepted(name, tmp_path):
    goals = [g for v in layer(name).derivation.verdicts for g in v.obligation.goals if v.obligation.name == "complete"]
    complete = max(goals, key=lambda goal: len(instances(goal)))
    wrong = misled(complete, instances(complete)[0])
    assert decide(complete.smt) is Status.PROVED and decide(wrong.smt) is Status.REFUTED
    text = without_proofs(stated([wrong]).text, "Proof. Fail (intros; hold_instances; by_instance). Abort.")
    assert text.count("Fail") == 1 and coqc(text, tmp_path)[0] == 0


@needs_coq
def test_a_file_with_a_false_theorem_is_rejected(tmp_path):
    right = Goal((Ge(n, 1),), Ge(2 * n, 2))
    assert coqc(stated([right]).text, tmp_path) == CLOSED
    code, said = coqc(stated([right, Goal((Ge(n, 1),), Ge(n, 2))]).text, tmp_path)
    assert code != 0 and "Error" in said and "Closed" not in said


@needs_coq
def test_an_axiom_would_be_seen(tmp_path):
    text = stated([Goal((Ge(n, 1),), Ge(n, 0))]).text.replace("Proof. by_witness. Qed.", "Admitted.")
    code, said = coqc(text, tmp_path)
    assert code == 0 and said != CLOSED[1] and "Axioms:" in said


@pytest.mark.parametrize(
    ("goal", "reason"),
    [
        (Goal((), Ge(s * i, 0)), "`i*s` is not linear arithmetic of integers"),
        (Goal((), Ge(i**2, 1)), "`i**2` is not linear arithmetic of integers"),
        (Goal((), Ge(floor(i / n), 0)), "`floor(i/n)` divides by something that is not a positive number"),
        (Goal((Eq(V(i) * W(i), 0),), Ge(i, 0)), "`V[i]*W[i]` multiplies two entries"),
        (Goal((), Eq(V(i) ** 2, 0)), "`V[i]**2` is not a sum of multiples of entries"),
        (Goal((), Ge(V(i), 0)), "`V[i]` is not linear arithmetic of integers"),
        (Goal((), Eq(V(i), V(i, j))), "V names two things"),
        (
            Goal(tuple(Implies(Lt(i, k), Eq(V(i + k), V(i))) for k in range(1, 13)), Eq(V(i + 1), V(i))),
            "it takes 12 instances of a constraint at once, which Coq would take minutes for",
        ),
        (
            Goal((Implies(Lt(i, 9), Eq(V(i), 0)),), Eq(V(sum(Max(i, c) for c in range(17))), 0)),
            "it takes 1 instances of a constraint and 17 cases of its subscripts at once, which Coq would take minutes for",
        ),
        (Goal((), Eq(V(i), Read("i"))), "i names two things"),
    ],
)
def test_what_cannot_be_said_is_left_out_with_the_reason(goal, reason):
    with pytest.raises(TextError) as refusal:
        statement(goal)
    assert str(refusal.value) == reason
    said = Goal((Lt(i, j),), Lt(i, j + 1))
    claim = Claim("A place", "place", Obligation("sound", "Holds.", (said, goal)))
    made = coq_file("A layer", [claim])
    assert left_out(claim.obligation) == reason and made.left_out == ((claim, reason),)
    assert f"(* sound: Holds. Goal 2 is left out, since {reason}. *)" in " ".join(made.text.split())
    assert "Theorem place_sound_1 :" in made.text and "place_sound_2" not in made.text
    assert made.summary == "1 theorems state 0 of 1 obligations, not 1, for the reasons given there"


def test_a_statement_stands_once():
    goal = Goal((Lt(i, j),), Lt(i, j + 1))
    others = [Goal((Lt(a, k),), Lt(a, k + 1)), Goal((Lt(i, j), Lt(j, 5)), And(Lt(i, j), Lt(j, 5)))]
    made = stated([goal, Goal((), Eq(i, i)), goal, *others, Goal((Lt(i, j),), Lt(j, i + 1))])
    assert made.theorems == 2
    said = "Goal 2 has one expression on both sides. Goal 3 is test_goals_1. Goal 4 is test_goals_1. Goal 5 shows what is given."
    assert said in " ".join(made.text.split())


def test_statements_that_differ_in_what_they_speak_of_are_two():
    signs = [Goal((Eq(V(i), W(j)),), Eq(V(i) * 2, 2 * W(j))), Goal((Eq(V(i), V(j)),), Eq(V(i) * 2, 2 * V(j)))]
    assert stated(signs).theorems == 2
    assert stated([Goal((), Eq(V(i), V(i + 0 * j))), Goal((Eq(i, j),), Eq(V(i), V(j)))]).theorems == 1


@needs_coq
def test_names_that_coq_knows_are_changed(tmp_path):
    words = indices("Z Q mod forall if at nat zero remainder Prop Set Type True α αβ u3b1 x_ ab")
    goal = Goal(tuple(Eq(word, i) for word in words), Eq(Read("K", *words), Read("K", *[i] * len(words))))
    made = stated([goal, Goal((Eq(Read("Z", i), Read("V")),), Eq(Read("V"), Read("Z", i)))])
    assert coqc(made.text, tmp_path) == CLOSED
    variables = str(statement(goal)).partition(",")[0].split("(")[-1].removesuffix(" : Z)").split()
    assert len(set(variables)) == len(words) + 1


@needs_coq
def test_comments_hold_any_text(tmp_path):
    obligation = Obligation("an odd * name", 'A "quotation and (* a comment *).', (Goal((Ge(i, 1),), Ge(i, 0)),), '"')
    text = coq_file('*) Theorem no : False. (* "', [Claim('local("Delta"', "x", obligation)]).text
    assert coqc(text, tmp_path) == CLOSED


def test_a_theorem_reads_so():
    (step,) = derive.dense(rank=1).then(derive.reindex()).steps
    obligations = {v.obligation.name: v.obligation for v in step.verdicts}
    text = coq_file("The dense layer", [Claim("Step 1: reindex", "reindex", obligations["injective"])]).text
    assert (
        """
(* -------- Step 1: reindex -------- *)

(* injective: Two terms of one output never read the same entry of X. *)

Theorem reindex_injective_1 :
  forall (a a_ i : Z),
  0 <= i + a -> 0 <= i -> 0 <= i + a_ -> i + a = i + a_ ->
  a = a_.
Proof. by_witness. Qed.

(* What they rest on, all at once. *)

Definition theorems : True :=
  let _ := reindex_injective_1 in
  I.

Print Assumptions theorems.
"""
        in text
    )


def test_bytes_do_not_depend_on_the_hash_seed():
    """This process has another."""
    script = """
import hashlib
from derive.making import coq_theorems
from derive.pipeline import layer
print(hashlib.sha256(coq_theorems(layer("locally_connected2d")).text.encode()).hexdigest())
"""
    digests = {hashlib.sha256(coq_theorems(layer("locally_connected2d")).text.encode()).hexdigest()}
    environment = dict(os.environ, PYTHONHASHSEED="4242", PYTHONPATH=str(ROOT))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    digests.add(done.stdout.strip())
    assert len(digests) == 1
