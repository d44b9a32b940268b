"""Writing into places that integers name: the array with some elements replaced, or with something added to them.

Nothing is written in place. Several updates of one place are taken in the order in which their indices stand, on any
machine and for any number of threads.
"""

from __future__ import annotations

from mapsto.array.arithmetic import add, maximum
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import less, where
from mapsto.array.convert import asarray, cast, spread, strong
from mapsto.array.indexing import counted
from mapsto.array.manipulate import axis_of, expand_dims, moveaxis, permute_dims, reshape
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError
from mapsto.prims.index import LastPut, PutAdd, Take


def opened(function: str, x: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int) -> tuple[Array, Array, Array]:
    """x and the values with the axis, or the axes of the indices, in front; and the indices, counted from the first."""
    x = strong(x)
    axis = axis_of(function, axis, x.ndim)
    index = counted(indices, x.shape[axis])
    places = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    given = cast(asarray(values), x.dtype)
    lead = len(places) - given.ndim
    if lead < 0 or any(own not in (1, extent) for own, extent in zip(given.shape, places[lead:], strict=True)):
        rows = (("x", x.spec, ""), ("indices", index.spec, ""), ("values", given.spec, ""))
        fix = (
            "values broadcast to the shape of what the indices name: x.shape[:axis] + indices.shape + x.shape[axis+1:]"
        )
        raise ShapeError("ARRAY-10", function=function, values=given.shape, places=places, operands=rows, fix=fix)
    given = spread(given, places)
    before, inner = range(axis), range(axis, axis + index.ndim)
    order = (*inner, *before, *range(axis + index.ndim, len(places)))
    return moveaxis(x, axis, 0), index, permute_dims(given, order)


def put_add(x: ArrayLike, indices: ArrayLike, values: ArrayLike, /, *, axis: int = 0) -> Array:
    """x with values added at integer positions along an axis; a position that is named twice gets both.

    `x[…, n, …], i64[k…], values […, k…, …] ↦ […, n, …]`; values broadcast, and are cast to x's type. Negative positions
    count from the end; one outside of the axis is an IndexRangeError.

    >>> put_add([1.0, 2.0, 3.0], [0, 0, -1], 10.0)
    array([21.,  2., 13.], f32[3])
    """
    rows, index, given = opened("put_add", x, indices, values, axis)
    return moveaxis(add(rows, apply(PutAdd(0, rows.shape[0]), given, index)), 0, axis)


def put(x: ArrayLike, indices: ArrayLike, values: ArrayLike, /, *, axis: int = 0) -> Array:
    """x with values in place of what stands at integer positions along an axis; of several for one, the last one.

    Shapes and errors are those of `put_add`. A value that is overwritten, by a later one or in x, has the derivative 0.

    >>> put([1.0, 2.0, 3.0], [0, 0, -1], [10.0, 20.0, 30.0])
    array([20.,  2., 30.], f32[3])
    """
    rows, index, given = opened("put", x, indices, values, axis)
    if index.size == 0:
        return moveaxis(rows, 0, axis)
    last = apply(LastPut(0, rows.shape[0]), index)
    listed = reshape(given, (index.size, *rows.shape[1:]))
    chosen = apply(Take(0), listed, maximum(last, 0))
    kept = expand_dims(less(last, 0), axis=tuple(range(1, rows.ndim))) if rows.ndim > 1 else less(last, 0)
    return moveaxis(where(kept, rows, chosen), 0, axis)
