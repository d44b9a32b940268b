"""Element by element: comparison, the kinds of floats, truth values, and the choice between two."""

from __future__ import annotations

import numpy as np

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import aligned, asarray, broadcast_shape, cast, one_float, promote, spread
from mapsto.array.trace import apply
from mapsto.core.errors import DTypeError
from mapsto.core.spec import BOOL
from mapsto.prims import bits, compare, elementary


def equal(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 = x2; NaN equals nothing."""
    return apply(compare.Equal(), *aligned("equal", x1, x2))


def not_equal(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ≠ x2."""
    return logical_not(equal(x1, x2))


def less(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 < x2."""
    return apply(compare.Less(), *aligned("less", x1, x2))


def less_equal(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ≤ x2."""
    return apply(compare.LessEqual(), *aligned("less_equal", x1, x2))


def greater(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 > x2."""
    return less(x2, x1)


def greater_equal(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ≥ x2."""
    return less_equal(x2, x1)


def isnan(x: ArrayLike, /) -> Array:
    """Whether x is not a number."""
    return apply(compare.IsNan(), one_float(x))


def isfinite(x: ArrayLike, /) -> Array:
    """Whether x is neither NaN nor infinite."""
    return less(apply(elementary.Abs(), one_float(x)), np.inf)


def isinf(x: ArrayLike, /) -> Array:
    """Whether x is ∞ or -∞."""
    return equal(apply(elementary.Abs(), one_float(x)), np.inf)


def signbit(x: ArrayLike, /) -> Array:
    """Whether the sign is a minus, also that of -0 and of a NaN.

    >>> signbit([0.0, -0.0, -2.0])
    array([False,  True,  True], bool[3])
    """
    return apply(compare.SignBit(), one_float(x))


def truth(name: str, *operands: ArrayLike) -> list[Array]:
    arrays = [asarray(x) for x in operands]
    for x in arrays:
        if x.dtype != BOOL:
            raise DTypeError("DTYPE-04", function=name, wanted="bool", found=x.spec, fix="compare first: x != 0")
    return aligned(name, *arrays)


def logical_and(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Both."""
    return apply(bits.BitAnd(), *truth("logical_and", x1, x2))


def logical_or(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Either or both."""
    return apply(bits.BitOr(), *truth("logical_or", x1, x2))


def logical_xor(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """One of both, not both."""
    return apply(bits.BitXor(), *truth("logical_xor", x1, x2))


def logical_not(x: ArrayLike, /) -> Array:
    """Not."""
    return apply(bits.BitNot(), *truth("logical_not", x))


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 where the condition holds, x2 elsewhere. What is not chosen has no influence on derivatives.

    >>> where([True, False, True], [1.0, 2.0, 3.0], 0.0)
    array([1., 0., 3.], f32[3])
    """
    (chosen,) = truth("where", condition)
    x1, x2 = promote("where", x1, x2)
    shape = broadcast_shape("where", chosen, x1, x2)
    return apply(compare.Select(), *(spread(x, shape) for x in (chosen, x1, x2)))


def as_bool(x: ArrayLike) -> Array:
    return cast(asarray(x), BOOL)


FUNCTIONS.update(
    equal=equal, greater=greater, greater_equal=greater_equal, less=less, less_equal=less_equal, not_equal=not_equal
)
