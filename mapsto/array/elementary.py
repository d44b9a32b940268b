"""Element by element: exponentials, logarithms and roots."""

from __future__ import annotations

from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import aligned, one_float
from mapsto.array.trace import apply
from mapsto.prims import elementary, trigonometric


def exp(x: ArrayLike, /) -> Array:
    """eˣ. Overflows to ∞ beyond 88 in float32.

    >>> exp([0.0, 1.0])
    array([1.      , 2.718282], f32[2])
    """
    return apply(elementary.Exp(), one_float(x))


def expm1(x: ArrayLike, /) -> Array:
    """eˣ - 1, exact for small x.

    >>> expm1(1e-8)
    array(1.e-08, f32[])
    """
    return apply(elementary.Expm1(), one_float(x))


def log(x: ArrayLike, /) -> Array:
    """The natural logarithm: -∞ at 0, NaN below.

    >>> log([1.0, 0.0])
    array([  0., -inf], f32[2])
    """
    return apply(elementary.Log(), one_float(x))


def log1p(x: ArrayLike, /) -> Array:
    """log(1 + x), exact for small x.

    >>> log1p(1e-8)
    array(1.e-08, f32[])
    """
    return apply(elementary.Log1p(), one_float(x))


def log2(x: ArrayLike, /) -> Array:
    """The logarithm to base 2: exact at its powers, -∞ at 0, NaN below.

    >>> log2([1.0, 8.0])
    array([0., 3.], f32[2])
    """
    return apply(elementary.Log2(), one_float(x))


def log10(x: ArrayLike, /) -> Array:
    """The logarithm to base 10: -∞ at 0, NaN below.

    >>> log10([1.0, 1000.0])
    array([0.       , 3.0000002], f32[2])
    """
    return apply(elementary.Log10(), one_float(x))


def sqrt(x: ArrayLike, /) -> Array:
    """The square root; NaN below 0.

    >>> sqrt([4.0, 2.0])
    array([2.       , 1.4142135], f32[2])
    """
    return apply(elementary.Sqrt(), one_float(x))


def hypot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """√(x1² + x2²), without overflow on the way; its derivative at the origin is 0.

    >>> hypot(3.0, 4.0)
    array(5., f32[])
    """
    return apply(trigonometric.Hypot(), *aligned("hypot", x1, x2, floats=True))
