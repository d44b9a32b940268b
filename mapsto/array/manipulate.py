"""Making and rearranging arrays: creation, reshaping, joining, reordering, padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import (
    asarray,
    cast,
    integer,
    loosely,
    number,
    on_processor,
    promote,
    spread,
    strong,
    whole,
)
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import FLOAT32, INT64, SHORT_NAMES, DType, Shape, Spec, dtype_of
from mapsto.prims import layout
from mapsto.prims.literal import Iota


def as_shape(shape: Any) -> Shape:
    """An integer or a sequence of them ↦ a shape; refuses what no array can have."""
    return Spec(FLOAT32, tuple(extents_of(shape))).shape


def extents_of(shape: Any) -> list[int]:
    """An integer or a sequence of them ↦ the integers."""
    extents: list[int] = []
    for extent in shape if isinstance(shape, (tuple, list)) else (shape,):
        found = whole(extent)
        if found is None:
            raise ShapeError("SHAPE-01", shape=shape, fix="extents are integers, known when the program is traced")
        extents.append(found)
    return extents


def axis_of(function: str, axis: int, rank: int) -> int:
    """An axis counted from either end ↦ counted from the first."""
    axis = integer(function, axis)
    if not -rank <= axis < rank:
        raise ShapeError("SHAPE-05", function=function, axis=axis, rank=rank, fix=f"axes run {-rank} … {rank - 1}")
    return axis % rank


def axes_of(function: str, axis: Any, rank: int) -> tuple[int, ...]:
    """One axis, several, or None for all ↦ sorted axes."""
    if axis is None:
        return tuple(range(rank))
    listed = tuple(axis) if isinstance(axis, (tuple, list, range)) else (axis,)
    axes = tuple(sorted(axis_of(function, one, rank) for one in listed))
    if len(set(axes)) < len(axes):
        raise ShapeError("SHAPE-07", function=function, problem=f"an axis appears twice in {listed}")
    return axes


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """One number everywhere."""
    on_processor(device)
    if dtype is None:
        value = strong(fill_value) if isinstance(fill_value, Array) else number(fill_value, asarray(fill_value).dtype)
        return spread(value, as_shape(shape))
    found: DType = dtype_of(dtype)
    value = cast(fill_value, found) if isinstance(fill_value, Array) else number(fill_value, found)
    return spread(value, as_shape(shape))


def zeros(shape: Any, *, dtype: Any = FLOAT32, device: str | None = None) -> Array:
    """0 everywhere."""
    return full(shape, 0, dtype=dtype, device=device)


def ones(shape: Any, *, dtype: Any = FLOAT32, device: str | None = None) -> Array:
    """1 everywhere."""
    return full(shape, 1, dtype=dtype, device=device)


def full_like(x: ArrayLike, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """One number everywhere, shaped and typed like x."""
    x = asarray(x)
    if x.spec.weak and dtype is None:
        return spread(loosely(fill_value, x.spec.dtype), ())
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


def zeros_like(x: ArrayLike, *, dtype: Any = None, device: str | None = None) -> Array:
    """0 everywhere, shaped and typed like x."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: ArrayLike, *, dtype: Any = None, device: str | None = None) -> Array:
    """1 everywhere, shaped and typed like x."""
    return full_like(x, 1, dtype=dtype, device=device)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: str | None = None
) -> Array:
    """start, start + step, … below stop; from 0 if one number is given. int64 if all three are integers.

    >>> arange(1, 7, 2)
    array([1, 3, 5], i64[3])
    """
    on_processor(device)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise UsageError("USE-01", problem="arange with step 0")
    count = max(0, math.ceil((stop - start) / step))
    integers = all(whole(value) is not None for value in (start, stop, step))
    found = dtype_of(dtype) if dtype is not None else INT64 if integers else FLOAT32
    line = apply(Iota((count,), 0, SHORT_NAMES[found]))
    if (start, step) == (0, 1):
        return line
    steps = FUNCTIONS["multiply"](line, number(step, found))
    return FUNCTIONS["add"](steps, number(start, found))


def linspace(start: float, stop: float, /, num: int, *, dtype: Any = None, endpoint: bool = True) -> Array:
    """`num` numbers from start to stop, evenly spaced."""
    num = integer("linspace", num)
    gap = (stop - start) / max(num - 1 if endpoint else num, 1)
    line = arange(num, dtype=FLOAT32 if dtype is None else dtype)
    return FUNCTIONS["add"](FUNCTIONS["multiply"](line, gap), start)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = FLOAT32) -> Array:
    """1 on the k-th diagonal, 0 elsewhere."""
    shape = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    row, column = (apply(Iota(shape, axis, "i64")) for axis in (0, 1))
    return cast(FUNCTIONS["equal"](FUNCTIONS["add"](row, integer("eye", k)), column), dtype_of(dtype))


