"""The row "dcgan": a step of both nets on pictures of 28×28×1; sizes, first weights, batches, arithmetic.

Generator: dense 64 ↦ 7×7×64, transposed convolutions 4×4 of stride 2 to 32 and 1 channels, batch normalisation and relu
between, tanh at the end. Critic: convolutions 4×4 of stride 2 to 32 and 64 channels, leaky relu of slope 0.2, batch
normalisation before the second one, dense 1. The critic learns first, from a real and a made-up batch, each normalised
by itself; then the generator, against the new critic. A step's loss is the sum of both.
"""

from __future__ import annotations

import math

import numpy as np

from bench.networks import POOL, Arrays, Row
from bench.networks import batches as pictures

NOISE = 64
SLOPE, EPSILON = 0.2, 1e-5
SHAPES = {
    "generator.dense_1.weight": (NOISE, 7 * 7 * 64),
    "generator.batchnorm_1.scale": (64,),
    "generator.batchnorm_1.shift": (64,),
    "generator.convtranspose2d_1.weight": (4, 4, 64, 32),
    "generator.batchnorm_2.scale": (32,),
    "generator.batchnorm_2.shift": (32,),
    "generator.convtranspose2d_2.weight": (4, 4, 32, 1),
    "generator.convtranspose2d_2.bias": (1,),
    "critic.conv2d_1.weight": (4, 4, 1, 32),
    "critic.conv2d_1.bias": (32,),
    "critic.conv2d_2.weight": (4, 4, 32, 64),
    "critic.batchnorm_1.scale": (64,),
    "critic.batchnorm_1.shift": (64,),
    "critic.dense_1.weight": (7 * 7 * 64, 1),
    "critic.dense_1.bias": (1,),
}


def first_weights(row: Row, seed: int = 0) -> Arrays:
    """Normal weights of deviation √(2 / in), scales around 1, small numbers for biases and shifts."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found: Arrays = {}
    for path, shape in SHAPES.items():
        spread = 0.1 if len(shape) == 1 else math.sqrt(2 / math.prod(shape[:-1]))
        middle = 1.0 if path.endswith("scale") else 0.0
        found[path] = (middle + spread * rng.standard_normal(shape)).astype(np.float32)
    return found


def batches(row: Row, seed: int = 1, pool: int = POOL) -> tuple[np.ndarray, np.ndarray]:
    """(pictures u8[pool, n, 28, 28, 1], noise f32[pool, n, 64])."""
    rng = np.random.Generator(np.random.PCG64(seed + 1))
    return pictures(row, seed, pool)[0], rng.standard_normal((pool, row.batch, NOISE)).astype(np.float32)


def flops(row: Row) -> int:
    """Operations of the products and convolutions of one step: what each of the three passes needs and no more.

    The generator forward once, and back without the slope of its noise; the critic forward and back on two batches,
    without the slope of pictures; then forward and back to the picture, without the slopes of its weights.
    """
    dense, first, second = NOISE * 7 * 7 * 64, 7 * 7 * 16 * 64 * 32, 14 * 14 * 16 * 32
    conv, deep, head = 14 * 14 * 16 * 32, 7 * 7 * 16 * 32 * 64, 7 * 7 * 64
    generator = 2 * dense + 3 * (first + second)
    critic = 2 * (2 * conv + 3 * (deep + head)) + 2 * (conv + deep + head)
    return 2 * row.batch * (generator + critic)
