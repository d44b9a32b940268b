"""Diagonals and triangles of matrices, in the last two axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.arithmetic import add
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, less_equal, where
from mapsto.array.convert import cast, integer, number, on_processor, strong
from mapsto.array.indexing import take
from mapsto.array.manipulate import as_shape, reshape
from mapsto.array.reduction import sum
from mapsto.array.trace import apply
from mapsto.core.errors import ShapeError
from mapsto.core.spec import FLOAT32, dtype_of
from mapsto.prims.literal import Iota


def counters(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The row and the column of every element of a matrix."""
    return apply(Iota(shape, 0, "i64")), apply(Iota(shape, 1, "i64"))


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: str | None = None
) -> Array:
    """1 on the k-th diagonal, 0 elsewhere: `[n_rows, n_cols]`; above the main diagonal for k > 0.

    >>> eye(2, 3, k=1)
    array([[0., 1., 0.],
           [0., 0., 1.]], f32[2,3])
    """
    on_processor(device)
    shape = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    row, column = counters(shape)
    return cast(equal(add(row, number_of("eye", k, shape)), column), FLOAT32 if dtype is None else dtype_of(dtype))


def number_of(function: str, k: int, shape: tuple[int, ...]) -> int:
    """The number of a diagonal; of those outside of the matrix, which are all empty, the nearest."""
    rows, columns = shape
    return max(-rows, min(integer(function, k), columns))


def matrices(function: str, x: ArrayLike) -> Array:
    x = strong(x)
    if x.ndim < 2:
        raise ShapeError("ARRAY-02", function=function, x=x.spec, least=2, fix="a matrix has rows and columns")
    return x


def tril(x: ArrayLike, /, *, k: int = 0) -> Array:
    """The lower triangle: 0 above the k-th diagonal.

    >>> tril([[1, 2], [3, 4]])
    array([[1, 0],
           [3, 4]], i64[2,2])
    """
    x = matrices("tril", x)
    row, column = counters(x.shape[-2:])
    return where(less_equal(column, add(row, number_of("tril", k, x.shape[-2:]))), x, number(0, x.dtype))


def triu(x: ArrayLike, /, *, k: int = 0) -> Array:
    """The upper triangle: 0 below the k-th diagonal.

    >>> triu([[1, 2], [3, 4]])
    array([[1, 2],
           [0, 4]], i64[2,2])
    """
    x = matrices("triu", x)
    row, column = counters(x.shape[-2:])
    return where(less_equal(add(row, number_of("triu", k, x.shape[-2:])), column), x, number(0, x.dtype))


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Array:
    """The elements of a diagonal, `[…, i, j] ↦ […, d]`; above the main one for offset > 0.

    >>> diagonal([[1, 2, 3], [4, 5, 6]], offset=1)
    array([2, 6], i64[2])
    """
    x = matrices("diagonal", x)
    offset = integer("diagonal", offset)
    *lead, rows, columns = x.shape
    first = max(0, -offset)
    count = max(0, min(rows - first, columns - max(0, offset)))
    places = (first + np.arange(count)) * columns + first + offset + np.arange(count)
    return take(reshape(x, (*lead, rows * columns)), places, axis=-1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sum of a diagonal, `[…, i, j] ↦ […]`. Types are as in `sum`.

    >>> trace([[1, 2], [3, 4]])
    array(5, i64[])
    """
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)
