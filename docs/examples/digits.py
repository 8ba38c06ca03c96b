"""Digits: a network of derived layers, trained with their derived gradients alone, beside a fully connected one.

    python docs/examples/digits.py [--epochs 40] [--seeds 1] [--json FILE]

scikit-learn's 1797 scans of handwritten digits, 8×8, stand in the middle of a 12×12 canvas. The convolutional network
is two layers conv2d_channels with a ReLU each, then global_pool2d, then fully_connected; the other is two fully
connected layers with a ReLU between, and at least as many weights. Both learn from the same centred digits, equally
often. Then the digits of the test, a fifth of all, are moved by every shift of up to 2 pixels along each axis. The
layers come from `generated`, with gradients that are derived and proved; ReLU, the loss and the step are added here.
A seed draws the digits of the test, their order and the first weights.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from generated import conv2d_channels, fully_connected, global_pool2d

CANVAS, MARGIN, BATCH, RATE = 12, 2, 32, 0.01
SHIFTS = [(i, j) for i in range(-MARGIN, MARGIN + 1) for j in range(-MARGIN, MARGIN + 1)]
DARK = -0.6  # biases that keep an empty canvas, and what only touches a digit's rim, at 0 behind a ReLU


def digits(draw):
    """Scans of shape (count, 8, 8) from 0 to 1 and their numbers: those to learn from, and those of the test."""
    scans, numbers = load_digits(return_X_y=True)
    order = draw.permutation(len(numbers))
    scans, numbers = scans[order].reshape(-1, 8, 8).astype(np.float32) / 16, numbers[order]
    test = len(numbers) // 5
    return scans[test:], numbers[test:], scans[:test], numbers[:test]


def placed(scans, shift=(0, 0)):
    """On the canvas, moved off the middle: X[z, k, l, c] with one channel."""
    (i, j), X = shift, np.zeros((len(scans), CANVAS, CANVAS, 1), np.float32)
    X[:, MARGIN + i : MARGIN + i + 8, MARGIN + j : MARGIN + j + 8, 0] = scans
    return X


def drawn(draw, shape, reads):
    """Weights with variance 2 over the number of inputs that one output reads, as ReLU wants them (He et al., 2015)."""
    return draw.normal(0, np.sqrt(2 / reads), shape).astype(np.float32)


def convolutional(draw, widths=(1, 16, 32)):
    """Each layer is a kernel with its V and u, and whether a ReLU follows."""
    pairs, last = list(pairwise(widths)), widths[-1]
    layers = [[conv2d_channels, drawn(draw, (3, 3, c, d), 9 * c), np.full(d, DARK, np.float32), True] for c, d in pairs]
    layers.append([global_pool2d, np.full(last, CANVAS**-2, np.float32), np.zeros(last, np.float32), False])
    return [*layers, [fully_connected, drawn(draw, (10, last), last), np.zeros(10, np.float32), False]]


def connected(draw, hidden):
    pairs = [(CANVAS**2, hidden), (hidden, 10)]
    return [[fully_connected, drawn(draw, (d, c), c), np.zeros(d, np.float32), d == hidden] for c, d in pairs]


def forward(network, X):
    """The network's answers, and on the way every layer's input and result."""
    seen = []
    for kernel, V, u, rectified in network:
        X = X.reshape(len(X), -1) if kernel is fully_connected else X
        seen.append((X, kernel(X, V, u)))
        X = np.maximum(seen[-1][1], 0) if rectified else seen[-1][1]
    return X, seen


def backward(network, seen, G):
    """From the slope by the answers to the slopes by every V and u: the chain rule, each link a derived gradient."""
    slopes = []
    for (kernel, V, u, rectified), (X, H) in zip(reversed(network), reversed(seen), strict=True):
        G, dV, du = kernel.vjp(X, V, u, G * (H > 0) if rectified else G)
        slopes.append((dV, du))
    return slopes[::-1]


def loss(answers, numbers):
    """Cross entropy, a mean over the batch, and its slope by the answers: probabilities less what is right."""
    P = np.exp(answers - answers.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    right = np.eye(10, dtype=P.dtype)[numbers]
    return -np.mean(np.log((P * right).sum(axis=1))), (P - right) / len(P)


def train(network, X, numbers, epochs, draw):
    """Adam (Kingma and Ba, 2015) with a rate that falls to 0; the loss of every batch."""
    means = [[np.zeros_like(p) for p in (V, u, V, u)] for _, V, u, _ in network]
    losses, order, steps = [], (), epochs * (len(X) // BATCH)
    for step in range(steps):
        order = draw.permutation(len(X)) if len(order) < BATCH else order
        batch, order = order[:BATCH], order[BATCH:]
        answers, seen = forward(network, X[batch])
        value, G = loss(answers, numbers[batch])
        losses.append(float(value))
        for layer, slopes, kept in zip(network, backward(network, seen, G), means, strict=True):
            for p, g in enumerate(slopes):
                kept[p] = 0.9 * kept[p] + 0.1 * g
                kept[p + 2] = 0.99 * kept[p + 2] + 0.01 * g**2
                fair, square = kept[p] / (1 - 0.9 ** (step + 1)), kept[p + 2] / (1 - 0.99 ** (step + 1))
                layer[1 + p] -= RATE * (1 - step / steps) * fair / (np.sqrt(square) + 1e-8)
    return losses


def weights(network):
    return sum(V.size + u.size for _, V, u, _ in network)


def accuracy(network, X, numbers):
    return float(np.mean(forward(network, X)[0].argmax(axis=1) == numbers))


def measured(network, scans, numbers, epochs, draw):
    begun = time.process_time()
    train(network, placed(scans[0]), numbers[0], epochs, draw)
    seconds = time.process_time() - begun
    rates = {shift: accuracy(network, placed(scans[1], shift), numbers[1]) for shift in SHIFTS}
    moved = np.mean([rate for shift, rate in rates.items() if any(shift)])
    return {"centred": rates[0, 0], "shifted": moved, "seconds": seconds, "by shift": [*rates.values()]}


def run(epochs, seed):
    """Both networks' weights, accuracies and seconds of CPU."""
    draw = np.random.default_rng(seed)
    learnt, answers, asked, right = digits(draw)
    layered = convolutional(draw)
    networks = {"convolutional": layered, "fully connected": connected(draw, -(-(weights(layered) - 10) // 155))}
    return {
        name: {"weights": weights(net), **measured(net, (learnt, asked), (answers, right), epochs, draw)}
        for name, net in networks.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help="how often every digit is seen")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs, each with digits of the test of its own")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    options = parser.parse_args()
    runs = [run(options.epochs, seed) for seed in range(options.seeds)]
    print("seed  network          weights  centred  shifted  seconds of CPU")
    for seed, found in enumerate(runs):
        for name, row in found.items():
            rates = f"{row['centred']:7.1%}  {row['shifted']:7.1%}"
            print(f"{seed:4}  {name:15}  {row['weights']:7}  {rates}  {row['seconds']:14.1f}")
    if options.json:
        options.json.write_text(json.dumps({"epochs": options.epochs, "runs": runs}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
