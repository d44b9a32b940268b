"""Layers and helpers that the tests of composition share."""

from typing import Any

import numpy as np

import mapsto as mt
from mapsto import nn, xp


class Centre(mt.Mapping):
    """Subtracts the batch's mean in training and a running mean in evaluation, as BatchNorm does."""

    def __init__(self, decay: float = 0.5) -> None:
        self.decay = decay
        self.mean: mt.Array = mt.state(lambda x: x.shape[1:], nn.zeros)
        self.shift: mt.Array = mt.param(lambda x: x.shape[1:], nn.zeros)

    def __call__(self, x: Any) -> Any:
        return x - self.mean + self.shift

    def training(self, key: Any, x: Any) -> Any:
        batch = xp.mean(x, axis=0)
        return x - batch + self.shift, self.replace(mean=self.mean * self.decay + batch * (1 - self.decay))


class Trace(mt.Mapping):
    """Appends what it is: f32[n, d] ↦ f32[n, d + 1], to see the order in which mappings are called."""

    mark: float

    def __call__(self, x: Any) -> Any:
        return xp.concat([x, xp.full((x.shape[0], 1), self.mark)], axis=1)


def paths(net: Any) -> list[str]:
    return list(mt.parameters(net))


def array(x: Any) -> np.ndarray:
    return np.asarray(x)


def close(left: Any, right: Any) -> bool:
    """Two trees have the same leaves, but for the order in which sums are formed."""
    a, b = mt.select(left, "**"), mt.select(right, "**")
    return a.keys() == b.keys() and all(np.allclose(array(a[path]), array(b[path]), 1e-5, 1e-6) for path in a)


def same(left: Any, right: Any) -> bool:
    """Two trees have the same leaves, to the bit."""
    a, b = mt.select(left, "**"), mt.select(right, "**")
    return a.keys() == b.keys() and all(array(a[path]).tobytes() == array(b[path]).tobytes() for path in a)
