"""x modulo y of floats, exactly, and the quotient rounded down: as NumPy's `remainder` and `floor_divide`.

The remainder is found by long division in float64, 25 bits of the quotient in a turn. A digit times the divisor is
taken off in two halves, of which each product is exact.
"""

from __future__ import annotations

from math import inf, nan

from mapsto.compiler.vector_math.number import BIAS, MANTISSA, Number, upper
from mapsto.ir.loops import Type

DIGIT = 25  # bits of the quotient in a turn: with the 27 of half a divisor they make an exact product
FIELD = 0x7FF  # of the exponent


def remainder(x: Number, y: Number) -> Number:
    """x - ⌊x / y⌋ · y, with the sign of y, also where it is 0."""
    rest = truncated(x, y)
    apart = (y < 0.0).choose(rest > 0.0, rest < 0.0)
    return rest.equals(0.0).choose(rest.signed_as(y), apart.choose(rest + y, rest))


def floor_divide(x: Number, y: Number) -> Number:
    """⌊x / y⌋, by way of the remainder, since x / y may be rounded up to a whole number."""
    rest = truncated(x, y)
    apart = (y < 0.0).choose(rest > 0.0, rest < 0.0)
    quotient = (x - rest) / y
    quotient = apart.choose(quotient - 1.0, quotient)
    down = quotient.op("floor")
    down = (quotient - down > 0.5).choose(down + 1.0, down)
    simple = x / y
    down = quotient.equals(0.0).choose(quotient.like(0.0).signed_as(simple), down)
    return y.equals(0.0).choose(simple, down)


def truncated(x: Number, y: Number) -> Number:
    """x - y · n with the sign of x, n = x / y without its fraction; NaN for x = ±∞ or y = 0."""
    if x.dtype == "f32":
        return truncated(x.to("f64"), y.to("f64")).to("f32")
    b, size, divisor = x.b, abs(x), abs(y)
    turns = digits(size, divisor)
    with b.loop(0, turns.value, carried=(size.value,)) as turn:
        rest = Number(b, turn.carried[0])
        place = (turns - 1 - Number(b, turn.index)) * DIGIT
        rest = less_multiple(rest, shifted(divisor, place))
        turn.give(rest.value)
    found = Number(b, turn.results[0])
    undefined = size.equals(inf) | divisor.equals(0.0) | x.is_nan() | y.is_nan()
    return undefined.choose(x.like(nan), found.signed_as(x))


def digits(size: Number, divisor: Number) -> Number:
    """How many digits the largest quotient of the lanes has, as one number."""
    bits = exponent(size) - exponent(divisor) + (divisor < 2.0**-1022).choose(size.bits().like(52), 0)
    bits = ((size < inf) & (divisor > 0.0)).choose(bits, 0)
    if bits.value.type.lanes > 1:
        bits = bits.op("fold_maximum", type=Type("i64"))
    return bits.at_least(0).op("floor_divide", DIGIT) + 1


def exponent(x: Number) -> Number:
    return (x.bits() >> MANTISSA["f64"]) & FIELD


def shifted(x: Number, places: Number) -> Number:
    """x · 2^places of one number of places for all lanes; in three steps, since there may be 2100."""
    third = places.op("floor_divide", 3)
    for part in (third, third, places - third - third):
        factor = ((part + BIAS["f64"]) << MANTISSA["f64"]).seen_as("f64")
        x = x * Number(x.b, x.b.splat(factor.value, x.value.type.lanes))
    return x


def less_multiple(rest: Number, divisor: Number) -> Number:
    """rest - q · divisor with the whole q that leaves 0 or more and less than the divisor."""
    q = (rest / divisor).op("trunc")
    half = upper(divisor)
    left = (rest - q * half) - q * (divisor - half)
    left = (left < 0.0).choose(left + divisor, left)  # the quotient was rounded up
    return (divisor > rest).choose(rest, left)  # also where the divisor has become ∞
