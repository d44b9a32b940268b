"""sinh and cosh, and the inverses of the hyperbolic functions. tanh stands with the exponentials.

With |x| = n · log 2 + r and 0 ≤ r < log 2, e^±x = 2^±n · (cosh r ± sinh r), so that
sinh x = ½ ((2ⁿ - 2⁻ⁿ) cosh r + (2ⁿ + 2⁻ⁿ) sinh r): two even polynomials and no cancellation. The inverses are
logarithms of 1 + t with a t that keeps its digits near 0.
"""

from __future__ import annotations

from math import log, nan

from mapsto.compiler.vector_math.coefficients import COSH, SINH
from mapsto.compiler.vector_math.exponential import TINY, reduced
from mapsto.compiler.vector_math.logarithm import log1p
from mapsto.compiler.vector_math.number import BIAS, MANTISSA, Number, polynomial

OVERFLOW = {"f32": 89.45, "f64": 710.5}  # sinh and cosh are ∞ before
LARGE = {"f32": 2.0**60, "f64": 2.0**500}  # the square is about to overflow, and 1 is lost beside it long since


def halves(x: Number) -> tuple[Number, Number, Number, Number]:
    """cosh r, sinh r, and (2ⁿ ± 2⁻ⁿ) / 4, which do not overflow before the functions do."""
    dtype = x.dtype
    size = abs(x).at_most(OVERFLOW[dtype])
    parts = reduced(size, BIAS[dtype] - 2, down=True)
    growing = parts.power()
    falling = (((2 * BIAS[dtype] - 4) << MANTISSA[dtype]) - growing.bits()).seen_as(dtype)
    falling = (size > 40.0).choose(size.like(0.0), falling)
    r = parts.rest
    z = r * r
    sinh_r = r.times_plus(z * polynomial(z, SINH), r)
    cosh_r = z.times_plus(z.times_plus(polynomial(z, COSH), 0.5), 1.0)
    return cosh_r, sinh_r, growing + falling, growing - falling


def sinh(x: Number) -> Number:
    """(eˣ - e⁻ˣ) / 2."""
    cosh_r, sinh_r, plus, minus = halves(x)
    found = cosh_r.times_plus(minus, sinh_r * plus) * 2.0
    return (abs(x) < TINY[x.dtype]).choose(x, found.signed_as(x))


def cosh(x: Number) -> Number:
    """(eˣ + e⁻ˣ) / 2."""
    cosh_r, sinh_r, plus, minus = halves(x)
    return cosh_r.times_plus(plus, sinh_r * minus) * 2.0


def asinh(x: Number) -> Number:
    """log(1 + t) with t = |x| + x² / (1 + √(1 + x²)); of large x log 2|x|."""
    size = abs(x)
    large = size > LARGE[x.dtype]
    square = size * size
    t = size + square / ((square + 1.0).sqrt() + 1.0)
    return doubled_where(large, log1p(large.choose(size, t))).signed_as(x)


def acosh(x: Number) -> Number:
    """log(1 + t) with t = (x - 1) + √((x - 1)(x + 1)); NaN below 1."""
    large = x > LARGE[x.dtype]
    above = x - 1.0
    t = above + (above * (above + 2.0)).sqrt()
    return (x < 1.0).choose(x.like(nan), doubled_where(large, log1p(large.choose(x, t))))


def atanh(x: Number) -> Number:
    """½ log(1 + 2|x| / (1 - |x|)): ±∞ at ±1, NaN beyond."""
    size = abs(x)
    return (0.5 * log1p((size + size) / (1.0 - size))).signed_as(x)


def doubled_where(large: Number, found: Number) -> Number:
    """log y + log 2 where it holds."""
    return large.choose(found + log(2), found)
