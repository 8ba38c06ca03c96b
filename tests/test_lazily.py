"""What is made by name is made when it is asked for, and once."""

import pytest

from tests.lazily import CATALOGUE, Lazily


def test_each_is_made_once_and_only_when_asked_for():
    made = []
    things = Lazily({name: lambda name=name: made.append(name) or [name] for name in "ab"})
    assert [*things] == ["a", "b"] and len(things) == 2 and "a" in things and "c" not in things and made == []
    assert things["b"] == ["b"] and things["b"] is things["b"] and made == ["b"]
    assert dict(things) == {"a": ["a"], "b": ["b"]} and made == ["b", "a"]
    with pytest.raises(KeyError):
        things["c"]


def test_the_catalogue_is_that_of_its_folder():
    from derive.catalogue.dense2d import dense2d

    assert CATALOGUE["dense2d"] is dense2d
