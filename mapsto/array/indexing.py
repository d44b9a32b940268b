"""Elements by position: `x[…]`, `take`, `take_along_axis`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.arithmetic import add, less, where
from mapsto.array.array import FUNCTIONS, Array, ArrayLike, concrete
from mapsto.array.convert import asarray, cast, strong, whole
from mapsto.array.manipulate import axis_of, moveaxis, permute_dims, reshape
from mapsto.array.trace import Traced, apply
from mapsto.core.errors import DTypeError, IndexRangeError, ShapeError, UsageError
from mapsto.core.spec import BOOL, INT64, is_integer
from mapsto.prims.index import Take
from mapsto.prims.layout import Flip, Slice


def counted(indices: ArrayLike, extent: int) -> Array:
    """Integer indices counted from either end ↦ counted from the first."""
    # An empty list has no element that could say that it holds integers.
    index = strong(asarray(indices, dtype=INT64 if isinstance(indices, list) and not indices else None))
    if index.dtype.kind == "u":
        return index
    if not is_integer(index.dtype):
        raise DTypeError("DTYPE-04", function="take", wanted="integer indices", found=index.spec)
    index = cast(index, INT64)  # the extent may not fit an i8
    return where(less(index, 0), add(index, extent), index)


def take(x: ArrayLike, indices: ArrayLike, /, *, axis: int | None = None) -> Array:
    """The elements at integer positions along an axis; negative ones count from the end.

    An index outside of the axis is an IndexRangeError.

    >>> take([10, 20, 30], [2, -1, 0])
    array([30, 30, 10], i64[3])
    """
    x = strong(x)
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
    x = strong(x)
    axis = axis_of("take_along_axis", axis, x.ndim)
    index = moveaxis(counted(indices, x.shape[axis]), axis, -1)
    return moveaxis(apply(Take(x.ndim - 1), moveaxis(x, axis, -1), index), -1, axis)


def getitem(x: Array, key: Any) -> Array:
    """`x[…]` with integers, slices, `...`, `None`, one integer array, or a mask (whose result is not traced).

    A traced integer is taken when the program runs, so `x[i]` works within `mt.compile` and `mt.vmap`.
    """
    x = strong(x)
    parts = list(key) if isinstance(key, tuple) else [key]
    if len(parts) == 1 and isinstance(parts[0], (Array, np.ndarray, list)) and asarray(parts[0]).dtype == BOOL:
        mask = concrete(asarray(parts[0]), "as a mask, whose result has no fixed shape")
        if mask.shape != x.shape[: mask.ndim]:
            rows = (("array", x.spec, ""), ("mask", asarray(parts[0]).spec, ""))
            raise ShapeError("SHAPE-02", function="a mask", operands=rows, fix="it has the array's leading axes")
        places = np.flatnonzero(mask)
        return take(reshape(x, (mask.size, *x.shape[mask.ndim :])), places, axis=0)
    if sum(map(is_pick, parts)) > 1:
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


@dataclass(frozen=True)
class Cut:
    """What an index leaves of one axis: elements start, start + step, … below stop, in opposite order if `flipped`.

    `kept` is the axis in the result: one extent, or none for a single position. `pick` are integers to take from it,
    or one integer that is known only when the program runs.
    """

    start: int
    stop: int
    step: int
    kept: tuple[int, ...]
    flipped: bool = False
    pick: Any = None


def cut(part: Any, extent: int) -> Cut:
    """One part of an index, for an axis of some extent."""
    if isinstance(part, slice):
        if part.step == 0:
            raise UsageError("USE-01", problem="a slice with step 0", fix="x[::2] takes every second element")
        start, stop, step = part.indices(extent)
        count = len(range(start, stop, step))
        if not count:
            return Cut(0, 0, 1, (0,))
        last = start + (count - 1) * step
        return Cut(min(start, last), max(start, last) + 1, abs(step), (count,), flipped=step < 0)
    if is_pick(part) or (isinstance(part, Traced) and is_integer(part.dtype)):
        return Cut(0, extent, 1, (extent,), pick=part)
    start = position(part, extent)
    return Cut(start, start + 1, 1, ())


def is_pick(part: Any) -> bool:
    """Whether a part of an index is an array of positions."""
    return isinstance(part, (Array, np.ndarray, list)) and asarray(part).ndim > 0


def sliced(x: Array, parts: list[Any]) -> Array:
    """Apply one part of an index to each axis; None makes a new one."""
    places = [i for i, part in enumerate(parts) if is_pick(part)]
    singles = [i for i, part in enumerate(parts) if not (part is None or isinstance(part, slice) or is_pick(part))]
    if places and any(abs(i - places[0]) > 1 for i in singles):
        fix = "index twice, x[0][:, [0, 1]], or use xp.take"
        raise UsageError("USE-01", problem="a position and an index array with a slice between them", fix=fix)
    extents = iter(x.shape)
    cuts = [None if part is None else cut(part, next(extents)) for part in parts]
    axes = [one for one in cuts if one is not None]
    if any((one.start, one.stop, one.step) != (0, extent, 1) for one, extent in zip(axes, x.shape, strict=True)):
        start, stop, step = (tuple(getattr(one, name) for one in axes) for name in ("start", "stop", "step"))
        x = apply(Slice(start, stop, step), x)
    flips = tuple(axis for axis, one in enumerate(axes) if one.flipped)
    if flips:
        x = apply(Flip(flips), x)
    shape: tuple[int, ...] = ()
    picks: list[tuple[int, Any]] = []
    for one in cuts:
        if one is not None and one.pick is not None:
            picks.append((len(shape), one.pick))
        shape += (1,) if one is None else one.kept
    x = reshape(x, shape)
    for axis, positions in reversed(picks):  # a single position takes its axis away from those behind it
        x = take(x, positions, axis=axis)
    return x


def position(part: Any, extent: int) -> int:
    """One integer index, counted from either end."""
    index = None if isinstance(part, bool) else whole(part)
    if index is None:
        raise UsageError("USE-01", problem=f"{part!r} is no index", fix="use integers, slices, ..., None or an array")
    if not -extent <= index < extent:
        raise IndexRangeError("USE-04", index=index, extent=extent, fix=f"indices run {-extent} … {extent - 1}")
    return index % extent


FUNCTIONS["getitem"] = getitem
