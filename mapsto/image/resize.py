"""Bringing pictures to another size, in functions of arrays: it compiles, saves and differentiates."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import one_float
from mapsto.array.resample import blurred, interpolated, nearest
from mapsto.core.check import one_of, truth
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
            x = self.along(x, axis, extent)
        return x

    def along(self, x: Array, axis: int, extent: int) -> Array:
        """One axis in its new extent."""
        if self.method == "nearest":
            return nearest(x, axis, extent)
        if x.shape[axis] == extent:
            return x
        shrinks = x.shape[axis] > extent
        return blurred(x, axis, extent) if shrinks and self.antialias else interpolated(x, axis, extent)


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
    method = one_of("resize", "method", method, METHODS)
    return Resize(size_of("resize", size), method, truth("resize", "antialias", antialias))
