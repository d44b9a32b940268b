"""Folding axes away, searching and sorting."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from mapsto.array.arithmetic import (
    as_bool,
    divide,
    exp,
    isfinite,
    log,
    sqrt,
    square,
    stop_gradient,
    subtract,
    where,
)
from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import cast, strong
from mapsto.array.indexing import take_along_axis
from mapsto.array.manipulate import axes_of, axis_of, flip, reshape
from mapsto.array.trace import apply, apply_all
from mapsto.core.spec import FLOAT32, INT64, DType, dtype_of, is_float
from mapsto.prims import index, reduce
from mapsto.prims import sort as sort_prims

Axis = int | Sequence[int] | None


def folded(kind: Any, x: Array, axis: Axis, keepdims: bool) -> Array:
    axes = axes_of(kind.name, axis, x.ndim)
    y = apply(kind(axes), x) if axes else x
    if not keepdims:
        return y
    return reshape(y, tuple(1 if one in axes else extent for one, extent in enumerate(x.shape)))


def accumulated(x: Array, dtype: Any) -> Array:
    """Sums and products of truth values and integers are int64 unless told otherwise."""
    if dtype is None and is_float(x.dtype):
        return x
    wanted: DType = INT64 if dtype is None else dtype_of(dtype)
    return cast(x, wanted)


def sum(x: ArrayLike, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Σ over axes (all by default); 0 over an empty one. Truth values and integers are summed in int64.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.], f32[2])
    """
    return folded(reduce.Sum, accumulated(strong(x), dtype), axis, keepdims)


def prod(x: ArrayLike, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """Π over axes (all by default); 1 over an empty one."""
    return folded(reduce.Prod, accumulated(strong(x), dtype), axis, keepdims)


def max(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element; NaN if there is one; an empty axis is an error. The first one takes the derivative.

    >>> max([[1, 5], [7, 2]], axis=1)
    array([5, 7], i64[2])
    """
    return folded(reduce.Max, strong(x), axis, keepdims)


def min(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element; NaN if there is one; an empty axis is an error. The first one takes the derivative."""
    return folded(reduce.Min, strong(x), axis, keepdims)


def any(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether some element is not 0; false over an empty axis."""
    counts = sum(as_bool(x), axis=axis, keepdims=keepdims)
    return as_bool(counts)


def all(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether every element is not 0; true over an empty axis."""
    return as_bool(prod(as_bool(x), axis=axis, keepdims=keepdims))


def mean(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The arithmetic mean; of floats, integers become floats. NaN over an empty axis.

    >>> mean([[1.0, 2.0], [3.0, 5.0]], axis=1, keepdims=True)
    array([[1.5],
           [4. ]], f32[2,1])
    """
    x = strong(x)
    x = x if is_float(x.dtype) else cast(x, FLOAT32)
    return divide(sum(x, axis=axis, keepdims=keepdims), float(count("mean", x, axis)))


def count(function: str, x: Array, axis: Axis) -> int:
    """How many elements are folded into one."""
    return math.prod(x.shape[one] for one in axes_of(function, axis, x.ndim))


def var(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The mean squared distance from the mean; the sum is divided by n - correction."""
    x = strong(x)
    away = square(subtract(x, mean(x, axis=axis, keepdims=True)))
    freedom = builtins.max(count("var", x, axis) - correction, 0.0)
    return divide(sum(away, axis=axis, keepdims=keepdims), freedom)


def std(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of the variance."""
    return sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def arg(kind: Any, x: ArrayLike, axis: int | None, keepdims: bool) -> Array:
    x = strong(x)
    if axis is None:
        y = apply(kind(0), reshape(x, (-1,)))
        return reshape(y, (1,) * x.ndim) if keepdims else y
    axis = axis_of(kind.name, axis, x.ndim)
    y = apply(kind(axis), x)
    return reshape(y, (*x.shape[:axis], 1, *x.shape[axis + 1 :])) if keepdims else y


def argmax(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the first NaN, else of the first largest element; int64."""
    return arg(index.ArgMax, x, axis, keepdims)


def argmin(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """The index of the first NaN, else of the first smallest element; int64."""
    return arg(index.ArgMin, x, axis, keepdims)


def sort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """In ascending order along an axis, NaN last. Equal elements stay as they stood, whatever `stable` says."""
    if descending:
        return take_along_axis(x, argsort(x, axis=axis, descending=True), axis=axis)
    x = strong(x)
    return apply_all(sort_prims.Sort(axis_of("sort", axis, x.ndim)), x)[0]


def argsort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices that sort, int64. Equal elements stay as they stood, whatever `stable` says.

    >>> argsort([3.0, 1.0, 2.0], descending=True)
    array([0, 2, 1], i64[3])
    """
    x = strong(x)
    axis = axis_of("argsort", axis, x.ndim)
    if not descending:
        return apply_all(sort_prims.Sort(axis), x)[1]
    # Flipped before and after, equal elements keep their order.
    backwards = apply_all(sort_prims.Sort(axis), flip(x, axis=axis))[1]
    return flip(subtract(x.shape[axis] - 1, backwards), axis=axis)


def logsumexp(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """log Σ eˣ over axes, by its largest term, so that ±10⁴ is no trouble; -∞ if all are.

    >>> logsumexp([1000.0, 1000.0])
    array(1000.6932, f32[])
    """
    x = strong(x)
    largest = stop_gradient(max(x, axis=axis, keepdims=True))
    # An infinite maximum would make ∞ - ∞; any finite shift is right then.
    shift = where(isfinite(largest), largest, 0.0)
    total = log(sum(exp(subtract(x, shift)), axis=axis, keepdims=True)) + shift
    return total if keepdims else reshape(total, folded_shape(x, axis))


def folded_shape(x: Array, axis: Axis) -> tuple[int, ...]:
    axes = axes_of("logsumexp", axis, x.ndim)
    return tuple(extent for one, extent in enumerate(x.shape) if one not in axes)


FUNCTIONS.update(sum=sum, mean=mean, max=max, min=min, var=var, std=std, argmax=argmax)
