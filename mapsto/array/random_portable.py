"""log, exp and the normal distribution in float64, to the same bits on every evaluator.

A sampler that rejects would draw something else where two evaluators differ in the last place of a logarithm. So these
are made of what all compute alike: sums, products, quotients, square roots, comparisons. All to about 1e-16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mapsto.array.arithmetic import abs, negative
from mapsto.array.array import Array
from mapsto.array.bits import bitwise_right_shift
from mapsto.array.comparison import equal, greater, greater_equal, less, where
from mapsto.array.convert import cast
from mapsto.array.elementary import sqrt
from mapsto.array.rounding import round
from mapsto.core.spec import FLOAT64

# log 2 in two parts, the first of 32 bits, so that its product with an exponent is exact.
LOG_2_HIGH = 0.6931471803691238
LOG_2_LOW = 1.9082149292705877e-10
# Taylor's coefficients, the first power first; the next one is below 1e-17 within the ranges below.
ATANH = [1 / n for n in range(1, 22, 2)]  # of s, s³, …, for |s| ≤ 0.172
EXP = [1 / math.factorial(n) for n in range(14)]  # for |x| ≤ log(2)/2
SINE = [(-1) ** n * math.pi ** (2 * n + 1) / math.factorial(2 * n + 1) for n in range(12)]  # of sin πx, |x| ≤ ½
HALVES = (32, 16, 8, 4, 2, 1)
ALL = (512, 256, 128, 64, *HALVES)


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """c₀ + c₁x + c₂x² + …, by Horner's rule."""
    y = x * coefficients[-1] + coefficients[-2]
    for coefficient in reversed(coefficients[:-2]):
        y = y * x + coefficient
    return y


def log_near_1(x: Array, below: Array) -> Array:
    """log x for √½ ≤ x ≤ √2, where `below` is x - 1, which may be known better than x: 2 artanh((x - 1)/(x + 1))."""
    s = below / (x + 1.0)
    return 2.0 * s * polynomial(s * s, ATANH)


def log(x: Array, steps: Sequence[int] = HALVES) -> Array:
    """log x for x from 2⁻⁶³ to 2⁶⁴: x = m·2ⁿ with m from √½ to √2, and log x = n·log 2 + log m. NaN of NaN.

    Numbers from 0 to 2⁻⁶³ give what is finite and at most log 2⁻⁶³. With the steps `ALL` from 2⁻¹⁰²² on.
    """
    exponent = x * 0.0
    for places in steps:
        large = greater_equal(x, 2.0**places)
        x, exponent = where(large, x * 2.0**-places, x), where(large, exponent + float(places), exponent)
    for places in steps:
        small = less(x, 2.0 ** (1 - places))
        x, exponent = where(small, x * 2.0**places, x), where(small, exponent - float(places), exponent)
    high = greater(x, math.sqrt(2))
    x, exponent = where(high, x * 0.5, x), where(high, exponent + 1.0, exponent)
    return exponent * LOG_2_HIGH + (log_near_1(x, x - 1.0) + exponent * LOG_2_LOW)


def log1p(x: Array) -> Array:
    """log(1 + x) in the range of `log`, and exact for small x."""
    near = less(abs(x), 0.25)
    small = where(near, x, 0.0)
    return where(near, log_near_1(1.0 + small, small), log(where(near, 1.0, 1.0 + x)))


def log_of_all(x: Array) -> Array:
    """log x of every float64: -∞ of 0, ∞ of ∞, NaN of NaN and below 0."""
    usual = greater_equal(x, 2.0**-1022) & less(x, math.inf)
    denormal = greater(x, 0.0) & less(x, 2.0**-1022)
    finite = log(where(usual, x, where(denormal, x * 2.0**64, 1.0)), ALL)
    end = where(equal(x, 0.0), -math.inf, where(less(x, 0.0), math.nan, x))
    return where(usual, finite, where(denormal, finite - 64 * math.log(2), end))


def exp(x: Array) -> Array:
    """eˣ = 2ⁿ·eʳ with |r| ≤ log(2)/2, 0 or more; ∞ above 709.78."""
    inside = where(greater(x, 709.78), 709.78, where(less(x, -750.0), -750.0, x))
    power = round(inside * (1 / math.log(2)))
    y = polynomial((inside - power * LOG_2_HIGH) - power * LOG_2_LOW, EXP)
    negative_power, left = less(power, 0.0), abs(power)
    for places in (512, 512, 256, 128, 64, *HALVES):
        fits = greater_equal(left, float(places))
        left = where(fits, left - float(places), left)
        y = where(fits, where(negative_power, y * 2.0**-places, y * 2.0**places), y)
    return where(greater(x, 709.78), math.inf, y)


def half_open(high: Array, low: Array) -> Array:
    """Two words of 32 bits ↦ (k + ½)/2⁵² with k of 52 bits, float64: never 0, never 1, and u as likely as 1 - u."""
    upper, lower = (cast(bitwise_right_shift(word, 6), FLOAT64) for word in (high, low))
    return (upper * 67108864.0 + lower + 0.5) * 2.0**-52


def sine_of_turn(x: Array) -> Array:
    """sin πx for x from -½ to ½."""
    return x * polynomial(x * x, SINE)


def normal_of(u1: Array, u2: Array) -> Array:
    """Two uniform numbers ↦ one of the normal distribution, up to 8.5: √(-2 log u₁)·cos 2πu₂ (Box and Muller 1958)."""
    turn = abs(2.0 * u2 - 1.0) - 0.5  # cos 2πu = sin π(|2u - 1| - ½)
    return sqrt(negative(log(u1)) * 2.0) * sine_of_turn(turn)
