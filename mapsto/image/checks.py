"""Checks that the mappings of pictures share."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError, UsageError


class PictureMapping(Mapping):
    """Pictures ↦ pictures: the base of the operations on batches of pictures."""

    _root: ClassVar[str] = ""  # alone it is no part of a net: its errors name no path; in a net they name the net's


def size_of(function: str, size: Any) -> tuple[int, int]:
    """(height, width), or one number for both ↦ the pair. Raises UsageError (ARG-01).

    >>> size_of("resize", 32), size_of("resize", (28, 20))
    ((32, 32), (28, 20))
    """
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2:
        wanted = "(height, width) in pixels, as (28, 28)"
        raise UsageError("ARG-01", function=function, name="size", value=size, wanted=wanted)
    fix = "give (height, width) in pixels, as (28, 28)"
    height, width = (whole_number(function, "size", side, fix=fix) for side in sides)
    return height, width


def pictures(function: str, x: Any) -> Array:
    """A batch of pictures [n, h, w, c] as an array. Raises ShapeError (IMAGE-06)."""
    array = asarray(x)
    if len(array.shape) != 4:
        one_picture = len(array.shape) == 3 and array.shape[-1] in (1, 3, 4)
        fix = "x[None] makes a batch of one picture" if one_picture else "x[..., None] adds a channel"
        raise ShapeError("IMAGE-06", function=function, spec=array.spec, fix=fix)
    return array
