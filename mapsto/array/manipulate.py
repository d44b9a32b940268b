"""Making and rearranging arrays: creation, reshaping, joining, reordering."""

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
from mapsto.core.check import whole_number
from mapsto.core.errors import AxisError, DTypeError, ShapeError, UsageError
from mapsto.core.spec import FLOAT32, FLOAT64, INT64, SHORT_NAMES, DType, Shape, Spec, dtype_of
from mapsto.core.tree import is_number
from mapsto.prims import layout
from mapsto.prims.literal import Iota


def as_shape(shape: Any) -> Shape:
    """An integer or a sequence of them ↦ a shape; refuses what no array can have."""
    return Spec(FLOAT32, tuple(extents_of(shape))).shape


def extents_of(shape: Any) -> list[int]:
    """An integer or a sequence of them ↦ the integers."""
    extents: list[int] = []
    for extent in sequence(shape):
        found = whole(extent)
        if found is None:
            raise ShapeError("SHAPE-01", shape=shape, fix="extents are integers, known when the program is traced")
        extents.append(found)
    return extents


def axis_of(function: str, axis: int, rank: int) -> int:
    """An axis counted from either end ↦ counted from the first."""
    axis = integer(function, axis)
    if not -rank <= axis < rank:
        raise AxisError("SHAPE-05", function=function, axis=axis, rank=rank, fix=f"axes run {-rank} … {rank - 1}")
    return axis % rank


def sequence(value: Any) -> list[Any]:
    """One thing or several ↦ a list."""
    return list(value) if isinstance(value, (tuple, list, range)) else [value]


def axes_of(function: str, axis: Any, rank: int) -> tuple[int, ...]:
    """One axis, several, or None for all ↦ sorted axes."""
    if axis is None:
        return tuple(range(rank))
    listed = tuple(sequence(axis))
    axes = tuple(sorted(axis_of(function, one, rank) for one in listed))
    if len(set(axes)) < len(axes):
        raise ShapeError("ARRAY-01", function=function, axes=listed, fix="name every axis once")
    return axes


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """One number everywhere. Raises DTypeError for anything else than a number."""
    on_processor(device)
    if not isinstance(fill_value, Array) and not is_number(fill_value):
        fix = "xp.broadcast_to(xp.asarray(values), shape) repeats an array"
        raise DTypeError("DTYPE-04", function="full", wanted="one number", found=fill_value, fix=fix)
    if dtype is None:
        value = strong(fill_value) if isinstance(fill_value, Array) else number(fill_value, asarray(fill_value).dtype)
        return spread(value, as_shape(shape))
    found: DType = dtype_of(dtype)
    value = cast(fill_value, found) if isinstance(fill_value, Array) else number(fill_value, found)
    return spread(value, as_shape(shape))


