"""What a class for users is called with, told in a sentence where a call is wrong."""

from __future__ import annotations

import inspect

import pytest

import derive
from derive.errors import RuleRefused

CLASSES = sorted({n for n in derive.__all__ if inspect.isclass(getattr(derive, n))} - {"Derivation", "DeriveError"})


@pytest.mark.parametrize("name", CLASSES)
def test_a_call_with_another_argument_is_refused_in_a_sentence(name):
    with pytest.raises(RuleRefused, match=rf"^{name} is called as {name}\(.*\): .*\.$"):
        getattr(derive, name)(torus=True)


def test_the_sentence_names_the_argument_and_what_there_is():
    with pytest.raises(RuleRefused) as refused:
        derive.Translations(torus=True)
    assert str(refused.value) == (
        "Translations is called as Translations(axes=None, grid='box', step=1): "
        "got an unexpected keyword argument 'torus'."
    )
    assert derive.Translations(grid="torus").grid == "torus"
