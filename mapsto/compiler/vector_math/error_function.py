"""The error function: near 0 an odd polynomial, farther out 1 - e^-E with a polynomial for E = -log(1 - erf).

Its inverse is a product of y and a polynomial.
"""

from __future__ import annotations

from math import inf

from mapsto.compiler.vector_math.coefficients import ERF_FAR, ERF_INV_FAR, ERF_INV_MIDDLE, ERF_INV_NEAR, ERF_NEAR
from mapsto.compiler.vector_math.exponential import falling_exp
from mapsto.compiler.vector_math.logarithm import log
from mapsto.compiler.vector_math.number import Number, polynomial

SPLIT = {"f32": 1.0, "f64": 1.25}
ERF_IS_ONE = {"f32": 3.95, "f64": 5.95}
NEAR_TO = {"f32": 5.0, "f64": 6.25}  # of w
FAR_FROM, FAR_TO = {"f32": 2.234375, "f64": 4.0}, {"f32": 4.125, "f64": 6.125}  # of √w


def erf(x: Number) -> Number:
    """2/√π ∫₀ˣ e^-t² dt."""
    dtype = x.dtype
    size = abs(x).at_most(ERF_IS_ONE[dtype])
    near = size.times_plus(polynomial(size * size, ERF_NEAR), size)
    far = 1.0 - falling_exp(-polynomial(size - SPLIT[dtype], ERF_FAR))
    return (size < SPLIT[dtype]).choose(near, far).signed_as(x)


def erf_inv(y: Number) -> Number:
    """The inverse of erf: y · P(w) with w = -log(1 - y²), and P of √w for larger w; ±∞ at ±1, NaN beyond.

    The variable is M. Giles's (GPU Computing Gems, Jade edition, 2011, chapter 10).
    """
    size = abs(y)
    w = -log((1.0 - size) * (size + 1.0))
    root = w.sqrt()
    found = polynomial(root - (FAR_FROM[y.dtype] + FAR_TO[y.dtype]) / 2, ERF_INV_FAR)
    if y.dtype == "f64":
        found = (root < 4.0).choose(polynomial(root - 3.25, ERF_INV_MIDDLE), found)
    near = polynomial(w - NEAR_TO[y.dtype] / 2, ERF_INV_NEAR)
    found = (w < NEAR_TO[y.dtype]).choose(near, found)
    return size.equals(1.0).choose(y.like(inf).signed_as(y), y * found)
