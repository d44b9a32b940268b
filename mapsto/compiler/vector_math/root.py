"""The length of a vector in the plane. Square roots are an op of the loops."""

from __future__ import annotations

from math import inf

from mapsto.compiler.vector_math.number import Number

LARGE = 2.0**500  # beyond it, and below its inverse, the numbers are scaled before they are squared
SCALE = 2.0**600


def hypot(x: Number, y: Number) -> Number:
    """√(x² + y²) without overflow; ∞ if either is, whatever the other."""
    if x.dtype == "f32":
        wide, high = x.to("f64"), y.to("f64")
        return at_infinity(x, y, (wide * wide + high * high).sqrt().to("f32"))
    size, other = abs(x), abs(y)
    most = size.at_least(other)
    down, up = most > LARGE, most < 1 / LARGE
    scale = down.choose(x.like(1 / SCALE), up.choose(x.like(SCALE), 1.0))
    back = down.choose(x.like(SCALE), up.choose(x.like(1 / SCALE), 1.0))
    size, other = size * scale, other * scale
    return at_infinity(x, y, (size * size + other * other).sqrt() * back)


def at_infinity(x: Number, y: Number, found: Number) -> Number:
    return (abs(x).equals(inf) | abs(y).equals(inf)).choose(x.like(inf), found)
