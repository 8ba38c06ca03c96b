"""`verify` proves what a certificate states anew, and believes none of it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest

from derive.derivation import dense
from derive.errors import CertificateError
from derive.forms.form import Form
from derive.groups.translations import Translations
from derive.labels import named_step
from derive.proof.certificate import certificate, dumps, mended, verify
from derive.proof.encoding import read_form, read_step, write_form, write_step
from derive.proof.goal import Goal, Status
from derive.proof.theorem import theorem
from derive.rules.boundary import boundary
from derive.rules.equivariant import equivariant
from derive.rules.local import local
from derive.rules.reindex import reindex
from tests.lazily import CATALOGUE as LAYERS
from tests.lazily import Lazily
from tests.proof.edits import changed, edits, leaves, refusal
from tests.proof.mutations import mutants

CERTIFICATES = Lazily({name: lambda name=name: LAYERS[name].certificate() for name in LAYERS})


@cache
def line():
    return dense(rank=1).then(reindex()).then(equivariant(Translations())).then(local("Delta")).then(boundary("zero"))


@pytest.mark.parametrize("name", LAYERS)
def test_the_theorem_is_proved_anew(name, tmp_path):
    file = tmp_path / "layer.json"
    file.write_text(dumps(CERTIFICATES[name]), encoding="utf-8")
    layer = LAYERS[name]
    verified = verify(file, against=layer.theorem)
    assert verified.theorem == layer.theorem == theorem(layer.start, tuple(s.step for s in layer.steps))
    assert verified.theorem.last == layer.form
    assert verified.obligations == len(layer.verdicts) and verified.steps == len(layer.steps)
    assert verify(json.loads(dumps(CERTIFICATES[name])), against=CERTIFICATES[name]) == verified


def test_what_is_printed():
    text = str(verify(CERTIFICATES["conv2d"]))
    assert "First form   H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l]" in text
    assert "W[i + s, j + t, k + s, l + t] = W[i, j, k, l] for all i, j, k, l, s, t" in text
    assert "Last form    H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        |a|, |b| ≤ Δ, X = 0 outside" in text
    assert "which is (2Δ + 1)² when Δ < min(n, m)" in text
    assert "36 obligations (80 goals) of 4 steps, for all sizes, by z3" in text


def test_an_extended_form_is_named():
    text = str(verify(CERTIFICATES["conv2d_channels"]))
    assert text.startswith("Extends      H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l]\n")
    assert "which is the first form where C = 1, D = 1" in text


@pytest.mark.parametrize("name", LAYERS)
def test_reading_is_the_inverse_of_writing(name):
    layer = LAYERS[name]
    assert read_form(write_form(layer.form), "A form") == layer.form
    for proved in layer.steps:
        assert read_step(write_step(proved.step), "A step") == replace(proved.step, reason="", argument=())


@pytest.mark.parametrize("fit", [False, True], ids=["digests as they were", "digests mended"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_edit_is_refused(name, fit):
    data, draw = CERTIFICATES[name], random.Random(name)
    parts = ["start", "theorem", *range(len(data["steps"]))]
    seen = 0
    for part in parts:
        within = data["steps"][part] if isinstance(part, int) else data[part]
        texts = leaves(within, labels=not fit)
        for path, text in draw.sample(texts, 14 if len(parts) < 6 else 10):
            new = edits(text, draw)
            if new == text:
                continue
            whole = ("steps", part, *path) if isinstance(part, int) else (part, *path)
            edited = changed(data, whole, new)
            said = refusal(mended(edited) if fit else edited)
            if isinstance(part, int) and path[-1] != "rule":
                later = {f"Step {k}, {s['rule']}" for k, s in enumerate(data["steps"], 1) if k in (part + 1, part + 2)}
                if "values" in path:  # other numbers are another layer, of which all is true
                    later.add("The theorem that the steps prove is another one")
                assert any(said.startswith(step) for step in later), (whole, new, said)
            seen += 1
    assert seen >= 6 * len(parts)


def test_labels_are_guarded_by_digests_and_by_against():
    data = CERTIFICATES["conv2d"]
    for path in (("steps", 1, "rule"), ("steps", 2, "statement"), ("steps", 1, "clauses", 0, "says")):
        edited = changed(data, path, "anything")
        assert "was changed: its digest does not fit" in refusal(edited)
    words = changed(mended(changed(data, path, "anything")), ("theorem", "constraints", 0, "says"), "anything")
    assert verify(mended(words)).theorem.first == LAYERS["conv2d"].theorem.first
    assert refusal(mended(words), against=LAYERS["conv2d"].theorem).startswith("Constraint 1 proved is")


@pytest.mark.parametrize("name", LAYERS)
def test_every_label_names_its_step(name):
    for proved in LAYERS[name].steps:
        assert replace(named_step(proved.rule, proved.before), argument=proved.step.argument) == proved.step


LABELS = {
    "another rule's name": ((("steps", 1, "rule"), "reindex()"), "Rule 'reindex' starts from a sum over"),
    "other arguments": ((("steps", 2, "rule"), "local(1)"), "its 'after' differs"),
    "a statement": ((("steps", 2, "statement"), "anything"), "its 'statement' differs"),
    "the words of a constraint": ((("steps", 1, "clauses", 0, "says"), "anything"), "its 'clauses' differs"),
}


@pytest.mark.parametrize("what", LABELS)
def test_edited_words_are_refused_where_the_rule_is_known(what):
    (path, words), says = LABELS[what]
    edited = changed(CERTIFICATES["conv2d"], path, words)
    if path[-1] == "says":
        edited = changed(edited, ("theorem", "constraints", 0, "says"), words)
    assert verify(mended(edited)).theorem.last == LAYERS["conv2d"].form
    with pytest.raises(CertificateError) as refused:
        verify(mended(edited), named=named_step)
    said = str(refused.value)
    assert (
        said.startswith(f"Step {path[1] + 1}, ") and f" is not what that rule makes of the form before: {says}" in said
    )


@pytest.mark.parametrize(
    "label",
    [
        "mine()",
        "local(Delta)",
        "local(",
        "print(1)",
        "local(10**9)",
        "separable(1001)",
        "Translations()",
        "a" * 900,
        "1",
    ],
)
def test_a_label_that_names_nothing_known_is_printed_as_the_files_own(label):
    assert named_step(label, LAYERS["conv2d"].start) is None
    edited = mended(changed(CERTIFICATES["conv2d"], ("steps", 2, "rule"), label))
    verified = verify(edited, named=named_step)
    assert verified.unknown == (f"Step 3, {label}",)
    assert str(verified).endswith(f"\nNot known    Step 3, {label}: what it is called is the file's own word")
    assert "Not known" not in str(verify(CERTIFICATES["conv2d"], named=named_step))


def test_a_true_but_irrelevant_obligation_is_refused():
    data = CERTIFICATES["conv2d"]
    other = data["steps"][0]["obligations"][1]["goals"][0]
    for k, goals in (
        ("2", ["(assert false)\n(check-sat)\n"]),
        ("2", [other]),
        ("2", []),
        ("2", [other] * 50),
    ):
        edited = mended(changed(data, ("steps", 1, "obligations", int(k), "goals"), goals))
        said = refusal(edited)
        assert said.startswith("Step 2, equivariant(Translations()), needs another obligation 'stated'")
    swapped = mended(changed(data, ("steps", 1, "obligations"), data["steps"][0]["obligations"]))
    assert refusal(swapped).startswith("Step 2, equivariant(Translations()),")


def test_steps_and_obligations_cannot_be_dropped_or_doubled():
    data = CERTIFICATES["conv2d"]
    steps, obligations = data["steps"], data["steps"][2]["obligations"]
    begins = "does not begin with the form that comes before it"
    assert begins in refusal(mended({**data, "steps": steps[1:]}))
    assert begins in refusal(mended({**data, "steps": [*steps[:2], steps[1], *steps[2:]]}))
    assert begins in refusal(mended({**data, "steps": [steps[1], steps[0], *steps[2:]]}))
    assert "the file's 'constraints' differs" in refusal(mended({**data, "steps": steps[:2]}))
    last = ("steps", 2, "obligations")
    assert "lacks the obligation 'injective'" in refusal(mended(changed(data, last, obligations[:-1])))
    assert "more than it needs" in refusal(mended(changed(data, last, [*obligations, obligations[-1]])))


def test_another_layers_certificate_is_refused():
    wanted = LAYERS["conv2d"].theorem
    said = refusal(CERTIFICATES["convolution2d"], against=wanted)
    assert said.startswith(
        "The last form proved is 'H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        0 ≤ i + a < n"
    )
    assert "it should be 'H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]        |a|, |b| ≤ Δ" in said
    assert refusal(CERTIFICATES["conv2d_channels"], against=wanted).startswith("The first form proved is")


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "conv2d"])
def test_every_other_layers_certificate_is_refused(name):
    refusal(CERTIFICATES[name], against=LAYERS["conv2d"].theorem)


def test_a_renamed_layer_is_another_theorem():
    layer = LAYERS["conv2d"]
    text = json.dumps(CERTIFICATES["conv2d"]).replace("V[", "K[").replace('"V"', '"K"')
    data = json.loads(text)
    steps = tuple(read_step(step, "A step") for step in data["steps"])
    renamed = certificate(layer.start, steps)
    assert verify(renamed).theorem.last.params[0].name == "K"
    assert refusal(renamed, against=layer.theorem).startswith("The last form proved is")


def test_another_radius_or_constraint_is_another_theorem():
    layer, base = LAYERS["conv2d"], LAYERS["convolution2d"]
    other = base.then(local(1)).then(boundary("zero"))
    refusal(other.certificate(), against=layer.theorem)
    unbounded = LAYERS["offset2d"].then(local("Delta")).then(equivariant(Translations())).then(boundary("zero"))
    assert unbounded.form == layer.form
    assert refusal(unbounded.certificate(), against=layer.theorem).startswith("Constraint 1 proved is")


def test_a_forged_step_is_refused_by_its_obligation():
    """The forger writes every text and digest as this package would."""
    steps = tuple(p.step for p in line().steps)
    forged = dict(mutants(LAYERS["conv2d"].steps[2].step))
    expected = {"a tap dropped": "sound", "one tap too many": "restricted", "one tap too few": "complete"}
    before = tuple(p.step for p in LAYERS["conv2d"].steps[:2])
    for name, obligation in expected.items():
        said = refusal(certificate(LAYERS["conv2d"].start, (*before, forged[name])))
        assert said.startswith(f"Step 3, local(\"Delta\"), has an obligation '{obligation}' that is refuted by z3")
    assert verify(certificate(line().start, steps)).theorem == line().theorem


def test_another_solver_must_agree():
    asked: list[str] = []

    def doubtful(smt: str) -> Status:
        asked.append(smt)
        return Status.PROVED if len(asked) < 20 else Status.UNKNOWN

    said = refusal(CERTIFICATES["offset2d"], also={"doubtful": doubtful})
    assert said.startswith("Step 1, reindex(),") and "is not decided by doubtful" in said
    agreed = verify(CERTIFICATES["dense2d"], also={"second": lambda smt: Status.PROVED})
    assert str(agreed).endswith("and second")


def test_the_text_is_the_same_whatever_the_hash_seed():
    """This process has another."""
    program = (
        "from derive.catalogue.conv2d import conv2d; from derive.proof.certificate import dumps; "
        "print(end=dumps(conv2d.certificate()))"
    )
    seeded = {"PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", program], env=os.environ | seeded, capture_output=True, check=True)
    assert made.stdout.decode() == dumps(CERTIFICATES["conv2d"])


def test_goals_are_forms_of_one_statement():
    """The file's texts are the goals of the obligations, in their order."""
    layer, data = LAYERS["offset2d"], CERTIFICATES["offset2d"]
    written = [o["goals"] for part in (data["start"], *data["steps"]) for o in part["obligations"]]
    assert written == [[goal.smt for goal in verdict.obligation.goals] for verdict in layer.verdicts]
    assert all(isinstance(g, Goal) for v in layer.verdicts for g in v.obligation.goals)
    assert isinstance(layer.start, Form)
