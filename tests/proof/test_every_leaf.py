"""Whatever is changed in a certificate, digests fitted anew, is refused: but for who made it, and words that name nothing known."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

import derive
from derive.certified import verify_claim
from derive.errors import CertificateError
from derive.labels import named_step
from derive.proof.certificate import mended, verify
from derive.proof.json_data import digested
from tests.lazily import Lazily

SAMPLE = 60


@cache
def started():
    return derive.dense(1).then(derive.reindex()).then(derive.equivariant(derive.Translations())).then(derive.local(1))


def step(data: Any) -> None:
    verify(mended(data), named=named_step)


def claim(data: Any) -> None:
    verify_claim(digested(data))


CERTIFICATES = Lazily(
    {
        "a derivation": lambda: (dict(started().certificate()), step),
        "a claim": lambda: (derive.claim(started(), derive.local(2)).certificate(), claim),
    }
)


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every part of the data, the whole but for it."""
    if path:
        yield path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        if key not in ("digest", "made_with"):
            yield from paths(part, (*path, key))


def changed(value: Any, dice: random.Random) -> Any:
    """The same kind of data with one thing else: a digit, a letter or an item less, the other truth."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[:-1] if value else [1]
    if isinstance(value, dict):
        kept = [key for key in value if key != "digest"]
        gone = dice.choice(kept)
        return {key: part for key, part in value.items() if key != gone}
    if digits := [p for p, mark in enumerate(value) if mark.isdigit()]:
        p = dice.choice(digits)
        return f"{value[:p]}{(int(value[p]) + 1) % 10}{value[p + 1 :]}"
    return value[:-1] if len(value) > 1 else f"{value}q"


def accepted(what: str, most: int | None) -> list[tuple[Any, ...]]:
    """The parts that may be changed unnoticed; labels are left alone, which may name what isn't known.

    So are what a claim's layer calls its arrays and whether these are learned: of another layer the claim is proved, and shown.
    """
    data, check = CERTIFICATES[what]
    dice = random.Random(what)
    every = [p for p in paths(data) if p[-1] not in ("rule", "digest") and p != ("says",)]
    if what == "a claim":
        every = [p for p in every if p[-1] not in ("name", "data")]
    found = []
    for path in every if most is None else dice.sample(every, most):
        copy = part = deepcopy(data)
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = changed(part[path[-1]], dice)
        with suppress(CertificateError):
            check(copy)
            found.append(path)
    return found


@pytest.mark.parametrize("what", CERTIFICATES)
def test_a_change_is_refused(what: str) -> None:
    assert accepted(what, SAMPLE if what == "a derivation" else 25) == []


@pytest.mark.nightly
@pytest.mark.parametrize("what", CERTIFICATES)
def test_every_change_is_refused(what: str) -> None:
    assert accepted(what, None) == []


@pytest.mark.parametrize("what", CERTIFICATES)
def test_as_it_is_it_holds(what: str) -> None:
    data, check = CERTIFICATES[what]
    check(deepcopy(data))
