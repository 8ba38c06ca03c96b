"""Rung 3: random and adversarial floats, within the bound that is derived from the program."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.ir.nodes import Contract, walk
from tests.ladder.checks import rounding_errors
from tests.ladder.climbing import odd_sizes
from tests.ladder.floats import REGIMES, climbing_sum, drawn
from tests.ladder.laws import unread_inputs
from tests.ladder.numbers import fixed, magnitude, shapes_of
from tests.ladder.subjects import SUBJECTS, Sizes, Subject, sizes_of, subject

DTYPES = ("float16", "float32", "float64", "longdouble")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("name", SUBJECTS)
def test_errors_are_within_the_bound(name: str, regime: str, dtype: str) -> None:
    of, claimed = subject(name), 0
    for seed, sizes in enumerate(odd_sizes(of)):
        claimed += len(rounding_errors(of, drawn(of, sizes, regime, dtype, seed), sizes))
    assert claimed, "the regime overflows everywhere, so nothing was claimed"


@pytest.mark.parametrize("name", SUBJECTS)
@settings(max_examples=20)
@given(data=st.data())
def test_at_any_size_and_mixture(name: str, data: st.DataObject) -> None:
    _at_any_mixture(subject(name), data.draw(st.sampled_from(sizes_of(name, 3)), label="sizes"), data)


@pytest.mark.nightly
@pytest.mark.parametrize("name", SUBJECTS)
def test_many_draws(name: str) -> None:
    for seed in range(100):
        for sizes in odd_sizes(subject(name), most=8):
            for regime in REGIMES:
                rounding_errors(subject(name), drawn(subject(name), sizes, regime, "float32", seed), sizes)


def _at_any_mixture(of: Subject, sizes: Sizes, data: st.DataObject) -> None:
    """Each argument from a regime of its own."""
    dtype = data.draw(st.sampled_from(DTYPES), label="dtype")
    seed = data.draw(st.integers(0, 2**32), label="seed")
    arrays = fixed(of.form, sizes)
    for place, letter in enumerate(of.kernel.arguments):
        regime = data.draw(st.sampled_from(sorted(REGIMES)), label=letter)
        arrays[letter] = drawn(of, sizes, regime, dtype, seed + place)[letter]
    rounding_errors(of, arrays, sizes)


def _fewest(of: Subject) -> Sizes:
    """Of the sizes with the fewest terms that are counted, the small ones at which most are really added."""
    counted = sorted(
        filter(partial(_multiplies, of), sizes_of(of.name)), key=lambda s: (of.roundings(s).p, sum(s.values()))
    )
    few = [s for s in counted if of.roundings(s).p == of.roundings(counted[0]).p][:8]
    return max(few, key=lambda s: _most_added(of, s))


def _multiplies(of: Subject, sizes: Sizes) -> bool:
    """Whether some term is no product with a sign of 0."""
    biases = {p.name for p in of.form.biases}
    ones = {n: np.full(s, int(n not in biases), dtype=object) for n, s in shapes_of(of.form, sizes).items()}
    return any(magnitude(of.form, ones | fixed(of.form, sizes), sizes).ravel())


def _most_added(of: Subject, sizes: Sizes) -> int:
    """The most terms that one output adds."""
    read = ~unread_inputs(of, sizes)
    return int(read.reshape(*read.shape[: len(of.form.output.axes)], -1).sum(axis=-1).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_fewest_terms_come_near_the_bound(name: str, dtype: str) -> None:
    """A product and a sum, two roundings of at most ε each: the worst of 60 draws loses half of that.

    Of several terms it loses a share that falls no faster than their number grows.
    """
    of = subject(name)
    if of.kernel.constants:
        pytest.skip("products with the layer's own numbers may be exact, such as those with a power of two")
    few = _fewest(of)
    terms = of.roundings(few).p
    if not terms:
        pytest.skip("nothing is multiplied, and the sum of a few draws, all on one grid, may be exact")
    draws = (drawn(of, few, "uniform", dtype, seed) for seed in range(60))
    assert max(ratio for arrays in draws for ratio in rounding_errors(of, arrays, few)) > Fraction(1, 4 * terms)


@pytest.mark.parametrize("name", SUBJECTS)
def test_terms_added_one_by_one_come_near_the_bound(name: str) -> None:
    """Every addition rounds up by ε: of q roundings the terms that meet the image do, at half the bound or more each."""
    of = subject(name)
    if any(isinstance(node, Contract) for node in walk(of.program.body)):
        pytest.skip("a contraction adds the products among themselves first, in an order of its own")
    if not of.form.biases or of.kernel.constants:
        pytest.skip("no bias of 1 that products by 1 could be added to")
    sizes = odd_sizes(of)[0]
    share = Fraction(_most_added(of, sizes), 2 * of.roundings(sizes).q)
    assert max(rounding_errors(of, climbing_sum(of, sizes, np.float32), sizes)) > share
