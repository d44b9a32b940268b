"""Random numbers as mappings of keys: the same key gives the same numbers, on every machine and in any order.

A key is an array u32[2]. Use a key once: `split` it for more, or `fold` a number into it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import negative, subtract
from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.bits import bitwise_right_shift
from mapsto.array.comparison import equal, less, where
from mapsto.array.convert import asarray, cast, integer
from mapsto.array.elementary import log1p, sqrt
from mapsto.array.indexing import take
from mapsto.array.manipulate import arange, as_shape
from mapsto.array.trace import apply, apply_all
from mapsto.array.trigonometric import cos
from mapsto.core.errors import DTypeError, UsageError
from mapsto.core.spec import FLOAT32, FLOAT64, INT64, UINT32, dtype_of, float_info, is_float, is_half
from mapsto.prims.random import FoldKey, RandomBits
from mapsto.prims.sort import Sort


def key(seed: int) -> Array:
    """A seed ↦ a key, u32[2]. Any integer from 0 to 2⁶⁴ - 1.

    >>> key(7)
    array([0, 7], u32[2])
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise UsageError("KEY-01", found=repr(seed), fix="use an integer from 0 to 2**64 - 1")
    return Array(np.array([int(seed) >> 32, int(seed) & 0xFFFFFFFF], np.uint32))


def is_key(value: Any) -> bool:
    """Whether a value can be a key."""
    return isinstance(value, Array) and value.dtype == UINT32 and value.shape == (2,)


def checked(key: Any) -> Array:
    if not is_key(key):
        found = key.spec if isinstance(key, Array) else repr(key)
        raise UsageError("KEY-02", found=found, fix="make one with mt.key(seed), or mt.split(key)")
    return key


def fold(key: Array, data: ArrayLike) -> Array:
    """A key and an integer ↦ another key; integers `[n]` give n keys.

    >>> fold(key(0), 7)
    array([1271512482,  634407644], u32[2])
    """
    return apply(FoldKey(0), checked(key), cast(asarray(data), INT64))


def split(key: Array, count: int = 2) -> Array:
    """A key ↦ `count` independent keys, u32[count,2]: `a, b = mt.split(key)`.

    >>> split(key(0), 3).shape
    (3, 2)
    """
    return fold(key, arange(count))


def bits(key: Array, shape: Any) -> Array:
    """32 random bits in every place."""
    return apply(RandomBits(as_shape(shape), 0), checked(key))


def uniform(key: Array, shape: Any = (), low: ArrayLike = 0.0, high: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """Numbers from `low` (included) to `high` (not), as fine as the type can tell them apart below 1.

    Raises DTypeError unless the type is a float.

    >>> uniform(key(0), (3,), -1.0, 1.0)
    array([-0.16308582, -0.56740916,  0.93064284], f32[3])
    """
    found, extents = dtype_of(dtype), as_shape(shape)
    if not is_float(found):
        raise DTypeError("DTYPE-04", function="uniform", wanted="a float type", found=found, fix="dtype=xp.float32")
    if found == FLOAT64:
        words = bits(key, (2, *extents))
        upper, lower = bitwise_right_shift(words[0], 5), bitwise_right_shift(words[1], 6)
        unit = (cast(upper, found) * 67108864.0 + cast(lower, found)) * 2.0**-53
    else:
        width = int(float_info(found).nmant) + 1
        unit = cast(cast(bitwise_right_shift(bits(key, extents), 32 - width), FLOAT32) * 2.0**-width, found)
    plain = isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0)
    if plain:
        return unit
    y = cast(unit * subtract(high, low) + low, found)
    # Rounding can reach `high`. Between low and high lie as many rounding steps as there are if the two ends count as
    # one, so what reaches one end belongs to the other, and every step stays as likely as the next.
    return where(equal(y, high), low, y)


def normal(key: Array, shape: Any = (), mean: ArrayLike = 0.0, std: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """The normal distribution, by Box and Muller's transform (doi:10.1214/aoms/1177706645).

    >>> normal(key(0), (2,))
    array([ 1.0166016, -0.6230688], f32[2])
    """
    found, extents = dtype_of(dtype), as_shape(shape)
    # 16 bits tell uniform numbers apart too coarsely for the tails: of bfloat16's 256, none lies beyond 3.3 deviations.
    pair = uniform(key, (2, *extents), dtype=FLOAT32 if is_half(found) else found)
    radius = sqrt(log1p(negative(pair[0])) * -2.0)
    return cast(radius * cos(pair[1] * (2.0 * math.pi)) * std + mean, found)


def bernoulli(key: Array, p: ArrayLike = 0.5, shape: Any = None) -> Array:
    """True with probability p, from 0 to 1; of the shape of p, unless `shape` is given.

    Raises UsageError for another p, if it is known; False for a NaN that is traced.

    >>> bernoulli(key(0), 0.9, (4,))
    array([ True,  True, False,  True], bool[4])
    """
    known_p = known(asarray(p))
    if known_p is not None and not np.all((known_p >= 0) & (known_p <= 1)):
        raise UsageError("ARG-01", function="bernoulli", name="p", value=p, wanted="from 0 to 1")
    return less(uniform(key, asarray(p).shape if shape is None else shape), p)


def permutation(key: Array, x: int | ArrayLike) -> Array:
    """0 … n - 1 in random order; for an array, its rows in random order.

    >>> permutation(key(0), 4)
    array([1, 0, 3, 2], i64[4])
    """
    rows = asarray(x)
    count = rows.shape[0] if rows.ndim else integer("permutation", x)
    order = apply_all(Sort(0), bits(key, (count,)))[1]
    return take(rows, order, axis=0) if rows.ndim else order
