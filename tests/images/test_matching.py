"""Pigs in the sky: the response moves with the patch, and its peak tells where the patch is."""

import runpy
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from derive.images import read_image
from derive.matching import (
    PatchError,
    Sightings,
    find_patch,
    matched_filter,
    paste,
    peak,
    pigs_in_the_sky,
    places,
    window_contrast,
)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EPS = np.finfo(float).eps
PATCH = np.random.default_rng(6).random((5, 3))
sides = st.sampled_from([1, 3, 5])
pixels = st.integers(0, 255).map(lambda level: level / 255)
patches = arrays(float, st.tuples(sides, sides), elements=pixels).filter(lambda p: p.min() < p.max())


@given(patch=patches)
def test_the_filter_has_mean_zero_and_norm_one(patch):
    V = matched_filter(patch)
    # |ΣV|: N rounded terms of size ≤ 1/‖p₀‖ each, from a mean that N-1 additions and a division rounded
    assert abs(V.sum()) <= 2 * V.size**2 * EPS / np.linalg.norm(patch - patch.mean())
    assert abs(np.linalg.norm(V) - 1) <= 2 * V.size * EPS


@given(patch=patches, gain=st.sampled_from([0.25, 2.0]))
def test_the_filter_does_not_see_contrast_changed_by_a_power_of_two(patch, gain):
    assert (matched_filter(gain * patch) == matched_filter(patch)).all()


@given(image=arrays(float, (6, 7), elements=st.integers(0, 255)), shape=st.tuples(sides, sides))
def test_window_contrast_is_that_of_exact_arithmetic(image, shape):
    found = window_contrast(image, shape)
    assert found.shape == (7 - shape[0], 8 - shape[1])
    N = shape[0] * shape[1]
    for (i, j), contrast in np.ndenumerate(found):
        w = [Fraction(x) for x in image[i : i + shape[0], j : j + shape[1]].flat]
        exact = sum((x - sum(w) / N) ** 2 for x in w)
        # integers sum exactly, so the mean is off by δ ≤ ½ε·255; then three roundings a term, N - 1 sums
        bound = (N + 4) * EPS * exact + 2 * N * Fraction(255 * EPS) ** 2
        assert abs(Fraction(contrast) ** 2 - exact) <= bound


def test_bright_windows_lose_no_contrast():
    ripple, bright = np.indices((5, 5)).sum(axis=0) % 2, 2.0**40
    squares = window_contrast(ripple + bright, (3, 3)) ** 2
    # nine sums below 2⁴⁴ and a division leave the mean off by δ ≤ 10·2⁴⁴·ε/2; nine cells add 9·δ²
    delta = 10 * 16 * bright * EPS / 2
    assert (abs(squares - 20 / 9) <= 9 * delta**2 + 32 * EPS).all()


def test_the_most_contrasted_window_is_found_or_refused():
    source = np.zeros((9, 9))
    source[3:6, 4:7], source[0, 0] = np.eye(3), 0.5
    assert (find_patch(source, (3, 3), at_least=1.4) == np.eye(3)).all()
    with pytest.raises(PatchError) as caught:
        find_patch(source, (3, 3), at_least=2)
    assert str(caught.value) == "No window of shape (3, 3) here has contrast 2: the most contrasted has 1.41."


@given(patch=patches, data=st.data(), canvas=pixels)
def test_on_a_plain_canvas_the_response_moves_with_the_patch_bit_for_bit(patch, data, canvas, kernel):
    V, shape = square_filter(patch), (16, 15)
    A = B = len(V) // 2  # a radius of V, at least the patch's
    place = st.tuples(st.integers(A, 15 - A), st.integers(B, 14 - B))
    p, q = data.draw(place), data.draw(place)
    images = [paste(np.full(shape, canvas), patch, at) for at in (p, q)]
    plans = [kernel.plan(shape, V, 0.5, algorithm=name) for name in ("direct", "auto")]
    (H, moved), (quick, quick_moved) = ([plan(X) for X in images] for plan in plans)
    bound, bound_moved = (
        plans[1].error_bound(X) for X in images
    )  # products of blocks add in an order that the place decides
    compared = 0
    for i, j in places(shape, V.shape, (16 - 2 * A, 15 - 2 * B)):
        there = i + q[0] - p[0], j + q[1] - p[1]
        if A <= there[0] < 16 - A and B <= there[1] < 15 - B:
            assert H[i, j].tobytes() == moved[there].tobytes()
            assert abs(quick[i, j] - quick_moved[there]) <= bound[i, j] + bound_moved[there]
            compared += 1
    assert compared > 0


