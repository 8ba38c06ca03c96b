"""Obligations as theorems for the Coq proof assistant, each with its proof: `coqc FILE.v` checks the file.

    Theorem step1_reindex_sound_2 :
      forall (K : Type) (zero : K) (V : Z -> Z -> K) (i j n : Z), 0 <= i -> ... -> V i j = V j i.
    Proof. by_witness. Qed.

Indices and sizes are integers. Entries of arrays are of any type with a distinguished zero where a goal only says
which are equal, and rational numbers where it adds them or multiplies them by numbers. A goal that needs more
(a product of entries, or of indices, or very many instances) is left out, with the reason in its place. What a goal
shows that is given to it isn't said again, nor a fact that bounds from one side a letter that nothing bounds from the
other: the theorem is worth the same (`derive/proof/shorter.py`).

The proofs are one tactic, `derive/proof/tactics.v`, for goals of this shape alone: it takes the cases of every `if`,
closes with `lia` those that the integers exclude, uses the instances of a constraint that the witness names, and
shows entries equal by equal subscripts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import fill
from typing import Any

from sympy import Abs, And, Implies, Max, Min, Mul, Or, true

from derive.errors import TextError
from derive.forms.expr import Read, Where
from derive.proof.coq_linear import put_in
from derive.proof.coq_terms import ANY, RATIONAL, coq_name
from derive.proof.goal import Goal, Obligation, Status
from derive.proof.linear import Linear
from derive.proof.shorter import shorter
from derive.proof.solver import decide
from derive.remembered import letters_of

__all__ = ["Claim", "CoqFile", "Statement", "coq_file", "left_out", "statement"]

_TACTICS = Path(__file__).with_name("tactics.v")
_WIDTH = 110
_INSTANCES = 11  # all elements of D6 but the identity: 5 seconds
_CASES = 16  # in subscripts beside such instances: regular channels of C4 on both sides, 13 seconds
_HELD = "\x1f"
_WORD = re.compile(r"[A-Za-z_][\w'.]*")
_NUMBERS = frozenset({"Z", "Z.abs", "Z.max", "Z.min", "mod", "Q", "Qeq", "Qmake", "Qmult", "Qplus", "zero"})
_WORDS = _NUMBERS | {"False", "True", "else", "false", "if", "negb", "then", "true"}
_BOUND = re.compile(r": ([^)]*)\)")
_BREAK = re.compile(rf"(->|/\\|\\/|&&|\|\||\)|then|else){_HELD}")


@dataclass(frozen=True, slots=True)
class Claim:
    """An obligation, where it arises in words, and how the names of its theorems begin."""

    place: str
    prefix: str
    obligation: Obligation


@dataclass(frozen=True, slots=True)
class Statement:
    """A closed proposition: its variables, its facts, and what follows."""

    variables: str
    facts: tuple[str, ...]
    show: str

    def __str__(self) -> str:
        return "\n".join(_laid_out(part) for part in self._parts())

    def _parts(self) -> Iterator[str]:
        if self.variables:
            yield f"forall {self.variables},"
        if self.facts:
            yield " ".join(f"{fact} ->" for fact in self.facts)
        yield self.show


@dataclass(frozen=True, slots=True)
class CoqFile:
    """The text of a file, how many theorems it has, and the obligations of which it lacks a goal, with the reason."""

    text: str
    theorems: int
    obligations: int
    left_out: tuple[tuple[Claim, str], ...]

    @property
    def summary(self) -> str:
        """How much of the layer the theorems are."""
        whole = self.obligations - len(self.left_out)
        rest = f", not {len(self.left_out)}, for the reasons given there" if self.left_out else ""
        return f"{self.theorems} theorems state {whole} of {self.obligations} obligations{rest}"


def _filled(text: str, indent: int) -> str:
    """Lines that break between words."""
    first, later = " " * indent, " " * (indent + 2)
    return fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def _laid_out(text: str) -> str:
    """Lines that break after a connective or a variable, never within a comparison."""
    held = _BREAK.sub(r"\1 ", text.replace(" ", _HELD))
    return _filled(held, 2).replace(_HELD, " ")


def statement(goal: Goal) -> Statement:
    """A goal as a closed proposition. Raises TextError with the reason where it can't be said."""
    if goal.show == True:  # noqa: E712
        return Statement("", (), "True")
    if isinstance(goal, Linear):
        goal = put_in(goal)
    goal = _without_products(goal)
    _check_effort(goal)
    facts, show = shorter(goal)
    if show is true:
        return Statement("", (), "True")
    known = (*facts, show)
    try:
        kind, parts = "K", [ANY.proposition(e) for e in known]
    except TextError:
        kind, parts = "Q", [RATIONAL.proposition(e) for e in known]
    arrays = {_array(r) for e in known for r in _reads(e)}
    letters = sorted({name for e in known for name in _letters(e)})
    _check_names(letters, arrays)
    variables = ["(K : Type) (zero : K)"] if arrays and kind == "K" else []
    variables += [f"({name} : {'Z -> ' * rank}{kind})" for name, rank in sorted(arrays)]
    variables += [f"({' '.join(letters)} : Z)"] if letters else []
    facts = tuple(f"({text})" if " -> " in text else text for text in parts[:-1])
    return Statement(" ".join(variables), facts, parts[-1])


