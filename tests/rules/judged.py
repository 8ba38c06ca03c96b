"""The cases that mutants are judged on: applications of every rule, and which lines of rules and groups each of them runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any

import derive
from derive.derivation import Derivation
from derive.finite import cyclic, monomial
from derive.forms.form import Form
from derive.groups._finite import PermutationGroup
from derive.proof.step import Step
from derive.registry import discover
from derive.rules._rule import Case
from tests.rules.test_structures import LAYERS, by, signal
from tests.rules.worlds import World

__all__ = ["cases", "own_step", "ran", "step_of"]

_FEWEST = 3
_CHOOSING = ("boundary", "gradient")  # their arguments are no names, but choose among rewrites
_SWAP, _TURN = derive.MatrixGroup([[[0, 1], [1, 0]]]), derive.MatrixGroup([[[0, -1], [1, -1]]])
_PLANE = derive.Channels((("c", 2),), (("d", 2),))
_TURNED_CHANNELS = derive.MatrixGroup([[[0, -1], [1, 0]]], on="channels")
_SWAPPED_CHANNELS = derive.MatrixGroup([[[0, 1], [1, 0]]], on="channels")
_FLIP = derive.MatrixGroup([[[0, 0, 1], [0, 1, 0], [1, 0, 0]]])
_CYCLE = derive.MatrixGroup([[[0, 1, 0], [0, 0, 1], [1, 0, 0]]])
_THIRDS = [[Fraction(n, 3) for n in row] for row in ((-1, 2, 2), (2, -1, 2), (2, 2, -1))]
_SIGNED = derive.Permutations(monomial([[[-1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]]))


def _square(size: int) -> Derivation:
    return derive.dense(outputs=size, inputs=size)


def _tabled() -> Iterator[Derivation]:
    """At numeric sizes alone, which other layers are not: a group of tables, and a mask before or behind it."""
    yield _square(4).then(derive.equivariant(derive.Permutations(PermutationGroup(4, [[1, 2, 0, 3]]))))
    ring, edge = derive.Mask([1, 0, 1, 1, 0]), derive.Mask([0, 0, 1, 0, 0])
    turning = derive.equivariant(derive.Permutations(cyclic(3)))
    yield _square(3).then(turning).then(derive.local(ring))
    yield _square(3).then(derive.local(ring)).then(turning)
    yield (
        _square(3)
        .then(derive.equivariant(_SIGNED))
        .then(derive.local(1))
        .then(derive.local(derive.Mask([1, 0, 0, 0, 1])))
    )
    yield _square(3).then(derive.local(edge)).then(derive.equivariant(_SIGNED))


def _spanned() -> Iterator[Derivation]:
    """A group of matrices, and what may come after it."""
    turned, flipped = _square(2).then(derive.equivariant(_TURN)), _square(3).then(derive.equivariant(_FLIP))
    yield turned.then(derive.equivariant(_SWAP))
    yield turned.then(derive.equivariant(derive.MatrixGroup([[[-1, 0], [0, -1]]], [[[1, 0], [0, 1]]])))
    yield flipped.then(derive.equivariant(derive.MatrixGroup([_THIRDS]))).then(derive.unbiased())
    yield flipped.then(derive.invariant(_CYCLE))
    yield flipped.then(derive.local(1))
    for group in (derive.Translations(), derive.PointGroup("D1"), derive.Permutations(cyclic(3))):
        yield flipped.then(derive.equivariant(group))
    yield _square(3).then(derive.invariant(_CYCLE)).then(derive.equivariant(_FLIP))
    first, second = (derive.equivariant(derive.MatrixGroup(g.out, axes=(p,))) for p, g in enumerate((_TURN, _SWAP)))
    yield derive.dense(2, (2, 2), (2, 2)).then(first).then(second)
    one, other = (derive.equivariant(group) for group in (_TURNED_CHANNELS, _SWAPPED_CHANNELS))
    line = derive.dense(rank=1, channels=_PLANE)
    yield line.then(one).then(derive.depthwise())
    yield (
        line.then(derive.reindex())
        .then(derive.equivariant(derive.Translations()))
        .then(derive.local("Delta"))
        .then(one)
        .then(other)
    )


def _moved() -> Iterator[Derivation]:
    """Shifts that wrap, a reflection of the whole grid or about a corner, and groups that act on channels too."""
    shifts = derive.Translations(grid="torus"), derive.Translations(grid="torus", step=2)
    for group in (*shifts, derive.PointGroup("D1", about="grid")):
        yield derive.dense(1, "2*n", "2*n").then(derive.equivariant(group))
    even = signal().then(derive.local(derive.Box((1,), (2,))))
    yield even.then(derive.equivariant(derive.PointGroup("D1", about="corner")))
    odd = derive.dense(rank=1, channels=derive.Channels((), (("d", "D"),))).then(derive.reindex())
    odd = odd.then(derive.equivariant(derive.Translations())).then(derive.local("Delta"))
    yield odd.then(derive.equivariant(derive.PointGroup("D1", channels={"d": "determinant"})))
    vectors = derive.dense(rank=2, channels=derive.Channels((), (("d", 2),))).then(derive.reindex())
    vectors = vectors.then(derive.equivariant(derive.Translations())).then(derive.local(1))
    yield vectors.then(derive.equivariant(derive.PointGroup("C4", channels={"d": "vector"})))
    hexagons = derive.dense(2, (2, 2), (2, 2), channels=derive.Channels((), (("d", 2),))).then(derive.reindex())
    hexagons = hexagons.then(derive.equivariant(derive.Translations()))
    yield hexagons.then(derive.equivariant(derive.PointGroup("C3", channels={"d": "vector"})))
    for acts in ({"d": "regular"}, {"d": "sign", "c": "vector"}):
        channels = derive.Channels((("c", 3),), (("d", 3),))
        places = derive.dense(outputs=3, inputs=3, channels=channels)
        yield places.then(derive.equivariant(derive.Permutations(cyclic(3), channels=acts)))


def _others() -> Iterator[Derivation]:
    """An offset that has more bounds than one, thinned layers of mirrored or stepped ones, and compositions with an adjoint."""
    yield derive.dense(rank=1).then(derive.local("Delta")).then(derive.local("r")).then(derive.reindex())
    for radius, edge in ((1, "reflect"), ("Delta", "zero")):
        mirrored = signal().then(derive.local(radius)).then(derive.equivariant(derive.PointGroup("D1")))
        yield mirrored.then(derive.boundary(edge)).then(derive.strided(2))
    yield by(2, 1).then(derive.local(1)).then(derive.boundary("periodic")).then(derive.strided(3))
    strided = derive.convolution(rank=1, kernel=3, stride=2, channels=False).then(derive.unbiased())
    turned = strided.then(derive.adjoint())
    yield turned.then(derive.compose(strided))
    yield strided.then(derive.compose(turned))


@cache
def _applied() -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Every application in the layers that are shipped or tested, and in those above."""
    shipped = (layer for _, layer in discover("derive.catalogue"))
    chosen = (*_tabled(), *_spanned(), *_moved(), *_others())
    return tuple(
        tuple(
            Case(proved.before, a)
            for layer in layers
            for proved, a in zip(layer.steps, layer.applications, strict=True)
        )
        for layers in ((*shipped, *LAYERS.values()), chosen)
    )


