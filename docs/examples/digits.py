"""Digits: a network of derived layers, trained with their derived gradients alone, beside a fully connected one.

    python docs/examples/digits.py

scikit-learn's scans of handwritten digits, 8×8, stand in the middle of a 12×12 canvas. The convolutional network is two
layers conv2d_channels, then global_pool2d, then fully_connected; the other is two fully connected layers with at least
as many weights. Layers and gradients come from `generated`; ReLU, the loss and the step are added here.
"""

import time
from itertools import product

import numpy as np
from sklearn.datasets import load_digits

from generated import conv2d_channels, fully_connected, global_pool2d

CANVAS, MARGIN, BATCH, EPOCHS = 12, 2, 32, 40
SHIFTS = [*product(range(-MARGIN, MARGIN + 1), repeat=2)]
CHOSEN = {"convolutional": (0.01, -0.6, True), "fully connected": (0.03, 0.0, False)}  # by digits_choice.py


def digits():
    """Scans (count, 8, 8) from 0 to 1 and their numbers: those to learn from, and a fifth of all for the test."""
    scans, numbers = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(numbers))
    scans, numbers = scans[order].reshape(-1, 8, 8).astype(np.float32) / 16, numbers[order]
    test = len(numbers) // 5
    return scans[test:], numbers[test:], scans[:test], numbers[:test]


def placed(scans, shift=(0, 0)):
    """On the canvas, moved off the middle: X[z, k, l, c] with one channel."""
    (i, j), X = shift, np.zeros((len(scans), CANVAS, CANVAS, 1), np.float32)
    X[:, MARGIN + i : MARGIN + i + 8, MARGIN + j : MARGIN + j + 8, 0] = scans
    return X


def layer(draw, kernel, shape, reads, first, rectified):
    """A kernel with its V and u, and whether a ReLU follows; V has variance 2/reads (He et al., 2015)."""
    V = draw.normal(0, np.sqrt(2 / reads), shape).astype(np.float32)
    return [kernel, V, np.full(shape[0 if kernel is fully_connected else -1], first, np.float32), rectified]


def convolutional(draw, first, C=16, D=32):
    pool = [global_pool2d, np.full(D, CANVAS**-2, np.float32), np.zeros(D, np.float32), False]
    near, wide = ((conv2d_channels, (3, 3, c, d), 9 * c, first, True) for c, d in ((1, C), (C, D)))
    return [layer(draw, *near), layer(draw, *wide), pool, layer(draw, fully_connected, (10, D), D, 0, False)]


def connected(draw, first, hidden=34):
    inner = layer(draw, fully_connected, (hidden, CANVAS**2), CANVAS**2, first, True)
    return [inner, layer(draw, fully_connected, (10, hidden), hidden, 0, False)]


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


def train(network, X, numbers, draw, rate, held, epochs=EPOCHS):
    """Adam (Kingma and Ba, 2015) with a rate that falls to 0; biases before a ReLU may be held. The loss of every batch."""
    means = [[np.zeros_like(p) for p in (V, u, V, u)] for _, V, u, _ in network]
    losses, order, steps = [], (), epochs * (len(X) // BATCH)
    for step in range(steps):
        order = draw.permutation(len(X)) if len(order) < BATCH else order
        batch, order = order[:BATCH], order[BATCH:]
        answers, seen = forward(network, X[batch])
        value, G = loss(answers, numbers[batch])
        losses.append(float(value))
        for layer, slopes, kept in zip(network, backward(network, seen, G), means, strict=True):
            for p, g in enumerate(slopes[:1] if held and layer[3] else slopes):
                kept[p], kept[p + 2] = 0.9 * kept[p] + 0.1 * g, 0.99 * kept[p + 2] + 0.01 * g**2
                fair, square = kept[p] / (1 - 0.9 ** (step + 1)), kept[p + 2] / (1 - 0.99 ** (step + 1))
                layer[1 + p] -= rate * (1 - step / steps) * fair / (np.sqrt(square) + 1e-8)
    return losses


def accuracy(network, scans, numbers, shift=(0, 0)):
    return float(np.mean(forward(network, placed(scans, shift))[0].argmax(axis=1) == numbers))


def run(name, seed, data, rate, first, held):
    """A network trained on the first two of `data`: weights, seconds of CPU, accuracy on the other two by shift."""
    draw, begun = np.random.default_rng(seed), time.process_time()
    network = {"convolutional": convolutional, "fully connected": connected}[name](draw, first)
    train(network, placed(data[0]), data[1], draw, rate, held)
    seconds, rates = time.process_time() - begun, {s: accuracy(network, *data[2:], s) for s in SHIFTS}
    moved = float(np.mean([rates[s] for s in SHIFTS if any(s)]))
    found = {"weights": sum(V.size + u.size for _, V, u, _ in network), "seconds": seconds}
    return found | {"centred": rates[0, 0], "shifted": moved, "by shift": [*rates.values()]}


if __name__ == "__main__":
    for name in CHOSEN:
        found = run(name, 0, digits(), *CHOSEN[name])
        print(f"{name}: {found['weights']} weights, {found['seconds']:.1f} s; right of the digits of the test:")
        print(f"    {found['centred']:.1%} in the middle, {found['shifted']:.1%} when shifted by up to {MARGIN} pixels")
