"""What is refused can be pasted: the arrays that stand there refute the claim by plain arithmetic, outside of the prover."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
from sympy import Max, symbols

import derive
from derive import Box, Channels, PointGroup, Translations
from derive.errors import ObligationFailed, RuleRefused
from derive.forms.denote import denote
from derive.forms.expr import index
from derive.symmetry import symmetry
from tests.lazily import Lazily

ONE = Channels((("c", 1),), (("d", 1),))


def window(radius="Delta", edge="", numbers=None, stride=1):
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(Translations())).then(derive.unbiased())
    start = start.then(derive.local(radius)).then(derive.boundary(edge)) if edge else start.then(derive.local(radius))
    start = start.then(derive.fixed(numbers)) if numbers else start
    return start if stride == 1 else start.then(derive.strided(stride))


def about_corners(**channels):
    start = derive.dense(1, channels=ONE).then(derive.reindex()).then(derive.equivariant(Translations()))
    start = start.then(derive.unbiased()).then(derive.local(Box(1, 2)))
    return start.then(derive.equivariant(PointGroup("D1", "corner", channels=channels)))


def pasted(text):
    """What the text defines; it says itself which two numbers the claim wrongly has as equal."""
    scope: dict[str, object] = {}
    exec(text, scope)
    assert scope["left"] != scope["right"]
    return scope


def gives(layer, at, X):
    """What the layer makes of an input, with the weights that were pasted."""
    named = {index(name): value for name, value in at.items() if name in ("n", "Delta", "Gamma")}
    values = {p.name: np.array(p.values, object) for p in layer.form.params if p.values is not None}
    learned = {p.name: np.asarray(at[p.name]).astype(object) for p in layer.form.params if p.values is None}
    return denote(layer.form, learned | values | {"X": X.astype(object)}, named)


def differs(one, other):
    def refuted(at):
        return bool((gives(one, at, at["X"]) != gives(other, at, at["X"])).any())

    return refuted


def unmirrored(layer):
    def refuted(at):
        return bool((gives(layer, at, at["X"][::-1])[::-1] != gives(layer, at, at["X"])).any())

    return refuted


def stencils():
    laplace, slope = window(1, "periodic", (1, -2, 1)), window(1, "periodic", (-1, 0, 1))
    whole = window(2, "periodic", (-1, 2, 0, 9, 1))

    def refuted(at):
        return bool((gives(laplace, at, gives(slope, at, at["X"])) != gives(whole, at, at["X"])).any())

    return (lambda: derive.one_window(laplace, slope, whole)), refuted


@cache
def near():
    return window(1, "zero")


TOLD_APART = Lazily(
    {
        "two edges": lambda: (window("Delta", "periodic"), window("Delta", "reflect")),
        "an edge and another one": lambda: (near(), window(1, "nearest")),
        "an edge and whole windows": lambda: (near(), window(1, "valid")),
        "two strides": lambda: (window("Delta", "zero", stride=2), window("Delta", "zero", stride=3)),
        "two compositions": lambda: (
            near().then(derive.compose(window(1, "periodic"))),
            window(1, "periodic").then(derive.compose(near())),
        ),
    }
)


@pytest.mark.parametrize("what", TOLD_APART)
def test_layers_of_one_window_that_transformations_make_differ_are_told_apart(what):
    """What is beyond an edge, or left out, is part of the layer: equal embeddings of weights don't make two layers one."""
    one, other = TOLD_APART[what]
    assert derive.same_layer(one, one).proved and derive.same_layer(other, other).proved
    with pytest.raises(ObligationFailed, match=r"^Both derivations end in the same layer: refused at n = ") as refused:
        derive.same_layer(one, other)
    at = pasted(refused.value.counterexample.python)
    first, second = (gives(layer, at, at["X"]) for layer in (one, other))
    assert first.shape != second.shape or (first != second).any()


def test_biases_are_told_apart_too():
    start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(Translations())).then(derive.local(1))
    one = start.then(derive.boundary("reflect"))
    other = replace(one, steps=one.steps, start=one.start)
    doubled = replace(
        other.steps[-1], step=replace(other.steps[-1].step, after=replace(one.form, bias=2 * one.form.bias))
    )
    with pytest.raises(ObligationFailed, match=r"^The two layers differ at n = 1, i = 0: residue -?u\[\(\)\]"):
        derive.same_layer(one, replace(one, steps=(*one.steps[:-1], doubled)))


