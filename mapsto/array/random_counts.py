"""Random whole numbers: within bounds, and those that count something.

Counts are worked out in float64, to the same bits on every evaluator, and cast; so they are exact up to 2⁵³.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import abs, minimum
from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.comparison import greater, greater_equal, less, less_equal, where
from mapsto.array.convert import cast
from mapsto.array.cumulative import cumulative_prod, cumulative_sum
from mapsto.array.elementary import sqrt
from mapsto.array.manipulate import arange, concat, full, reshape
from mapsto.array.random import checked, split
from mapsto.array.random_portable import exp, log, log1p
from mapsto.array.random_rounds import (
    PROBABILITY,
    Range,
    drawn_shape,
    first_accepted,
    integer_type,
    met,
    open_uniform,
    parameter,
    spread_all,
)
from mapsto.array.reduction import sum
from mapsto.array.rounding import floor
from mapsto.core.spec import FLOAT64, INT64, Shape

LARGEST = 2.0**62
RATE: tuple[str, Range] = ("from 0 to 2**62", lambda x: (x >= 0) & (x <= LARGEST))
COUNT: tuple[str, Range] = ("a whole number from 0 to 2**53", lambda x: (x >= 0) & (x <= 2.0**53) & (x == np.floor(x)))
CHANCE: tuple[str, Range] = ("above 0, up to 1", lambda x: (x > 0) & (x <= 1))
SMALL = 10.0  # of the mean: below it by inversion, above by rejection
TERMS = 56  # of the inversion; a Poisson number of mean 10 is larger with a chance below 2⁻⁶⁴
POISSON_ROUNDS = 32  # at mean 10 of 1.329 proposals one is accepted: (1 - 1/1.329)³² < 2⁻⁶⁴; above it more are
# Of the binomial proposals 1/(f(m)·σ·(2.83 + 5.1/b)) are accepted, f(m) the largest chance. Stirling's formula bounds
# f(m)·σ·√(2π) by exp(1/(24·(m + ½)) + 1/(24·(n - m + ½))) < 1.008 as m and n - m are 10 or more, and σ² ≥ 5 bounds
# b = 1.15 + 2.53·σ: at least 0.694 (note 0029), and 0.306³⁸ < 2⁻⁶⁴.
BINOMIAL_ROUNDS = 38
# Stieltjes' continued fraction of Binet's function J(x) = (1/12)/(x + (1/30)/(x + …)). It is off by 6e-6 at 1, which
# changes the chance of 0 by that part of it (where rejection begins, 0 comes once in 20,000), and by 2e-8 at 3.
BINET = (1 / 12, 1 / 30, 53 / 210, 195 / 371, 22999 / 22737, 29944523 / 19733142, 109535241009 / 48264275462)


def binet(x: Array) -> Array:
    """log Γ(x) - ((x - ½)·log x - x + log(2π)/2), for x ≥ 1."""
    y = x
    for coefficient in reversed(BINET[1:]):
        y = x + coefficient / y
    return BINET[0] / y


def log_ratio(x: Array, y: Array) -> Array:
    """log(x/y), exact where both are close."""
    return log1p((x - y) / y)


def by_inversion(u: Array, first: Array, ratios: Array) -> Array:
    """How many of the sums p₀, p₀ + p₁, … are not above u, with p₀ = `first` and pⱼ = pⱼ₋₁·ratios[j - 1]."""
    chances = cumulative_prod(concat([reshape(first, (1, *first.shape)), ratios], axis=0), axis=0)
    reached = greater_equal(u, cumulative_sum(chances, axis=0))
    return cast(sum(cast(reached, INT64), axis=0), FLOAT64)


def term_numbers(shape: Shape) -> Array:
    """1 … TERMS - 1 in front of the axes of a shape."""
    return cast(reshape(arange(1, TERMS), (TERMS - 1, *(1,) * len(shape))), FLOAT64)


def poisson_proposal(u: Array, v: Array, rate: Array) -> tuple[Array, Array]:
    """Hörmann's PTRS (1993) for rates of 10 and more, without the shortcut that saves a logarithm."""
    # Below 2⁻⁶³ our log is not one; v is so small with a chance of 2⁻⁵², and where us is, k is far out.
    b = 0.931 + 2.53 * sqrt(rate)
    a = 0.02483 * b - 0.059
    scale = 1.1239 + 1.1328 / (b - 3.4)
    centred = u - 0.5
    us = 0.5 - abs(centred)
    k = floor((2.0 * a / us + b) * centred + rate + 0.43)
    x = where(less(k, 0.0), 1.0, k + 1.0)
    chance = (x - 1.0) * log_ratio(rate, x) - 0.5 * log(x) + (x - rate) - 0.5 * math.log(2 * math.pi) - binet(x)
    return k, greater_equal(k, 0.0) & less_equal(log(v * scale / (a / (us * us) + b)), chance)


