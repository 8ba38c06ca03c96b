"""The page and the picture of docs/examples/digits.json; with a number of seeds, the figures in it first.

python docs/examples/digits_page.py [SEEDS]
"""

import base64
import io
import json
import sys
from pathlib import Path

import drawsvg
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from digits import CHOSEN, EPOCHS, MARGIN, SHIFTS, digits, placed, run

DOCS = Path(__file__).resolve().parents[1]
CELL, TOP = 34, 64


def page(figures):
    """The figures as Markdown."""
    rows = [
        f"| {seed} | {name} | {row['weights']} | {row['centred']:.1%} | {row['shifted']:.1%} | {row['seconds']:.1f} |"
        for seed, found in enumerate(figures["runs"])
        for name, row in found.items()
    ]
    rates, first, _ = zip(*CHOSEN.values(), strict=True)
    return TEXT.format(epochs=figures["epochs"], rows="\n".join(rows), rates=rates, first=first)


TEXT = """<!-- Made by `python docs/examples/digits_page.py` from docs/examples/digits.json. Do not edit. -->

# Digits: a network of derived layers

Two networks learn to tell handwritten digits apart, from digits in the middle of a 12×12 canvas alone. One is two layers
[conv2d_channels](derivations/conv2d_channels.md) with a ReLU each, then
[global_pool2d](derivations/global_pool2d.md), which is what translation *invariance* leaves of a fully connected layer, then
[fully_connected](derivations/fully_connected.md). The other is two fully connected layers with a ReLU between. Every layer and
every gradient is an emitted kernel; what [docs/examples/digits.py](examples/digits.py) adds is ReLU, the loss and the step.

![Accuracy by shift, for both networks](digits.svg)

A network that aggregates local representations knows a digit wherever it stands; one that has learnt places does not.
{epochs} passes over 1438 digits; 359 others are the test. A seed draws the first weights and the order. 'Shifted' is the
mean over the 24 shifts of up to 2 pixels.

| seed | network | weights and biases | centred | shifted | seconds of CPU to train |
|---|---|---|---|---|---|
{rows}

The invariance is exact as long as what the first two layers answer stays on the canvas: a digit at its edge loses
the two rows of answers beyond, and the biases of both layers see the rim. That is what the convolutional network's small
loss is. The biases before a ReLU begin at {first[0]} and are held there, so that an empty canvas answers 0. That, and the rates
of learning, {rates[0]} for the convolutional network and {rates[1]} for the other, were chosen without the digits of the test: on
a fifth of the others, set aside by [docs/examples/digits_choice.py](examples/digits_choice.py), which keeps
[what it tried](examples/digits_choice.json). Holding them was tried after a first choice had lost 6.8 points on the shifted
digits of the test, with one seed of three. The number of passes was not tuned.

Every gradient is compared with central differences by `tests/examples/test_digits.py`. A layer is affine in each
argument, so a central difference has no truncation error, and the two must agree within the roundings that the programs
are derived to have: they do. Through the whole network, on integers, they are equal.
"""


def picture(figures):
    """A digit in the middle and in a corner; beneath, each network's accuracy by shift, a mean over the runs."""
    side, gap = 5 * CELL, 36
    under = TOP - 22 + side
    svg = drawsvg.Drawing(2 * side + gap + 20, under + TOP + side + 10, role="img")
    svg.append(drawsvg.Raw("<title>Accuracy by shift</title>"))
    scans = digits()[2]
    for place, shift in enumerate([(0, 0), (-MARGIN, MARGIN)]):
        left = 10 + place * (side + gap)
        svg.append(_image(placed(scans[:1], shift)[0, ..., 0], left, TOP - 30, side))
        svg.append(drawsvg.Rectangle(left, TOP - 30, side, side, fill="none", stroke="#767676"))
        svg.append(_text(["learnt", "asked"][place], left + side / 2, TOP - 44, 15))
    for place, name in enumerate(figures["runs"][0]):
        rates = np.mean([found[name]["by shift"] for found in figures["runs"]], axis=0)
        left = 10 + place * (side + gap)
        svg.append(_text(name, left + side / 2, under + TOP - 32, 15))
        svg.append(_text("% right, by shift ↓ and →", left + side / 2, under + TOP - 12, 12))
        for (i, j), rate in zip(SHIFTS, rates, strict=True):
            x, y = left + (j + MARGIN) * CELL, under + TOP + (i + MARGIN) * CELL
            light = round(255 - 190 * rate)
            svg.append(drawsvg.Rectangle(x, y, CELL - 1, CELL - 1, fill=f"rgb({light},{light},255)"))
            svg.append(_text(f"{100 * rate:.0f}", x + CELL / 2, y + CELL / 2 + 5, 13, "#fff" if rate > 0.6 else "#222"))
    return svg.as_svg(header="") + "\n"


def _image(ink, left, top, side):
    kept = io.BytesIO()
    pixels = np.uint8(255 * (1 - ink)).repeat(10, 0).repeat(10, 1)
    Image.fromarray(pixels).save(kept, "PNG")
    data = "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()
    return drawsvg.Raw(f'<image x="{left}" y="{top}" width="{side}" height="{side}" href="{data}"/>')


def _text(words, x, y, size, fill="#767676"):
    return drawsvg.Text(words, size, x, y, text_anchor="middle", font_family="system-ui, sans-serif", fill=fill)


def main():
    file = DOCS / "examples" / "digits.json"
    if sys.argv[1:]:
        runs = [{n: run(n, seed, digits(), *c) for n, c in CHOSEN.items()} for seed in range(int(sys.argv[1]))]
        file.write_text(json.dumps({"epochs": EPOCHS, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    figures = json.loads(file.read_text(encoding="utf-8"))
    (DOCS / "digits.md").write_text(page(figures), encoding="utf-8")
    (DOCS / "digits.svg").write_text(picture(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
