"""Distributions by the inverse of what they sum up to: one uniform number ↦ one of theirs.

Worked out in float64, to the same bits on every evaluator, and rounded once; so every derivative by the parameters is
that of the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from mapsto.array.arithmetic import abs, maximum, minimum, negative
from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.comparison import greater, less, where
from mapsto.array.convert import cast
from mapsto.array.elementary import sqrt
from mapsto.array.random import checked
from mapsto.array.random_portable import exp, log, sine_of_turn
from mapsto.array.random_rounds import (
    FINITE,
    NUMBER,
    POSITIVE,
    drawn_shape,
    float_type,
    open_uniform,
    parameter,
    spread_all,
)
from mapsto.array.random_tails import quantile, tail
from mapsto.core.errors import UsageError
from mapsto.core.spec import FLOAT32

FAR = 37.0  # deviations; beyond 38 the tail of the normal distribution is below the smallest float


def family(
    name: str, inverse: Callable[[Array], Array], key: Array, shape: Any, loc: ArrayLike, scale: ArrayLike, dtype: Any
) -> Array:
    """loc + scale·F⁻¹(u), F the standard member of a family."""
    found = float_type(name, dtype)
    loc, scale = parameter(name, "loc", loc, FINITE), parameter(name, "scale", scale, POSITIVE)
    extents = drawn_shape(name, shape, loc=loc, scale=scale)
    loc, scale = spread_all(extents, loc, scale)
    return cast(inverse(open_uniform(checked(key), extents)) * scale + loc, found)


def exponential(key: Array, shape: Any = None, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """The exponential distribution: density e^(-x/scale)/scale for x > 0, mean `scale`; -scale·log u.

    The result has the parameters' shape unless `shape` is given. Raises UsageError unless scale is above 0 and finite.

    >>> import mapsto as mt
    >>> exponential(mt.key(0), (2,))
    array([0.87118083, 1.5311099 ], f32[2])
    """
    return family("exponential", lambda u: negative(log(u)), key, shape, 0.0, scale, dtype)


def gumbel(
    key: Array, shape: Any = None, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32
) -> Array:
    """Gumbel's distribution of a largest value: F(x) = e^(-e^-x); loc - scale·log(-log u). Mean loc + 0.5772·scale.

    Shape and errors as those of `exponential`.

    >>> import mapsto as mt
    >>> gumbel(mt.key(0), (2,))
    array([ 0.13790569, -0.42599294], f32[2])
    """
    return family("gumbel", lambda u: negative(log(negative(log(u)))), key, shape, loc, scale, dtype)


def laplace(
    key: Array, shape: Any = None, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32
) -> Array:
    """Laplace's distribution: density e^(-|x - loc|/scale)/(2·scale). Shape and errors as those of `exponential`.

    >>> import mapsto as mt
    >>> laplace(mt.key(0), (2,))
    array([-0.17803368, -0.83796275], f32[2])
    """

    def inverse(u: Array) -> Array:
        low = less(u, 0.5)
        size = log(2.0 * where(low, u, 1.0 - u))
        return where(low, size, negative(size))

    return family("laplace", inverse, key, shape, loc, scale, dtype)


def logistic(
    key: Array, shape: Any = None, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32
) -> Array:
    """The logistic distribution: F(x) = 1/(1 + e^-x); loc + scale·log(u/(1 - u)). Shape and errors as `exponential`.

    >>> import mapsto as mt
    >>> logistic(mt.key(0), (2,))
    array([-0.3291103, -1.2873868], f32[2])
    """
    return family("logistic", lambda u: log(u) - log(1.0 - u), key, shape, loc, scale, dtype)


def cauchy(
    key: Array, shape: Any = None, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32
) -> Array:
    """Cauchy's distribution: density 1/(π(1 + x²)), without a mean; tan π(u - ½). Shape and errors as `exponential`.

    >>> import mapsto as mt
    >>> cauchy(mt.key(0), (2,))
    array([-0.26192948, -1.237846  ], f32[2])
    """

    def inverse(u: Array) -> Array:
        turn = u - 0.5
        return sine_of_turn(turn) / sine_of_turn(0.5 - abs(turn))

    return family("cauchy", inverse, key, shape, loc, scale, dtype)


def truncated_normal(
    key: Array,
    low: ArrayLike = -2.0,
    high: ArrayLike = 2.0,
    shape: Any = None,
    mean: ArrayLike = 0.0,
    std: ArrayLike = 1.0,
    *,
    dtype: Any = FLOAT32,
) -> Array:
    """The normal distribution given that it lies from `low` to `high`, either of which may be infinite.

    With Q(x) the chance to be above x, q = Q(high) + u·(Q(low) - Q(high)) and x = Q⁻¹(q), taken from the side that
    loses no digits (Wichura's AS 241 and Cody's erfc). Intervals further out than 37 deviations are drawn as
    √(low² - 2·log s), to about 1e-3 of their width. The result has the parameters' shape unless `shape` is given;
    derivatives by all of them.

    Raises UsageError unless low < high, mean is finite, and std above 0 and finite; NaN for what is traced.

    >>> import mapsto as mt
    >>> truncated_normal(mt.key(0), 3.0, float("inf"), (3,))
    array([3.2560475, 3.4389598, 3.0107338], f32[3])
    """
    name = "truncated_normal"
    found = float_type(name, dtype)
    low, high = parameter(name, "low", low, NUMBER), parameter(name, "high", high, NUMBER)
    below(name, low, high)
    mean, std = parameter(name, "mean", mean, FINITE), parameter(name, "std", std, POSITIVE)
    extents = drawn_shape(name, shape, low=low, high=high, mean=mean, std=std)
    low, high, mean, std = spread_all(extents, low, high, mean, std)
    x = between((low - mean) / std, (high - mean) / std, open_uniform(checked(key), extents)) * std + mean
    return minimum(maximum(cast(x, found), cast(low, found)), cast(high, found))


def below(function: str, low: Array, high: Array) -> None:
    """Refuse an empty interval, if it is known."""
    least, most = known(low), known(high)
    if least is not None and most is not None and not (least < most).all():
        shown = tuple((name, x.spec if x.ndim else data, "") for name, x, data in
                      (("low", low, least), ("high", high, most)))  # fmt: skip
        raise UsageError("RANDOM-02", function=function, operands=shown, fix="give the lower end first")


def between(a: Array, b: Array, u: Array) -> Array:
    """Standard normal numbers between two ends, of uniform ones."""
    mirrored = less(b, 0.0)
    a, b = where(mirrored, negative(b), a), where(mirrored, negative(a), b)  # now b is not below 0
    behind, beyond = tail(abs(a)), tail(b)
    right = greater(a, 0.0)
    # All at one side of 0, or both: then what is below the middle is counted from below, the rest from above.
    share = where(right, behind - beyond, 1.0 - behind - beyond)
    from_below = behind + u * share
    upper = right | greater(from_below, 0.5)
    q = where(right, beyond + u * share, where(upper, beyond + (1.0 - u) * share, from_below))
    x = quantile(minimum(q, 0.5))
    x = where(upper, x, negative(x))
    far = greater(a, FAR)
    x = where(far, outermost(where(far, a, FAR), b, u), x)
    return where(mirrored, negative(x), x)


def outermost(a: Array, b: Array, u: Array) -> Array:
    """The same for a above 37, where Q(x) is taken for c·e^(-x²/2)."""
    width = where(less(b, math.inf), (a - b) * 0.5 * (a + b), -math.inf)
    s = u + (1.0 - u) * exp(width)
    return a + negative(2.0 * log(s)) / (a + sqrt(a * a - 2.0 * log(s)))