def poisson(key: Array, rate: ArrayLike, shape: Any = None, *, dtype: Any = INT64) -> Array:
    """The Poisson distribution: k with chance rate^k·e^-rate/k!, for rates from 0 to 2⁶²; i64 unless told.

    Below a rate of 10 by inversion, above by Hörmann's PTRS, "The transformed rejection method for generating Poisson
    random variables" (1993), in 32 rounds, of which all fail with a chance below 2⁻⁶⁴ (then 0). The result has the
    rate's shape unless `shape` is given. It has no derivative: 0.

    Raises UsageError for other rates; -1 for one that is traced.

    >>> import mapsto as mt
    >>> poisson(mt.key(0), [0.0, 3.0, 1e9])
    array([        0,         6, 999973439], i64[3])
    """
    found = integer_type("poisson", dtype)
    rate = parameter("poisson", "rate", rate, RATE)
    data = known(rate)
    extents = drawn_shape("poisson", shape, rate=rate)
    (rate,) = spread_all(extents, rate)
    first, second = split(checked(key))
    small, valid = less(rate, SMALL), greater_equal(rate, 0.0) & less_equal(rate, LARGEST)
    low = where(small, rate, 1.0)
    few = many = full(extents, -1.0, dtype=FLOAT64)
    if met(data, lambda rates: rates < SMALL):
        few = by_inversion(open_uniform(first, extents), exp(-1.0 * low), low / term_numbers(extents))
    if met(data, lambda rates: rates >= SMALL):
        many = first_accepted(poisson_proposal, second, extents, 2, POISSON_ROUNDS, where(small, SMALL, rate))
    return cast(where(valid, where(small, few, many), -1.0), found)


def binomial_chance(k: Array, n: Array, p: Array) -> Array:
    """log of the chance of k out of n, by Stirling's formula and Binet's function."""
    whole, x, y = n + 1.0, k + 1.0, n - k + 1.0
    main = k * log_ratio(p * whole, x) + (n - k) * log_ratio((1.0 - p) * whole, y)
    roots = 0.5 * (log(whole) - log(x) - log(y))
    return main + roots + binet(whole) - binet(x) - binet(y)  # and a constant


def binomial_proposal(u: Array, v: Array, n: Array, p: Array, mode_chance: Array) -> tuple[Array, Array]:
    """Hörmann's BTRS (1993) for n·p ≥ 10 and p ≤ ½, without the shortcut that saves a logarithm."""
    deviation = sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * deviation
    a = 0.0248 * b + 0.01 * p - 0.0873
    centred = u - 0.5
    us = 0.5 - abs(centred)
    k = floor((2.0 * a / us + b) * centred + n * p + 0.5)
    inside = greater_equal(k, 0.0) & less_equal(k, n)
    chance = binomial_chance(where(inside, k, 0.0), n, p) - mode_chance
    hat = (2.83 + 5.1 / b) * deviation / (a / (us * us) + b)
    return k, inside & less_equal(log(v * hat), chance)


