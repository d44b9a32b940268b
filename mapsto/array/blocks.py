"""Blocks of an array that begin at places known only when the program runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapsto.array.arithmetic import add, clip, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import less, less_equal, logical_and, where
from mapsto.array.convert import cast, strong
from mapsto.array.indexing import counted, getitem, take
from mapsto.array.manipulate import arange, extents_of, moveaxis, reshape
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError
from mapsto.prims.index import Take


def starts_of(function: str, x: Array, start: Any, sizes: Sequence[int]) -> list[Array]:
    """Where a block begins along every axis: integers of the program or traced ones, as arrays without axes."""
    if isinstance(start, (tuple, list)):
        listed: list[Any] = list(start)  # pyright: ignore[reportUnknownArgumentType]
    else:
        given = strong(start)
        listed = [given] if not given.ndim else [getitem(given, i) for i in range(given.shape[0])]
    for found, what in ((len(listed), "starts"), (len(sizes), "sizes")):
        if found != x.ndim:
            fix = f"give one for every axis of {x.spec}"
            raise ShapeError("ARRAY-05", function=function, found=found, what=what, rank=x.ndim, fix=fix)
    if any(not 0 <= size <= extent for size, extent in zip(sizes, x.shape, strict=True)):
        raise ShapeError("ARRAY-11", function=function, sizes=tuple(sizes), x=x.spec, fix="make the block smaller")
    return [counted(one, extent) for one, extent in zip(listed, x.shape, strict=True)]


def dynamic_slice(x: ArrayLike, start: Any, sizes: Sequence[int], /) -> Array:
    """The block of extents `sizes` that begins at `start`: integers, one for every axis, known or traced.

    A negative start counts from the end. A block that does not lie within the array is an IndexRangeError: nothing is
    moved back inside silently. Raises ShapeError if the block is larger than the array.

    >>> dynamic_slice([10, 20, 30, 40], [1], [2])
    array([20, 30], i64[2])
    """
    x = strong(x)
    extents = extents_of(sizes)
    for axis, begin in enumerate(starts_of("dynamic_slice", x, start, extents)):
        x = run(x, axis, begin, extents[axis])
    return x


def run(x: Array, axis: int, begin: Array, size: int) -> Array:
    """`size` elements along an axis; an IndexRangeError if the axis does not have them all."""
    positions = add(begin, arange(size))  # counted already: one below 0 is an error, and not one from the end
    return moveaxis(apply(Take(0), moveaxis(x, axis, 0), positions), 0, axis)


def dynamic_update(x: ArrayLike, update: ArrayLike, start: Any, /) -> Array:
    """x with the block that begins at `start` replaced by `update`, which has as many axes and is cast to x's type.

    Starts and errors are those of `dynamic_slice`. What is replaced has the derivative 0.

    >>> dynamic_update([10, 20, 30, 40], [7, 8], [-2])
    array([10, 20,  7,  8], i64[4])
    """
    x, block = strong(x), strong(update)
    block = cast(block, x.dtype)
    starts = starts_of("dynamic_update", x, start, block.shape)
    if block.size == 0:
        return x
    inside: Array | None = None
    for axis, begin in enumerate(starts):
        extent, size = x.shape[axis], block.shape[axis]
        first = run(arange(extent), 0, begin, size)[0]  # read off a row of positions, which refuses those outside
        offset = subtract(arange(extent), first)
        block = take(block, clip(offset, 0, size - 1), axis=axis)
        along = logical_and(less_equal(0, offset), less(offset, size))
        along = reshape(along, tuple(extent if one == axis else 1 for one in range(x.ndim)))
        inside = along if inside is None else logical_and(inside, along)
    return block if inside is None else where(inside, block, x)
