"""Random numbers as mappings of keys: the same key gives the same numbers, on every machine and in any order.

A key is an array u32[2]. Use a key once: `split` it for more, or `fold` a number into it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import bitwise_right_shift, cos, less, log1p, negative, sqrt, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import asarray, cast
from mapsto.array.indexing import take
from mapsto.array.manipulate import arange, as_shape
from mapsto.array.trace import apply, apply_all
from mapsto.core.errors import DTypeError, UsageError
from mapsto.core.spec import FLOAT32, FLOAT64, INT64, UINT32, dtype_of, is_float
from mapsto.prims.random import FoldKey, RandomBits
from mapsto.prims.sort import Sort


def key(seed: int) -> Array:
    """A seed ↦ a key, u32[2]. Any integer from 0 to 2⁶⁴ - 1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise UsageError("USE-01", problem=f"{seed!r} is no seed", fix="use an integer from 0 to 2**64 - 1")
    return Array(np.array([int(seed) >> 32, int(seed) & 0xFFFFFFFF], np.uint32))


def is_key(value: Any) -> bool:
    """Whether a value can be a key."""
    return isinstance(value, Array) and value.dtype == UINT32 and value.shape == (2,)


def checked(key: Any) -> Array:
    if not is_key(key):
        found = key.spec if isinstance(key, Array) else repr(key)
        raise UsageError("USE-01", problem=f"{found} is no key", fix="make one with mt.key(seed), or mt.split(key)")
    return key


def fold(key: Array, data: ArrayLike) -> Array:
    """A key and an integer ↦ another key; integers `[n]` give n keys."""
    return apply(FoldKey(0), checked(key), cast(asarray(data), INT64))


def split(key: Array, count: int = 2) -> Array:
    """A key ↦ `count` independent keys, u32[count,2]: `a, b = mt.split(key)`."""
    return fold(key, arange(count))


def bits(key: Array, shape: Any) -> Array:
    """32 random bits in every place."""
    return apply(RandomBits(as_shape(shape), 0), checked(key))


def uniform(key: Array, shape: Any = (), low: ArrayLike = 0.0, high: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """Numbers from `low` (included) to `high` (not), as fine as the type can tell them apart below 1.

    Raises DTypeError unless the type is a float.
    """
    found, extents = dtype_of(dtype), as_shape(shape)
    if not is_float(found):
        raise DTypeError("DTYPE-04", function="uniform", wanted="a float type", found=found, fix="dtype=xp.float32")
    if found == FLOAT64:
        words = bits(key, (2, *extents))
        upper, lower = bitwise_right_shift(words[0], 5), bitwise_right_shift(words[1], 6)
        unit = (cast(upper, found) * 67108864.0 + cast(lower, found)) * 2.0**-53
    else:
        width = np.finfo(found).nmant + 1
        unit = cast(cast(bitwise_right_shift(bits(key, extents), 32 - width), FLOAT32) * 2.0**-width, found)
    plain = isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0)
    return unit if plain else unit * subtract(high, low) + low


def normal(key: Array, shape: Any = (), mean: ArrayLike = 0.0, std: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """The normal distribution, by Box and Muller's transform (doi:10.1214/aoms/1177706645)."""
    extents = as_shape(shape)
    pair = uniform(key, (2, *extents), dtype=dtype)
    radius = sqrt(log1p(negative(pair[0])) * -2.0)
    return radius * cos(pair[1] * (2.0 * math.pi)) * std + mean


def bernoulli(key: Array, p: ArrayLike = 0.5, shape: Any = ()) -> Array:
    """True with probability p."""
    return less(uniform(key, shape), p)


def permutation(key: Array, x: int | ArrayLike) -> Array:
    """0 … n - 1 in random order; for an array, its rows in random order."""
    count = x if isinstance(x, int) else asarray(x).shape[0]
    order = apply_all(Sort(0), bits(key, (count,)))[1]
    return order if isinstance(x, int) else take(x, order, axis=0)
