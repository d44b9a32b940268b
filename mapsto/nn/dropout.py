"""Dropout: of single numbers, and of whole channels."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import one_float
from mapsto.array.random import bernoulli
from mapsto.compose.mapping import Mapping
from mapsto.core.check import real_number
from mapsto.core.spec import Shape
from mapsto.nn.window import spatial_axes


def dropped(key: Array, x: Array, rate: float, shape: Shape) -> Array:
    """0 with probability `rate`, else x / (1 − rate), drawn once for every place of `shape`, which broadcasts to x."""
    kept = bernoulli(key, 1.0 - rate, shape)
    return where(kept, x / (1.0 - rate), 0.0)


class Dropout(Mapping):
    """x ↦ x; in training each number is 0 with probability `rate`, and the others are divided by 1 − rate.

    Integers become f32, in training and out of it; other types stay. Srivastava et al., 2014, Journal of Machine
    Learning Research 15. Raises UsageError unless 0 ≤ rate < 1.

    >>> from mapsto import key, training, xp
    >>> x = xp.ones((1, 64))
    >>> y, _ = training(Dropout(0.5))(key(0), x)
    >>> sorted({float(one) for one in Dropout(0.5)(x)[0]}), sorted({float(one) for one in y[0]})
    ([1.0], [0.0, 2.0])
    """

    def __init__(self, rate: float) -> None:
        self.rate = real_number("Dropout", "rate", rate, least=0, below=1)

    def __call__(self, x: Any) -> Array:
        return one_float(x)

    def training(self, key: Array, x: Any) -> tuple[Array, Dropout]:
        x = one_float(x)
        return dropped(key, x, self.rate, x.shape), self


class SpatialDropout(Mapping):
    """f32[n, …, c] ↦ f32[n, …, c]: x; in training whole channels of an example are 0 with probability `rate`.

    Those that stay are divided by 1 − rate. Neighbouring places of a channel are alike, so dropping them one by one
    would hide little (Tompson et al., 2015, arXiv:1411.4280). Any number of spatial axes; types and `rate` as for
    Dropout. Raises ShapeError if there is no axis between the batch and the channels.

    >>> from mapsto import key, training, xp
    >>> y, _ = training(SpatialDropout(0.5))(key(3), xp.ones((1, 8, 8, 4)))
    >>> xp.sum(y, axis=(1, 2))
    array([[128.,   0., 128.,   0.]], f32[1,4])
    """

    def __init__(self, rate: float) -> None:
        self.rate = real_number("SpatialDropout", "rate", rate, least=0, below=1)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        spatial_axes("SpatialDropout", x.spec)
        return x

    def training(self, key: Array, x: Any) -> tuple[Array, SpatialDropout]:
        x = self(x)
        places = (1,) * (x.ndim - 2)
        return dropped(key, x, self.rate, (x.shape[0], *places, x.shape[-1])), self
