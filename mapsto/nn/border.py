"""Zeros around images, and images without their border."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.indexing import getitem
from mapsto.array.padding import pad
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import ShapeError
from mapsto.nn.window import AXES, Border, border, check_layout


def padded(function: str, x: Any, width: Border) -> Array:
    """Zeros before and after along every spatial axis."""
    x = asarray(x)
    check_layout(function, x.spec, len(width))
    return pad(x, [(0, 0), *width, (0, 0)])


def cropped(function: str, x: Any, width: Border) -> Array:
    """Without so many places at both ends of every spatial axis. Raises ShapeError if nothing is left."""
    x = asarray(x)
    check_layout(function, x.spec, len(width))
    for name, extent, (before, after) in zip(AXES[len(width)], x.shape[1:-1], width, strict=True):
        if before + after >= extent:
            facts = {"function": function, "width": (before, after), "axis": name, "extent": extent}
            raise ShapeError("LAYER-05", **facts, fix="crop less, or give larger inputs")
    rest = [slice(before, extent - after) for extent, (before, after) in zip(x.shape[1:-1], width, strict=True)]
    return getitem(x, (slice(None), *rest))


class ZeroPad1D(Mapping):
    """f32[n, t, c] ↦ f32[n, before + t + after, c]: zeros around. `width` is a number, or ((before, after),).

    >>> from mapsto import xp
    >>> ZeroPad1D(((2, 0),))(xp.ones((1, 3, 1)))[0, :, 0]
    array([0., 0., 1., 1., 1.], f32[5])
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("ZeroPad1D", "width", width, 1)

    def __call__(self, x: Any) -> Array:
        return padded("ZeroPad1D", x, self.width)


class ZeroPad2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, top + h + bottom, left + w + right, c]: zeros around; any type.

    `width` is a number for every side, or ((top, bottom), (left, right)). Raises ShapeError if the input is not
    [n, h, w, c].

    >>> from mapsto import xp
    >>> ZeroPad2D(((1, 0), (0, 2)))(xp.ones((1, 1, 2, 1)))[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [1., 1., 0., 0.]], f32[2,4])
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("ZeroPad2D", "width", width, 2)

    def __call__(self, x: Any) -> Array:
        return padded("ZeroPad2D", x, self.width)


class ZeroPad3D(Mapping):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', c]: zeros around. All else as for ZeroPad2D.

    `width` is a number for every side, or ((front, back), (top, bottom), (left, right)).

    >>> from mapsto import xp
    >>> ZeroPad3D(1)(xp.ones((5, 2, 3, 4, 1))).shape
    (5, 4, 5, 6, 1)
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("ZeroPad3D", "width", width, 3)

    def __call__(self, x: Any) -> Array:
        return padded("ZeroPad3D", x, self.width)


class Crop1D(Mapping):
    """f32[n, t, c] ↦ f32[n, t − before − after, c]: the ends left out. `width` is a number, or ((before, after),).

    >>> from mapsto import xp
    >>> Crop1D(((2, 0),))(xp.reshape(xp.arange(5.0), (1, 5, 1)))[0, :, 0]
    array([2., 3., 4.], f32[3])
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("Crop1D", "width", width, 1)

    def __call__(self, x: Any) -> Array:
        return cropped("Crop1D", x, self.width)


class Crop2D(Mapping):
    """f32[n, h, w, c] ↦ f32[n, h − top − bottom, w − left − right, c]: the border left out; any type.

    `width` is a number for every side, or ((top, bottom), (left, right)). Raises ShapeError if the input is not
    [n, h, w, c], or nothing would be left.

    >>> from mapsto import xp
    >>> Crop2D(1)(xp.ones((5, 28, 28, 3))).shape
    (5, 26, 26, 3)
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("Crop2D", "width", width, 2)

    def __call__(self, x: Any) -> Array:
        return cropped("Crop2D", x, self.width)


class Crop3D(Mapping):
    """f32[n, d, h, w, c] ↦ f32[n, d', h', w', c]: the border left out. All else as for Crop2D.

    `width` is a number for every side, or ((front, back), (top, bottom), (left, right)).

    >>> from mapsto import xp
    >>> Crop3D(1)(xp.ones((5, 4, 5, 6, 1))).shape
    (5, 2, 3, 4, 1)
    """

    def __init__(self, width: int | Border) -> None:
        self.width = border("Crop3D", "width", width, 3)

    def __call__(self, x: Any) -> Array:
        return cropped("Crop3D", x, self.width)
