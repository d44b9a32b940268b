"""The row "lstm": characters ↦ scores of the next one at every place; sizes, first weights, batches, arithmetic.

Embedding 64, LSTM 128 over 100 characters, dense 65, the mean cross-entropy over all places. Weights are in mapsto's
layouts: [in, 4·units] with the gates input, forget, candidate, output, and one bias.
"""

from __future__ import annotations

import math

import numpy as np

from bench.networks import POOL, Arrays, Row

LETTERS, WIDTH, UNITS = 65, 64, 128
SHAPES = {
    "embedding_1.weight": (LETTERS, WIDTH),
    "lstm_1.forward.0.weight": (WIDTH, 4 * UNITS),
    "lstm_1.forward.0.recurrent": (UNITS, 4 * UNITS),
    "lstm_1.forward.0.bias": (4 * UNITS,),
    "dense_1.weight": (UNITS, LETTERS),
    "dense_1.bias": (LETTERS,),
}


def first_weights(row: Row, seed: int = 0) -> Arrays:
    """Normal weights of deviation 1 / √in, the embedding's of 1; small numbers for biases."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found: Arrays = {}
    for path, shape in SHAPES.items():
        spread = 1.0 if path.startswith("embedding") else 0.1 if len(shape) == 1 else 1 / math.sqrt(shape[0])
        found[path] = (spread * rng.standard_normal(shape)).astype(np.float32)
    return found


def batches(row: Row, seed: int = 1, pool: int = POOL) -> tuple[np.ndarray, np.ndarray]:
    """(characters i64[pool, n, time], the ones that follow): each likes some others to follow it."""
    rng = np.random.Generator(np.random.PCG64(seed))
    likes = np.cumsum(rng.dirichlet(np.full(LETTERS, 0.1), LETTERS), axis=1)
    count = pool * row.batch
    text = np.empty((count, row.example[0] + 1), np.int64)
    text[:, 0] = rng.integers(LETTERS, size=count)
    for place in range(row.example[0]):
        drawn = rng.random((count, 1))
        text[:, place + 1] = np.minimum((likes[text[:, place]] < drawn).sum(1), LETTERS - 1)
    text = text.reshape(pool, row.batch, -1)
    return np.ascontiguousarray(text[:, :, :-1]), np.ascontiguousarray(text[:, :, 1:])


def flops(row: Row) -> int:
    """Operations of the products of one step: forward, for the weights and for what goes in."""
    return 2 * 3 * row.batch * row.example[0] * (WIDTH * 4 * UNITS + UNITS * 4 * UNITS + UNITS * LETTERS)
