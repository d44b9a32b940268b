"""Angles: x = n · π/2 + r with |r| ≤ π/4.

Up to a limit the product n · π/2 is taken off in parts that make exact products (Cody and Waite, 1980, chapter 8). For
larger x only the digits of 2/π matter that make less than a full turn (M. Payne and R. Hanek, SIGNUM Newsletter 18,
1983): x = M · 2ᴱ, and M times 2/π · 2ᴱ⁻² modulo 1 is the part of a turn. The digits are a constant; which of them count
depends on E, so a chain of selections shifts them by 16, 8, 4, 2 and 1 words of 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi

from mapsto.compiler.vector_math.coefficients import HALF_PI, QUARTER_TURN, TWO_OVER_PI
from mapsto.compiler.vector_math.number import MANTISSA, Number, upper, where_needed

LIMIT = {"f32": 12000.0, "f64": 2.0**20}  # n · π/2 is exact in parts up to here
DIGITS = TWO_OVER_PI.bit_length()
BEFORE = 42  # zero bits before the digits of 2/π: the smallest E that comes here is 2 - 42
STEPS = {"f32": (2, 1), "f64": (16, 8, 4, 2, 1)}  # of the shift, in words
# Words of the digits that take part. The product has two less that are right: 64 bits and 128, of which 2 are n, and
# up to 31 or 62 are zeros, since a float is as close to a multiple of π/2 as that.
COUNT = {"f32": 4, "f64": 6}
WORD = 2**32 - 1


@dataclass(frozen=True)
class Angle:
    """n · π/2 + r + low: n modulo 4 in the last bits of a whole number."""

    n: Number
    r: Number
    low: Number


def angle(x: Number) -> Angle:
    """Every float but ±∞, whose r is NaN."""
    near = near_angle(x)
    far = (abs(x) > LIMIT[x.dtype]) & (abs(x) < inf)
    n, r, low = where_needed(far, x, (near.n, near.r, near.low), far_angle)
    return Angle(n, r, low)


def near_angle(x: Number) -> Angle:
    """Up to the limit."""
    magic = 1.5 * 2.0 ** MANTISSA[x.dtype]
    shifted = x.times_plus(2 / pi, magic)
    n = shifted - magic
    if x.dtype == "f32":
        r = x
        for part in HALF_PI["f32"]:
            r = n.times_plus(-part, r)
        return Angle(shifted.bits(), r, x.like(0.0))
    first, second, third, rest = HALF_PI["f64"]
    r, low = x - n * first, n * -rest
    for part in (second, third):
        product = n * part  # exact
        before, r = r, r - product
        low = low + ((before - r) - product)
    total = r + low
    none = n.equals(0.0)  # then x itself and -0, or the sign of zeros would be lost
    return Angle(shifted.bits(), none.choose(x, total), none.choose(n * -rest, (r - total) + low))


def far_angle(x: Number) -> tuple[Number, Number, Number]:
    """n, r and low of larger x."""
    dtype = x.dtype
    pattern = abs(x.to("f64")).seen_as("u64")
    mantissa = (pattern & (2**52 - 1)) | 2**52
    part = turn_part(mantissa, digits((pattern >> 52) - (1075 + 2 - BEFORE), dtype))
    n, first, second = nearest_quarter(part[0], part[1])
    if dtype == "f32":
        found = (n.to("i32"), ((first + second) * (pi / 2)).to("f32"), x.like(0.0))
    else:
        third = small_float(part[2]) * 2.0**-94 + small_float(part[3]) * 2.0**-126
        total = first + second
        found = (n, *quarter_turns(total, (second - (total - first)) + third))
    negative = x < 0.0
    n, r, low = (negative.choose(-number, number) for number in found)
    return n, r, low


def digits(shift: Number, dtype: str) -> list[Number]:
    """The words of 2/π · 2ᴱ⁻² behind the point, 32 bits each."""
    steps, count = STEPS[dtype], COUNT[dtype]
    pairs = [shift.like(digits_from(32 * k)) for k in range(count + 2 * steps[0] - 1)]
    for step in steps:
        chosen = ((shift >> 5) & step).equals(step)
        pairs = [chosen.choose(later, now) for now, later in zip(pairs, pairs[step:], strict=False)]
    return [(pair << (shift & 31)) >> 32 for pair in pairs[:count]]


def digits_from(place: int) -> int:
    """64 bits of 2/π, from a place on, where zeros stand before its digits."""
    moved = DIGITS + BEFORE - place - 64
    return ((TWO_OVER_PI >> moved) if moved >= 0 else (TWO_OVER_PI << -moved)) & (2**64 - 1)


def turn_part(mantissa: Number, words: list[Number]) -> list[Number]:
    """mantissa · 0.words modulo 1: the words behind the point that are right, by long multiplication."""
    low, high = mantissa & WORD, mantissa >> 32
    carry = mantissa.like(0)
    found: list[Number] = []
    for place in range(len(words) - 1, 0, -1):
        first, second = low * words[place - 1], high * words[place]
        total = carry + (first & WORD) + (second & WORD)
        carry = (first >> 32) + (second >> 32) + (total >> 32)
        found.append(total & WORD)
    return found[:0:-1]


def nearest_quarter(first: Number, second: Number) -> tuple[Number, Number, Number]:
    """A part of a turn in two words ↦ the nearest n of four quarters, and the rest in quarters as an exact sum."""
    top = (first << 32) | second
    n = (top + 2**61) >> 62
    rest = top - (n << 62)  # signed, in 2⁻⁶² quarters
    upper_half = small_float((rest + 2**63) >> 32, 2.0**31)
    return n.seen_as("i64"), upper_half * 2.0**-30, small_float(rest & WORD) * 2.0**-62


def quarter_turns(x: Number, x_rest: Number) -> tuple[Number, Number]:
    """(x + x_rest) · π/2 as a sum of two floats."""
    total = x + x_rest
    high, low = QUARTER_TURN["f64"]
    cut = upper(total)
    cut_rest = (total - cut) + (x_rest - (total - x))
    product = cut * high
    product_rest = cut * low + cut_rest * (high + low)
    r = product + product_rest
    return r, product_rest - (r - product)


def small_float(x: Number, offset: float = 0.0) -> Number:
    """A whole number below 2⁵² without sign, less an offset, as a float64: the last bits of 2⁵² + x are those of x."""
    return (x | (1075 << 52)).seen_as("f64") - (2.0**52 + offset)