@lru_cache(maxsize=1 << 16)
def _reads(e: Any) -> frozenset[Any]:
    own = {e} if isinstance(e, Read) else ()
    return frozenset(own).union(*map(_reads, e.args))


@lru_cache(maxsize=1 << 16)
def _arrays(e: Any) -> frozenset[tuple[str, int]]:
    return frozenset(map(_array, _reads(e)))


@lru_cache(maxsize=1 << 16)
def _letters(e: Any) -> frozenset[str]:
    return frozenset(coq_name(s.name) for s in letters_of(e))


def _check_names(letters: Iterable[str], arrays: Iterable[tuple[str, int]]) -> None:
    names = Counter((*letters, *(name for name, _ in arrays)))
    if twice := sorted(name for name, times in names.items() if times > 1):
        raise TextError(f"{twice[0]} names two things")


def _without_products(goal: Goal) -> Goal:
    """A goal that says more, without options of products of entries, where that holds too: a term's place tells enough."""
    parts = [Or.make_args(part) for part in And.make_args(goal.show)]
    kept = [[o for o in options if not _multiplies(o)] for options in parts]
    if not any(0 < len(k) < len(options) for k, options in zip(kept, parts, strict=True)):
        return goal
    stronger = Goal(goal.given, And(*(Or(*(k or options)) for k, options in zip(kept, parts, strict=True))))
    return stronger if decide(stronger.smt) is Status.PROVED else goal


def _multiplies(e: Any) -> bool:
    return any(sum(a.has(Read) for a in m.args) > 1 for m in e.atoms(Mul))


def _check_effort(goal: Goal) -> None:
    """Raises TextError for a goal that the tactics are too slow for: cases multiply where instances are to be found."""
    instances = sum(isinstance(fact, Implies) and bool(_reads(fact)) for fact in goal.facts)
    if instances > _INSTANCES:
        raise TextError(f"it takes {instances} instances of a constraint at once, which Coq would take minutes for")
    places = [place for read in _reads(goal.show) for place in read.subscripts]
    cases = {case for place in places for case in place.atoms(Abs, Max, Min, Where)}
    if instances and len(cases) > _CASES:
        many = f"it takes {instances} instances of a constraint and {len(cases)} cases of its subscripts at once"
        raise TextError(f"{many}, which Coq would take minutes for")


@lru_cache(maxsize=4096)
def _said(goal: Goal) -> tuple[Statement | None, str]:
    """The statement, or why there is none."""
    try:
        return statement(goal), ""
    except TextError as refusal:
        return None, str(refusal)


