"""Elements by position: `x[…]`, `take`, `take_along_axis`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mapsto.array.arithmetic import add, multiply
from mapsto.array.array import FUNCTIONS, Array, ArrayLike, concrete
from mapsto.array.comparison import less, where
from mapsto.array.convert import asarray, broadcast_shape, cast, spread, strong, whole
from mapsto.array.manipulate import arange, axis_of, moveaxis, permute_dims, reshape
from mapsto.array.trace import Traced, apply
from mapsto.core.errors import DTypeError, IndexRangeError, ShapeError, UsageError
from mapsto.core.spec import BOOL, INT64, is_integer
from mapsto.prims.index import Take
from mapsto.prims.layout import Flip, Slice


def listed(indices: ArrayLike) -> Array:
    """Indices as an array; an empty list has no element that could say that it holds integers."""
    array = asarray(indices)
    return asarray(indices, dtype=INT64) if isinstance(indices, list) and not array.size else array


def counted(indices: ArrayLike, extent: int) -> Array:
    """Integer indices counted from either end ↦ counted from the first."""
    index = strong(listed(indices))
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
    """For every place of `indices`, the element of `x` at that index along an axis; the other axes broadcast.

    `[…, n, …], i64[…, k, …] ↦ […, k, …]`. An index outside of the axis is an IndexRangeError.

    >>> take_along_axis([[3, 1], [2, 5]], [[1], [0]])
    array([[1],
           [2]], i64[2,1])
    """
    x = strong(x)
    axis = axis_of("take_along_axis", axis, x.ndim)
    index = counted(indices, x.shape[axis])
    if index.ndim != x.ndim:
        rows = (("x", x.spec, ""), ("indices", index.spec, ""))
        facts: dict[str, Any] = {
            "function": "take_along_axis",
            "found": index.ndim,
            "what": "axes of indices",
            "rank": x.ndim,
        }
        raise ShapeError("ARRAY-05", **facts, operands=rows, fix="xp.take takes indices of any shape")
    index, x = moveaxis(index, axis, -1), moveaxis(x, axis, -1)
    try:
        lead = np.broadcast_shapes(x.shape[:-1], index.shape[:-1])
    except ValueError as problem:
        rows = (("x", x.spec, ""), ("indices", index.spec, ""))
        fix = "their other axes must be equal, or 1"
        raise ShapeError("SHAPE-02", function="take_along_axis", operands=rows, fix=fix) from problem
    index, x = spread(index, (*lead, index.shape[-1])), spread(x, (*lead, x.shape[-1]))
    return moveaxis(apply(Take(x.ndim - 1), x, index), -1, axis)


def getitem(x: Array, key: Any) -> Array:
    """`x[…]` with integers, slices, `...`, `None`, integer arrays and masks, as in NumPy.

    Several index arrays are broadcast and read together: `x[i, j]` is `x[i[0], j[0]], x[i[1], j[1]], …`. Their axes
    stand where they stood if they stood side by side, integers counting as arrays then, and in front otherwise.

    A traced integer or index is taken when the program runs, so `x[i]` works within `mt.compile` and `mt.vmap`. A mask
    is worked out on the host: raises TraceError where its numbers are not known, IndexRangeError for an index outside
    of its axis, UsageError for what is no index.
    """
    x = strong(x)
    parts = [listed(part) if is_list(part) else part for part in (key if isinstance(key, tuple) else (key,))]
    if sum(part is Ellipsis for part in parts) > 1:
        raise UsageError("INDEX-02", fix="write the axes between them out: x[..., :, 0]")
    used = sum(axes_used(part) for part in parts)
    if used > x.ndim:
        raise IndexRangeError("INDEX-03", found=used, x=x.spec, rank=x.ndim, fix="leave some out")
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    # One that stands for no axis stays: as in NumPy, index arrays at both sides of it do not stand side by side.
    parts[at : at + 1] = [slice(None)] * (x.ndim - used) or [Ellipsis]
    x, parts = with_axes_for_truths(x, parts)
    return sliced(x, without_masks(x, parts))


def is_list(part: Any) -> bool:
    return isinstance(part, (Array, np.ndarray, list))


def is_mask(part: Any) -> bool:
    return is_list(part) and asarray(part).dtype == BOOL


def axes_used(part: Any) -> int:
    """How many axes of the array a part of an index is about."""
    return 0 if part is None or part is Ellipsis else part.ndim if is_mask(part) else 1


def with_axes_for_truths(x: Array, parts: list[Any]) -> tuple[Array, list[Any]]:
    """A mask without axes is about a new axis of extent 1, as in NumPy: it stays where the mask holds."""
    found: list[Any] = []
    axis = 0
    for part in parts:
        if is_mask(part) and part.ndim == 0:
            x, part = reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])), reshape(part, (1,))
        found.append(part)
        axis += axes_used(part)
    return x, found


def without_masks(x: Array, parts: list[Any]) -> list[Any]:
    """Every mask as the positions where it holds, one array for each of its axes."""
    found: list[Any] = []
    axis = 0
    for part in parts:
        if is_mask(part):
            mask = concrete(part, "as a mask, whose result has no fixed shape")
            lies_on = x.shape[axis : axis + mask.ndim]
            # As in NumPy, an axis without elements lies on every axis: nothing is chosen anyway.
            if any(own not in (extent, 0) for own, extent in zip(mask.shape, lies_on, strict=True)):
                rows = (("array", x.spec, ""), ("mask", part.spec, ""))
                fix = "it has the extents of the axes it stands for"
                raise IndexRangeError("INDEX-04", mask=part.spec, x=x.spec, operands=rows, fix=fix)
            found += [Array(places) for places in np.nonzero(mask)]
        else:
            found.append(part)
        axis += axes_used(part)
    return found


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
            raise UsageError("ARRAY-16", function="a slice", fix="x[::2] takes every second element")
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
    return is_list(part) and asarray(part).ndim > 0


def sliced(x: Array, parts: list[Any]) -> Array:
    """Apply one part of an index to each axis; None makes a new one."""
    gap = next((i for i, part in enumerate(parts) if part is Ellipsis), 0)
    parts = [part for part in parts if part is not Ellipsis]
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
    return picked(x, picks, place_of(cuts, gap)) if picks else x


def place_of(cuts: Sequence[Cut | None], gap: int) -> int:
    """Which axis of the result the first of those is that come from index arrays; `gap` parts them as an axis would."""
    places = [i for i, one in enumerate(cuts) if one is not None and (one.pick is not None or not one.kept)]
    if places[-1] - places[0] >= len(places) or places[0] < gap <= places[-1]:
        return 0
    return places[0]


def picked(x: Array, picks: Sequence[tuple[int, Any]], place: int) -> Array:
    """The elements at positions along some axes, read together; the positions' own axes begin at `place`."""
    axes = [axis for axis, _ in picks]
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    extents = [x.shape[axis] for axis in axes]
    index = counted(picks[0][1], extents[0])
    if len(picks) > 1:
        # Each is read off a row of positions first, which refuses those outside of its own axis.
        read = [take(arange(extent), part, axis=0) for (_, part), extent in zip(picks, extents, strict=True)]
        broadcast_shape("x[i, j]", *read)
        index = read[0]
        for extent, part in zip(extents[1:], read[1:], strict=True):
            index = add(multiply(index, extent), part)
    moved = permute_dims(x, (*axes, *rest))
    flat = reshape(moved, (math.prod(extents), *moved.shape[len(axes) :]))
    taken = apply(Take(0), flat, index)
    behind = list(range(index.ndim, taken.ndim))
    return permute_dims(taken, (*behind[:place], *range(index.ndim), *behind[place:]))


def position(part: Any, extent: int) -> int:
    """One integer index, counted from either end."""
    index = None if isinstance(part, bool) else whole(part)
    if index is None:
        raise UsageError("INDEX-01", found=repr(part), fix="use integers, slices, ..., None or an array")
    if not -extent <= index < extent:
        raise IndexRangeError("USE-04", index=index, extent=extent, fix=f"indices run {-extent} … {extent - 1}")
    return index % extent


FUNCTIONS["getitem"] = getitem
