"""eˣ and its kin: x = n·log 2 + r with |r| ≤ log 2 / 2, a polynomial for eʳ, and 2ⁿ put into the exponent's bits.

The product n · log 2 is taken off in two parts, of which the first is exact (W. J. Cody and W. Waite, Software Manual
for the Elementary Functions, 1980, chapter 6). The whole number n comes from adding 1.5 · 2^bits, after which the last
bits of the sum are n's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, log2

from mapsto.compiler.vector_math.coefficients import EXP, EXPM1, LN2
from mapsto.compiler.vector_math.number import BIAS, MANTISSA, Number, polynomial

LOG2_E = log2(e)
# Beyond these eˣ is 0 or ∞, eˣ - 1 is -1, tanh x is 1, and below the last eˣ - 1 is x.
LOWEST = {"f32": -104.0, "f64": -746.0}
HIGHEST = {"f32": 89.0, "f64": 710.0}
MINUS_ONE = {"f32": -18.0, "f64": -38.0}
TANH_IS_ONE = {"f32": 9.5, "f64": 20.0}
TINY = {"f32": 2.0**-25, "f64": 2.0**-54}


@dataclass(frozen=True)
class Reduced:
    """x = n · log 2 + rest; `shifted` has n + a chosen bias in the last bits of its pattern."""

    shifted: Number
    rest: Number

    def power(self) -> Number:
        """2 to the n + bias, where the bias was the exponent's own and the power is a normal number."""
        dtype = self.shifted.dtype
        return (self.shifted.bits() << MANTISSA[dtype]).seen_as(dtype)

    def scale(self, x: Number) -> Number:
        """x · 2ⁿ, where the bias was twice the exponent's: in two steps, so that denormals and ∞ come out right."""
        dtype = x.dtype
        whole = self.shifted.bits()
        half = whole >> 1
        first, second = (part << MANTISSA[dtype] for part in (half, whole - half))
        return x * first.seen_as(dtype) * second.seen_as(dtype)


def reduced(x: Number, bias: int, down: bool = False) -> Reduced:
    """With the nearest n, or with the n below and 0 ≤ rest < log 2."""
    high, low = LN2[x.dtype]
    magic = 1.5 * 2.0 ** MANTISSA[x.dtype] + bias
    shifted = x.times_plus(LOG2_E, -0.5) + magic if down else x.times_plus(LOG2_E, magic)
    n = shifted - magic
    return Reduced(shifted, n.times_plus(-low, n.times_plus(-high, x)))


def exp(x: Number) -> Number:
    """eˣ."""
    return falling_exp(x.at_most(HIGHEST[x.dtype]))


def falling_exp(x: Number) -> Number:
    """eˣ of x that are not too large."""
    parts = reduced(x.at_least(LOWEST[x.dtype]), 2 * BIAS[x.dtype])
    r = parts.rest
    return parts.scale(r.times_plus(r.times_plus(polynomial(r, EXP), 1.0), 1.0))


def sigmoid(x: Number) -> Number:
    """1 / (1 + e⁻ˣ), by eˣ for negative x, so that nothing overflows and small values keep their digits."""
    small = falling_exp(-abs(x))
    return (x < 0.0).choose(small, 1.0) / (small + 1.0)


def expm1_rest(rest: Number) -> Number:
    """eʳ - 1 for |r| ≤ log 2 / 2, right in proportion."""
    return (rest * rest).times_plus(polynomial(rest, EXPM1), rest)


def expm1(x: Number) -> Number:
    """eˣ - 1 = 2 (2ⁿ⁻¹ (eʳ - 1) + (2ⁿ⁻¹ - ½)); the half keeps 2ⁿ from overflowing before the result does."""
    dtype = x.dtype
    parts = reduced(x.at_most(HIGHEST[dtype]).at_least(MINUS_ONE[dtype]), BIAS[dtype] - 1)
    power = parts.power()
    found = power.times_plus(expm1_rest(parts.rest), power - 0.5) * 2.0
    return (abs(x) < TINY[dtype]).choose(x, found)


def tanh(x: Number) -> Number:
    """E / (E + 2) with E = e²ˣ - 1 for |x|, which keeps its digits near 0."""
    dtype = x.dtype
    parts = reduced((abs(x) * 2.0).at_most(2 * TANH_IS_ONE[dtype]), BIAS[dtype])
    power = parts.power()
    grown = power.times_plus(expm1_rest(parts.rest), power - 1.0)
    return (grown / (grown + 2.0)).signed_as(x)