@lru_cache(maxsize=1 << 16)
def _is_said(goal: Goal) -> bool:
    """Whether all of a goal can be said, and so what its statement keeps of it."""
    known = (*goal.facts, goal.show)
    try:
        _check_effort(goal)
        for e in known:
            ANY.proposition(e)
        _check_names(frozenset().union(*map(_letters, known)), frozenset().union(*map(_arrays, known)))
    except TextError:
        return False
    return True


def _array(read: Read) -> tuple[str, int]:
    return coq_name(read.array), len(read.subscripts)


def left_out(obligation: Obligation) -> str:
    """Why not all of an obligation is stated in a file for Coq; empty where all of it is."""
    goals = (goal for goal in obligation.goals if isinstance(goal, Linear) or not _is_said(goal))
    return next((reason for goal in goals for _, reason in [_said(goal)] if reason), "")


def coq_file(header: str, claims: Iterable[Claim]) -> CoqFile:
    """The theorems of these obligations, each statement once, under a comment that holds the header."""
    stated = tuple(claims)
    names: dict[str, str] = {}
    parts = tuple(_sections(stated, names))
    known = "".join(f"  let _ := {name} in\n" for name in names.values())
    text = "\n\n".join(
        (
            _comment(header),
            _TACTICS.read_text(encoding="utf-8").rstrip(),
            *parts,
            "(* What they rest on, all at once. *)",
            f"Definition theorems : True :=\n{known}  I.\n\nPrint Assumptions theorems.\n",
        )
    )
    reasons = ((claim, left_out(claim.obligation)) for claim in stated)
    return CoqFile(text, len(names), len(stated), tuple((claim, why) for claim, why in reasons if why))


def _sections(claims: Iterable[Claim], names: dict[str, str]) -> Iterator[str]:
    """The file's parts in order; `names` comes to hold each statement's theorem."""
    place, numbers = "", Counter[str]()
    for claim in claims:
        if claim.place != place:
            place = claim.place
            yield _comment(f"{'-' * 8} {place} {'-' * 8}")
        obligation, theorems, notes = claim.obligation, [], []
        stem = f"{claim.prefix}_{obligation.name}"
        for number, goal in enumerate(obligation.goals, start=1):
            numbers[stem] += 1
            known, text = _theorem(goal, _name(f"{stem}_{numbers[stem]}"), names)
            theorems += [text] * bool(text)
            notes += [f"Goal {number} {known}."] * bool(known)
        witness = [f"Witness {obligation.witness}."] if obligation.witness else []
        yield _comment(_filled(" ".join((f"{obligation.name}:", obligation.says, *witness, *notes)), 0))
        yield from theorems


def _theorem(goal: Goal, name: str, names: dict[str, str]) -> tuple[str, str]:
    """What there is to say of a goal without a theorem of its own, or the theorem."""
    said, reason = _said(goal)
    if said is None:
        return f"is left out, since {reason}", ""
    if said.show == "True":
        return "has one expression on both sides" if goal.show is true else "shows what is given", ""
    plain = _in_plain_letters(said)
    if plain in names:
        return f"is {names[plain]}", ""
    names[plain] = name
    return "", f"Theorem {name} :\n{said}.\nProof. by_witness. Qed."


def _in_plain_letters(said: Statement) -> str:
    """The statement with its variables numbered as they come: one text for all that differ in letters alone."""
    numbers: dict[str, str] = {}
    rest = " -> ".join((*said.facts, said.show))
    plain = _WORD.sub(lambda m: m[0] if m[0] in _WORDS else numbers.setdefault(m[0], f"x{len(numbers)}"), rest)
    return f"{' '.join(_BOUND.findall(said.variables))}, {plain}"


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text)


def _comment(text: str) -> str:
    """A comment: no marks of comments inside, and no quotation marks, which Coq reads in comments too."""
    plain = text.replace('"', "'").replace("(*", "( *").replace("*)", "* )")
    return f"(* {plain} *)"
