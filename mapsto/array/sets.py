"""Arrays as sets of their elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mapsto.array.arithmetic import minimum
from mapsto.array.array import Array, ArrayLike
from mapsto.array.bits import bitwise_invert
from mapsto.array.comparison import equal
from mapsto.array.convert import promote, strong
from mapsto.array.indexing import take
from mapsto.array.manipulate import full, reshape
from mapsto.array.searching import numbers_of, searchsorted
from mapsto.array.sorting import sort
from mapsto.core.spec import BOOL, INT64
from mapsto.prims.precision import widened


class UniqueAll(NamedTuple):
    """What `unique_all` finds."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """What `unique_counts` finds."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """What `unique_inverse` finds."""

    values: Array
    inverse_indices: Array


def unique_all(x: ArrayLike, /) -> UniqueAll:
    """Different elements in ascending order, where each stands first, which of them each element is, and how often.

    `[…] ↦ values [u], indices i64[u], inverse_indices i64[…], counts i64[u]`, of the flattened array. Every NaN is an
    element of its own and comes last. Worked out on the host: raises TraceError for a traced array without values.

    >>> unique_all([3, 1, 3])._asdict()["inverse_indices"]
    array([1, 0, 1], i64[3])
    """
    return found("unique_all", strong(x))


def found(function: str, x: Array) -> UniqueAll:
    """`unique_all`, for the function that is named in an error."""
    data: Any = widened(numbers_of(function, x).reshape(-1))
    _, indices, inverse, counts = np.unique(data, True, True, True, equal_nan=False)
    parts = (indices, inverse.reshape(x.shape), counts)
    # The values are taken from x, so that they keep their derivatives.
    return UniqueAll(take(reshape(x, (-1,)), indices, axis=0), *(Array(part.astype(INT64)) for part in parts))


def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """Different elements in ascending order, and how often each stands there. See `unique_all`.

    >>> unique_counts([3, 1, 3])
    UniqueCounts(values=array([1, 3], i64[2]), counts=array([1, 2], i64[2]))
    """
    all_ = found("unique_counts", strong(x))
    return UniqueCounts(all_.values, all_.counts)


def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """Different elements in ascending order, and which of them each element is. See `unique_all`.

    >>> unique_inverse(["b" == "a", True]).inverse_indices
    array([0, 1], i64[2])
    """
    all_ = found("unique_inverse", strong(x))
    return UniqueInverse(all_.values, all_.inverse_indices)


def unique_values(x: ArrayLike, /) -> Array:
    """Different elements in ascending order. See `unique_all`.

    >>> unique_values([3, 1, 3])
    array([1, 3], i64[2])
    """
    return found("unique_values", strong(x)).values


def isin(x1: ArrayLike, x2: ArrayLike, /, *, invert: bool = False) -> Array:
    """Whether each element of x1 is one of x2's: `[…], […] ↦ bool[…]`. NaN is none. With `invert`, whether it is not.

    >>> isin([1, 2, 3], [3, 1])
    array([ True, False,  True], bool[3])
    """
    x, others = (strong(one) for one in promote("isin", x1, x2))
    row = sort(reshape(others, (-1,)))
    if row.size:
        hit = equal(take(row, minimum(searchsorted(row, x), row.size - 1), axis=0), x)
    else:
        hit = full(x.shape, False, dtype=BOOL)
    return bitwise_invert(hit) if invert else hit