def zeros(shape: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """0 everywhere; float32 unless `dtype` says otherwise."""
    return full(shape, 0, dtype=FLOAT32 if dtype is None else dtype, device=device)


def ones(shape: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """1 everywhere; float32 unless `dtype` says otherwise."""
    return full(shape, 1, dtype=FLOAT32 if dtype is None else dtype, device=device)


def empty(shape: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """An array to be replaced: 0 everywhere, since nothing can be written into it.

    >>> empty(2)
    array([0., 0.], f32[2])
    """
    return zeros(shape, dtype=dtype, device=device)


def full_like(x: ArrayLike, /, fill_value: Any, *, dtype: Any = None, device: str | None = None) -> Array:
    """One number everywhere, shaped and typed like x."""
    x = asarray(x)
    if x.spec.weak and dtype is None:
        return spread(loosely(fill_value, x.spec.dtype), ())
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


def zeros_like(x: ArrayLike, /, *, dtype: Any = None, device: str | None = None) -> Array:
    """0 everywhere, shaped and typed like x."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: ArrayLike, /, *, dtype: Any = None, device: str | None = None) -> Array:
    """1 everywhere, shaped and typed like x."""
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: ArrayLike, /, *, dtype: Any = None, device: str | None = None) -> Array:
    """`empty`, shaped and typed like x.

    >>> empty_like([1, 2])
    array([0, 0], i64[2])
    """
    return full_like(x, 0, dtype=dtype, device=device)


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
        raise UsageError("ARRAY-16", function="arange", fix="leave it out to count by 1")
    count = max(0, math.ceil((stop - start) / step))
    integers = all(whole(value) is not None for value in (start, stop, step))
    found = dtype_of(dtype) if dtype is not None else INT64 if integers else FLOAT32
    if (start, step) == (0, 1):
        return apply(Iota((count,), 0, SHORT_NAMES[found]))
    return cast(straight(count, start, step, INT64 if integers else FLOAT64), found)


def straight(count: int, start: float, step: float, dtype: DType) -> Array:
    """start + i·step for i below `count`, of a type in which that is exact or nearly so."""
    line = apply(Iota((count,), 0, SHORT_NAMES[dtype]))
    return FUNCTIONS["add"](FUNCTIONS["multiply"](line, number(step, dtype)), number(start, dtype))


def linspace(
    start: float,
    stop: float,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: str | None = None,
    endpoint: bool = True,
) -> Array:
    """`num` numbers from start to stop, evenly spaced; without stop itself if not `endpoint`.

    >>> linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], f32[5])
    """
    on_processor(device)
    num = whole_number("linspace", "num", integer("linspace", num), 0)
    found = FLOAT32 if dtype is None else dtype_of(dtype)
    if endpoint and num > 1:  # the last one is stop to the bit
        line = straight(num - 1, start, (stop - start) / (num - 1), FLOAT64)
        return cast(concat([line, full(1, stop, dtype=FLOAT64)]), found)
    return cast(straight(num, start, (stop - start) / max(num, 1), FLOAT64), found)


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
    """Axes in another order: axis i of the result is axis `axes[i]` of x.

    >>> permute_dims(zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x = strong(x)
    order = tuple(axis_of("permute_dims", axis, x.ndim) for axis in axes)
    return apply(layout.Transpose(order), x)


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged: `[…, i, j] ↦ […, j, i]`.

    >>> matrix_transpose([[1, 2, 3]]).shape
    (3, 1)
    """
    x = strong(x)
    if x.ndim < 2:
        raise ShapeError("ARRAY-02", function="matrix_transpose", x=x.spec, least=2, fix="a vector has one: x[:, None]")
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int], /) -> Array:
    """Some axes put at other places; the rest keep their order.

    >>> moveaxis(zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = strong(x)
    came, goes = ([axis_of("moveaxis", axis, x.ndim) for axis in sequence(axes)] for axes in (source, destination))
    if len(came) != len(goes):
        fix = "one place for every axis"
        raise ShapeError("ARRAY-05", function="moveaxis", found=len(goes), what="places", rank=len(came), fix=fix)
    for axes in (came, goes):
        if len(set(axes)) < len(axes):
            raise ShapeError("ARRAY-01", function="moveaxis", axes=tuple(axes), fix="name every axis once")
    order = [axis for axis in range(x.ndim) if axis not in came]
    for place, axis in sorted(zip(goes, came, strict=True)):
        order.insert(place, axis)
    return permute_dims(x, order)


def expand_dims(x: ArrayLike, /, axis: int | Sequence[int] = 0) -> Array:
    """New axes of extent 1, at these places in the result.

    >>> expand_dims([1, 2], axis=-1).shape
    (2, 1)
    """
    x = strong(x)
    count = len(sequence(axis))
    new = axes_of("expand_dims", axis, x.ndim + count)
    extents = iter(x.shape)
    return reshape(x, tuple(1 if one in new else next(extents) for one in range(x.ndim + count)))


def squeeze(x: ArrayLike, /, axis: int | Sequence[int]) -> Array:
    """Without the named axes, which must have extent 1.

    >>> squeeze([[1, 2]], 0)
    array([1, 2], i64[2])
    """
    x = strong(x)
    axes = axes_of("squeeze", axis, x.ndim)
    for one in axes:
        if x.shape[one] != 1:
            raise ShapeError("ARRAY-03", function="squeeze", axis=one, x=x.spec, fix="name axes of extent 1")
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
        raise ShapeError("ARRAY-04", function="concat", fix="give one or more")
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
        raise ShapeError("ARRAY-04", function="stack", fix="give one or more")
    parts = [strong(x) for x in promote("stack", *arrays)]
    other = next((x for x in parts if x.shape != parts[0].shape), None)
    if other is not None:
        rows = (("first", parts[0].spec, ""), ("other", other.spec, ""))
        fix = "all have one shape; xp.concat joins along an axis that they have"
        raise ShapeError("SHAPE-08", function="stack", left="the first", right="another", operands=rows, fix=fix)
    return concat([expand_dims(x, axis=axis) for x in parts], axis=axis_of("stack", axis, parts[0].ndim + 1))


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, which is gone from them: the inverse of `stack`.

    >>> unstack([[1, 2], [3, 4]], axis=1)
    (array([1, 3], i64[2]), array([2, 4], i64[2]))
    """
    x = strong(x)
    axis = axis_of("unstack", axis, x.ndim)
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    return tuple(reshape(between(x, axis, i, i + 1), rest) for i in range(x.shape[axis]))


def between(x: Array, axis: int, start: int, stop: int) -> Array:
    """The elements start … stop - 1 along an axis."""
    begin, end = [0] * x.ndim, list(x.shape)
    begin[axis], end[axis] = start, stop
    return apply(layout.Slice(tuple(begin), tuple(end), (1,) * x.ndim), x)


def flip(x: ArrayLike, /, *, axis: int | Sequence[int] | None = None) -> Array:
    """The elements of some axes (all by default) in opposite order.

    >>> flip([1, 2, 3])
    array([3, 2, 1], i64[3])
    """
    x = strong(x)
    return apply(layout.Flip(axes_of("flip", axis, x.ndim)), x)


FUNCTIONS.update(matrix_transpose=matrix_transpose, reshape=reshape, stack=stack)
