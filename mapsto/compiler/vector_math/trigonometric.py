"""sin, cos and tan: polynomials of the rest r of an angle, chosen by its quarter n."""

from __future__ import annotations

from mapsto.compiler.vector_math.coefficients import COSINE, SINE
from mapsto.compiler.vector_math.number import Number, polynomial
from mapsto.compiler.vector_math.quadrant import Angle, angle


def sin(x: Number) -> Number:
    """sin x; NaN at ±∞."""
    found = angle(x)
    return turned(found, found.n)


def cos(x: Number) -> Number:
    """cos x = sin(x + π/2)."""
    found = angle(x)
    return turned(found, found.n + 1)


def tan(x: Number) -> Number:
    """sin x / cos x, in odd quarters -cos r / sin r."""
    found = angle(x)
    s, c = sine(found), cosine(found)
    odd = (found.n & 1).equals(1)
    return odd.choose(c, s) / odd.choose(-s, c)


def turned(found: Angle, n: Number) -> Number:
    """sin(r + n · π/2)."""
    size = (n & 1).equals(1).choose(cosine(found), sine(found))
    half_turn = (n & 2) << (62 if n.dtype == "i64" else 30)  # the sign's bit
    return (size.bits() ^ half_turn).seen_as(size.dtype)


def sine(found: Angle) -> Number:
    """sin(r + low) = r + (r³ · S(r²) + low · cos r)."""
    r, z = found.r, found.r * found.r
    if r.dtype == "f32":
        return r.times_plus(z.times_plus(polynomial(z, SINE), 0.0), r)  # + 0, since r · -0 would change -0
    bend = z.times_plus(polynomial(z, SINE), 0.0)
    return r + r.times_plus(bend, found.low * z.times_plus(-0.5, 1.0))


def cosine(found: Angle) -> Number:
    """cos(r + low) = 1 - r²/2 + (r⁴ · C(r²) - r · low); what is lost in 1 - r²/2 is added again."""
    r, z = found.r, found.r * found.r
    if r.dtype == "f32":
        return z.times_plus(z.times_plus(polynomial(z, COSINE), -0.5), 1.0)
    half = 0.5 * z
    near = 1.0 - half
    bend = (z * z).times_plus(polynomial(z, COSINE), r * -found.low)
    return near + (((1.0 - near) - half) + bend)
