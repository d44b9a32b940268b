"""Running along an axis: sums, products and extremes so far."""

from __future__ import annotations

from typing import Any

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import strong
from mapsto.array.manipulate import axis_of, concat, full
from mapsto.array.reduction import accumulated
from mapsto.array.trace import apply_all
from mapsto.core.errors import ShapeError
from mapsto.prims import cumulative


def running(kind: Any, function: str, x: Array, axis: int | None, reverse: bool) -> tuple[Array, int]:
    """The first output of a primitive that runs along an axis, and the axis, counted from the first."""
    if not x.ndim:
        raise ShapeError("ARRAY-02", function=function, x=x.spec, least=1, fix="one number has nothing to run along")
    if axis is None and x.ndim > 1:
        raise ShapeError("ARRAY-08", function=function, x=x.spec, fix=f"name one: {function}(x, axis=-1)")
    axis = axis_of(function, 0 if axis is None else axis, x.ndim)
    return apply_all(kind(axis, bool(reverse)), x)[0], axis


def begun(y: Array, axis: int, start: int, reverse: bool) -> Array:
    """With what stands before anything is added or multiplied; where the run begins."""
    edge = full((*y.shape[:axis], 1, *y.shape[axis + 1 :]), start, dtype=y.dtype)
    return concat([y, edge] if reverse else [edge, y], axis=axis)


def cumulative_sum(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    reverse: bool = False,
) -> Array:
    """The sums so far along an axis, `y[i] = Σ x[j]` over j ≤ i; over j ≥ i with `reverse`.

    The axis must be named unless there is only one. Types are as in `sum`. With `include_initial` the 0 that the run
    begins from is there as well, so the axis is longer by 1. Raises ShapeError for an array without axes.

    >>> cumulative_sum([1, 2, 3], include_initial=True), cumulative_sum([1, 2, 3], reverse=True)
    (array([0, 1, 3, 6], i64[4]), array([6, 5, 3], i64[3]))
    """
    y, axis = running(cumulative.CumSum, "cumulative_sum", accumulated(strong(x), dtype), axis, reverse)
    return begun(y, axis, 0, reverse) if include_initial else y


def cumulative_prod(
    x: ArrayLike,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
    reverse: bool = False,
) -> Array:
    """The products so far along an axis, `y[i] = Π x[j]` over j ≤ i; over j ≥ i with `reverse`.

    Arguments are those of `cumulative_sum`; the run begins from 1. The derivative is right where factors are 0.

    >>> cumulative_prod([2.0, 3.0, 4.0])
    array([ 2.,  6., 24.], f32[3])
    """
    y, axis = running(cumulative.CumProd, "cumulative_prod", accumulated(strong(x), dtype), axis, reverse)
    return begun(y, axis, 1, reverse) if include_initial else y


def cumulative_max(x: ArrayLike, /, *, axis: int | None = None, reverse: bool = False) -> Array:
    """The largest element so far along an axis; NaN from the first NaN on. `reverse` runs from the last to the first.

    The axis must be named unless there is only one. Of equal elements the one met first takes the derivative.

    >>> cumulative_max([1.0, 3.0, 2.0, 4.0])
    array([1., 3., 3., 4.], f32[4])
    """
    return running(cumulative.CumMax, "cumulative_max", strong(x), axis, reverse)[0]


def cumulative_min(x: ArrayLike, /, *, axis: int | None = None, reverse: bool = False) -> Array:
    """The smallest element so far along an axis; NaN from the first NaN on. `reverse` runs from the last to the first.

    The axis must be named unless there is only one. Of equal elements the one met first takes the derivative.

    >>> cumulative_min([3.0, 1.0, 2.0, 0.0])
    array([3., 1., 1., 0.], f32[4])
    """
    return running(cumulative.CumMin, "cumulative_min", strong(x), axis, reverse)[0]
