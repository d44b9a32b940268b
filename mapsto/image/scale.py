"""Bringing pixels to a small range."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array
from mapsto.array.convert import one_float
from mapsto.image.checks import PictureMapping


class Scale(PictureMapping):
    """x ↦ factor · x, as floats: `image.scale(1 / 255)` brings pixels from 0 … 255 to 0 … 1."""

    factor: float

    def __call__(self, x: Any) -> Array:
        return one_float(x) * self.factor


def scale(factor: float) -> Scale:
    """Pixels ↦ factor · pixels: u8[n, h, w, c] ↦ f32[n, h, w, c]; floats keep their type.

    >>> [round(float(one), 3) for one in scale(1 / 255)([0, 51, 255])]
    [0.0, 0.2, 1.0]
    """
    return Scale(factor)