@cache
def cases(rule: str) -> tuple[Case, ...]:
    """A rule's EXAMPLE, its applications with the fewest letters and those of other kinds, and all in layers chosen above."""
    found = [import_module(f"derive.rules.{rule}").EXAMPLE]
    many, chosen = ([c for c in part if c.application.rule.name == rule] for part in _applied())
    known: set[object] = set()
    for case in sorted(many, key=lambda c: len(c.form.sizes) + len(c.form.reduction)):
        if len(found) < _FEWEST or not {*_kinds(case)} <= known:
            _add(found, case)
        known = known | {k for c in found[:_FEWEST] for k in _kinds(c)}
    for case in chosen:
        _add(found, case)
    return tuple(found)


def _add(found: list[Case], case: Case) -> None:
    if not any((c.form, str(c.application)) == (case.form, str(case.application)) for c in found):
        found.append(case)


def _kinds(case: Case) -> Iterator[object]:
    """The modules of a case's groups, supports and other arguments, and which way of a layer that it reads is an adjoint."""
    for a in (*case.application.args, *dict(case.application.options).values()):
        yield a if case.application.rule.name in _CHOOSING else type(a).__module__
        if isinstance(a, (Form, Derivation)):
            inner = a.form if isinstance(a, Derivation) else a
            yield type(a).__module__, case.form.input.name, inner.input.name


def step_of(case: Case, world: World | None = None) -> Step:
    """The step that a rule makes of a case, in a world of other modules too, without its prose."""
    name, given = case.application.rule.name, case.application
    made, args, options = case.application.rule, given.args, dict(given.options)
    if world is not None:
        made = getattr(world.module(f"derive.rules.{name}"), name)
        args, options = tuple(map(world.value, args)), {k: world.value(v) for k, v in options.items()}
    step: Step = made(*args, **options).apply(case.form)
    clauses = tuple(replace(clause, says="") for clause in step.clauses)
    return replace(step, rule="", reason="", statement="", argument=(), clauses=clauses)


@cache
def own_step(rule: str, position: int) -> Step:
    """The step of the rule as it is."""
    return step_of(cases(rule)[position])


@cache
def ran(rule: str, position: int) -> frozenset[tuple[str, int]]:
    """The lines of rules and groups that a case runs, their modules' own lines included: nothing that is remembered is left out."""
    with _traced() as lines:
        step_of(cases(rule)[position], World())
    return frozenset(lines)


@contextmanager
def _traced() -> Iterator[set[tuple[str, int]]]:
    """The lines that are run of modules of a world, whose files are their names in angle brackets."""
    lines: set[tuple[str, int]] = set()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename[1:-1], frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, _: Any) -> Any:
        return line(frame, event, _) if frame.f_code.co_filename.startswith("<derive.") else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield lines
    finally:
        sys.settrace(before)
