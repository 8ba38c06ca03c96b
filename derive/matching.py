"""Pigs in the sky: a filter cut from a picture finds that picture wherever it is pasted.

Of a window w of the image, let w₀ = w - mean(w); its contrast is ‖w₀‖. The filter cut from a patch p
is V = p₀/‖p₀‖: its mean is 0 and its norm 1. Then, at a place whose window is w,

    H = ⟨V, w⟩ = ⟨V, w₀⟩ ≤ ‖w₀‖        (Cauchy and Schwarz; = iff w₀ is a multiple λ·p₀, λ ≥ 0)

and H = ‖p₀‖ where w is the patch. So a patch at least as contrasted as every window of the target has
the peak at its place, against every window that it does not overlap. A window across its border is
not a window of the target and may have more contrast: how often it wins is measured, not proved.

Windows have odd sides; a place (i, j) is the centre of one, and the index at which H answers for it.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from derive.errors import DeriveError
from derive.images import Array, Kernel

__all__ = [
    "PatchError",
    "Place",
    "Sightings",
    "find_patch",
    "matched_filter",
    "paste",
    "peak",
    "pigs_in_the_sky",
    "places",
    "window_contrast",
]

Place = tuple[int, int]


class PatchError(DeriveError):
    """A patch or a window that cannot be used for matching."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """Where a patch was pasted and, in the same order, where the peak of H was then."""

    places: tuple[Place, ...]
    peaks: tuple[Place, ...]

    @property
    def rate(self) -> float:
        """The part of the places at which the peak was exactly at the patch."""
        return (len(self.places) - len(self.misses)) / len(self.places)

    @property
    def misses(self) -> tuple[tuple[Place, Place], ...]:
        """(place, peak) wherever the two differ."""
        return tuple((at, seen) for at, seen in zip(self.places, self.peaks, strict=True) if at != seen)


def matched_filter(patch: Array) -> Array:
    """V = p₀/‖p₀‖ of a patch with odd sides; PatchError if all its values are equal."""
    _radii(patch.shape)
    if patch.min() == patch.max():
        raise PatchError(f"A patch needs contrast to be found again, but every value of this one is {patch[0, 0]}.")
    centred = patch - patch.mean()
    return np.asarray(centred / np.linalg.norm(centred))


def _radii(shape: tuple[int, ...]) -> Place:
    """(A, B) of a window of shape (2A+1, 2B+1); PatchError for another shape."""
    if len(shape) != 2 or shape[0] % 2 == 0 or shape[1] % 2 == 0:
        raise PatchError(f"A window has two odd sides, not shape {shape}.")
    return shape[0] // 2, shape[1] // 2


def window_contrast(image: Array, shape: Place) -> Array:
    """‖w₀‖ of every window that fits; entry [i, j] is the one whose first cell is (i, j).

    The mean is taken first and the differences are squared after it, so nothing cancels: an error of δ in
    the mean of N cells adds only N·δ² under the root.
    """
    _radii(shape)
    if image.shape[0] < shape[0] or image.shape[1] < shape[1]:
        raise PatchError(f"A window of shape {shape} does not fit into an image of shape {image.shape}.")
    windows = sliding_window_view(image, shape)
    offsets = list(product(range(shape[0]), range(shape[1])))
    mean = np.zeros(windows.shape[:2])
    for a, b in offsets:
        mean += windows[:, :, a, b]
    mean /= len(offsets)
    squares = np.zeros_like(mean)
    for a, b in offsets:
        squares += (windows[:, :, a, b] - mean) ** 2
    return np.sqrt(squares)


def find_patch(source: Array, shape: Place, at_least: float = 0.0) -> Array:
    """The most contrasted window of that shape; PatchError if its contrast is below `at_least`."""
    contrast = window_contrast(source, shape)
    i, j = np.unravel_index(contrast.argmax(), contrast.shape)
    if contrast[i, j] < at_least:
        raise PatchError(
            f"No window of shape {shape} here has contrast {at_least:.3g}: "
            f"the most contrasted has {contrast[i, j]:.3g}."
        )
    return source[i : i + shape[0], j : j + shape[1]].copy()


def paste(target: Array, patch: Array, at: Place) -> Array:
    """A copy of `target` with the patch around the place; PatchError if it does not fit there."""
    A, B = _radii(patch.shape)
    (n, m), (i, j) = target.shape, at
    if not (A <= i < n - A and B <= j < m - B):
        raise PatchError(f"A patch of shape {patch.shape} around {at} does not fit into an image of shape {(n, m)}.")
    pasted = target.copy()
    pasted[i - A : i + A + 1, j - B : j + B + 1] = patch
    return pasted


def peak(H: Array, shape: Place) -> Place:
    """The place of the largest H among those where the window fits, the first if there are several."""
    A, B = _radii(shape)
    inside = H[A : H.shape[0] - A, B : H.shape[1] - B]
    if inside.size == 0:
        raise PatchError(f"A window of shape {shape} does not fit into an image of shape {H.shape}.")
    i, j = np.unravel_index(inside.argmax(), inside.shape)
    return int(i) + A, int(j) + B


def places(shape: Place, window: Place, grid: Place) -> tuple[Place, ...]:
    """rows × columns places, evenly spread from the first to the last at which the window fits."""
    A, B = _radii(window)
    if shape[0] < window[0] or shape[1] < window[1]:
        raise PatchError(f"A window of shape {window} does not fit into an image of shape {shape}.")
    if grid[0] < 1 or grid[1] < 1:
        raise PatchError(f"A grid has at least one row and one column, not {grid}.")
    rows = np.linspace(A, shape[0] - 1 - A, grid[0]).round().astype(int).tolist()
    columns = np.linspace(B, shape[1] - 1 - B, grid[1]).round().astype(int).tolist()
    return tuple(product(rows, columns))


def pigs_in_the_sky(kernel: Kernel, target: Array, patch: Array, grid: Place) -> Sightings:
    """Pastes the patch at each place of the grid and notes where its matched filter answers loudest."""
    V = matched_filter(patch)
    tried = places((target.shape[0], target.shape[1]), (V.shape[0], V.shape[1]), grid)
    peaks = (peak(kernel(paste(target, patch, at), V, 0.0), (V.shape[0], V.shape[1])) for at in tried)
    return Sightings(tried, tuple(peaks))
