"""Sorting along an axis, and the largest few."""

from __future__ import annotations

from typing import NamedTuple

from mapsto.array.arithmetic import subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import strong
from mapsto.array.indexing import getitem, take_along_axis
from mapsto.array.manipulate import axis_of, flip
from mapsto.array.trace import apply_all
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError
from mapsto.prims.sort import Sort


def sort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """In ascending order along an axis, NaN last; or in descending order, NaN first.

    Equal elements stay as they stood, whatever `stable` says. Each element takes its derivative along.

    >>> sort([3.0, 1.0, 2.0], descending=True)
    array([3., 2., 1.], f32[3])
    """
    if descending:
        return take_along_axis(x, argsort(x, axis=axis, descending=True), axis=axis)
    x = strong(x)
    return apply_all(Sort(axis_of("sort", axis, x.ndim)), x)[0]


def argsort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices that sort, int64. Equal elements stay as they stood, whatever `stable` says.

    >>> argsort([3.0, 1.0, 2.0], descending=True)
    array([0, 2, 1], i64[3])
    """
    x = strong(x)
    axis = axis_of("argsort", axis, x.ndim)
    if not descending:
        return apply_all(Sort(axis), x)[1]
    # Flipped before and after, equal elements keep their order.
    backwards = apply_all(Sort(axis), flip(x, axis=axis))[1]
    return flip(subtract(x.shape[axis] - 1, backwards), axis=axis)


class TopK(NamedTuple):
    """The largest elements and where they stand."""

    values: Array
    indices: Array


def top_k(x: ArrayLike, k: int, /, *, axis: int = -1) -> TopK:
    """The k largest elements along an axis, the largest first, and their indices, int64: `[…, n] ↦ 2 × […, k]`.

    Of equal elements the one with the smaller index comes first. NaN counts as larger than everything, as in `max`.
    Raises ShapeError if there are fewer than k.

    >>> top_k([3.0, 1.0, 7.0, 7.0], 3)
    TopK(values=array([7., 7., 3.], f32[3]), indices=array([2, 3, 0], i64[3]))
    """
    x = strong(x)
    axis = axis_of("top_k", axis, x.ndim)
    k = whole_number("top_k", "k", k, 0)
    if k > x.shape[axis]:
        raise ShapeError("ARRAY-12", k=k, extent=x.shape[axis], operands=(("x", x.spec, ""),), fix="choose a smaller k")
    order = argsort(x, axis=axis, descending=True)
    indices = getitem(order, (slice(None),) * axis + (slice(k),))
    return TopK(take_along_axis(x, indices, axis=axis), indices)
