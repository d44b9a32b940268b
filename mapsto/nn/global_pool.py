"""Pooling of all places at once, along any number of spatial axes."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import one_float
from mapsto.array.reduction import max, mean
from mapsto.compose.mapping import Mapping
from mapsto.core.check import truth
from mapsto.nn.window import check_something, spatial_axes


class GlobalAvgPool(Mapping):
    """f32[n, …, c] ↦ f32[n, c]: the mean over all places; f32[n, 1, …, c] with `keepdims`.

    Any number of spatial axes: sequences, images and volumes. Integers become f32. Raises ShapeError if there is no
    axis between the batch and the channels, or nothing along one.

    >>> from mapsto import xp
    >>> GlobalAvgPool()(xp.reshape(xp.arange(8.0), (1, 2, 2, 2)))
    array([[3., 4.]], f32[1,2])
    """

    def __init__(self, *, keepdims: bool = False) -> None:
        self.keepdims = truth(type(self).__name__, "keepdims", keepdims)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        axes = spatial_axes("GlobalAvgPool", x.spec)
        check_something("GlobalAvgPool", x.spec)
        return mean(x, axis=axes, keepdims=self.keepdims)


class GlobalMaxPool(Mapping):
    """f32[n, …, c] ↦ f32[n, c]: the largest number of all places; f32[n, 1, …, c] with `keepdims`.

    NaN is larger than all else, and of equal numbers the first takes the gradient. All else as for GlobalAvgPool.

    >>> from mapsto import xp
    >>> GlobalMaxPool()(xp.reshape(xp.arange(8.0), (1, 2, 2, 2)))
    array([[6., 7.]], f32[1,2])
    """

    def __init__(self, *, keepdims: bool = False) -> None:
        self.keepdims = truth(type(self).__name__, "keepdims", keepdims)

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        axes = spatial_axes("GlobalMaxPool", x.spec)
        check_something("GlobalMaxPool", x.spec)
        return max(x, axis=axes, keepdims=self.keepdims)
