"""An axis with another number of places: by the nearest place, by straight lines, or by means where it shrinks.

The centre of place i of m stands at (i + ½)·n/m − ½ of an axis with n places. Twice m times that is a whole number,
(2·i + 1)·n − m, so that where a place falls is exact.
"""

from __future__ import annotations

import numpy as np

from mapsto.array.arithmetic import maximum, minimum
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.indexing import take
from mapsto.array.linear import tensordot
from mapsto.array.manipulate import arange, moveaxis, reshape


def nearest(x: Array, axis: int, count: int) -> Array:
    """`count` places along an axis, each with the number of the place its centre lies in; any type."""
    place = (2 * arange(count) + 1) * x.shape[axis] // (2 * count)
    return take(x, place, axis=axis)


def interpolated(x: Array, axis: int, count: int) -> Array:
    """`count` places along an axis, on straight lines between the two centres around; the ends are continued flat."""
    extent = x.shape[axis]
    centre = maximum((2 * arange(count) + 1) * extent - count, 0)
    low = centre // (2 * count)
    share = cast(centre % (2 * count), x.dtype) / float(2 * count)
    share = reshape(share, (count, *(1,) * (x.ndim - axis - 1)))
    return take(x, low, axis=axis) * (1.0 - share) + take(x, minimum(low + 1, extent - 1), axis=axis) * share


def blurred(x: Array, axis: int, count: int) -> Array:
    """A longer axis ↦ `count` places along it, each a weighted mean of the old places around its centre.

    The weights are a triangle, as many places wide as the axis shrinks times, so that every old place counts, where
    `interpolated` would pass some over.
    """
    width = x.shape[axis] / count
    centres = (np.arange(count) + 0.5) * width - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(x.shape[axis]) - centres[:, None]) / width)
    weights = asarray((weights / weights.sum(axis=1, keepdims=True)).astype(x.dtype))
    return moveaxis(tensordot(weights, x, axes=((1,), (axis,))), 0, axis)
