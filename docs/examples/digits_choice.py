"""The rate, the first biases and whether they learn in docs/examples/digits.py, chosen on digits that are not those of its test.

    python docs/examples/digits_choice.py

Of the digits to learn from a fifth is set aside, the networks learn from the others, and the choice is kept with the
highest accuracy on that fifth: on a mean over all shifts for the convolutional network, which is to be right wherever a
digit stands, and in the middle for the fully connected one, which loses its way elsewhere. Both are means over three seeds.
A choice whose score stands in the file already is not tried again.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
from digits import digits, run

KEYS, SEEDS = ("rate", "first", "held"), (10, 11, 12)
WIDE = [*product((0.003, 0.01, 0.02, 0.03, 0.05), (0.0, -0.3, -0.6, -0.9), (False,))]
GRID = {"convolutional": [*WIDE, *product((0.01, 0.02), (-0.3, -0.6), (True,))], "fully connected": WIDE}


def validation():
    """The digits to learn from, in two parts: four fifths, and the fifth to choose by."""
    scans, numbers, *_ = digits()
    aside = len(numbers) // 5
    return scans[aside:], numbers[aside:], scans[:aside], numbers[:aside]


def score(name, found):
    return float(np.mean(found["by shift"])) if name == "convolutional" else found["centred"]


def best(tried):
    """The choice with the highest mean score; of several the first."""
    return tuple(max(tried, key=lambda one: one["score"])[key] for key in KEYS)


def main():
    file, data = Path(__file__).with_suffix(".json"), validation()
    tried = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known = {(name, *(row[key] for key in KEYS)): row["score"] for name, rows in tried.items() for row in rows}
    for name, grid in GRID.items():
        for choice in grid:
            if (name, *choice) not in known:
                scores = [score(name, run(name, seed, data, *choice)) for seed in SEEDS]
                known[name, *choice] = float(np.mean(scores))
                print(name, choice, scores, flush=True)
        tried[name] = [dict(zip(KEYS, choice, strict=True), score=known[name, *choice]) for choice in grid]
        print(name, *best(tried[name]))
    file.write_text(json.dumps(tried, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
