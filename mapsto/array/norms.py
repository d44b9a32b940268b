"""Norms of vectors and of matrices."""

from __future__ import annotations

from math import inf
from typing import Any

from mapsto.array.arithmetic import abs, pow, square
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, not_equal, where
from mapsto.array.convert import cast, number
from mapsto.array.decompositions import floats_of, svdvals
from mapsto.array.elementary import sqrt
from mapsto.array.manipulate import expand_dims
from mapsto.array.reduction import Axis, max, min, sum, wide_floats
from mapsto.core.check import is_real
from mapsto.core.errors import UsageError


def vector_norm(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """(Σ |x|^ord)^(1/ord) along axes (all by default, as one vector): `[…, n] ↦ […]`.

    ∞ is the largest |x|, -∞ the smallest, 0 how many elements are not 0. 16-bit floats are summed in float32. The
    derivative at the origin is 0. Raises UsageError for an order that is no number.

    >>> vector_norm([3.0, -4.0])
    array(5., f32[])
    """
    if not is_real(ord) or ord != ord:
        wanted = "a number, or infinity with either sign"
        raise UsageError("ARG-01", function="vector_norm", name="ord", value=ord, wanted=wanted)
    x, dtype = wide_floats(x)
    if ord == 2:
        made = rooted(sum(square(x), axis=axis, keepdims=keepdims), 2)
    elif ord == inf:
        made = max(abs(x), axis=axis, keepdims=keepdims)
    elif ord == -inf:
        made = min(abs(x), axis=axis, keepdims=keepdims)
    elif ord == 0:
        made = sum(cast(not_equal(x, number(0, x.dtype)), x.dtype), axis=axis, keepdims=keepdims)
    elif ord == 1:
        made = sum(abs(x), axis=axis, keepdims=keepdims)
    else:
        made = rooted(sum(pow(abs(x), ord), axis=axis, keepdims=keepdims), ord)
    return cast(made, dtype)


def rooted(total: Array, ord: float) -> Array:
    """total^(1/ord), with the derivative 0 where the total is 0: a root is infinitely steep there."""
    zero = equal(total, number(0, total.dtype))
    positive = where(zero, number(1, total.dtype), total)
    root = sqrt(positive) if ord == 2 else pow(positive, 1 / ord)
    return where(zero, number(0 if ord > 0 else inf, total.dtype), root)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """A norm of matrices: `[…, m, n] ↦ […]`, or `[…, 1, 1]` with `keepdims`.

    "fro" is √Σ x², "nuc" the sum of the singular values; 2 and -2 are the largest and the smallest singular value, 1
    and -1 the largest and smallest sum of |x| in a column, ∞ and -∞ in a row. Raises UsageError for other orders.

    >>> matrix_norm([[1.0, -2.0], [2.0, 4.0]], ord=1)
    array(6., f32[])
    """
    if ord not in ("fro", "nuc", 1, -1, 2, -2, inf, -inf):
        wanted = "'fro', 'nuc', 1, 2 or infinity, or one of these numbers negative"
        raise UsageError("ARG-01", function="matrix_norm", name="ord", value=ord, wanted=wanted)
    x, dtype = wide_floats(floats_of("matrix_norm", x))
    if ord == "fro":
        made = rooted(sum(square(x), axis=(-2, -1)), 2)
    elif ord == "nuc":
        made = sum(svdvals(x), axis=-1)
    else:
        sizes = svdvals(x) if ord in (2, -2) else sum(abs(x), axis=-2 if ord in (1, -1) else -1)
        made = max(sizes, axis=-1) if ord > 0 else min(sizes, axis=-1)
    return cast(expand_dims(made, axis=(-2, -1)) if keepdims else made, dtype)
