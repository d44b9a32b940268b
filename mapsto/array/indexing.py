"""Elements by position: `x[…]`, `take`, `take_along_axis`."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.arithmetic import add, less, where
from mapsto.array.array import FUNCTIONS, Array, ArrayLike, concrete
from mapsto.array.convert import asarray
from mapsto.array.manipulate import axis_of, moveaxis, permute_dims, reshape
from mapsto.array.trace import apply
from mapsto.core.errors import DTypeError, IndexRangeError, ShapeError, UsageError
from mapsto.core.spec import BOOL, is_integer
from mapsto.prims.index import Take
from mapsto.prims.layout import Flip, Slice


def counted(indices: ArrayLike, extent: int) -> Array:
    """Integer indices counted from either end ↦ counted from the first."""
    index = asarray(indices)
    if index.dtype.kind == "u":
        return index
    if not is_integer(index.dtype):
        raise DTypeError("DTYPE-04", function="take", wanted="integer indices", found=index.spec)
    return where(less(index, 0), add(index, extent), index)


def take(x: ArrayLike, indices: ArrayLike, /, *, axis: int | None = None) -> Array:
    """The elements at integer positions along an axis; negative ones count from the end.

    An index outside of the axis is an IndexRangeError.
    """
    x = asarray(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = axis_of("take", axis, x.ndim)
    index = counted(indices, x.shape[axis])
    taken = apply(Take(0), moveaxis(x, axis, 0), index)
    if axis == 0:
        return taken
    # The indices' axes stand first; they belong where the axis was.
    places = list(range(index.ndim, index.ndim + x.ndim - 1))
    return permute_dims(taken, (*places[:axis], *range(index.ndim), *places[axis:]))


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, *, axis: int = -1) -> Array:
    """For every place of `indices`, the element of `x` at that index along an axis; the other axes agree."""
    x = asarray(x)
    axis = axis_of("take_along_axis", axis, x.ndim)
    index = moveaxis(counted(indices, x.shape[axis]), axis, -1)
    return moveaxis(apply(Take(x.ndim - 1), moveaxis(x, axis, -1), index), -1, axis)


def getitem(x: Array, key: Any) -> Array:
    """`x[…]` with integers, slices, `...`, `None`, one integer array, or a mask (whose result is not traced)."""
    parts = list(key) if isinstance(key, tuple) else [key]
    arrays = [part for part in parts if isinstance(part, (Array, np.ndarray, list))]
    if len(parts) == 1 and arrays and asarray(parts[0]).dtype == BOOL:
        mask = concrete(asarray(parts[0]), "as a mask, whose result has no fixed shape")
        if mask.shape != x.shape[: mask.ndim]:
            rows = (("array", x.spec, ""), ("mask", asarray(parts[0]).spec, ""))
            raise ShapeError("SHAPE-02", function="a mask", operands=rows, fix="it has the array's leading axes")
        places = np.flatnonzero(mask)
        return take(reshape(x, (mask.size, *x.shape[mask.ndim :])), places, axis=0)
    if len(arrays) > 1:
        raise UsageError("USE-01", problem="one index array at a time", fix="use xp.take or xp.take_along_axis")
    if sum(part is Ellipsis for part in parts) > 1:
        raise UsageError("USE-01", problem="an index with more than one ...")
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > x.ndim:
        raise IndexRangeError("USE-04", index=f"number {used}", extent=x.ndim, fix=f"{x.spec} has {x.ndim} axes")
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    parts[at : at + 1] = [slice(None)] * (x.ndim - used)
    return sliced(x, parts)


def sliced(x: Array, parts: list[Any]) -> Array:
    """Apply one part of an index to each axis."""
    starts: list[int] = []
    stops: list[int] = []
    steps: list[int] = []
    flips: list[int] = []
    shape: list[int] = []
    picks: list[tuple[int, Any]] = []  # the axis of the result that an index array applies to
    axis = 0
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        extent = x.shape[axis]
        start, stop, step = 0, extent, 1
        if isinstance(part, slice):
            start, stop, step = part.indices(extent)
            count = len(range(start, stop, step))
            if step < 0:
                flips.append(axis)
                start, stop, step = start + (count - 1) * step, start + 1, -step
            start, stop = (start, min(max(stop, start), extent)) if count else (0, 0)
            shape.append(count)
        elif isinstance(part, (Array, np.ndarray, list)) and asarray(part).ndim:
            picks.append((len(shape), part))
            shape.append(extent)
        else:
            start = position(part, extent)
            stop = start + 1
        starts.append(start)
        stops.append(stop)
        steps.append(step)
        axis += 1
    if (tuple(starts), tuple(stops), set(steps) | {1}) != ((0,) * x.ndim, x.shape, {1}):
        x = apply(Slice(tuple(starts), tuple(stops), tuple(steps)), x)
    if flips:
        x = apply(Flip(tuple(flips)), x)
    x = reshape(x, tuple(shape))
    for place, indices in picks:
        x = take(x, indices, axis=place)
    return x


def position(part: Any, extent: int) -> int:
    """One integer index, counted from either end."""
    if isinstance(part, bool) or not hasattr(part, "__index__"):
        raise UsageError("USE-01", problem=f"{part!r} is no index", fix="use integers, slices, ..., None or an array")
    index = part.__index__()
    if not -extent <= index < extent:
        raise IndexRangeError("USE-04", index=index, extent=extent, fix=f"indices run {-extent} … {extent - 1}")
    return index % extent


FUNCTIONS["getitem"] = getitem
