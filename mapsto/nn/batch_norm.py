"""Batch normalisation."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Never

from mapsto.array.arithmetic import stop_gradient
from mapsto.array.array import Array
from mapsto.array.convert import cast, wide
from mapsto.array.manipulate import reshape
from mapsto.compose.declare import param, state
from mapsto.compose.mapping import Mapping
from mapsto.core.check import real_number
from mapsto.nn.checks import extent_is
from mapsto.nn.initialisers import ones, zeros
from mapsto.nn.moments import channels_of, count_over, moments, pooled, refuse_sizes, standardised_channels, taken

FEW_PLACES = 32


class BatchNorm(Mapping):
    """f32[n, …, c] ↦ f32[n, …, c]: each channel less its mean, by its deviation; then y·scale + shift.

    In training, mean and variance are those of the batch over all axes but the last; the running ones, the states
    `mean` and `variance`, move by

        running ← momentum · running + (1 − momentum) · batch's

    (PyTorch calls 1 − momentum by this name), where the running variance takes the unbiased n/(n − 1)·variance, and the
    output the plain one, as in PyTorch. In evaluation the running ones are used. `scale` and `shift` are f32[c], and
    left out by `scale=False`, `shift=False`. Statistics of 16-bit floats are taken in float32.

    Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1. Raises UsageError unless 0 ≤ momentum < 1 and epsilon > 0;
    ShapeError for other channels than before, and in training for fewer than two numbers a channel.

    >>> from mapsto import key, training, xp
    >>> x = xp.asarray([[1.0, 10.0], [3.0, 30.0]])
    >>> net = BatchNorm().init(key(0), x)
    >>> y, net = training(net)(key(0), x)
    >>> xp.round(y), net.mean
    (array([[-1., -1.],
           [ 1.,  1.]], f32[2,2]), array([0.2, 2. ], f32[2]))
    """

    def __init__(
        self, *sizes: Never, momentum: float = 0.9, epsilon: float = 1e-5, scale: bool = True, shift: bool = True
    ) -> None:
        refuse_sizes("BatchNorm", sizes)
        self.momentum = real_number("BatchNorm", "momentum", momentum, least=0, below=1)
        self.epsilon = real_number("BatchNorm", "epsilon", epsilon, above=0)
        shape = partial(channels_of, "BatchNorm", 2)
        self.scale: Array | None = param(shape, ones) if scale else None
        self.shift: Array | None = param(shape, zeros) if shift else None
        self.mean: Array = state(shape, zeros)
        self.variance: Array = state(shape, ones)

    def __call__(self, x: Any) -> Array:
        x = self.input(x)
        return self.normalised(x, self.mean, self.variance)

    def training(self, key: Array, x: Any) -> tuple[Array, BatchNorm]:
        x = self.input(x)
        axes = tuple(range(x.ndim - 1))
        count = count_over("BatchNorm", x, axes)
        mean, variance = batch_moments(wide(x))
        moved = self.replace(
            mean=self.blend(self.mean, mean), variance=self.blend(self.variance, variance * (count / (count - 1)))
        )
        return self.normalised(x, mean, variance), moved

    def input(self, x: Any) -> Array:
        x = taken(x, self.mean)
        channels_of("BatchNorm", 2, x.spec)
        extent_is(x, self.mean, -1, 0, "channels")
        return x

    def normalised(self, x: Array, mean: Array, variance: Array) -> Array:
        scale, shift = self.scale, self.shift
        return cast(standardised_channels(wide(x), wide(mean), wide(variance), self.epsilon, scale, shift), x.dtype)

    def blend(self, running: Array, batch: Array) -> Array:
        """The running value moved towards the batch's, in the running one's type."""
        batch = stop_gradient(reshape(batch, running.shape))
        return cast(wide(running) * self.momentum + batch * (1.0 - self.momentum), running.dtype)


def batch_moments(x: Array) -> tuple[Array, Array]:
    """Mean and variance by channel: f32[n, …, c] ↦ two of f32[1, …, 1, c].

    Those of each example come first, which takes one pass over x, then those of all examples. Where examples have few
    places, their moments would be nearly as large as x, and the batch is summed as a whole.
    """
    inner = tuple(range(1, x.ndim - 1))
    if math.prod(x.shape[axis] for axis in inner) < FEW_PLACES:
        return moments("BatchNorm", x, (0, *inner))
    return pooled(*moments("BatchNorm", x, inner), (0,))
