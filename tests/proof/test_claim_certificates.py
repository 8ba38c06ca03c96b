"""Whatever has verdicts has a certificate: claims re-check with z3 and cvc5, and with Coq where their goals are linear."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest
from sympy import And, Integer, Max, Min, symbols

import derive
from derive import MatrixGroup, Permutations, PointGroup, Translations
from derive.__main__ import main
from derive.certified import PROVERS, verify_claim
from derive.errors import CertificateError
from derive.finite import cyclic
from derive.forms.expr import index
from derive.making import certificate
from derive.proof.certificate import verify
from derive.proof.json_data import digested, dumps
from derive.proof.solver import decide_with_cvc5
from derive.symmetry import symmetry
from tests.proof.coqc import coqc, needs_coq

SHIFTS = derive.equivariant(Translations())


def window(radius="Delta", edge="", *rules):
    start = derive.dense(1).then(derive.reindex()).then(SHIFTS).then(derive.unbiased()).then(derive.local(radius))
    for rule in (*rules, *([derive.boundary(edge)] if edge else [])):
        start = start.then(rule)
    return start


MIRROR = derive.equivariant(PointGroup("D1"))


@cache
def even():
    return window(1, "", MIRROR)


def matrices():
    turned = derive.dense(1, 2, 2).then(derive.equivariant(MatrixGroup([[[0, -1], [1, 0]]])))
    return derive.claim(turned, derive.equivariant(MatrixGroup([[[-1, 0], [0, -1]]])))


def tables():
    turning = derive.equivariant(Permutations(cyclic(3)))
    return derive.claim(derive.dense(1, 3, 3).then(turning), turning)


x, y = symbols("x y", integer=True)
CLAIMS = {
    "coefficients": lambda: derive.claim(window(1), derive.local(2)),
    "a symmetry of coefficients": lambda: derive.claim(even(), MIRROR),
    "entries": matrices,
    "tables": tables,
    "terms": lambda: derive.claim(window(1, "periodic"), derive.equivariant(Translations(grid="torus"))),
    "meaning": lambda: derive.claim(window(1, "nearest").form.at({index("n"): Integer(3)}), derive.local(2)),
    "same layer": lambda: derive.same_layer(window(1), window(2).then(derive.local(1))),
    "same layer behind an edge": lambda: derive.same_layer(window(1, "zero"), window(1, "zero")),
    "commuting": lambda: derive.commute(window(1, "periodic"), window(2, "periodic")),
    "one window": lambda: derive.one_window(window(1, "periodic"), window(1, "periodic"), window(2, "periodic")),
    "additive": lambda: derive.additive(Max(x, y) + Min(x, y), (x, y)),
    "symmetry": lambda: symmetry(even().then(derive.boundary("zero")).then(derive.strided(2)), "D1"),
}


@cache
def proved(what):
    return CLAIMS[what]()


def test_every_kind_of_claim_is_here():
    assert {proved(what).statement.kind for what in CLAIMS} == {*PROVERS}


@pytest.mark.parametrize("what", CLAIMS)
def test_a_claim_is_certified(what, tmp_path):
    found = proved(what)
    file = tmp_path / "claim.json"
    file.write_text(dumps(found.certificate()), encoding="utf-8")
    again = verify_claim(file, also={"cvc5": decide_with_cvc5})
    assert again.says == found.statement.says and str(again).startswith(f"Claim        {again.says}\n")
    assert again.goals == sum(len(v.obligation.goals) for v in found.verdicts)
    assert not re.search(r"\b1 goals|Where\(| & ", str(again))
    assert again.unknown == (what in ("entries", "tables"))  # groups of tables and of matrices have no words to read


@needs_coq
@pytest.mark.parametrize("what", ["coefficients", "a symmetry of coefficients", "additive", "same layer", "symmetry"])
def test_coq_accepts_a_claim_whose_goals_are_linear(what, tmp_path):
    file = proved(what).coq()
    code, printed = coqc(file.text, tmp_path)
    assert code == 0 and "Closed under the global context" in printed, printed
    assert file.theorems and not file.left_out


def edited(what, *path, to):
    """The certificate with one part replaced, and digests that fit."""
    data = deepcopy(proved(what).certificate())
    part = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to(part[path[-1]]) if callable(to) else to
    return digested(data)


CLAUSE = ("about", "clauses", "clauses", 0)
TAMPERED = {
    "another goal": (
        "coefficients", ("obligations", 0, "goals", 0), lambda g: g.replace("(assert", "(assert ", 1),
        r"^The claim needs another obligation 'claim' than the file's\.$",
    ),
    "a trivial goal": (
        "coefficients", ("obligations", 0, "goals", 0), "(assert false)\n(check-sat)\n", "needs another obligation 'claim'",
    ),
    "an obligation less": ("coefficients", ("obligations",), [], r"^The claim has 1 obligations; the file has 0\.$"),
    "another witness": (
        "symmetry", ("obligations", -1, "witness"), "i = 7", "needs another obligation 'necessary' than the file's",
    ),
    "another condition": (
        "symmetry", ("says",), lambda s: s.replace("exactly ", ""), r"is another one: the file's 'says' differs\.$",
    ),
    "a condition that always holds": ("symmetry", ("says",), "commutes with D1 about the grid's centre always", "'says' differs"),
    "another group": ("symmetry", ("about", "group", "text"), 'PointGroup("C1")', "proves nothing: "),
    "a group that is run": ("symmetry", ("about", "group", "text"), "__import__('os')", "names no point group"),
    "other words": (
        "coefficients", ("says",), "local(1)",
        r"^The claim is not what it is called: 'local\(1\)' says something else of this layer\.$",
    ),
    "a false clause": ("coefficients", (*CLAUSE, "right"), "1", "The claim proves nothing: "),
    "a clause about another array": ("coefficients", (*CLAUSE, "left"), "Q[0]", "reads Q, which is none of "),
    "preconditions that nothing meets": (
        "coefficients", ("about", "layer", "form", "given"), "(1 <= n) & (n <= 0)", "obligation 'preconditions' that is refuted",
    ),
    "another layer": (
        "commuting", ("about", "other", "form", "domain"), "1 <= 0", "has an obligation 'free' that is refuted",
    ),
    "a step left out": (
        "same layer", ("about", "other", "derivation", "steps"), lambda steps: steps[:-1], "differs|proves nothing|compared",
    ),
    "a forged step": (
        "same layer", ("about", "one", "derivation", "steps", 0, "rule"), "local(1)", "the file's 'about' differs",
    ),
    "a kind that isn't known": ("terms", ("claim",), "true", "states a kind of claim that isn't known"),
    "another kind": ("terms", ("claim",), "coefficients", "proves nothing: |needs another obligation"),
    "another format": ("terms", ("format",), "derive certificate 2", "format is not 'derive certificate of a claim 1'"),
    "a part more": ("terms", ("about", "tables"), {"tables": []}, "the file's 'about' differs"),
    "no data": ("terms", ("about", "layer"), 3, "'layer' must be an object of one kind of data"),
    "a part of another kind": ("terms", ("about", "layer"), {"text": "n"}, "proves nothing: its formulas make no sense"),
    "what is no list": ("terms", ("obligations",), {}, "'obligations' is an object; it must be a list"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_certificate_is_refused(what):
    claim, path, to, says = TAMPERED[what]
    with pytest.raises(CertificateError, match=says) as refused:
        verify_claim(edited(claim, *path, to=to))
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)


def test_a_file_that_was_damaged_is_refused(tmp_path):
    text = dumps(proved("terms").certificate())
    for number, cut in enumerate((text[:-5], text[: len(text) // 2], "", text.replace('"says"', '"said"', 1))):
        file = tmp_path / f"{number}.json"
        file.write_text(cut, encoding="utf-8")
        with pytest.raises(CertificateError, match=r"is no certificate|lacks 'says'"):
            verify_claim(file)
    data = proved("terms").certificate() | {"made_with": {"sympy": "0", "solver": "none"}}
    with pytest.raises(CertificateError, match=r"^The certificate was changed: its digest does not fit\.$"):
        verify_claim(data)


def test_a_solver_that_disagrees_is_named():
    from derive.proof.goal import Status

    with pytest.raises(CertificateError, match="an obligation 'preconditions' that is not decided by other"):
        verify_claim(proved("coefficients").certificate(), also={"other": lambda smt: Status.UNKNOWN})


def test_a_claim_by_a_rule_of_ones_own_says_whose_words_they_are():
    """A rule that isn't known by name: the clauses are proved, what they are called is the file's own word."""
    found = edited("coefficients", "says", to="mine(2)")
    again = verify_claim(found)
    assert again.unknown and str(again).endswith("\nNot known    what it is called is the file's own word")


def test_a_claim_about_less_than_its_words_say_is_refused():
    """A clause that speaks of few places, or of none, is proved; it isn't what its words mean."""
    about = dict(proved("coefficients").statement.about)
    few = tuple(replace(c, given=And(c.given, index("i") < 0)) for c in about["clauses"])
    forged = PROVERS["coefficients"](says="local(2)", layer=about["layer"], clauses=few).certificate()
    with pytest.raises(
        CertificateError, match=r"^The claim is not what it is called: 'local\(2\)' says something else"
    ):
        verify_claim(forged)


