"""Words that look at signs and bits: sign, neighbouring floats, shifts."""

from __future__ import annotations

from mapsto.compiler.vector_math.number import WHOLE, Number


def width(dtype: str) -> int:
    return int(dtype.lstrip("bfiu"))


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


def shift_left(x: Number, places: Number) -> Number:
    """Every bit moves out where the places are negative, or the width and more."""
    return inside(places).choose(x << places, 0)


def shift_right(x: Number, places: Number) -> Number:
    """Rounded down: of a negative number -1 remains."""
    most = width(x.dtype) - 1
    if x.dtype.startswith("u"):
        return inside(places).choose(x >> places, 0)
    return x >> inside(places).choose(places, most)


def inside(places: Number) -> Number:
    """0 ≤ places < width; a negative number is a large one without sign."""
    bits = width(places.dtype)
    return places.seen_as(f"u{bits}") < bits


def next_after(x: Number, y: Number) -> Number:
    """The float next to x on the way to y: one more or less in the bit pattern; y itself if they are equal."""
    dtype = x.dtype
    first, goal = (number.to("f32") if dtype in ("f16", "bf16") else number for number in (x, y))
    bits = x.bits()
    away = (first > 0.0).equals(goal > first)  # from 0, hence to the next pattern
    moved = bits + away.choose(bits.like(1), -1)
    lowest = -(2 ** (width(dtype) - 1))
    least = (y.bits() & lowest) | 1
    found = first.equals(0.0).choose(least, moved)
    found = first.equals(goal).choose(y.bits(), found)
    found = (first.is_nan() | goal.is_nan()).choose(bits.like(NAN[dtype]), found)
    return found.seen_as(dtype)


NAN = {"f16": 0x7E00, "bf16": 0x7FC0, "f32": 0x7FC00000, "f64": 0x7FF8000000000000}
assert set(NAN) == set(WHOLE)
