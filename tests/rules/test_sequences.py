"""Any sequence stands where one number an axis is meant; names that kernels use otherwise are refused by what they are."""

from __future__ import annotations

from functools import cache

import pytest

import derive
from derive.errors import DeriveError, RuleRefused


@cache
def shifted():
    return derive.dense(2).then(derive.equivariant(derive.Translations()))


@pytest.mark.parametrize(
    ("lists", "tuples"),
    [
        (
            lambda: derive.convolution([3, 2], stride=[2, 1], dilation=range(1, 3)),
            lambda: derive.convolution((3, 2), stride=(2, 1), dilation=(1, 2)),
        ),
        (
            lambda: shifted().then(derive.local(derive.Box([1, 0], [0, 2]))),
            lambda: shifted().then(derive.local(derive.Box((1, 0), (0, 2)))),
        ),
        (
            lambda: shifted().then(derive.local([1, "Delta"])),
            lambda: shifted().then(derive.local(derive.Box((1, "Delta")))),
        ),
        (
            lambda: derive.dense(2).then(derive.equivariant(derive.Translations([1], step=[2]))),
            lambda: derive.dense(2).then(derive.equivariant(derive.Translations((1,), step=(2,)))),
        ),
        (
            lambda: shifted().then(derive.equivariant(derive.PointGroup([[[-1]]], axes=[0]))),
            lambda: shifted().then(derive.equivariant(derive.PointGroup((((-1,),),), axes=(0,)))),
        ),
        (
            lambda: derive.dense(1, ["n"], ["m"], channels=derive.Channels([["c", 2]], [["d", 3]])),
            lambda: derive.dense(1, ("n",), ("m",), channels=derive.Channels((("c", 2),), (("d", 3),))),
        ),
        (
            lambda: shifted().then(derive.local(derive.Mask([[1, 1]], origin=[0, 0]))),
            lambda: shifted().then(derive.local(derive.Mask(((1, 1),), origin=(0, 0)))),
        ),
    ],
)
def test_lists_are_tuples(lists, tuples):
    assert lists().form == tuples().form


@pytest.mark.parametrize(
    ("name", "means"), [("X", "an array of the layer"), ("np", "something else in the code of kernels")]
)
def test_a_size_of_another_meaning_is_named(name, means):
    with pytest.raises(RuleRefused) as caught:
        derive.dense(1, name, name)
    assert str(caught.value) == (
        f'{name} is {means}, and a size can\'t be called so too; call the size otherwise, such as "{name}_".'
    )


def test_a_size_called_as_the_gradient_is_named_once_there_is_one():
    layer = derive.dense(1).then(derive.equivariant(derive.Translations())).then(derive.local("G"))
    with pytest.raises(DeriveError, match=r'G is an array of the layer.*call the size otherwise, such as "G_"\.$'):
        layer.compile()
