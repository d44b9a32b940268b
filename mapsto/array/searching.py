"""Finding places: of what is not 0, and of numbers within a sorted row."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.arithmetic import add
from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.bits import bitwise_right_shift
from mapsto.array.comparison import isnan, less, logical_and, logical_not, logical_or, where
from mapsto.array.convert import asarray, promote, strong
from mapsto.array.indexing import take
from mapsto.array.manipulate import full
from mapsto.core.check import one_of
from mapsto.core.errors import ShapeError, TraceError
from mapsto.core.spec import INT64, is_float


def numbers_of(function: str, x: Array) -> np.ndarray[Any, Any]:
    """The numbers of an array, for functions whose result's shape depends on them. Raises TraceError in a trace."""
    data = known(x)
    if data is None:
        fix = "call it outside of mt.compile and mt.vmap, or use a function whose shape is known: xp.where, xp.sort"
        raise TraceError("ARRAY-07", function=function, operands=(("x", x.spec, ""),), fix=fix)
    return data


def nonzero(x: ArrayLike, /) -> tuple[Array, ...]:
    """Where the elements are not 0: one array of indices an axis, int64, row by row. Worked out on the host.

    Raises TraceError for a traced array without values, ShapeError for one without axes.

    >>> nonzero([[0, 3], [2, 0]])
    (array([0, 1], i64[2]), array([1, 0], i64[2]))
    """
    x = strong(x)
    if not x.ndim:
        raise ShapeError("ARRAY-02", function="nonzero", x=x.spec, least=1, fix="compare the number: x != 0")
    return tuple(Array(places.astype(INT64)) for places in np.nonzero(numbers_of("nonzero", x)))


def precedes(x: Array, y: Array) -> Array:
    """Whether x stands before y in a sorted row, where NaNs come last."""
    smaller = less(x, y)
    if not is_float(x.dtype):
        return smaller
    return logical_or(smaller, logical_and(logical_not(isnan(x)), isnan(y)))


def searchsorted(x1: ArrayLike, x2: ArrayLike, /, *, side: str = "left", sorter: ArrayLike | None = None) -> Array:
    """A sorted row `[n]` and numbers `[…]` ↦ the places `i64[…]`, 0 … n, where they would keep the row sorted.

    `side="left"` is the first such place, "right" the last. `sorter` holds indices that sort x1. NaNs come last, as in
    `sort`. By ⌈log₂(n + 1)⌉ halvings of the row, for all numbers at once.

    >>> searchsorted([1.0, 2.0, 2.0, 5.0], [2.0, 9.0], side="right")
    array([3, 4], i64[2])
    """
    one_of("searchsorted", "side", side, ("left", "right"))
    row, wanted = (strong(x) for x in promote("searchsorted", x1, x2))
    if row.ndim != 1:
        raise ShapeError("ARRAY-13", x=row.spec, fix="give a row of rank 1")
    if sorter is not None:
        row = take(row, asarray(sorter), axis=0)
    extent = row.shape[0]
    low, high = full(wanted.shape, 0, dtype=INT64), full(wanted.shape, extent, dtype=INT64)
    for _ in range(extent.bit_length()):
        middle = bitwise_right_shift(add(low, high), 1)
        found = take(row, where(less(middle, extent), middle, extent - 1), axis=0)
        after = precedes(found, wanted) if side == "left" else logical_not(precedes(wanted, found))
        open_ = less(low, high)
        low, high = (
            where(logical_and(open_, after), add(middle, 1), low),
            where(logical_or(after, logical_not(open_)), high, middle),
        )
    return low
