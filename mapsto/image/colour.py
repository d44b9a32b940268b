"""Colours: normalised by channel, or made grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, one_float
from mapsto.array.reduction import sum
from mapsto.core.check import real_number
from mapsto.core.errors import ShapeError, UsageError
from mapsto.image.checks import PictureMapping, pictures

REC_601 = (0.299, 0.587, 0.114)  # ITU-R BT.601, luma of red, green, blue


class Normalise(PictureMapping):
    """x ↦ (x − mean) / std, channel by channel. See `normalise`."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, x: Any) -> Array:
        x = one_float(x)
        count = len(self.mean)
        if count > 1 and x.shape[-1:] != (count,):
            facts = {"function": "normalise", "wanted": count, "found": x.shape[-1] if x.shape else 0}
            raise ShapeError("IMAGE-07", **facts, fix="give one mean and one std for each channel")
        return (x - constant(self.mean, x)) / constant(self.std, x)


def normalise(mean: float | Sequence[float], std: float | Sequence[float]) -> Normalise:
    """Pictures [n, h, w, c] ↦ f32[n, h, w, c], (x − mean) / std, with one number for all channels or one for each.

    The numbers are in the units of x: after `image.scale(1 / 255)` those from 0 to 1. Floats keep their type.

    Raises UsageError (ARG-01) unless the counts agree and each std is above 0; ShapeError (IMAGE-07) for other
    channels.

    >>> normalise(2.0, 0.5)([1.0, 2.0, 3.0])
    array([-2.,  0.,  2.], f32[3])
    """
    means, deviations = numbers("mean", mean, None), numbers("std", std, 0.0)
    if len(means) != len(deviations) and 1 in (len(means), len(deviations)):
        count = max(len(means), len(deviations))
        means, deviations = ((one * count if len(one) == 1 else one) for one in (means, deviations))
    if len(means) != len(deviations):
        wanted = f"{len(means)} numbers, as mean is"
        raise UsageError("ARG-01", function="normalise", name="std", value=std, wanted=wanted)
    return Normalise(means, deviations)


def numbers(name: str, given: Any, above: float | None) -> tuple[float, ...]:
    listed = list(np.asarray(given).ravel()) if isinstance(given, np.ndarray | Array | list | tuple) else [given]
    if not listed:
        raise UsageError("ARG-01", function="normalise", name=name, value=given, wanted="a number for each channel")
    return tuple(real_number("normalise", name, one, above=above) for one in listed)


class Greyscale(PictureMapping):
    """[n, h, w, 3] ↦ [n, h, w, 1]. See `greyscale`."""

    def __call__(self, x: Any) -> Array:
        x = one_float(pictures("greyscale", x))
        if x.shape[-1] != len(REC_601):
            facts = {"function": "greyscale", "wanted": len(REC_601), "found": x.shape[-1]}
            raise ShapeError("IMAGE-07", **facts, fix="red, green and blue stand on the last axis")
        return sum(x * constant(REC_601, x), axis=-1, keepdims=True)


def greyscale() -> Greyscale:
    """Pictures in colour [n, h, w, 3] ↦ f32[n, h, w, 1], 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601).

    The range stays what it was; floats keep their type. Raises ShapeError for another rank (IMAGE-06) or other
    channels (IMAGE-07).

    >>> greyscale()([[[[0.0, 0.0, 255.0]]]]).shape
    (1, 1, 1, 1)
    """
    return Greyscale()


def constant(values: tuple[float, ...], x: Array) -> Array:
    """Numbers as an array in the type of x."""
    return asarray(np.array(values, x.dtype))
