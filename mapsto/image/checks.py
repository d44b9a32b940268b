"""Checks that the mappings of pictures share."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.core.errors import ShapeError, UsageError


def size_of(function: str, size: Any) -> tuple[int, int]:
    """(height, width), or one number for both ↦ the pair. Raises UsageError (ARG-01).

    >>> size_of("resize", 32), size_of("resize", (28, 20))
    ((32, 32), (28, 20))
    """
    sides = (size, size) if isinstance(size, int | np.integer) else size
    whole = isinstance(sides, tuple | list) and len(sides) == 2 and all(map(is_side, sides))
    if not whole:
        wanted = "(height, width) in pixels, as (28, 28)"
        raise UsageError("ARG-01", function=function, name="size", value=size, wanted=wanted)
    return int(sides[0]), int(sides[1])


def is_side(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) > 0


def pictures(function: str, x: Any) -> Array:
    """A batch of pictures [n, h, w, c] as an array. Raises ShapeError (IMAGE-06)."""
    array = asarray(x)
    if len(array.shape) != 4:
        one_picture = len(array.shape) == 3 and array.shape[-1] in (1, 3, 4)
        fix = "x[None] makes a batch of one picture" if one_picture else "x[..., None] adds a channel"
        raise ShapeError("IMAGE-06", function=function, spec=array.spec, fix=fix)
    return array
