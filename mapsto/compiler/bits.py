"""Words that look at signs and bits: the sign, and neighbouring floats."""

from __future__ import annotations

from mapsto.compiler.vector_math.number import Number

NAN = {"f16": 0x7E00, "bf16": 0x7FC0, "f32": 0x7FC00000, "f64": 0x7FF8000000000000}  # the usual pattern


def sign(x: Number) -> Number:
    """-1, 0 or 1; 0 of -0, and NaN stays NaN."""
    above = (x > 0).choose(x.like(1), 0)
    if x.dtype.startswith("u"):
        return above
    found = (x < 0).choose(x.like(-1), above)
    return x.is_nan().choose(x, found) if x.dtype.startswith("f") else found


def sign_bit(x: Number) -> Number:
    """Whether the first bit of a float is set, as it is of -0."""
    return x.bits() < 0


def next_after(x: Number, y: Number) -> Number:
    """The float next to x on the way to y: one more or less in the bit pattern; y itself if they are equal."""
    dtype = x.dtype
    first, goal = (number.to("f32") if dtype in ("f16", "bf16") else number for number in (x, y))
    bits = x.bits()
    away = (first > 0.0).equals(goal > first)  # from 0, hence to the next pattern
    moved = bits + away.choose(bits.like(1), -1)
    sign = -(2 ** (int(dtype.lstrip("bf")) - 1))
    least = (y.bits() & sign) | 1
    found = first.equals(0.0).choose(least, moved)
    found = first.equals(goal).choose(y.bits(), found)
    found = (first.is_nan() | goal.is_nan()).choose(bits.like(NAN[dtype]), found)
    return found.seen_as(dtype)
