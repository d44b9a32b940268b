"""Element by element: whole numbers, neighbours and signs of floats."""

from __future__ import annotations

from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, less, signbit, where
from mapsto.array.convert import aligned, asarray
from mapsto.array.trace import apply
from mapsto.core.spec import is_integer
from mapsto.prims import rounding
from mapsto.prims.elementwise import Neg


def floor(x: ArrayLike, /) -> Array:
    """The largest whole number not above x; integers stay as they are.

    >>> floor([1.5, -1.5])
    array([ 1., -2.], f32[2])
    """
    x = asarray(x)
    return x if is_integer(x.dtype) else apply(rounding.Floor(), x)


def ceil(x: ArrayLike, /) -> Array:
    """The smallest whole number not below x; integers stay as they are.

    >>> ceil([1.5, -1.5])
    array([ 2., -1.], f32[2])
    """
    x = asarray(x)
    return x if is_integer(x.dtype) else apply(rounding.Ceil(), x)


def trunc(x: ArrayLike, /) -> Array:
    """x without its fraction: the whole number next to it towards 0.

    >>> trunc([1.5, -1.5])
    array([ 1., -1.], f32[2])
    """
    x = asarray(x)
    return where(less(x, 0), ceil(x), floor(x))


def round(x: ArrayLike, /) -> Array:
    """To the nearest whole number, halves to even; integers stay as they are.

    >>> round([0.5, 1.5, 2.5])
    array([0., 2., 2.], f32[3])
    """
    x = asarray(x)
    return x if is_integer(x.dtype) else apply(rounding.Round(), x)


def nextafter(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The float next to x1 on the way to x2; x2 itself if they are equal. As a function of x1 its derivative is 1.

    >>> float(nextafter(1.0, 2.0)) - 1
    1.1920928955078125e-07
    """
    return apply(rounding.NextAfter(), *aligned("nextafter", x1, x2, floats=True))


def copysign(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """The magnitude of x1 with the sign of x2, which counts for -0 and NaN as well.

    >>> copysign([1.0, 1.0, -1.0], [-0.0, 2.0, 2.0])
    array([-1.,  1.,  1.], f32[3])
    """
    magnitude, sign = aligned("copysign", x1, x2, floats=True)
    return where(equal(signbit(magnitude), signbit(sign)), magnitude, apply(Neg(), magnitude))
