"""Pigs in the sky: a layer that is equivariant to translations finds a thing wherever it is.

    python docs/examples/pigs_in_the_sky.py [--out DIR]

A patch is cut out of one photograph and pasted into another at 100 places of a grid, the sky included.
The filter is the patch itself, less its mean and divided by its norm; the layer is conv2d, zero edges.
By Cauchy and Schwarz no window that the patch does not overlap can answer louder than the patch, if none
has more contrast. The rim of the astronaut's helmet has more than any window of the target, and is found;
the cat's eye has less, and is found only where it hides the cameraman's head or lies across it.

With --out, DIR gets a picture for each patch: the patch pasted into the sky, with a frame around the peak
of H; the response H, red for plus, blue for minus, and inside the line the places where the window fits;
and the places tried, green where the peak was at the patch, red with a line to the peak elsewhere.
The photographs come with scikit-image.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

from derive.images import apply, grey, shrink, write_image
from derive.matching import find_patch, matched_filter, paste, peak, pigs_in_the_sky, window_contrast
from generated import conv2d

WINDOW, GRID, SKY, ZOOM = (25, 25), (10, 10), (22, 92), 4


def photograph(pixels, factor):
    return shrink(grey(pixels / 255), factor)


def cut_patches(target):
    loudest = window_contrast(target, WINDOW).max()
    return {
        "helmet": find_patch(photograph(data.astronaut(), 3), WINDOW, at_least=loudest),
        "cats-eye": find_patch(photograph(data.chelsea(), 4), WINDOW),
    }


def report(name, patch, target, sightings):
    print(f"{name}: contrast {np.linalg.norm(patch - patch.mean()):.2f}", end=", ")
    print(f"of the target's windows at most {window_contrast(target, WINDOW).max():.2f}")
    print(f"  found at {sightings.rate:.0%} of {len(sightings.places)} places (o found, - missed)")
    marks = ["o" if at == seen else "-" for at, seen in zip(sightings.places, sightings.peaks, strict=True)]
    for row in range(0, len(marks), GRID[1]):
        print("   ", *marks[row : row + GRID[1]])
    for (i, j), times in Counter(seen for _, seen in sightings.misses).most_common():
        print(f"  missed {times} times, with the peak at row {i}, column {j}")


def canvas(image):
    return Image.fromarray(np.uint8(255 * image.repeat(ZOOM, 0).repeat(ZOOM, 1))).convert("RGB")


def heat(H):
    """White for 0, red up to the largest |H| where the window fits, blue down to minus that."""
    A, B = WINDOW[0] // 2, WINDOW[1] // 2
    t = np.clip(H / np.abs(H[A:-A, B:-B]).max(), -1, 1)
    return np.stack([1 + np.minimum(t, 0), 1 - np.abs(t), 1 - np.maximum(t, 0)], axis=-1)


def box(centre, radius, colour, drawing):
    (i, j), (A, B) = centre, radius
    corners = ((j - B) * ZOOM, (i - A) * ZOOM, (j + B + 1) * ZOOM - 1, (i + A + 1) * ZOOM - 1)
    drawing.rectangle(corners, outline=colour, width=2)


def middle(place):
    return (place[1] + 0.5) * ZOOM, (place[0] + 0.5) * ZOOM


def draw(patch, target, sightings):
    n, m = target.shape
    A, B = WINDOW[0] // 2, WINDOW[1] // 2
    pasted = paste(target, patch, SKY)
    H = apply(conv2d, pasted, matched_filter(patch))
    panels = [canvas(pasted), canvas(heat(H)), canvas(target)]
    pens = [ImageDraw.Draw(panel) for panel in panels]
    for pen in pens[:2]:
        box(peak(H, WINDOW), (A, B), "orange", pen)
    pens[1].rectangle((A * ZOOM, B * ZOOM, (m - B) * ZOOM, (n - A) * ZOOM), outline="grey")
    for at, seen in zip(sightings.places, sightings.peaks, strict=True):
        colour = "limegreen" if at == seen else "red"
        pens[2].line((*middle(at), *middle(seen)), fill=colour)
        x, y = middle(at)
        pens[2].ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
    gap = np.full((n * ZOOM, 2 * ZOOM, 3), 255)
    first, second, third = (np.asarray(panel) for panel in panels)
    return np.hstack([first, gap, second, gap, third]) / 255


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="an existing folder for the pictures")
    out = parser.parse_args().out
    target = photograph(data.camera(), 4)
    for name, patch in cut_patches(target).items():
        sightings = pigs_in_the_sky(conv2d, target, patch, GRID)
        report(name, patch, target, sightings)
        if out:
            write_image(out / f"{name}.png", draw(patch, target, sightings))


if __name__ == "__main__":
    main()
