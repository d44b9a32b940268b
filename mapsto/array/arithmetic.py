"""Element by element: the Array API's arithmetic, elementary functions, comparison and logic.

Operands are brought to one element type and broadcast to one shape first.
"""

from __future__ import annotations

import numpy as np

from mapsto.array.array import FUNCTIONS, Array, ArrayLike
from mapsto.array.convert import aligned, asarray, broadcast_shape, cast, promote, spread
from mapsto.array.trace import apply
from mapsto.core.errors import DTypeError
from mapsto.core.spec import BOOL, is_float
from mapsto.prims import compare, elementary, elementwise


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
    """⌊x1 / x2⌋; an integer divided by 0 is 0."""
    return apply(elementwise.FloorDivide(), *aligned("floor_divide", x1, x2))


def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 - ⌊x1 / x2⌋·x2, with the sign of x2."""
    return apply(elementwise.Remainder(), *aligned("remainder", x1, x2))


def pow(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 to the power x2. An integer written in the program keeps the type of x1 and is right for negative x1.

    Raises DTypeError for a negative power of integers.
    """
    if isinstance(x2, (int, np.integer)) and not isinstance(x2, bool):
        base, n = asarray(x1), int(x2)
        if not is_float(base.dtype) or elementary.holds(base.spec.dtype, n):
            return apply(elementary.IntegerPow(n), base)
    return apply(elementary.Pow(), *aligned("pow", x1, x2))


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
    return apply(elementary.IntegerPow(2), asarray(x))


def one_float(x: ArrayLike) -> Array:
    return promote("a function of floats", x, floats=True)[0]


def exp(x: ArrayLike, /) -> Array:
    """eˣ."""
    return apply(elementary.Exp(), one_float(x))


def expm1(x: ArrayLike, /) -> Array:
    """eˣ - 1, exact for small x."""
    return apply(elementary.Expm1(), one_float(x))


def log(x: ArrayLike, /) -> Array:
    """The natural logarithm."""
    return apply(elementary.Log(), one_float(x))


def log1p(x: ArrayLike, /) -> Array:
    """log(1 + x), exact for small x."""
    return apply(elementary.Log1p(), one_float(x))


def sqrt(x: ArrayLike, /) -> Array:
    """The square root."""
    return apply(elementary.Sqrt(), one_float(x))


def sin(x: ArrayLike, /) -> Array:
    """sin x, x in radians."""
    return apply(elementary.Sin(), one_float(x))


def cos(x: ArrayLike, /) -> Array:
    """cos x, x in radians."""
    return apply(elementary.Cos(), one_float(x))


def tanh(x: ArrayLike, /) -> Array:
    """The hyperbolic tangent: `tanh(3.0)` is 0.995."""
    return apply(elementary.Tanh(), one_float(x))


def floor(x: ArrayLike, /) -> Array:
    """The largest integer not above x."""
    return apply(elementary.Floor(), asarray(x))


def ceil(x: ArrayLike, /) -> Array:
    """The smallest integer not below x."""
    return apply(elementary.Ceil(), asarray(x))


def round(x: ArrayLike, /) -> Array:
    """To the nearest integer, halves to even."""
    return apply(elementary.Round(), asarray(x))


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
    return less(abs(one_float(x)), np.inf)


def isinf(x: ArrayLike, /) -> Array:
    """Whether x is ∞ or -∞."""
    return equal(abs(one_float(x)), np.inf)


def truth(name: str, *operands: ArrayLike) -> list[Array]:
    arrays = [asarray(x) for x in operands]
    for x in arrays:
        if x.dtype != BOOL:
            raise DTypeError("DTYPE-04", function=name, wanted="bool", found=x.spec, fix="compare first: x != 0")
    return aligned(name, *arrays)


def logical_and(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Both."""
    return apply(compare.BitAnd(), *truth("logical_and", x1, x2))


def logical_or(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """Either or both."""
    return apply(compare.BitOr(), *truth("logical_or", x1, x2))


def logical_xor(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """One of both, not both."""
    return apply(compare.BitXor(), *truth("logical_xor", x1, x2))


def logical_not(x: ArrayLike, /) -> Array:
    """Not."""
    return apply(compare.BitNot(), *truth("logical_not", x))


def bitwise_and(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ∧ x2, bit by bit."""
    return apply(compare.BitAnd(), *aligned("bitwise_and", x1, x2))


def bitwise_or(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ∨ x2, bit by bit."""
    return apply(compare.BitOr(), *aligned("bitwise_or", x1, x2))


def bitwise_xor(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ⊕ x2, bit by bit."""
    return apply(compare.BitXor(), *aligned("bitwise_xor", x1, x2))


def bitwise_invert(x: ArrayLike, /) -> Array:
    """¬x, bit by bit."""
    return apply(compare.BitNot(), asarray(x))


def bitwise_right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 · 2^-x2, rounded down."""
    return apply(compare.ShiftRight(), *aligned("bitwise_right_shift", x1, x2))


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 where the condition holds, x2 elsewhere. What is not chosen has no influence on derivatives.

    >>> where([True, False, True], [1.0, 2.0, 3.0], 0.0)
    array([1., 0., 3.], f32[3])
    """
    (chosen,) = truth("where", condition)
    x1, x2 = promote("where", x1, x2)
    shape = broadcast_shape("where", chosen, x1, x2)
    return apply(compare.Select(), *(spread(x, shape) for x in (chosen, x1, x2)))


def stop_gradient(x: ArrayLike, /) -> Array:
    """x, as a constant to every derivative.

    >>> import mapsto as mt
    >>> mt.grad(lambda x: x * stop_gradient(x))(3.0)
    array(3., f32[])
    """
    return apply(compare.StopGradient(), asarray(x))


def as_bool(x: ArrayLike) -> Array:
    return cast(asarray(x), BOOL)


FUNCTIONS.update(
    {
        function.__name__: function
        for function in (
            abs, add, bitwise_and, bitwise_invert, bitwise_or, bitwise_xor, divide, equal, floor_divide, greater,
            greater_equal, less, less_equal, multiply, negative, not_equal, pow, remainder, subtract,
        )
    }
)  # fmt: skip
