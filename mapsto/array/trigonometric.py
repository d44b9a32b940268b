"""Element by element: trigonometric and hyperbolic functions and their inverses, angles in radians."""

from __future__ import annotations

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import aligned, one_float
from mapsto.array.trace import apply
from mapsto.prims import hyperbolic, trigonometric


def sin(x: ArrayLike, /) -> Array:
    """sin x, x in radians.

    >>> sin([0.0, 1.0])
    array([0.      , 0.841471], f32[2])
    """
    return apply(trigonometric.Sin(), one_float(x))


def cos(x: ArrayLike, /) -> Array:
    """cos x, x in radians.

    >>> cos([0.0, 1.0])
    array([1.       , 0.5403023], f32[2])
    """
    return apply(trigonometric.Cos(), one_float(x))


def tan(x: ArrayLike, /) -> Array:
    """tan x, x in radians.

    >>> tan([0.0, 1.0])
    array([0.       , 1.5574077], f32[2])
    """
    return apply(trigonometric.Tan(), one_float(x))


def asin(x: ArrayLike, /) -> Array:
    """The angle from -π/2 to π/2 with sine x; NaN beyond -1 and 1.

    >>> asin([0.0, 1.0])
    array([0.       , 1.5707964], f32[2])
    """
    return apply(trigonometric.Asin(), one_float(x))


def acos(x: ArrayLike, /) -> Array:
    """The angle from 0 to π with cosine x; NaN beyond -1 and 1.

    >>> acos([0.0, 1.0])
    array([1.5707964, 0.       ], f32[2])
    """
    return apply(trigonometric.Acos(), one_float(x))


def atan(x: ArrayLike, /) -> Array:
    """The angle from -π/2 to π/2 with tangent x.

    >>> atan([0.0, 1.0])
    array([0.       , 0.7853982], f32[2])
    """
    return apply(trigonometric.Atan(), one_float(x))


def atan2(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The angle from -π to π of the point (x2, x1); its derivative at the origin is 0.

    >>> atan2([1.0, 0.0], [0.0, -1.0])
    array([1.5707964, 3.1415927], f32[2])
    """
    return apply(trigonometric.Atan2(), *aligned("atan2", x1, x2, floats=True))


def sinh(x: ArrayLike, /) -> Array:
    """(eˣ - e⁻ˣ) / 2.

    >>> sinh([0.0, 1.0])
    array([0.       , 1.1752012], f32[2])
    """
    return apply(hyperbolic.Sinh(), one_float(x))


def cosh(x: ArrayLike, /) -> Array:
    """(eˣ + e⁻ˣ) / 2.

    >>> cosh([0.0, 1.0])
    array([1.       , 1.5430807], f32[2])
    """
    return apply(hyperbolic.Cosh(), one_float(x))


def tanh(x: ArrayLike, /) -> Array:
    """The hyperbolic tangent: `tanh(3.0)` is 0.995.

    >>> tanh([0.0, 1.0])
    array([0.       , 0.7615942], f32[2])
    """
    return apply(hyperbolic.Tanh(), one_float(x))


def asinh(x: ArrayLike, /) -> Array:
    """The inverse of sinh.

    >>> asinh([0.0, 1.0])
    array([0.       , 0.8813736], f32[2])
    """
    return apply(hyperbolic.Asinh(), one_float(x))


def acosh(x: ArrayLike, /) -> Array:
    """The inverse of cosh, 0 or more; NaN below 1.

    >>> acosh([1.0, 2.0])
    array([0.      , 1.316958], f32[2])
    """
    return apply(hyperbolic.Acosh(), one_float(x))


def atanh(x: ArrayLike, /) -> Array:
    """The inverse of tanh: ±∞ at ±1, NaN beyond.

    >>> atanh([0.0, 1.0])
    array([ 0., inf], f32[2])
    """
    return apply(hyperbolic.Atanh(), one_float(x))