@cache
def strided():
    return even().then(derive.boundary("zero")).then(derive.strided(2))


def test_a_layer_is_certified_with_the_symmetry_that_it_states():
    """Beside its steps, a strided layer's certificate holds the condition under which it keeps its window's symmetry."""
    made = certificate(strided())
    (besides,) = made["claims"]
    assert besides["says"] == proved("symmetry").statement.says
    again = verify(made, also={"cvc5": decide_with_cvc5}, claimed=verify_claim)
    assert again.claims and "commutes with D1" in str(again)
    with pytest.raises(CertificateError, match="has claims besides its steps, and nothing was given that proves these"):
        verify(made)
    other = digested(made | {"claims": [symmetry(even().then(derive.strided(3)), "D1").certificate()]})
    with pytest.raises(CertificateError, match="has a claim about another layer than its last form"):
        verify(other, claimed=verify_claim)
    wrong = digested(
        made | {"claims": [digested(besides | {"says": "commutes with D1 about the grid's centre always"})]}
    )
    with pytest.raises(CertificateError, match="the file's 'says' differs"):
        verify(wrong, claimed=verify_claim)
    assert "claims" not in certificate(even())


def test_the_command_line_proves_and_verifies_a_claim(tmp_path, capsys):
    (tmp_path / "my.py").write_text(
        "import derive\n"
        "start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))\n"
        "found = derive.claim(start.then(derive.local(1)), derive.local(2))\n",
        encoding="utf-8",
    )
    name, file, theorems = f"{tmp_path / 'my.py'}:found", tmp_path / "c.json", tmp_path / "c.v"
    main(["prove", name, "--certificate", str(file), "--coq", str(theorems)])
    assert "proved for all sizes: c(i; k) = 0 outside radius 2" in capsys.readouterr().out
    assert "Print Assumptions" in theorems.read_text(encoding="utf-8")
    main(["verify", str(file)])
    assert capsys.readouterr().out.startswith("Claim        local(2)\nLayer        H[i] = ")
    for arguments, says in (
        (["emit", name], "is a claim, which is no layer: `prove` and `verify` take it."),
        (["verify", str(file), "--against", "conv2d"], "is the certificate of a claim."),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert capsys.readouterr().err.strip().endswith(says)
