"""Adaptive pooling: any input becomes an output of one size, by windows that are as alike as they can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mapsto.array.arithmetic import minimum
from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.array.convert import one_float
from mapsto.array.indexing import take
from mapsto.array.manipulate import arange, reshape
from mapsto.array.reduction import max, sum
from mapsto.compose.mapping import Mapping
from mapsto.nn.window import Pair, Single, Triple, check_places, sides


def longest(extent: int, parts: int) -> int:
    """The most places that a part of an axis has: part i runs from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉, its end not included.

    >>> longest(7, 3), longest(6, 3)  # 0 … 2, 2 … 4, 4 … 6
    (3, 2)
    """
    return -min(i * extent // parts + -(i + 1) * extent // parts for i in range(parts))


def windows(x: Array, axis: int, parts: int) -> tuple[Array, Array, Array]:
    """[…, n, …] ↦ what every part of an axis sees, […, m, longest, …], which of it counts, and how much counts.

    Shorter parts repeat their last place, which does not count. No matrix of weights: 0·∞ would be NaN.
    """
    extent = x.shape[axis]
    part = reshape(arange(parts), (parts, 1))
    start, stop = part * extent // parts, ((part + 1) * extent + (parts - 1)) // parts
    place = start + arange(longest(extent, parts))
    behind = (1,) * (x.ndim - axis - 1)
    counts = reshape(place < stop, (*place.shape, *behind))
    return take(x, minimum(place, stop - 1), axis=axis), counts, reshape(stop - start, (parts, *behind))


def average(x: Array, axis: int, parts: int) -> Array:
    """The mean of every part of an axis."""
    seen, counts, size = windows(x, axis, parts)
    return sum(where(counts, seen, 0.0), axis=axis + 1) / size


def largest(x: Array, axis: int, parts: int) -> Array:
    """The largest number of every part of an axis."""
    return max(windows(x, axis, parts)[0], axis=axis + 1)


def pooled(function: str, x: Any, size: tuple[int, ...], along: Callable[[Array, int, int], Array]) -> Array:
    """Every spatial axis brought to its size; the last first, so that of equal numbers the first in order wins."""
    x = one_float(x)
    check_places(function, x.spec, len(size))
    for axis in range(len(size), 0, -1):
        x = along(x, axis, size[axis - 1])
    return x


class AdaptiveAvgPool1D(Mapping):
    """f32[n, t, c] ↦ f32[n, size, c]: the mean of every window. All else as for AdaptiveAvgPool2D.

    >>> from mapsto import xp
    >>> AdaptiveAvgPool1D(3)(xp.reshape(xp.arange(6.0), (1, 6, 1)))[0, :, 0]
    array([0.5, 2.5, 4.5], f32[3])
    """

    def __init__(self, size: Single) -> None:
        self.size = sides("AdaptiveAvgPool1D", "size", size, 1)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveAvgPool1D", x, self.size, average)


class AdaptiveAvgPool2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, size, size, c]: the mean of every window, whatever h and w are.

    Window i of m along an axis of n places runs from ⌊i·n/m⌋ to ⌈(i + 1)·n/m⌉, its end not included, as in PyTorch:
    windows overlap where m does not divide n, and repeat places where m > n. `size` is a number for both axes, or one
    for each. Integers become f32. Raises ShapeError if the input is not [n, h, w, c], or empty along an axis.

    >>> from mapsto import xp
    >>> AdaptiveAvgPool2D((1, 2))(xp.reshape(xp.arange(9.0), (1, 3, 3, 1)))[0, :, :, 0]
    array([[3.5, 4.5]], f32[1,2])
    """

    def __init__(self, size: Pair) -> None:
        self.size = sides("AdaptiveAvgPool2D", "size", size, 2)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveAvgPool2D", x, self.size, average)


class AdaptiveAvgPool3D(Mapping):
    """f32[n, d, h, w, c] ↦ f32[n, size, size, size, c]: the mean of every window. All else as for AdaptiveAvgPool2D.

    >>> from mapsto import xp
    >>> AdaptiveAvgPool3D(1)(xp.reshape(xp.arange(8.0), (1, 2, 2, 2, 1))).shape
    (1, 1, 1, 1, 1)
    """

    def __init__(self, size: Triple) -> None:
        self.size = sides("AdaptiveAvgPool3D", "size", size, 3)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveAvgPool3D", x, self.size, average)


class AdaptiveMaxPool1D(Mapping):
    """f32[n, t, c] ↦ f32[n, size, c]: the largest number of every window. All else as for AdaptiveMaxPool2D.

    >>> from mapsto import xp
    >>> AdaptiveMaxPool1D(3)(xp.reshape(xp.arange(7.0), (1, 7, 1)))[0, :, 0]
    array([2., 4., 6.], f32[3])
    """

    def __init__(self, size: Single) -> None:
        self.size = sides("AdaptiveMaxPool1D", "size", size, 1)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveMaxPool1D", x, self.size, largest)


class AdaptiveMaxPool2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, size, size, c]: the largest number of every window, whatever h and w are.

    NaN is larger than all else, and of equal numbers the first takes the gradient. Windows, `size` and errors as for
    AdaptiveAvgPool2D.

    >>> from mapsto import xp
    >>> AdaptiveMaxPool2D((1, 2))(xp.reshape(xp.arange(9.0), (1, 3, 3, 1)))[0, :, :, 0]
    array([[7., 8.]], f32[1,2])
    """

    def __init__(self, size: Pair) -> None:
        self.size = sides("AdaptiveMaxPool2D", "size", size, 2)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveMaxPool2D", x, self.size, largest)


class AdaptiveMaxPool3D(Mapping):
    """f32[n, d, h, w, c] ↦ f32[n, size, size, size, c]: the largest number of every window.

    All else as for AdaptiveMaxPool2D.

    >>> from mapsto import xp
    >>> AdaptiveMaxPool3D(1)(xp.reshape(xp.arange(8.0), (1, 2, 2, 2, 1))).shape
    (1, 1, 1, 1, 1)
    """

    def __init__(self, size: Triple) -> None:
        self.size = sides("AdaptiveMaxPool3D", "size", size, 3)

    def __call__(self, x: Any) -> Array:
        return pooled("AdaptiveMaxPool3D", x, self.size, largest)