def test_a_layer_and_its_adjoint_are_not_compared_letter_by_letter():
    with pytest.raises(RuleRefused, match="are compared by terms with the same letters"):
        derive.same_layer(near(), near().then(derive.adjoint()))


x, y = symbols("x y", integer=True)


@cache
def plain():
    return about_corners()


@cache
def signed():
    return about_corners(d="sign")


@cache
def free():
    return window("Delta", "zero", stride=2)


CLAIMS = Lazily(
    {
        "two layers are one": lambda: (lambda: derive.same_layer(plain(), signed()), differs(plain(), signed())),
        "a maximum adds up": lambda: (
            lambda: derive.additive(Max(x, y), (x, y)),
            lambda at: max(at["x"] + at["y"]) != max(at["x"]) + max(at["y"]),
        ),
        "a square adds up": lambda: (
            lambda: derive.additive(x**2, x),
            lambda at: (at["x"] + at["y"])[0] ** 2 != at["x"][0] ** 2 + at["y"][0] ** 2,
        ),
        "two stencils are one": lambda: stencils(),
        "a strided window has a mirror": lambda: (lambda: symmetry(free(), "D1"), unmirrored(free())),
    }
)


@pytest.mark.parametrize("what", CLAIMS)
def test_what_is_refused_is_refuted_by_what_is_pasted(what):
    claim, refuted = CLAIMS[what]
    with pytest.raises(ObligationFailed) as refused:
        claim()
    text = refused.value.counterexample.python
    assert text.startswith("import numpy as np") and refuted(pasted(text))


def test_where_a_symmetry_ends_can_be_pasted_too():
    even = window("Delta").then(derive.equivariant(PointGroup("D1"))).then(derive.boundary("reflect"))
    layer = even.then(derive.strided(2))
    found = symmetry(layer, "D1")
    assert found.counterexample and unmirrored(layer)(pasted(found.python))
    assert symmetry(even, "D1").python == ""


RULES = {
    name: import_module(f"derive.rules.{name}").COUNTEREXAMPLE
    for name in ("equivariant", "invariant", "local", "pointwise")
}


@pytest.mark.parametrize("rule", RULES)
def test_what_a_rule_refuses_of_weights_can_be_pasted(rule):
    with pytest.raises(ObligationFailed) as refused:
        RULES[rule].application.apply(RULES[rule].form)
    pasted(refused.value.counterexample.python)


def test_a_stencil_of_fractions_is_pasted_with_its_fractions():
    mean = derive.dense(1).then(derive.reindex()).then(derive.equivariant(Translations())).then(derive.unbiased())
    mean = mean.then(derive.local(1)).then(derive.boundary("reflect")).then(derive.fixed((1, 2, 3), "1/6"))
    with pytest.raises(ObligationFailed) as refused:
        derive.claim(mean, derive.equivariant(PointGroup("D1", about="grid")))
    text = refused.value.counterexample.python
    assert "Fraction(1, 6)" in text or "Fraction(1, 2)" in text
    pasted(text)


def test_the_command_line_prints_the_sentence_and_then_the_arrays(tmp_path, capsys):
    from derive.__main__ import main

    (tmp_path / "mine.py").write_text(
        "import derive\n"
        "start = derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))\n"
        "layer = start.then(derive.local(derive.Box(1, 2))).then(derive.equivariant(derive.PointGroup('D1')))\n"
    )
    with pytest.raises(SystemExit) as stopped:
        main(["prove", f"{tmp_path / 'mine.py'}:layer"])
    printed = capsys.readouterr()
    assert stopped.value.code == 1 and "the support is kept by the identity alone" in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    pasted(printed.out)


def test_layers_that_differ_are_told_apart_at_the_smallest_sizes():
    with pytest.raises(
        ObligationFailed, match=r"^The two layers differ at n = 1, i = 0, d = 0, k = 0, c = 0: residue 2\*V\[1"
    ):
        derive.same_layer(plain(), signed())
