"""Layers that only rearrange."""

from __future__ import annotations

import math
from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.manipulate import reshape
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import ShapeError


class Flatten(Mapping):
    """f32[n, …] ↦ f32[n, d]: all axes but the batch as one, the last running fastest; any type.

    Raises ShapeError for a single number.

    >>> Flatten()([[[1, 2], [3, 4]]])
    array([[1, 2, 3, 4]], i64[1,4])
    """

    def __call__(self, x: Any) -> Array:
        x = asarray(x)
        if not x.ndim:
            raise ShapeError("SHAPE-07", function="Flatten", problem="a single number has no batch", fix="give [n, …]")
        return reshape(x, (x.shape[0], math.prod(x.shape[1:])))