def reshape(x: ArrayLike, /, shape: Any, *, copy: bool | None = None) -> Array:
    """The same elements in another shape; one extent may be -1 and is then worked out.

    Arrays are immutable, so whether memory is shared cannot be told: `copy` has no effect.

    >>> reshape([[1, 2, 3], [4, 5, 6]], (3, -1))
    array([[1, 2],
           [3, 4],
           [5, 6]], i64[3,2])
    """
    x = strong(x)
    wanted = extents_of(shape)
    if wanted.count(-1) == 1:
        rest = math.prod(extent for extent in wanted if extent != -1)
        if rest and x.size % rest == 0:
            wanted[wanted.index(-1)] = x.size // rest
    if any(extent < 0 for extent in wanted) or math.prod(wanted) != x.size:
        fix = f"the extents must multiply to {x.size}; one may be -1"
        raise ShapeError("SHAPE-04", function="reshape", old=x.size, shape=tuple(wanted), fix=fix)
    return x if tuple(wanted) == x.shape else apply(layout.Reshape(tuple(wanted)), x)


def permute_dims(x: ArrayLike, /, axes: Sequence[int]) -> Array:
    """Axes in another order."""
    x = strong(x)
    order = tuple(axis_of("permute_dims", axis, x.ndim) for axis in axes)
    return apply(layout.Transpose(order), x)


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged."""
    x = strong(x)
    if x.ndim < 2:
        raise ShapeError("SHAPE-07", function="matrix_transpose", problem=f"{x.spec} has fewer than two axes")
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def moveaxis(x: ArrayLike, source: int, destination: int, /) -> Array:
    """One axis put at another place."""
    x = strong(x)
    source, destination = (axis_of("moveaxis", axis, x.ndim) for axis in (source, destination))
    order = [axis for axis in range(x.ndim) if axis != source]
    order.insert(destination, source)
    return permute_dims(x, order)


def expand_dims(x: ArrayLike, /, *, axis: int = 0) -> Array:
    """A new axis of extent 1."""
    x = strong(x)
    axis = axis_of("expand_dims", axis, x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: ArrayLike, /, axis: int | Sequence[int]) -> Array:
    """Without the named axes, which must have extent 1."""
    x = strong(x)
    axes = axes_of("squeeze", axis, x.ndim)
    if any(x.shape[one] != 1 for one in axes):
        raise ShapeError("SHAPE-07", function="squeeze", problem=f"an axis of {x.spec} in {axes} is not 1")
    return reshape(x, tuple(extent for one, extent in enumerate(x.shape) if one not in axes))


def broadcast_to(x: ArrayLike, /, shape: Any) -> Array:
    """Repeated into a shape. Raises ShapeError if the axes, matched from the last one, are neither equal nor 1."""
    return spread(strong(x), as_shape(shape))


def concat(arrays: Sequence[ArrayLike], /, *, axis: int | None = 0) -> Array:
    """Arrays one after another along an axis; with None, flattened first.

    >>> concat([[1, 2], [3]])
    array([1, 2, 3], i64[3])
    """
    if not len(arrays):
        raise ShapeError("SHAPE-07", function="concat", problem="there are no arrays to join")
    parts = [strong(x) for x in promote("concat", *arrays)]
    if axis is None:
        parts, axis = [reshape(x, (-1,)) for x in parts], 0
    axis = axis_of("concat", axis, parts[0].ndim)
    return parts[0] if len(parts) == 1 else apply(layout.Concat(axis), *parts)


def stack(arrays: Sequence[ArrayLike], /, *, axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis.

    >>> stack([[1, 2], [3, 4]], axis=1)
    array([[1, 3],
           [2, 4]], i64[2,2])
    """
    if not len(arrays):
        raise ShapeError("SHAPE-07", function="stack", problem="there are no arrays to stack")
    parts = [strong(x) for x in promote("stack", *arrays)]
    return concat([expand_dims(x, axis=axis) for x in parts], axis=axis_of("stack", axis, parts[0].ndim + 1))


def flip(x: ArrayLike, /, *, axis: int | Sequence[int] | None = None) -> Array:
    """The elements of some axes in opposite order."""
    x = strong(x)
    return apply(layout.Flip(axes_of("flip", axis, x.ndim)), x)


def pad(x: ArrayLike, widths: Sequence[tuple[int, int]], /) -> Array:
    """Zeros around: (before, after) for every axis.

    >>> pad([1, 2], [(1, 2)])
    array([0, 1, 2, 0, 0], i64[5])
    """
    x = strong(x)
    if len(widths) != x.ndim:
        raise ShapeError("SHAPE-07", function="pad", problem=f"{len(widths)} pairs for {x.ndim} axes")
    before, after = (tuple(integer("pad", pair[side]) for pair in widths) for side in (0, 1))
    return apply(layout.Pad(before, after, (0,) * x.ndim), x)


FUNCTIONS.update(matrix_transpose=matrix_transpose, reshape=reshape)
