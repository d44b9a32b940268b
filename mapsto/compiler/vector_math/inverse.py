"""asin, acos, atan, atan2: odd polynomials on a short interval, and identities that lead to it.

asin: beyond ½ by asin a = π/2 - 2 asin √((1 - a)/2). atan: of a quotient not above 1, beyond tan(π/8) by
atan(p/q) = π/4 + atan((p - q)/(p + q)) (Cody and Waite, 1980, chapters 10 and 11).
"""

from __future__ import annotations

from math import inf, pi, tan

from mapsto.compiler.vector_math.coefficients import ASIN, ATAN, EIGHTH_TURN
from mapsto.compiler.vector_math.number import Number, polynomial

HUGE = {"f32": 2.0**126, "f64": 2.0**1022}  # twice this overflows


def asin(x: Number) -> Number:
    """The angle from -π/2 to π/2 with sine x; NaN beyond -1 and 1."""
    high, low = EIGHTH_TURN[x.dtype]
    far, part = arc_of_sine(x)
    return far.choose(2.0 * high - (2.0 * part - 2.0 * low), part).signed_as(x)


def acos(x: Number) -> Number:
    """The angle from 0 to π with cosine x; NaN beyond -1 and 1."""
    high, low = EIGHTH_TURN[x.dtype]
    far, part = arc_of_sine(x)
    negative = x < 0.0
    centre = 2.0 * high - (part.signed_as(x) - 2.0 * low)
    edge = negative.choose(4.0 * high - (2.0 * part - 4.0 * low), 2.0 * part)
    return far.choose(edge, centre)


def arc_of_sine(x: Number) -> tuple[Number, Number]:
    """Whether |x| > ½, and asin |x|, or there asin √((1 - |x|)/2)."""
    size = abs(x)
    far = size > 0.5
    z = far.choose((1.0 - size) * 0.5, size * size)
    s = far.choose(z.sqrt(), size)
    return far, s.times_plus(z * polynomial(z, ASIN), s)


def atan(x: Number) -> Number:
    """The angle from -π/2 to π/2 with tangent x."""
    return arc(abs(x), x.like(1.0)).signed_as(x)


def atan2(y: Number, x: Number) -> Number:
    """The angle from -π to π of the point (x, y), also on the axes, at 0 and at infinity, by the signs of zeros."""
    across, up = abs(x), abs(y)
    scale = ((across > HUGE[x.dtype]) | (up > HUGE[x.dtype])).choose(x.like(0.25), 1.0)
    both = across.equals(inf) & up.equals(inf)
    up = both.choose(x.like(1.0), up * scale)
    across = both.choose(x.like(1.0), across * scale)
    nowhere = across.equals(0.0) & up.equals(0.0)
    across = nowhere.choose(x.like(1.0), across)
    return arc(up, across, x.bits() < 0).signed_as(y)


def arc(up: Number, across: Number, back: Number | None = None) -> Number:
    """The angle of a point, from 0 to π/2, both sizes given; seen from the other side, where `back` holds.

    m · π/4 ± atan q, with m from 0 to 4.
    """
    high, low = EIGHTH_TURN[up.dtype]
    steep = up > across
    small, large = steep.choose(across, up), steep.choose(up, across)
    middle = small > large * tan(pi / 8)
    q = middle.choose(small - large, small) / middle.choose(small + large, large)
    z = q * q
    part = q.times_plus(z * polynomial(z, ATAN), q)
    eighths = middle.choose(q.like(1.0), 0.0)
    turned = [(steep, 2.0)] if back is None else [(steep, 2.0), (back, 4.0)]
    for condition, top in turned:
        eighths = condition.choose(top - eighths, eighths)
        part = condition.choose(-part, part)
    return eighths * high + eighths.times_plus(low, part)
