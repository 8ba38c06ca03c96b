"""False claims meet their smallest counterexample, true ones a proof."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.denote import denote
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.forms.text import parse
from derive.proof.counterexample import Counterexample, smallest_model
from derive.proof.goal import Goal
from tests.lazily import CATALOGUE, Lazily

SHIFTS = derive.Translations()


@cache
def without_place():
    return CATALOGUE["offset2d"].form.with_weight("V[i, j, a, b]*U[i]")


def refuted(layer, structure):
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(layer, structure)
    return caught.value.counterexample


def unbiased(form):
    return replace(form, bias=Integer(0), biases=())


def arrays_of(form, sizes, entries):
    """All entries 0 but those given as text, such as ("V[1, 0, 0, 0]", 1)."""
    arrays = {}
    for array in (form.input, *(p.array for p in form.params)):
        arrays[array.name] = np.zeros(tuple(int(evaluate(e, sizes)) for e in array.shape), dtype=object)
        for text, value in entries:
            read = parse(text)
            if read.array == array.name:
                place = tuple(int(evaluate(e, sizes)) for e in array.storage(read.subscripts))
                assert all(0 <= p < extent for p, extent in zip(place, arrays[array.name].shape, strict=True))
                arrays[array.name][place] = value
    return arrays


def named(pairs):
    return {index(name): value for name, value in pairs}


def moved(X, shift):
    """The input carried by the shift; only for an input that stays inside."""
    result = np.zeros_like(X)
    for place in zip(*np.nonzero(X), strict=True):
        target = tuple(int(p) + s for p, s in zip(place, shift, strict=True))
        assert all(0 <= t < extent for t, extent in zip(target, X.shape, strict=True))
        result[target] = X[place]
    return result


def breaks_the_shift_law(form, sizes, arrays, shift):
    """Whether H(T_s X)[o + s] = H(X)[o] fails for some o with o and o + s inside."""
    before = denote(form, arrays, sizes)
    after = denote(form, arrays | {form.input.name: moved(arrays[form.input.name], shift)}, sizes)
    return any(
        after[i + shift[0], j + shift[1]] != before[i, j]
        for i, j in np.ndindex(*before.shape)
        if 0 <= i + shift[0] < before.shape[0] and 0 <= j + shift[1] < before.shape[1]
    )


def test_a_weight_that_still_sees_the_place():
    found = refuted(without_place(), derive.equivariant(SHIFTS))
    assert dict(found.sizes) == {"n": 2, "m": 1}
    sizes, at = named(found.sizes), dict(found.indices)
    form = unbiased(without_place())
    arrays = arrays_of(form, sizes, found.entries)
    assert breaks_the_shift_law(form, sizes, arrays, (at["s"], at["t"]))
    assert str(found).endswith("residue (U[1]*V[1, 0, 0, 0] - U[0]*V[0, 0, 0, 0])*X[0, 0]")


def test_nothing_smaller_breaks_it():
    """On one place there is no other place to shift to, and no entries could show anything."""
    form = unbiased(without_place())
    sizes = {index("n"): 1, index("m"): 1}
    arrays = arrays_of(form, sizes, [("V[0, 0, 0, 0]", 3), ("U[0]", 5), ("X[0, 0]", 7)])
    assert not breaks_the_shift_law(form, sizes, arrays, (0, 0))


def test_a_free_weight_is_not_invariant_either():
    found = refuted(CATALOGUE["offset2d"], derive.equivariant(SHIFTS))
    assert sum(value for _, value in found.sizes) == 3
    form, sizes, at = unbiased(CATALOGUE["offset2d"].form), named(found.sizes), dict(found.indices)
    arrays = arrays_of(form, sizes, found.entries)
    assert breaks_the_shift_law(form, sizes, arrays, (at["s"], at["t"]))


def test_a_bias_that_still_sees_the_place():
    form = replace(
        CATALOGUE["convolution2d"].form, bias=CATALOGUE["offset2d"].form.bias, biases=CATALOGUE["offset2d"].form.biases
    )
    found = refuted(form, derive.equivariant(SHIFTS))
    assert dict(found.sizes) == {"n": 2, "m": 1} and {e.split("[")[0] for e, _ in found.entries} == {"U"}
    sizes, at = named(found.sizes), dict(found.indices)
    assert breaks_the_shift_law(form, sizes, arrays_of(form, sizes, found.entries), (at["s"], at["t"]))


@pytest.mark.parametrize(
    ("make", "radius"),
    [
        (lambda: CATALOGUE["convolution2d"], "Delta"),
        (lambda: CATALOGUE["convolution2d"], 1),
        (lambda: CATALOGUE["conv2d"], 0),
    ],
)
def test_locality_does_not_follow(make, radius):
    layer = make()
    found = refuted(layer, derive.local(radius))
    sizes, at = named(found.sizes), dict(found.indices)
    reach = sizes[index("Delta")] if radius == "Delta" else radius
    assert max(abs(at["k"] - at["i"]), abs(at["l"] - at["j"])) == reach + 1
    assert sorted(value for name, value in found.sizes if name != "Delta") == [1, reach + 2]
    form = unbiased(layer.form)
    H = denote(form, arrays_of(form, sizes, found.entries), sizes)
    assert H[at["i"], at["j"]] != 0


def test_the_text_can_be_pasted():
    found = refuted(CATALOGUE["convolution2d"], derive.local("Delta"))
    sizes = ("n = 2", "m = 1", "Delta = 0")
    assert found.python.splitlines() == [
        "import numpy as np",
        "",
        *sizes,
        "i = 0",
        "j = 0",
        "k = 1",
        "l = 0",
        "X = np.zeros((2, 1), int)",
        "X[1, 0] = 1",
        "V = np.zeros((3, 1), int)",
        "V[2, 0] = 1  # V[1, 0]",
        "u = np.zeros((), int)",
        "left = V[2, 0]",
        "right = 0",
        "assert left != right",
    ]


@cache
def offsets():
    return derive.dense(1).then(derive.channels()).then(derive.reindex()).then(derive.equivariant(SHIFTS))


@pytest.mark.parametrize("edge", ["zero", "valid", "periodic", "reflect", "nearest"])
@pytest.mark.parametrize("stride", [1, 2])
def test_what_is_pasted_is_what_a_kernel_takes_and_shows_the_failure(edge, stride):
    layer = offsets().then(derive.local("Delta")).then(derive.boundary(edge))
    layer = layer if stride == 1 else layer.then(derive.strided(stride))
    kernel = layer.compile()
    for rule in (derive.pointwise(), derive.unbiased(), derive.invariant(SHIFTS)):
        found = refuted(layer, rule)
        pasted = {}
        exec(found.python, pasted)
        X, V, u, at = pasted["X"], pasted["V"], pasted["u"], dict(found.indices)
        here = kernel(X, V, u)[at["i"], at["d"]]
        moved = np.roll(X, at.get("s", 0), axis=0) if "s" in at else np.zeros_like(X)
        assert here != kernel(moved, V, 0 * u if rule.rule.name == "unbiased" else u)[at["i"], at["d"]]


def test_entries_of_an_array_without_a_box_are_pasted_as_a_table():
    found = Counterexample((("n", 2),), (("i", 0),), Integer(1), (("Y[-1]", 1), ("Y[0]", 0)), "")
    pasted = {}
    exec(found.python, pasted)
    assert (pasted["n"], pasted["i"], pasted["Y"]) == (2, 0, {-1: 1})


def test_models_are_smallest_and_first():
    goal = Goal((parse("(n >= 1) & (m >= 1)"),), parse("(n + m <= 3) | (i <= 4)"))
    assert smallest_model(goal, ["n", "m"], ["i"]) == {"n": 3, "m": 1, "i": 5}


def test_true_claims_are_proved():
    for structure in (derive.equivariant(SHIFTS), derive.local("Delta")):
        assert all(verdict.proved for verdict in derive.claim(CATALOGUE["conv2d"], structure))
    narrow = CATALOGUE["convolution2d"].then(derive.local(1)).then(derive.boundary("zero"))
    assert all(v.proved for v in derive.claim(narrow, derive.local(3)))


def test_a_rule_that_demands_nothing_claims_nothing():
    with pytest.raises(RuleRefused, match="states no constraint"):
        derive.claim(CATALOGUE["conv2d"], derive.reindex())


def orders():
    start = derive.dense(rank=2).then(derive.reindex())
    steps = (derive.equivariant(SHIFTS), derive.local("Delta"))
    return tuple(start.then(a).then(b).then(derive.boundary("zero")) for a, b in (steps, steps[::-1]))


def test_the_order_of_constraints_does_not_matter():
    one, other = orders()
    assert one.form == other.form and one.steps[1].after != other.steps[1].after
    assert derive.same_layer(one, other).proved
    assert one.free_parameters == other.free_parameters


def test_locality_alone_is_the_locally_connected_layer():
    layer = derive.dense(rank=2).then(derive.reindex()).then(derive.local("Delta"))
    assert [p.array.shape for p in layer.form.weights] == [
        tuple(parse(t) for t in ("n", "m", "2*Delta + 1", "2*Delta + 1"))
    ]
    assert all(v.proved for v in derive.claim(layer, derive.local("Delta")))
    refuted(layer, derive.equivariant(SHIFTS))


def test_different_layers_are_not_the_same():
    one, _ = orders()
    with pytest.raises(RuleRefused, match="same names and boxes"):
        derive.same_layer(one, CATALOGUE["convolution2d"])
    mirrored = replace(one, steps=(*one.steps[:-1], _mirrored(one.steps[-1])))
    with pytest.raises(ObligationFailed, match="differ"):
        derive.same_layer(one, mirrored)


def _mirrored(proved):
    """The last step with an embedding that reads the window the other way round."""
    weight, bias = proved.step.embeddings
    flipped = weight.value.func("V", *(-e for e in weight.value.subscripts))
    return replace(proved, step=replace(proved.step, embeddings=(replace(weight, value=flipped), bias)))


@pytest.mark.parametrize("shape", list(product((1, 2, 3), repeat=2)))
def test_the_shift_law_itself_is_seen_to_hold(shape):
    """The helper finds no violation in a layer that obeys the law, and one in a layer that does not."""
    sizes = dict(zip((index("n"), index("m")), shape, strict=True)) | {index("Delta"): 1}
    draw = np.random.default_rng(1)
    form = unbiased(CATALOGUE["conv2d"].form)
    arrays = arrays_of(form, sizes, [])
    arrays["V"] = draw.integers(1, 9, (3, 3)).astype(object)
    arrays["X"][0, 0] = 1
    for shift in np.ndindex(*shape):
        assert not breaks_the_shift_law(form, sizes, arrays, shift)


def behind(edge, rank=1):
    start = derive.dense(rank).then(derive.reindex()).then(derive.equivariant(SHIFTS))
    return start.then(derive.local("Delta")).then(derive.boundary(edge))


TURNS = derive.equivariant(derive.PointGroup("D1"))
BEHIND = Lazily(
    {
        "shifts, reflect": lambda: (behind("reflect"), derive.equivariant(SHIFTS), {"n": 3, "Delta": 1}),
        "shifts, nearest": lambda: (behind("nearest"), derive.equivariant(SHIFTS), {"n": 2, "Delta": 1}),
        "shifts, symmetric": lambda: (behind("symmetric"), derive.equivariant(SHIFTS), {"n": 2, "Delta": 1}),
        "a reflection, periodic": lambda: (behind("periodic"), TURNS, {"n": 3, "Delta": 1}),
        "shifts, two axes": lambda: (behind("reflect", 2), derive.equivariant(SHIFTS), {"n": 3, "m": 1, "Delta": 1}),
        "a radius, reflect": lambda: (behind("reflect"), derive.local("R"), {"n": 2, "Delta": 1, "R": 0}),
        "shifts, an adjoint": lambda: (
            behind("reflect").then(derive.adjoint()),
            derive.equivariant(SHIFTS),
            {"n": 3, "Delta": 1},
        ),
    }
)


@pytest.mark.parametrize("what", BEHIND)
def test_claims_about_shared_inputs_are_refuted_at_the_smallest_sizes(what):
    layer, structure, smallest = BEHIND[what]
    found = refuted(layer, structure)
    sizes, at = named(found.sizes), dict(found.indices)
    assert dict(found.sizes) == smallest
    form, arrays = layer.form, arrays_of(layer.form, sizes, found.entries)
    assert set(arrays[form.input.name].ravel()) == {0, 1}
    H = denote(form, arrays, sizes)
    place = tuple(at[s.name] for s in form.output.symbols)
    if isinstance(structure.args[0], str):
        assert H[place] == found.residue and abs(at["k"] - at["i"]) > smallest["R"]
        return
    turned = isinstance(structure.args[0], derive.PointGroup)

    def carried(letters):
        shift = [at.get(s, 0) for s in "st"]
        return tuple(s - at[x.name] if turned else at[x.name] + s for x, s in zip(letters, shift, strict=False))

    X = np.zeros_like(arrays[form.input.name])
    X[carried(form.input.symbols)] = 1
    moved_first = denote(form, arrays | {form.input.name: X}, sizes)
    assert moved_first[carried(form.output.symbols)] - H[place] == found.residue


def test_what_a_refutation_says():
    with pytest.raises(ObligationFailed) as caught:
        derive.claim(behind("reflect"), derive.equivariant(SHIFTS))
    assert str(caught.value) == (
        "H(T_{s} X)[i+s] = H(X)[i] fails at n = 3, Delta = 1, i = 0, k = 1, s = 1: where V[-1] = 1, X[1] = 1 and 0 elsewhere, "
        "the two sides differ by -1."
    )


@pytest.mark.parametrize("edge", ["reflect", "symmetric"])
def test_layers_that_do_not_commute_behind_a_reflection_are_told_apart(edge):
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(SHIFTS)).then(derive.unbiased())
    layer = start.then(derive.local("Delta")).then(derive.boundary(edge))
    with pytest.raises(ObligationFailed) as caught:
        derive.commute(layer, layer)
    found = caught.value.counterexample
    sizes, entries = dict(found.sizes), dict(found.entries)
    assert sizes == {"n": 3 if edge == "reflect" else 2, "Delta": 1} and set(entries.values()) == {1}

    def row(name):
        """The filter with one entry 1."""
        return np.array([int(f"{name}[{a}]" in entries) for a in (-1, 0, 1)])

    V, T = (layer.reference(shape=(sizes["n"],), V=row(name))[0] for name in "VT")
    (k,) = (k for k in range(sizes["n"]) if f"X[{k}]" in entries)
    assert (V @ T - T @ V)[dict(found.indices)["i"], k] == found.residue != 0
    shown = ", ".join(f"{entry} = 1" for entry in entries)
    assert f"where {shown} and 0 elsewhere give answers that differ by {found.residue}." in str(caught.value)
