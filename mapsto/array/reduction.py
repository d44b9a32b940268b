"""Folding axes away: sums, means, extremes and where they stand."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from mapsto.array.arithmetic import divide, square, stop_gradient, subtract
from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.comparison import as_bool, isfinite, where
from mapsto.array.convert import cast, strong
from mapsto.array.elementary import exp, log, sqrt
from mapsto.array.manipulate import axes_of, axis_of, reshape
from mapsto.array.trace import apply
from mapsto.core.check import real_number
from mapsto.core.spec import DTYPES, FLOAT32, INT64, DType, dtype_of, is_float
from mapsto.prims import index, reduce
from mapsto.prims.precision import working

Axis = int | Sequence[int] | None
UINT64 = DTYPES["u64"]


def folded(function: str, kind: Any, x: Array, axis: Axis, keepdims: bool) -> Array:
    axes = axes_of(function, axis, x.ndim)
    y = apply(kind(axes), x) if axes else x
    if not keepdims:
        return y
    return reshape(y, tuple(1 if one in axes else extent for one, extent in enumerate(x.shape)))


def accumulated(x: Array, dtype: Any) -> Array:
    """What is summed or multiplied: integers and truth values in 64 bits, unsigned ones unsigned, or `dtype`."""
    if dtype is not None:
        return cast(x, dtype_of(dtype))
    if is_float(x.dtype):
        return x
    return cast(x, UINT64 if x.dtype.kind == "u" else INT64)


def wide_floats(x: ArrayLike) -> tuple[Array, DType]:
    """Floats in the type they are summed in, and the type the result is rounded to; integers as float32."""
    x = strong(x)
    found = x.dtype if is_float(x.dtype) else FLOAT32
    return cast(x, working(found)), found


def sum(x: ArrayLike, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Σ over axes (all by default); 0 over an empty one.

    Truth values and integers are summed in int64, unsigned integers in uint64, where they wrap; float16 and bfloat16 in
    float32, rounded once.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.], f32[2])
    """
    return folded("sum", reduce.Sum, accumulated(strong(x), dtype), axis, keepdims)


def prod(x: ArrayLike, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Π over axes (all by default); 1 over an empty one. Types are as in `sum`.

    >>> prod([2.0, 3.0, 4.0])
    array(24., f32[])
    """
    return folded("prod", reduce.Prod, accumulated(strong(x), dtype), axis, keepdims)


def max(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element; NaN if there is one; an empty axis is an error. The first one takes the derivative.

    >>> max([[1, 5], [7, 2]], axis=1)
    array([5, 7], i64[2])
    """
    return folded("max", reduce.Max, strong(x), axis, keepdims)


def min(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element; NaN if there is one; an empty axis is an error. The first one takes the derivative."""
    return folded("min", reduce.Min, strong(x), axis, keepdims)


def count_nonzero(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements are not 0 (NaN is not): int64.

    >>> count_nonzero([[0, 3], [2, 1]], axis=1)
    array([1, 2], i64[2])
    """
    return counted("count_nonzero", x, axis, keepdims)


def counted(function: str, x: ArrayLike, axis: Axis, keepdims: bool) -> Array:
    """How many elements are not 0, for a function whose name errors have."""
    return folded(function, reduce.Sum, accumulated(as_bool(x), None), axis, keepdims)


def any(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether some element is not 0; false over an empty axis.

    >>> any([[0, 3], [0, 0]], axis=1)
    array([ True, False], bool[2])
    """
    return as_bool(counted("any", x, axis, keepdims))


def all(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether every element is not 0; true over an empty axis.

    >>> all([[0, 3], [2, 1]], axis=1)
    array([False,  True], bool[2])
    """
    return as_bool(folded("all", reduce.Prod, accumulated(as_bool(x), None), axis, keepdims))


def mean(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The arithmetic mean; of floats, integers become floats. NaN over an empty axis.

    >>> mean([[1.0, 2.0], [3.0, 5.0]], axis=1, keepdims=True)
    array([[1.5],
           [4. ]], f32[2,1])
    """
    wide, found = wide_floats(x)
    total = folded("mean", reduce.Sum, wide, axis, keepdims)
    return cast(divide(total, float(count("mean", wide, axis))), found)


def count(function: str, x: Array, axis: Axis) -> int:
    """How many elements are folded into one."""
    return math.prod(x.shape[one] for one in axes_of(function, axis, x.ndim))


def var(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The mean squared distance from the mean; the sum is divided by n - correction, or by 0 where that is less.

    >>> var([1.0, 2.0, 3.0, 4.0], correction=1)
    array(1.6666666, f32[])
    """
    wide, found = wide_floats(x)
    return cast(spread_of("var", wide, axis, correction, keepdims), found)


def spread_of(function: str, x: Array, axis: Axis, correction: float, keepdims: bool) -> Array:
    """The variance of floats, in their own type."""
    correction = real_number(function, "correction", correction)
    freedom = builtins.max(count(function, x, axis) - correction, 0.0)
    away = square(subtract(x, mean(x, axis=axis, keepdims=True)))
    return divide(sum(away, axis=axis, keepdims=keepdims), freedom)


def std(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of the variance; see `var`.

    >>> std([1.0, 3.0])
    array(1., f32[])
    """
    wide, found = wide_floats(x)
    return cast(sqrt(spread_of("std", wide, axis, correction, keepdims)), found)


def arg(function: str, kind: Any, x: ArrayLike, axis: int | None, keepdims: bool) -> Array:
    x = strong(x)
    if axis is None:
        y = apply(kind(0), reshape(x, (-1,)))
        return reshape(y, (1,) * x.ndim) if keepdims else y
    axis = axis_of(function, axis, x.ndim)
    y = apply(kind(axis), x)
    return reshape(y, (*x.shape[:axis], 1, *x.shape[axis + 1 :])) if keepdims else y


def argmax(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the first NaN, else of the first largest element; int64. Without an axis, in the flattened array.

    >>> argmax([[1, 5], [7, 2]], axis=1)
    array([1, 0], i64[2])
    """
    return arg("argmax", index.ArgMax, x, axis, keepdims)


def argmin(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the first NaN, else of the first smallest element; int64. Without an axis, in the flattened array.

    >>> argmin([[1, 5], [7, 2]])
    array(0, i64[])
    """
    return arg("argmin", index.ArgMin, x, axis, keepdims)


def logsumexp(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """log Σ eˣ over axes, by its largest term, so that ±10⁴ is no trouble; -∞ if all are, or if there are none.

    >>> logsumexp([1000.0, 1000.0])
    array(1000.6932, f32[])
    """
    wide, found = wide_floats(x)
    if count("logsumexp", wide, axis) == 0:
        return log(sum(cast(wide, found), axis=axis, keepdims=keepdims))
    largest = stop_gradient(max(wide, axis=axis, keepdims=True))
    # An infinite maximum would make ∞ - ∞; any finite shift is right then.
    shift = where(isfinite(largest), largest, 0.0)
    total = log(sum(exp(subtract(wide, shift)), axis=axis, keepdims=True)) + shift
    return cast(total if keepdims else reshape(total, folded_shape(wide, axis)), found)


def folded_shape(x: Array, axis: Axis) -> tuple[int, ...]:
    axes = axes_of("logsumexp", axis, x.ndim)
    return tuple(extent for one, extent in enumerate(x.shape) if one not in axes)


FUNCTIONS.update(sum=sum, prod=prod, mean=mean, max=max, min=min, all=all, any=any, var=var, std=std)
FUNCTIONS.update(argmax=argmax, argmin=argmin)
