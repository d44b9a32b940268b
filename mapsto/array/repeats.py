"""The same elements more than once, or moved along: repeat, tile, roll, differences, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.array.arithmetic import subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import not_equal
from mapsto.array.convert import broadcast_shape, integer, promote, spread, strong, whole
from mapsto.array.indexing import take
from mapsto.array.manipulate import axis_of, between, concat, extents_of, reshape, sequence
from mapsto.array.searching import numbers_of
from mapsto.core.check import one_of, whole_number
from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import BOOL, is_integer


def repeat(x: ArrayLike, repeats: int | ArrayLike, /, *, axis: int | None = None) -> Array:
    """Every element several times in a row, along an axis; without one, of the flattened array.

    `repeats` is one count, or one for every element along the axis; counts are known on the host.
    Raises TraceError for traced counts, ShapeError if there are not as many as elements.

    >>> repeat([1, 2, 3], 2), repeat([1, 2, 3], [0, 1, 2])
    (array([1, 1, 2, 2, 3, 3], i64[6]), array([2, 3, 3], i64[3]))
    """
    x = strong(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = axis_of("repeat", axis, x.ndim)
    before, extent, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    if whole(repeats) is not None:
        count = whole_number("repeat", "repeats", repeats, 0)
        thin = reshape(x, (*before, extent, 1, *after))
        return reshape(spread(thin, (*before, extent, count, *after)), (*before, extent * count, *after))
    counts = numbers_of("repeat", strong(repeats))
    if not is_integer(counts.dtype):
        raise DTypeError("DTYPE-04", function="repeat", wanted="integer counts", found=strong(repeats).spec)
    if counts.shape not in ((extent,), (1,)):
        fix = "one count, or as many as elements"
        raise ShapeError("ARRAY-09", found=strong(repeats).spec, extent=extent, fix=fix)
    if counts.size and counts.min() < 0:
        whole_number("repeat", "repeats", int(counts.min()), 0)
    return take(x, np.repeat(np.arange(extent), counts), axis=axis)


def tile(x: ArrayLike, repetitions: int | Sequence[int], /) -> Array:
    """The whole array several times along its axes, the last of them first; new axes in front if there are more.

    >>> tile([1, 2], (2, 2))
    array([[1, 2, 1, 2],
           [1, 2, 1, 2]], i64[2,4])
    """
    x = strong(x)
    counts = [whole_number("tile", "repetitions", count, 0) for count in extents_of(repetitions)]
    rank = max(len(counts), x.ndim)
    counts = [1] * (rank - len(counts)) + counts
    shape = (1,) * (rank - x.ndim) + x.shape
    pairs = list(zip(counts, shape, strict=True))
    thin = reshape(x, tuple(extent for _, own in pairs for extent in (1, own)))
    wide = spread(thin, tuple(extent for pair in pairs for extent in pair))
    return reshape(wide, tuple(count * own for count, own in pairs))


def roll(x: ArrayLike, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None) -> Array:
    """Elements moved on by `shift` places, those at the end to the beginning; without an axis, as one flat row.

    >>> roll([1, 2, 3, 4], 1)
    array([4, 1, 2, 3], i64[4])
    """
    x = strong(x)
    if axis is None:
        return reshape(roll(reshape(x, (-1,)), shift, axis=0), x.shape)
    axes = sequence(axis)
    shifts = sequence(shift) if isinstance(shift, (tuple, list)) else [shift] * len(axes)
    if len(shifts) != len(axes):
        fix = "one shift for every axis"
        raise ShapeError("ARRAY-05", function="roll", found=len(shifts), what="shifts", rank=len(axes), fix=fix)
    for one, by in zip(axes, shifts, strict=True):
        one = axis_of("roll", one, x.ndim)
        extent = x.shape[one]
        cut = (extent - integer("roll", by)) % extent if extent else 0
        if cut:
            x = concat([between(x, one, cut, extent), between(x, one, 0, cut)], axis=one)
    return x


def diff(
    x: ArrayLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:
    """`x[i + 1] - x[i]` along an axis, n times over; of truth values, whether they differ.

    `prepend` and `append` are joined to x along the axis first; a number stands for one slice of it.

    >>> diff([1, 4, 9, 16]), diff([1, 4, 9, 16], n=2)
    (array([3, 5, 7], i64[3]), array([2, 2], i64[2]))
    """
    x = strong(x)
    if not x.ndim:
        raise ShapeError("ARRAY-02", function="diff", x=x.spec, least=1, fix="one number has no neighbours")
    axis = axis_of("diff", axis, x.ndim)
    if whole_number("diff", "n", n, 0) == 0:
        return x
    slab = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = promote("diff", *(part for part in (prepend, x, append) if part is not None))
    x = concat([part if part.ndim else spread(part, slab) for part in parts], axis=axis)
    for _ in range(n):
        extent = x.shape[axis]
        later, sooner = between(x, axis, min(1, extent), extent), between(x, axis, 0, max(extent - 1, 0))
        x = not_equal(later, sooner) if x.dtype == BOOL else subtract(later, sooner)
    return x


def broadcast_arrays(*arrays: ArrayLike) -> list[Array]:
    """Arrays repeated into their common shape; each keeps its type.

    >>> [x.shape for x in broadcast_arrays([[1], [2]], [1.0, 2.0, 3.0])]
    [(2, 3), (2, 3)]
    """
    parts = [strong(x) for x in arrays]
    shape = broadcast_shape("broadcast_arrays", *parts)
    return [spread(x, shape) for x in parts]


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> list[Array]:
    """Rows of coordinates ↦ for each a grid `[n, m, …]` of its coordinate at every point.

    `indexing="ij"` gives the first row the first axis; "xy" exchanges the first two axes.

    >>> [grid.tolist() for grid in meshgrid([1, 2, 3], [10, 20])]
    [[[1, 2, 3], [1, 2, 3]], [[10, 10, 10], [20, 20, 20]]]
    """
    one_of("meshgrid", "indexing", indexing, ("xy", "ij"))
    rows: list[Any] = [reshape(x, (-1,)) for x in promote("meshgrid", *arrays)] if arrays else []
    places = list(range(len(rows)))
    if indexing == "xy" and len(rows) > 1:
        places[:2] = [1, 0]
    return broadcast_arrays(
        *(
            reshape(row, tuple(-1 if axis == place else 1 for axis in range(len(rows))))
            for row, place in zip(rows, places, strict=True)
        )
    )
