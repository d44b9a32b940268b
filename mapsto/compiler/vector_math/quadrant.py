"""Angles: x = n · π/2 + r with |r| ≤ π/4.

Up to a limit the product n · π/2 is taken off in parts that make exact products (Cody and Waite, 1980, chapter 8). For
larger x only the digits of 2/π matter that make less than a full turn (M. Payne and R. Hanek, SIGNUM Newsletter 18,
1983): x = M · 2ᴱ, and M times 2/π · 2ᴱ⁻² modulo 1 is the part of a turn. The digits are a constant; which of them count
depends on E, so a chain of selections shifts them by 16, 8, 4, 2 and 1 words of 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi

from mapsto.compiler.vector_math.coefficients import HALF_PI_F32, HALF_PI_F64, QUARTER_TURN_F64, TWO_OVER_PI
from mapsto.compiler.vector_math.number import MANTISSA, Number, upper, where_needed

LIMIT = {"f32": 12000.0, "f64": 2.0**20}  # n · π/2 is exact in parts up to here
DIGITS = TWO_OVER_PI.bit_length()
BEFORE = 42  # zero bits before the digits of 2/π: the smallest E that comes here is 2 - 42
STEPS = {"f32": (2, 1), "f64": (16, 8, 4, 2, 1)}  # of the shift, in words
WORDS = 6  # of the digits that take part; the product has 32 · 4 bits after the point that are right
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
        for part in HALF_PI_F32:
            r = n.times_plus(-part, r)
        return Angle(shifted.bits(), r, x.like(0.0))
    first, second, third, rest = HALF_PI_F64
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
    steps, dtype = STEPS[x.dtype], x.dtype
    wide = x.to("f64")
    pattern = abs(wide).seen_as("u64")
    shift = (pattern >> 52) - (1075 + 2 - BEFORE)
    digits = window(shift, steps)
    part = turn_part((pattern & (2**52 - 1)) | 2**52, digits)
    n, r, low = from_turn(part)
    negative = x < 0.0
    n, r, low = (negative.choose(-number, number) for number in (n, r, low))
    return (n, r, low) if dtype == "f64" else (n.to("i32"), r.to("f32"), low.to("f32"))


def window(shift: Number, steps: tuple[int, ...]) -> list[Number]:
    """The words of 2/π · 2ᴱ⁻² behind the point, 32 bits each."""
    count = WORDS + 2 * steps[0] - 1
    pairs = [shift.like(digits_from(32 * k)) for k in range(count)]
    for step in steps:
        chosen = ((shift >> 5) & step).equals(step)
        pairs = [chosen.choose(later, now) for now, later in zip(pairs, pairs[step:], strict=False)]
    return [(pair << (shift & 31)) >> 32 for pair in pairs[:WORDS]]


def digits_from(place: int) -> int:
    """64 bits of 2/π, from a place on, where zeros stand before its digits."""
    moved = DIGITS + BEFORE - place - 64
    return ((TWO_OVER_PI >> moved) if moved >= 0 else (TWO_OVER_PI << -moved)) & (2**64 - 1)


def turn_part(mantissa: Number, digits: list[Number]) -> list[Number]:
    """mantissa · 0.digits modulo 1: four words behind the point, by long multiplication."""
    low, high = mantissa & WORD, mantissa >> 32
    carry = mantissa.like(0)
    words: list[Number] = []
    for place in range(WORDS - 1, 0, -1):
        first, second = low * digits[place - 1], high * digits[place]
        total = carry + (first & WORD) + (second & WORD)
        carry = (first >> 32) + (second >> 32) + (total >> 32)
        words.append(total & WORD)
    return words[:0:-1]


def from_turn(words: list[Number]) -> tuple[Number, Number, Number]:
    """A part of a turn ↦ the nearest n of four quarters, and the rest of the angle in two floats."""
    top = (words[0] << 32) | words[1]
    n = (top + 2**61) >> 62
    rest = top - (n << 62)  # signed, in 2⁻⁶² quarters
    pieces = [
        small_float((rest + 2**63) >> 32, 2.0**31) * 2.0**-30,
        small_float(rest & WORD) * 2.0**-62,
        small_float(words[2]) * 2.0**-94 + small_float(words[3]) * 2.0**-126,
    ]
    first = pieces[0] + pieces[1]
    rest_of_first = (pieces[1] - (first - pieces[0])) + pieces[2]
    total = first + rest_of_first
    total_rest = rest_of_first - (total - first)
    high, low = QUARTER_TURN_F64
    cut = upper(total)
    cut_rest = (total - cut) + total_rest
    product = cut * high
    product_rest = cut * low + cut_rest * (high + low)
    r = product + product_rest
    return n.seen_as("i64"), r, product_rest - (r - product)


def small_float(x: Number, offset: float = 0.0) -> Number:
    """A whole number below 2⁵² without sign, less an offset, as a float64: the last bits of 2⁵² + x are those of x."""
    return (x | (1075 << 52)).seen_as("f64") - (2.0**52 + offset)
