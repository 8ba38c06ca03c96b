"""Permutation groups by generators, in derivations: equal to union-find, proved entry by entry, and faults are refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

import derive
from derive import Permutations
from derive.errors import CertificateError, DeriveError, ObligationFailed, RuleRefused
from derive.forms.denote import matrix
from derive.forms.form import Table
from derive.groups._finite import PermutationGroup, Representation, defining, monomial, trivial
from derive.proof.certificate import dumps, mended, verify
from derive.proof.everywhere import Everywhere
from derive.proof.goal import Status
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge
from tests.groups.oracles import tied_pairs

C4, S3 = derive.cyclic(4), derive.symmetric(3)
TURN, FLIP = monomial([[[0, -1], [1, 0]]]), monomial([[[-1, 0], [0, 1]]])
FLIPS = monomial([[[-1, 0], [0, -1]]])

# (sizes of the output, of the input), the group with the axes, the representations on either side, equivariance
CASES = {
    "cyclic": ((4, 4), Permutations(C4), defining(C4), defining(C4)),
    "dihedral": ((5, 5), Permutations(derive.dihedral(5)), *[defining(derive.dihedral(5))] * 2),
    "no moves": ((3, 3), Permutations(PermutationGroup(3, [[0, 1, 2]])), trivial(1, 3), trivial(1, 3)),
    "two orbits": ((4, 4), Permutations(PermutationGroup(4, [[1, 0, 2, 3]])), *[Representation([[2, 0, 4, 6]])] * 2),
    "tensors": (((3, 3), (3, 3)), Permutations(S3, axes=(0, 1)), *[defining(S3).power(2)] * 2),
    "one axis": (((3, 2), (3, 2)), Permutations(S3, axes=(0,)), *[defining(S3) * trivial(2, 2)] * 2),
    "less tensors": (((3,), (3, 3)), Permutations(S3, axes=(0, 1)), defining(S3), defining(S3).power(2)),
    "whole grid": (((2, 3), (2, 3)), Permutations(derive.cyclic(6)), *[defining(derive.cyclic(6))] * 2),
    "whole space": (((2, 1, 2),) * 2, Permutations(C4), defining(C4), defining(C4)),
    "turn": ((2, 2), Permutations(TURN), TURN, TURN),
    "flip": ((2, 2), Permutations(FLIP), FLIP, FLIP),
    "signs on tensors": (((2, 2), (2,)), Permutations(FLIPS, axes=(0, 1)), FLIPS.power(2), FLIPS),
}


def layer_of(name):
    (out, source), group, *_ = CASES[name]
    return derive.dense(outputs=out, inputs=source).then(derive.equivariant(group))


def entries(layer):
    """Labels for all parameters, from 1 on."""
    found, start = {}, 1
    for p in layer.form.params:
        shape = tuple(int(e) for e in p.array.shape)
        found[p.name] = np.arange(start, start + int(np.prod(shape))).reshape(shape)
        start += found[p.name].size
    return found


@pytest.mark.parametrize("name", CASES)
def test_orbits_are_those_of_union_find(name):
    layer = layer_of(name)
    *_, out, source = CASES[name]
    for array, (one, other) in {"weight": (out, source), "bias": (out, trivial(out.generators))}.items():
        tied, count = tied_pairs(one, other)
        assert layer.free_parameters[array] == count
        values = layer.reference(shape=tuple(map(int, layer.start.input.shape)), **entries(layer))[array == "bias"]
        flat = values.reshape(one.size, other.size)
        roots = {abs(int(flat[pair])): root for pair, (root, sign) in tied.items() if sign}
        assert len(set(roots.values())) == len(roots) == count
        for pair, (root, sign) in tied.items():
            assert (flat[pair] == 0) == (sign == 0)
            assert not sign or roots[abs(int(flat[pair]))] == root
            first = flat[divmod(root, other.size)]
            assert flat[pair] == sign * first


@pytest.mark.parametrize("name", CASES)
def test_the_layer_commutes_with_its_generators(name):
    """H·R_in(g) = R_out(g)·H, on the matrix of the last form, by its meaning."""
    layer, (*_, out, source) = layer_of(name), CASES[name]
    H = matrix(layer.form, entries(layer), {}).reshape(out.size, source.size)
    for g, h in zip(out.matrices(), source.matrices(), strict=True):
        assert np.array_equal(g @ H, H @ h)


@pytest.mark.parametrize("name", CASES)
def test_what_was_checked_is_said(name):
    verdicts = {v.obligation.name: v.status for v in layer_of(name).verdicts}
    assert all(v.proved for v in layer_of(name).verdicts)
    assert {verdicts[n] for n in ("restricted", "complete", "once", "free")} <= {Status.EXHAUSTIVE, Status.PROVED}
    assert verdicts["complete"] is Status.EXHAUSTIVE
    assert Status.EXHAUSTIVE.value == "checked for every entry at these sizes"


def test_a_cube_and_tensors_have_their_known_numbers():
    cube = derive.dense(outputs=48, inputs=48).then(derive.equivariant(Permutations(derive.rubiks_cube())))
    assert (cube.free_parameters["weight"], cube.free_parameters["bias"]) == (9, 2)
    pairs = derive.dense(outputs=(6, 6), inputs=(6, 6))
    tensors = pairs.then(derive.equivariant(Permutations(derive.symmetric(6), axes=(0, 1))))
    assert (tensors.free_parameters["weight"], tensors.free_parameters["bias"]) == (15, 2)


def test_invariance_leaves_one_weight_an_orbit_of_inputs():
    layer = derive.dense(outputs=3, inputs=48).then(derive.invariant(Permutations(derive.rubiks_cube())))
    assert (layer.free_parameters["weight"], layer.free_parameters["bias"]) == (6, 3)
    pool = derive.dense(outputs=4, inputs=4, places=False).then(derive.equivariant(Permutations(C4)))
    assert (pool.free_parameters["weight"], pool.free_parameters["bias"]) == (1, 1)


def caught(step):
    """The obligations that fail."""
    try:
        return [o.name for o in step_obligations(step) if not discharge(o).proved]
    except ObligationFailed:
        return ["well formed"]


def test_a_dropped_generator_is_refused():
    full = derive.dense(outputs=48, inputs=48).then(derive.equivariant(Permutations(derive.rubiks_cube())))
    step = full.steps[0].step
    assert caught(step) == []
    without = {n: tuple(c for c in step.clauses if c.says[2:4] not in n) for n in ("g6", "g4 g5 g6")}
    assert [len(left) for left in without.values()] == [10, 6]
    assert caught(replace(step, clauses=without["g6"])) == []  # five faces turn the sixth
    assert caught(replace(step, clauses=without["g4 g5 g6"])) == ["complete"]  # ties are made that no law needs
    fewer = PermutationGroup(
        48, derive.rubiks_cube().generators[:3]
    )  # its law is stated, and ties that it needs are not made
    part = derive.dense(outputs=48, inputs=48).then(derive.equivariant(Permutations(fewer))).steps[0].step
    assert part.after.weights[0].array.shape[0] > 9
    assert caught(replace(part, clauses=step.clauses, tables=step.tables)) == ["restricted"]


@pytest.mark.parametrize("name", ["cyclic", "tensors", "two orbits", "flip"])
def test_any_wrong_table_entry_is_refused(name):
    step = layer_of(name).steps[0].step
    for number, table in enumerate(step.after.tables):
        for place in range(0, len(table.values), 1 + len(table.values) // 12):
            for change in (-1, 1):
                values = tuple(v + change * (p == place) for p, v in enumerate(table.values))
                tables = tuple(Table(t.array, values) if p == number else t for p, t in enumerate(step.after.tables))
                again = renamed(step, tables)
                assert caught(again) or same_layers(again, step), (table.name, place)


def renamed(step, tables):
    return replace(step, after=replace(step.after, tables=tables))


def same_layers(one, other):
    """Another representative of an orbit, or another label where a sign makes the weight vanish, changes no layer."""
    values = {p.name: np.arange(1, 1 + int(p.array.shape[0])) for p in other.after.params}
    return all(
        np.array_equal(matrix(a.after, values, {}), matrix(b.after, values, {})) for a, b in [(one, other)]
    ) and all(
        t.name.startswith(("R", "T")) for t, s in zip(one.after.tables, other.after.tables, strict=True) if t != s
    )


def test_edits_of_a_certificate_are_refused():
    layer = layer_of("cyclic")
    data = json.loads(dumps(layer.certificate()))
    assert verify(data, against=layer.theorem).points > 0
    assert "entry by entry" in str(verify(data))
    for part in (data["steps"][0]["after"]["tables"][0], data["steps"][0]["tables"][0]):
        for value in (part["values"][2] + 1, -1, 10**12, "1", None, True):
            kept, part["values"][2] = part["values"][2], value
            with pytest.raises(CertificateError):
                verify(mended(copy.deepcopy(data)))
            part["values"][2] = kept
    assert verify(data).goals > 0


def test_another_group_is_another_theorem():
    swap = derive.dense(outputs=4, inputs=4).then(derive.equivariant(Permutations(PermutationGroup(4, [[2, 3, 0, 1]]))))
    other = derive.dense(outputs=4, inputs=4).then(
        derive.equivariant(Permutations(PermutationGroup(4, [[1, 0, 3, 2]])))
    )
    assert str(swap.theorem.constraints[0]) == str(other.theorem.constraints[0])
    with pytest.raises(CertificateError):
        verify(swap.certificate(), against=other.theorem)


def test_what_cannot_be_evaluated_is_not_proved():
    step = layer_of("cyclic").steps[0].step
    goals = [g for o in step_obligations(step) for g in o.goals if isinstance(g, Everywhere) and o.name == "restricted"]
    goal = goals[0]
    assert goal.decide() is Status.EXHAUSTIVE
    assert replace(goal, given=()).decide() is Status.UNKNOWN  # no ranges
    assert replace(goal, tables=()).decide() is Status.UNKNOWN  # nothing to read
    huge = tuple(Table(t.array, tuple(v + 9 for v in t.values)) for t in goal.tables)
    assert replace(goal, tables=huge).decide() is Status.UNKNOWN  # reads beyond a table


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: derive.dense(rank=1).then(derive.equivariant(Permutations(C4))), "has n places along i; state sizes"),
        (
            lambda: derive.dense(outputs=5, inputs=4).then(derive.equivariant(Permutations(C4))),
            "H has 5 places along i",
        ),
        (
            lambda: derive.dense(outputs=4, inputs=4).then(derive.equivariant(Permutations(C4, axes=(1,)))),
            "names an axis that a grid of",
        ),
        (lambda: Permutations(4), "takes a group by its generators, such as symmetric"),
        (
            lambda: layer_of("cyclic").then(derive.reindex()),
            "is read by a table, and this rule names weights by formulas",
        ),
        (lambda: derive.dense(outputs=0, inputs=1), "a whole number from 1 on; 0 is neither"),
        (lambda: derive.dense(outputs=True, inputs=1), "a whole number from 1 on; True is neither"),
        (lambda: layer_of("cyclic").reference(shape=(5,), V=[1, 2, 3, 4], u=[1]), "an axis of 4 places"),
        (
            lambda: derive.dense(outputs=1, inputs=1).then(derive.equivariant(Permutations(PermutationGroup(1)))),
            "no generators, so it states nothing",
        ),
    ],
)
def test_refusals(make, says):
    with pytest.raises((DeriveError, RuleRefused), match=says):
        make()