def square_filter(patch):
    """The patch's matched filter in the middle of the smallest square of zeros."""
    side = max(patch.shape)
    middle = tuple((side // 2 - s // 2, side // 2 - s // 2) for s in patch.shape)
    return np.pad(matched_filter(patch), middle)


@given(target=arrays(float, (15, 15), elements=pixels), patch=arrays(float, (3, 3), elements=pixels))
def test_no_window_beside_a_patch_of_enough_contrast_answers_louder(target, patch, kernel):
    patch = patch.copy()
    patch[0], patch[2] = 0, 1
    own = np.linalg.norm(patch - patch.mean())
    target = target / 4
    assert window_contrast(target, (3, 3)).max() <= own
    H = kernel(paste(target, patch, (7, 7)), matched_filter(patch), 0.0)
    # each response sums nine products of cells in [0, 1] with a filter of norm 1, so Σ|V||x| ≤ 3
    slack = 2 * 9 * 3 * EPS
    assert abs(H[7, 7] - own) <= slack
    for i, j in places((15, 15), (3, 3), (13, 13)):
        if max(abs(i - 7), abs(j - 7)) > 2:
            assert H[i, j] <= own + slack


def test_the_peak_is_sought_where_the_window_fits():
    H = np.zeros((7, 8))
    H[0, 0], H[3, 6], H[2, 6] = 9, 5, 5
    assert peak(H, (1, 1)) == (0, 0)
    assert peak(H, (3, 3)) == (2, 6)
    assert peak(H, (5, 7)) == (2, 3)


def test_places_reach_from_edge_to_edge():
    assert places((5, 9), (3, 5), (2, 3)) == ((1, 2), (1, 4), (1, 6), (3, 2), (3, 4), (3, 6))
    assert places((3, 3), (3, 3), (1, 1)) == ((1, 1),)


def test_sightings_count_what_was_missed():
    seen = Sightings(places=((1, 1), (1, 2), (2, 1), (2, 2)), peaks=((1, 1), (1, 2), (1, 2), (2, 2)))
    assert seen.rate == 0.75
    assert seen.misses == (((2, 1), (1, 2)),)


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda: matched_filter(np.full((3, 3), 0.1)), "every value of this one is 0.1."),
        (lambda: matched_filter(np.eye(4)), "A window has two odd sides, not shape (4, 4)."),
        (lambda: matched_filter(np.ones(3)), "A window has two odd sides, not shape (3,)."),
        (lambda: window_contrast(PATCH, (5, 5)), "shape (5, 5) does not fit into an image of shape (5, 3)."),
        (lambda: peak(PATCH, (7, 1)), "shape (7, 1) does not fit into an image of shape (5, 3)."),
        (lambda: places((5, 3), (5, 5), (1, 1)), "shape (5, 5) does not fit into an image of shape (5, 3)."),
        (lambda: places((5, 3), (1, 1), (0, 1)), "A grid has at least one row and one column, not (0, 1)."),
        (
            lambda: paste(np.zeros((9, 9)), PATCH, (1, 4)),
            "A patch of shape (5, 3) around (1, 4) does not fit into an image of shape (9, 9).",
        ),
    ],
)
def test_what_does_not_fit_is_refused(use, said):
    with pytest.raises(PatchError) as caught:
        use()
    assert str(caught.value).endswith(said)


@pytest.fixture(scope="module")
def example(kernel):
    pytest.importorskip("skimage", reason="the photographs come with scikit-image")
    return runpy.run_path(str(EXAMPLES / "pigs_in_the_sky.py"))


@pytest.fixture(scope="module")
def sightings(example, kernel):
    target = example["photograph"](example["data"].camera(), 4)
    patches = example["cut_patches"](target)
    return {name: pigs_in_the_sky(kernel, target, patch, (10, 10)) for name, patch in patches.items()}


def test_the_contrasted_patch_is_found_in_the_sky_and_everywhere_else(sightings):
    assert len(sightings["helmet"].places) == 100
    assert sightings["helmet"].rate >= 0.95


def test_the_ordinary_patch_is_mostly_lost_to_one_place(sightings):
    lost = sightings["cats-eye"]
    assert 0.05 <= lost.rate <= 0.2
    assert all(abs(i - 24) <= 2 and abs(j - 58) <= 2 for _, (i, j) in lost.misses)


def test_the_example_prints_its_rates_and_draws_a_picture_a_patch(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pigs_in_the_sky.py", "--out", str(tmp_path)])
    example["main"]()
    said = capsys.readouterr().out
    assert "helmet: contrast 10.40, of the target's windows at most 9.01" in said
    assert "found at 11% of 100 places" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cats-eye.png", "helmet.png"]
    assert read_image(tmp_path / "helmet.png").shape == (512, 3 * 512 + 16, 3)
