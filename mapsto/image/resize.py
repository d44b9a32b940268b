"""Bringing pictures to another size, as two products with small matrices: it compiles, saves and differentiates."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, one_float
from mapsto.array.indexing import take
from mapsto.array.linear import tensordot
from mapsto.array.manipulate import moveaxis
from mapsto.core.check import one_of
from mapsto.core.errors import ShapeError
from mapsto.image.checks import PictureMapping, pictures, size_of

METHODS = ("bilinear", "nearest")


class Resize(PictureMapping):
    """[n, h, w, c] ↦ [n, height, width, c]. See `resize`."""

    size: tuple[int, int]
    method: str
    antialias: bool

    def __call__(self, x: Any) -> Array:
        x = pictures("resize", x)
        for axis, name in ((1, "height"), (2, "width")):
            if x.shape[axis] == 0:
                fix = "look at what comes before it"
                raise ShapeError("WINDOW-07", function="image.resize", x=x.spec, axis=name, fix=fix)
        if self.method == "bilinear":
            x = one_float(x)
        for axis, extent in zip((1, 2), self.size, strict=True):
            if self.method == "nearest":
                x = take(x, nearest_places(x.shape[axis], extent), axis=axis)
            elif x.shape[axis] != extent:
                weights = asarray(bilinear_weights(x.shape[axis], extent, self.antialias).astype(x.dtype))
                x = moveaxis(tensordot(weights, x, axes=((1,), (axis,))), 0, axis)
        return x


def resize(size: int | tuple[int, int], method: str = "bilinear", *, antialias: bool = True) -> Resize:
    """Pictures [n, h, w, c] ↦ f32[n, height, width, c], stretched to `size` = (height, width), or one number for both.

    "bilinear": the centre of new pixel i is at (i + ½) · h / height − ½ among the old ones, and it is the mean of its
    two neighbours by nearness, along each axis; at the borders of what there is of them. Where an axis shrinks,
    `antialias` widens the mean by the same factor, so that every old pixel counts (as Pillow and JAX have it);
    antialias=False takes two neighbours always (as PyTorch's and TensorFlow's default has it). Floats keep their type.

    "nearest": the old pixel floor((i + ½) · h / height), and any element type is kept.

    Raises UsageError for another size (ARG-01) or method (ARG-02); ShapeError for what is no batch (IMAGE-06)
    or has nothing along an axis (WINDOW-07).

    >>> resize((1, 4))([[[[0.0], [8.0]]]]).reshape(4)
    array([0., 2., 6., 8.], f32[4])
    >>> resize((1, 2))([[[[0.0], [2.0], [4.0], [6.0]]]]).reshape(2)
    array([1.4285715, 4.5714283], f32[2])
    """
    return Resize(size_of("resize", size), one_of("resize", "method", method, METHODS), bool(antialias))


def nearest_places(old: int, new: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For every new pixel the old one that its centre lies in: floor((i + ½) · old / new), in whole numbers."""
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


@lru_cache(maxsize=256)
def bilinear_weights(old: int, new: int, antialias: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """f64[new, old]: row i weighs the old pixels by a triangle around the new one's centre; rows sum to 1.

    >>> bilinear_weights(2, 4, True).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    width = max(old / new, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * (old / new) - 0.5
    if not antialias:
        centres = centres.clip(0, old - 1)  # beyond the last centre the last pixel counts whole
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(old) - centres[:, None]) / width)
    return weights / weights.sum(axis=1, keepdims=True)
