"""Element by element: the Array API's arithmetic.

Operands are brought to one element type and broadcast to one shape first.
"""

from __future__ import annotations

import numpy as np

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.comparison import isinf, logical_or, where
from mapsto.array.convert import aligned, asarray, cast, one_float
from mapsto.array.trace import apply
from mapsto.core.spec import is_float
from mapsto.prims import compare, elementary, elementwise, power
from mapsto.prims.cast import StopGradient
from mapsto.prims.precision import working


def add(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 + x2."""
    return apply(elementwise.Add(), *aligned("add", x1, x2))


def subtract(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 - x2."""
    return apply(elementwise.Sub(), *aligned("subtract", x1, x2))


def multiply(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 · x2."""
    return apply(elementwise.Mul(), *aligned("multiply", x1, x2))


def divide(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 / x2, of floats; integers become floats first."""
    return apply(elementwise.Div(), *aligned("divide", x1, x2, floats=True))


def floor_divide(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """⌊x1 / x2⌋; an integer divided by 0 is 0. Infinite operands give what `divide` gives, so ∞ // 2 is ∞."""
    x1, x2 = aligned("floor_divide", x1, x2)
    down = apply(elementwise.FloorDivide(), x1, x2)
    if not is_float(x1.dtype):
        return down
    quotient = stop_gradient(apply(elementwise.Div(), x1, x2))
    return where(logical_or(isinf(x1), isinf(x2)), quotient, down)


def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 - ⌊x1 / x2⌋·x2, with the sign of x2."""
    return apply(elementwise.Remainder(), *aligned("remainder", x1, x2))


def pow(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 to the power x2. An integer written in the program keeps the type of x1 and is right for negative x1.

    Raises DTypeError for a negative power of integers.
    """
    if isinstance(x2, (int, np.integer)) and not isinstance(x2, bool):
        base, n = asarray(x1), int(x2)
        if not is_float(base.dtype) or power.holds(base.spec.dtype, n):
            return apply(power.IntegerPow(n), base)
    return apply(power.Pow(), *aligned("pow", x1, x2))


def reciprocal(x: ArrayLike, /) -> Array:
    """1 / x, of floats: ±∞ at ±0.

    >>> reciprocal([2.0, -0.5])
    array([ 0.5, -2. ], f32[2])
    """
    return divide(1, one_float(x))


def rsqrt(x: ArrayLike, /) -> Array:
    """1 / √x: ∞ at 0, NaN below.

    >>> rsqrt([4.0, 0.25])
    array([0.5, 2. ], f32[2])
    """
    x = one_float(x)
    wide = working(x.dtype)  # two roundings to 16 bits would be one too many
    root = apply(elementary.Sqrt(), x if x.dtype == wide else cast(x, wide))
    return divide(1, root) if x.dtype == wide else cast(divide(1, root), x.dtype)


def negative(x: ArrayLike, /) -> Array:
    """-x."""
    return apply(elementwise.Neg(), asarray(x))


def positive(x: ArrayLike, /) -> Array:
    """x."""
    return asarray(x)


def abs(x: ArrayLike, /) -> Array:
    """|x|."""
    return apply(elementary.Abs(), asarray(x))


def sign(x: ArrayLike, /) -> Array:
    """-1, 0 or 1."""
    return apply(compare.Sign(), asarray(x))


def square(x: ArrayLike, /) -> Array:
    """x²."""
    return apply(power.IntegerPow(2), asarray(x))


def maximum(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The larger of both, NaN if either is. At ties the derivative belongs to x1."""
    return apply(compare.Maximum(), *aligned("maximum", x1, x2))


def minimum(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The smaller of both, NaN if either is. At ties the derivative belongs to x1."""
    return apply(compare.Minimum(), *aligned("minimum", x1, x2))


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
    """x, but not below `min` nor above `max`.

    >>> clip([-2.0, 0.5, 3.0], 0.0, 1.0)
    array([0. , 0.5, 1. ], f32[3])
    """
    x = asarray(x)
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


def stop_gradient(x: ArrayLike, /) -> Array:
    """x, as a constant to every derivative.

    >>> import mapsto as mt
    >>> mt.grad(lambda x: x * stop_gradient(x))(3.0)
    array(3., f32[])
    """
    return apply(StopGradient(), asarray(x))


FUNCTIONS.update(
    {
        function.__name__: function
        for function in (abs, add, divide, floor_divide, multiply, negative, pow, remainder, subtract)
    }
)
