"""Logarithms: x = 2ⁿ · (1 + f) with 1 + f from √½ to √2, and log x = n · log 2 + log(1 + f).

f32: log(1 + f) = f - f²/2 + f³ · P(f). f64: with s = f / (2 + f) it is 2 artanh s = f - f²/2 + s (f²/2 + R(s²)), which
needs half the degree (Cody and Waite, 1980, chapter 5). f is exact, so near 1 nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt
from struct import pack, unpack

from mapsto.compiler.vector_math.coefficients import LN2, LOG, LOG2_E, LOG10_2, LOG10_E, LOG_QUOTIENT
from mapsto.compiler.vector_math.number import BIAS, MANTISSA, WHOLE, Number, polynomial, upper

LEAST_NORMAL = {"f32": 2.0**-126, "f64": 2.0**-1022}
UNSIGNED = {"f32": "u32", "f64": "u64"}
ROOT_HALF = {"f32": unpack("<I", pack("<f", sqrt(0.5)))[0], "f64": unpack("<Q", pack("<d", sqrt(0.5)))[0]}


@dataclass(frozen=True)
class Split:
    """x = 2ⁿ · (1 + f), n as a float; `biased` is n + the exponent's bias as a whole number."""

    n: Number
    f: Number
    biased: Number


def split(x: Number, denormals: bool = True) -> Split:
    """Of x > 0; denormals are multiplied by a power of two first."""
    dtype, mantissa = x.dtype, MANTISSA[x.dtype]
    usual = 2.0**mantissa + BIAS[dtype]
    offset = x.like(usual)
    if denormals:
        small = x < LEAST_NORMAL[dtype]
        x = small.choose(x * 2.0**mantissa, x)
        offset = small.choose(x.like(usual + mantissa), usual)
    moved = x.seen_as(UNSIGNED[dtype]) + ((BIAS[dtype] << mantissa) - ROOT_HALF[dtype])
    one = (moved & ((1 << mantissa) - 1)) + ROOT_HALF[dtype]
    biased = moved >> mantissa
    # The pattern of 2^mantissa with k in its last bits is the float 2^mantissa + k.
    whole = (biased | ((BIAS[dtype] + mantissa) << mantissa)).seen_as(dtype)
    return Split(whole - offset, one.seen_as(dtype) - 1.0, biased)


def bend(f: Number) -> Number:
    """log(1 + f) - f."""
    if f.dtype == "f32":
        return f * f * f.times_plus(polynomial(f, LOG), -0.5)
    s, half = f / (f + 2.0), 0.5 * f * f
    z = s * s
    return s.times_plus(z.times_plus(polynomial(z, LOG_QUOTIENT), half), -half)


def at_ends(x: Number, found: Number) -> Number:
    """-∞ at 0, NaN below, ∞ at ∞."""
    outside = x.equals(0.0).choose(x.like(-inf), nan)
    return x.equals(inf).choose(x, (x > 0.0).choose(found, outside))


def log(x: Number) -> Number:
    """The natural logarithm."""
    high, low = LN2[x.dtype]
    parts = split(x)
    small = parts.n.times_plus(low, bend(parts.f))
    return at_ends(x, parts.n.times_plus(high, parts.f + small))


def log1p(x: Number) -> Number:
    """log(1 + x): with n of 1 + x as rounded, f = x · 2⁻ⁿ + (2⁻ⁿ - 1), so nothing of x is lost."""
    dtype, mantissa = x.dtype, MANTISSA[x.dtype]
    high, low = LN2[dtype]
    u = x + 1.0
    parts = split(u, denormals=False)
    n = parts.biased.seen_as(WHOLE[dtype]) - BIAS[dtype]
    scaled = (x.bits() - (n << mantissa)).seen_as(dtype)
    inverse = ((BIAS[dtype] - n).at_least(0) << mantissa).seen_as(dtype)  # 0 where 2⁻ⁿ is a denormal
    f = scaled + (inverse - 1.0)
    found = parts.n.times_plus(high, f + parts.n.times_plus(low, bend(f)))
    return (abs(x) < 2.0 ** -(mantissa + 2)).choose(x, at_ends(u, found))


def log2_of(x: Number) -> Number:
    """The logarithm to base 2; whole for powers of 2."""
    parts = split(x)
    return at_ends(x, in_base(parts, parts.n, x.like(0.0), LOG2_E[x.dtype]))


def log10_of(x: Number) -> Number:
    """The logarithm to base 10; whole for powers of 10."""
    parts = split(x)
    high, low = LOG10_2[x.dtype]
    return at_ends(x, in_base(parts, parts.n * high, parts.n * low, LOG10_E[x.dtype]))


def in_base(parts: Split, whole: Number, whole_rest: Number, factor: tuple[float, ...]) -> Number:
    """The logarithm of 2ⁿ, given in two parts, + factor · log(1 + f): the large parts are exact, and added exactly."""
    high, low = factor
    bent = bend(parts.f)
    first = upper(parts.f + bent)
    rest = (parts.f - first) + bent
    product = first * high
    small = rest.times_plus(high + low, first.times_plus(low, whole_rest))
    total = whole + product
    return total + ((product - (total - whole)) + small)
