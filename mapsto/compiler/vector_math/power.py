"""xʸ = 2 to the power y · log₂ x, with the special cases of IEEE 754.

float32 is worked out in float64, which has the digits to spare. For float64 the logarithm, which is multiplied by up to
1075, has to be right to 2⁻⁶⁵: it is a sum of two floats, and factors are cut in half, so that products are exact (T. J.
Dekker, Numerische Mathematik 18, 1971). Small constant exponents become products.
"""

from __future__ import annotations

from math import inf, nan

from mapsto.compiler.vector_math.coefficients import (
    ATANH_TAIL,
    EXP2,
    EXP2_SHORT,
    LOG2_SHORT,
    LOG2_SLOPE,
    THIRD,
)
from mapsto.compiler.vector_math.exponential import Reduced
from mapsto.compiler.vector_math.logarithm import split
from mapsto.compiler.vector_math.number import BIAS, MANTISSA, Number, polynomial, upper
from mapsto.ir.loops import Type

PRODUCTS = 4  # the largest exponent that is written as a product; more factors would round too often
MAGIC = 1.5 * 2.0 ** MANTISSA["f64"]


def pow_of(x: Number, y: Number) -> Number:
    """xʸ of floats."""
    exponent = y.b.constants.get(y.value)
    if exponent is not None and -1 <= exponent <= PRODUCTS and exponent == int(exponent):
        return product(x, int(exponent))
    size = abs(x)
    if x.dtype == "f32":
        return at_specials(x, y, short_power(size.to("f64"), y.to("f64")).to("f32"))
    return at_specials(x, y, long_power(size, y))


def product(x: Number, exponent: int) -> Number:
    """x · x · …"""
    if exponent == -1:
        return 1.0 / x
    if exponent < 2:
        return x if exponent else x.like(1)
    square = x * x
    return {2: square, 3: square * x, 4: square * square}[exponent]


def at_specials(x: Number, y: Number, found: Number) -> Number:
    """|x|ʸ ↦ xʸ: 0 and ∞, the sign where y is odd, NaN for other roots of negative numbers, 1 whatever else."""
    size = abs(x)
    rises = size.equals(0.0).equals(y < 0.0)
    edge = (size.equals(0.0) | size.equals(inf)) & ~y.is_nan()
    found = edge.choose(rises.choose(x.like(inf), 0.0), found)
    half = y * 0.5
    whole = y.op("trunc").equals(y)
    odd = whole & ~half.op("trunc").equals(half)
    found = odd.choose(found.signed_as(x), found)
    undefined = x.is_nan() | ((x < 0.0) & (x > -inf) & ~whole)
    found = undefined.choose(x.like(nan), found)
    return (y.equals(0.0) | x.equals(1.0)).choose(x.like(1.0), found)


def short_power(x: Number, y: Number) -> Number:
    """xʸ of float32 x > 0 and y, both held in float64, right to about 2⁻³⁰; beyond the range of float32 anything is."""
    parts = split(x, denormals=False)
    logarithm = parts.f.times_plus(polynomial(parts.f, LOG2_SHORT), parts.n)
    power = (y.at_most(2.0**40).at_least(-(2.0**40)) * logarithm).at_most(200.0).at_least(-200.0)
    shifted = power + (MAGIC + BIAS["f64"])
    rest = power - (shifted - (MAGIC + BIAS["f64"]))
    return rest.times_plus(polynomial(rest, EXP2_SHORT), 1.0) * Reduced(shifted, rest).power()


def log2_parts(x: Number) -> tuple[Number, Number]:
    """log₂ x as a number of 26 bits and a rest: n + c · s · (1 + s²/3 + s⁴ · R(s²)) with c = 2 / log 2."""
    parts = split(x)
    total = parts.f + 2.0
    inverse = 1.0 / total
    near = parts.f * inverse
    s = upper(near)
    cut = upper(total)
    cut_rest = (total - cut) + (parts.f - (total - 2.0))
    s_rest = ((parts.f - s * cut) - s * cut_rest) * inverse
    square = s * s  # exact
    z = upper(square)
    z_rest = (square - z) + s_rest * (s + near)
    high, low = THIRD["f64"]
    third = z * high
    both = z + z_rest
    tail = both * both * polynomial(both, ATANH_TAIL)
    third_rest = z * low + (z_rest * (high + low) + tail)
    sum_ = (third + third_rest) + 1.0
    sum_rest = (third - (sum_ - 1.0)) + third_rest
    factor = upper(sum_)
    factor_rest = (sum_ - factor) + sum_rest
    half = s * factor
    half_rest = s * factor_rest + s_rest * sum_
    cut = upper(half + half_rest)
    cut_rest = (half - cut) + half_rest
    high, low = LOG2_SLOPE["f64"]
    fraction = cut * high
    fraction_rest = cut * low + cut_rest * (high + low)
    found = parts.n + fraction
    rest = (fraction - (found - parts.n)) + fraction_rest
    first = upper(found + rest)
    return first, (found - first) + rest


def long_power(x: Number, y: Number) -> Number:
    """xʸ of float64 x > 0."""
    y = y.at_most(2.0**65).at_least(-(2.0**65))  # these make 0 or ∞ of anything but 1
    first, rest = log2_parts(x)
    cut = upper(y)
    power = (cut * first).at_most(1100.0).at_least(-1100.0)
    power_rest = ((y - cut) * first + y * rest).at_most(1.0).at_least(-1.0)
    magic = MAGIC + 2 * BIAS["f64"]
    shifted = (power + power_rest) + magic
    r = (power - (shifted - magic)) + power_rest
    return Reduced(shifted, r).scale(r.times_plus(polynomial(r, EXP2), 1.0))


def whole_pow(x: Number, y: Number) -> Number:
    """xʸ of integers, wrapped, by squaring: as many turns as the largest exponent has bits. Of negative y: nothing."""
    b, type = x.b, x.value.type
    exponent = b.constants.get(y.value)
    if exponent is not None and 0 <= exponent <= 64:
        return squared(x, int(exponent))
    most = y.op("fold_bit_or", type=Type(type.dtype)) if type.lanes > 1 else y
    # As many as the number has bits, by the exponent of the float next to it.
    turns = (abs(most.to("f64")).bits() >> MANTISSA["f64"]) - (BIAS["f64"] - 1)
    with b.loop(0, turns.value, carried=(x.like(1).value, x.value, y.value)) as turn:
        found, factor, rest = (Number(b, value) for value in turn.carried)
        odd = (rest & 1).equals(1)
        turn.give(odd.choose(found * factor, found).value, (factor * factor).value, (rest >> 1).value)
    return Number(b, turn.results[0])


def squared(x: Number, exponent: int) -> Number:
    """x to a constant power: squares, and the product of those whose bit is set."""
    found = None
    while exponent:
        if exponent & 1:
            found = x if found is None else found * x
        exponent >>= 1
        if exponent:
            x = x * x
    return x.like(1) if found is None else found
