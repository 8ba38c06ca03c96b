"""Real photographs through the emitted kernel equal SciPy's correlation, within both programs' derived errors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from derive.images import apply, filters
from derive.ir.rounding import error_bound, roundings
from derive.pipeline import layer

PHOTOGRAPHS = {"camera": "grey", "coins": "grey", "astronaut": "RGB", "chelsea": "RGB"}


@pytest.fixture(scope="module")
def data():
    return pytest.importorskip("skimage.data", reason="scikit-image ships the photographs")


@pytest.fixture(scope="module")
def ndimage():
    return pytest.importorskip("scipy.ndimage", reason="SciPy is the peer")


def bound(image: np.ndarray, V: np.ndarray) -> float:
    """Twice the error of a direct sum: the kernel's own, and as much for a peer that adds the same products."""
    program = layer("conv2d").program("numpy")
    sizes = dict(zip(program.sizes, (*image.shape[:2], V.shape[0] // 2), strict=True))
    magnitude = Fraction(float(np.abs(image).max())) * sum(Fraction(float(abs(v))) for v in V.flat)
    return 2 * float(error_bound(roundings(program, sizes), magnitude, image.dtype))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("window", sorted(filters()))
def test_a_filtered_photograph_is_the_peers(kernel, data, ndimage, name, window):
    image, V = getattr(data, name)() / 255, filters()[window]
    ours = apply(kernel, image, V)
    theirs = ndimage.correlate(image, V if image.ndim == 2 else V[..., None], mode="constant")
    assert (image.ndim == 3) == (PHOTOGRAPHS[name] == "RGB")
    assert ours.shape == image.shape
    assert np.abs(ours - theirs).max() <= bound(image, V)


def test_the_bound_refuses_a_window_that_is_off_by_one(kernel, data, ndimage):
    image, V = data.camera() / 255, filters()["sobel-x"]
    shifted = np.roll(ndimage.correlate(image, V, mode="constant"), 1, axis=1)
    assert np.abs(apply(kernel, image, V) - shifted).max() > bound(image, V)
