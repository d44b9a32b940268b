"""The numeric rules of casts, in one place: what becomes of a number in another element type."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.core.spec import BFLOAT16, FLOAT32, FLOAT64, DType, is_float, is_integer

Numbers = np.ndarray[Any, Any]


def converted(x: Numbers, dtype: DType) -> Numbers:
    """Numbers in another element type, the same in every evaluator.

    Floats lose their fraction on the way to integers; NaN becomes 0, and what is too large or small the largest or
    smallest integer. Integers wrap into smaller ones. Floats round once, to the nearest, halves to even; integers
    become 16-bit floats by way of f32. Whatever is not 0 is True.

    >>> converted(np.array([1.9, -300.0, np.nan]), np.dtype(np.int8))
    array([   1, -128,    0], dtype=int8)
    """
    with np.errstate(all="ignore"):
        if is_float(x.dtype) and is_integer(dtype):
            return saturated(x, dtype)
        if dtype == BFLOAT16 and is_integer(x.dtype):
            return x.astype(FLOAT32).astype(dtype)
        if dtype == BFLOAT16 and x.dtype.kind == "f" and x.dtype.itemsize > FLOAT32.itemsize:
            return odd_float32(x).astype(dtype)
        return x.astype(dtype)


def saturated(x: Numbers, dtype: DType) -> Numbers:
    """Floats ↦ integers: towards 0, and into the range of the type."""
    info = np.iinfo(dtype)
    wide = np.trunc(x.astype(FLOAT64))  # both bounds below are powers of two or 0, hence exact
    above, below = wide >= float(int(info.max) + 1), wide <= float(info.min)
    inside = np.where(above | below | np.isnan(wide), 0, wide).astype(dtype)
    return np.where(above, dtype.type(info.max), np.where(below, dtype.type(info.min), inside))


def odd_float32(x: Numbers) -> Numbers:
    """float64 ↦ float32, of which a further rounding to fewer bits is right.

    The number next towards 0, with its last bit set if anything was cut off ("rounding to odd"): rounded twice to the
    nearest, 1 + 2⁻⁸ + 2⁻⁴⁰ would become 1 in bfloat16.
    """
    near = x.astype(FLOAT32)
    bits = near.view(np.uint32)
    back = near.astype(FLOAT64)
    bits = bits - (np.abs(back) > np.abs(x)).astype(np.uint32)
    odd = (bits | (back != x).astype(np.uint32)).view(FLOAT32)
    return np.where(np.isfinite(x), odd, near)
