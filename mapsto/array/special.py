"""Element by element: the error function, its inverse, and the sum of what two logarithms stand for."""

from __future__ import annotations

from mapsto.array.arithmetic import add, maximum, minimum, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import isfinite, where
from mapsto.array.convert import aligned, one_float
from mapsto.array.elementary import exp, log1p
from mapsto.array.trace import apply
from mapsto.prims.special import Erf, ErfInv


def erf(x: ArrayLike, /) -> Array:
    """The error function 2/√π ∫₀ˣ e^-t² dt, from -1 to 1; Φ(x) = (1 + erf(x/√2)) / 2.

    W. J. Cody, "Rational Chebyshev approximations for the error function" (1969).

    >>> erf([0.0, 1.0])
    array([0.       , 0.8427008], f32[2])
    """
    return apply(Erf(), one_float(x))


def erfinv(x: ArrayLike, /) -> Array:
    """The inverse of `erf`, for numbers from -1 to 1; ∞ at 1, NaN beyond.

    M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988).

    >>> erfinv([0.0, 0.5, 1.0])
    array([0.        , 0.47693628,        inf], f32[3])
    """
    return apply(ErfInv(), one_float(x))


def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """log(e^x1 + e^x2), without overflow: -∞ if both are, and each with half of the derivative if they are equal.

    >>> logaddexp([0.0, 1000.0], [0.0, 0.0])
    array([6.931472e-01, 1.000000e+03], f32[2])
    """
    x1, x2 = aligned("logaddexp", x1, x2, floats=True)
    # At a tie the larger is x1 and the smaller x2, so that the derivatives are 1 - ½ and ½.
    larger, smaller = maximum(x1, x2), minimum(x2, x1)
    gap = where(isfinite(larger), subtract(smaller, larger), 0.0)  # not ∞ - ∞
    return add(larger, log1p(exp(gap)))