def binomial(key: Array, n: ArrayLike, p: ArrayLike, shape: Any = None, *, dtype: Any = INT64) -> Array:
    """The binomial distribution: how often of n times something of chance p happens; n up to 2⁵³; i64 unless told.

    With p no larger than ½, else n less what the other has: for n·p < 10 by inversion, above by Hörmann's BTRS, "The
    generation of binomial random variates" (1993), in 38 rounds, of which all fail with a chance below 2⁻⁶⁴ (then 0).
    The result has the parameters' common shape unless `shape` is given. It has no derivative: 0.

    Raises UsageError for other n and p; -1 for what is traced.

    >>> import mapsto as mt
    >>> binomial(mt.key(0), 100, [0.0, 0.03, 0.5, 1.0])
    array([  0,   6,  43, 100], i64[4])
    """
    found = integer_type("binomial", dtype)
    n, p = parameter("binomial", "n", n, COUNT), parameter("binomial", "p", p, PROBABILITY)
    extents = drawn_shape("binomial", shape, n=n, p=p)
    counts, chances = known(n), known(p)
    means = None if counts is None or chances is None else counts * np.minimum(chances, 1 - chances)
    n, p = spread_all(extents, n, p)
    valid = greater_equal(n, 0.0) & less_equal(n, 2.0**53) & greater_equal(p, 0.0) & less_equal(p, 1.0)
    n, p = where(valid, n, 1.0), where(valid, p, 0.5)
    often = greater(p, 0.5)
    rare = where(often, 1.0 - p, p)
    small = less(n * rare, SMALL)
    first, second = split(checked(key))
    few = many = full(extents, -1.0, dtype=FLOAT64)
    if met(means, lambda mean: mean < SMALL):
        few = few_of(first, where(small, n, 0.0), where(small, rare, 0.0), extents)
    if met(means, lambda mean: mean >= SMALL):
        many = many_of(second, where(small, 40.0, n), where(small, 0.5, rare), extents)
    k = where(small, few, many)
    return cast(where(valid, where(often, n - k, k), -1.0), found)


def few_of(key: Array, n: Array, p: Array, shape: Shape) -> Array:
    """Binomial numbers for n·p < 10 and p ≤ ½, by inversion: the ratio of chances is (n - j + 1)/j·p/(1 - p)."""
    j = term_numbers(shape)
    left = n - (j - 1.0)
    ratios = where(greater(left, 0.0), left, 0.0) / j * (p / (1.0 - p))
    return minimum(by_inversion(open_uniform(key, shape), exp(n * log1p(-1.0 * p)), ratios), n)


def many_of(key: Array, n: Array, p: Array, shape: Shape) -> Array:
    """The same for n·p ≥ 10, by rejection."""
    mode_chance = binomial_chance(floor((n + 1.0) * p), n, p)
    return first_accepted(binomial_proposal, key, shape, 2, BINOMIAL_ROUNDS, n, p, mode_chance)


def geometric(key: Array, p: ArrayLike, shape: Any = None, *, dtype: Any = INT64) -> Array:
    """The geometric distribution: which trial is the first to succeed, 1 or later; p above 0; i64 unless told.

    ⌊log u / log(1 - p)⌋ + 1; what is too large for the type becomes its largest number. The result has the shape of p
    unless `shape` is given. Raises UsageError for other p; -1 for what is traced.

    >>> import mapsto as mt
    >>> geometric(mt.key(0), [0.01, 0.5, 1.0])
    array([87,  3,  1], i64[3])
    """
    found = integer_type("geometric", dtype)
    p = parameter("geometric", "p", p, CHANCE)
    extents = drawn_shape("geometric", shape, p=p)
    (p,) = spread_all(extents, p)
    usual = greater(p, 0.0) & less(p, 1.0)
    trials = floor(log(open_uniform(checked(key), extents)) / log1p(-1.0 * where(usual, p, 0.5))) + 1.0
    return cast(where(usual, trials, where(greater_equal(p, 1.0) & less_equal(p, 1.0), 1.0, -1.0)), found)
