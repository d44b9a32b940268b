"""Layers that only rearrange."""

from __future__ import annotations

import math
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.manipulate import permute_dims, reshape
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import Shape
from mapsto.nn.window import numbers


def batched(function: str, x: Any) -> Array:
    """An input as an array. Raises ShapeError for a single number."""
    x = asarray(x)
    if not x.ndim:
        raise ShapeError("LAYER-02", function=function, x=x.spec, fix="give [n, …]; x[None] adds a batch axis")
    return x


class Flatten(Mapping):
    """f32[n, …] ↦ f32[n, d]: all axes but the batch as one, the last running fastest; any type.

    Raises ShapeError for a single number.

    >>> Flatten()([[[1, 2], [3, 4]]])
    array([[1, 2, 3, 4]], i64[1,4])
    """

    def __call__(self, x: Any) -> Array:
        x = batched("Flatten", x)
        return reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Mapping):
    """f32[n, …] ↦ f32[n, *shape]: every example in another shape, its last axis running fastest; any type.

    The batch axis stays and is not part of `shape`. One extent may be -1, and is then worked out. Raises ShapeError if
    an example does not have as many numbers.

    >>> from mapsto import xp
    >>> Reshape((2, -1))(xp.zeros((5, 6))).shape
    (5, 2, 3)
    """

    def __init__(self, shape: int | tuple[int, ...]) -> None:
        given = shape if isinstance(shape, (tuple, list)) else (shape,)
        found = numbers(given)
        if len(found) != len(given) or min(found, default=0) < -1 or found.count(-1) > 1:
            wanted = "whole numbers, one example's extents without the batch; one may be -1"
            raise UsageError("ARG-01", function="Reshape", name="shape", value=shape, wanted=wanted)
        self.shape = found

    def __call__(self, x: Any) -> Array:
        x = batched("Reshape", x)
        return reshape(x, (x.shape[0], *self.extents(math.prod(x.shape[1:]))))

    def extents(self, count: int) -> Shape:
        """The shape of an example of `count` numbers."""
        rest = math.prod(extent for extent in self.shape if extent != -1)
        missing = count // rest if rest else -1
        shape = tuple(missing if extent == -1 else extent for extent in self.shape)
        if -1 in shape or math.prod(shape) != count:
            fix = f"the extents must multiply to {count}, without the batch; one may be -1"
            raise ShapeError("LAYER-03", function="Reshape", count=count, shape=self.shape, fix=fix)
        return shape


class Permute(Mapping):
    """f32[n, …] ↦ f32[n, …]: the axes of every example in another order; any type.

    Axes are counted as in the array and as in Keras: the batch is axis 0, stays first and is not named, so
    Permute((2, 1)) is xp.permute_dims(x, (0, 2, 1)). Raises ShapeError if an example has other than the named axes.

    >>> from mapsto import xp
    >>> Permute((3, 1, 2))(xp.zeros((5, 28, 29, 3))).shape  # channels first, for other programs
    (5, 3, 28, 29)
    """

    def __init__(self, axes: tuple[int, ...]) -> None:
        found = numbers(axes) if isinstance(axes, (tuple, list)) else ()
        if not found or sorted(found) != list(range(1, len(found) + 1)):
            last = len(axes) if isinstance(axes, (tuple, list)) else 2
            wanted = f"the axes 1 … {last} of an example in some order"
            fix = "the batch is axis 0: it stays first and is not named"
            raise UsageError("ARG-01", function="Permute", name="axes", value=axes, wanted=wanted, fix=fix)
        self.axes = found

    def __call__(self, x: Any) -> Array:
        x = asarray(x)
        if x.ndim != len(self.axes) + 1:
            fix = f"it takes [n, …] with {len(self.axes)} axes besides the batch"
            raise ShapeError("LAYER-04", function="Permute", axes=self.axes, x=x.spec, fix=fix)
        return permute_dims(x, (0, *self.axes))
