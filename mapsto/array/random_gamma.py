"""The gamma distribution and those that are made of it: chi-square, Student's t, beta, Dirichlet.

All are worked out in float64, to the same bits on every evaluator, and rounded once.
"""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import maximum, stop_gradient
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater, less, where
from mapsto.array.convert import cast
from mapsto.array.elementary import sqrt
from mapsto.array.gamma_slope import log_slope
from mapsto.array.manipulate import as_shape
from mapsto.array.random import checked, split
from mapsto.array.random_portable import exp, log, log1p, log_of_all, normal_of
from mapsto.array.random_rounds import (
    POSITIVE,
    check_classes,
    drawn_shape,
    first_accepted,
    float_type,
    open_uniform,
    parameter,
    spread_all,
)
from mapsto.array.reduction import max, sum
from mapsto.array.trace import Traced
from mapsto.core.spec import FLOAT32, FLOAT64, Shape

# Of Marsaglia and Tsang's proposals at least 95.1 % are accepted, at shape 1; 0.049¹⁵ < 2⁻⁶⁴.
ROUNDS = 15


def room(t: Array) -> Array:
    """log(1 + t) - t + t²/2 - t³/3, which is at most 0; by its series where the difference would lose digits."""
    near = less(t * t, 2.0**-16)
    small = where(near, t, 0.0)
    square = small * small
    series = square * square * (-0.25 + small * (0.2 + small * (-1 / 6 + small / 7.0)))
    return where(near, series, log1p(t) - t + t * t * (0.5 - t * (1 / 3)))


def proposal(u1: Array, u2: Array, u: Array, d: Array) -> tuple[Array, Array]:
    """Marsaglia and Tsang's d·v with v = (1 + t)³, t = x/√(9d), x normal; accepted if log u < x²/2 + d - dv + d·log v.

    In terms of t the right side is 3d·(log(1 + t) - t + t²/2 - t³/3), without the difference of large numbers.
    """
    t = normal_of(u1, u2) / sqrt(9.0 * d)
    inside = greater(t, -1.0)
    t = where(inside, t, 0.0)
    v = (1.0 + t) * (1.0 + t) * (1.0 + t)
    return d * v, inside & less(log(u), 3.0 * d * room(t))


def in_parts(key: Array, alpha: Array, shape: Shape) -> tuple[Array, Array]:
    """Gamma numbers of shape α as x·eʸ, two arrays; y is 0 for α ≥ 1, and keeps what would be 0 for small ones.

    For α < 1 a number of shape α + 1, times u^(1/α).
    """
    first, second = split(key)
    small = less(alpha, 1.0)
    x = first_accepted(proposal, first, shape, 3, ROUNDS, where(small, alpha + 1.0, alpha) - 1 / 3)
    return x, where(small, log(open_uniform(second, shape)) / where(small, alpha, 1.0), 0.0)


def logarithm(key: Array, alpha: Array, shape: Shape) -> Array:
    """The logarithm of gamma numbers, with its derivative by α."""
    constant = stop_gradient(alpha)
    x, y = in_parts(key, constant, shape)
    drawn = log_of_all(x) + y
    return moving(drawn, alpha, lambda: log_slope(drawn, constant))


def moving(drawn: Array, alpha: Array, slope: Any) -> Array:
    """What was drawn as a function of α: its value is that, its derivative the slope. Nothing to do for a known α."""
    return drawn + (alpha - stop_gradient(alpha)) * slope() if isinstance(alpha, Traced) else drawn


def gamma(key: Array, alpha: ArrayLike, shape: Any = None, scale: ArrayLike = 1.0, *, dtype: Any = FLOAT32) -> Array:
    """The gamma distribution of shape α > 0: density x^(α - 1)·e^(-x/scale), up to a factor; mean α·scale.

    The result has the parameters' common shape, or `shape`. Marsaglia and Tsang, "A simple method for generating gamma
    variables" (2000), in 15 rounds, of which all fail with a chance below 2⁻⁶⁴ (then NaN). The first derivative by α is
    -∂F/∂α / density, by implicit reparametrisation (Figurnov, Mohamed and Mnih 2018); a second one takes that for a
    function of α alone. Raises UsageError unless α and scale are above 0 and finite; NaN for what is traced.

    >>> import mapsto as mt
    >>> gamma(mt.key(0), [0.5, 2.0, 100.0])
    array([ 1.8413321,  0.6410627, 98.26358  ], f32[3])
    """
    found = float_type("gamma", dtype)
    alpha, scale = parameter("gamma", "alpha", alpha, POSITIVE), parameter("gamma", "scale", scale, POSITIVE)
    extents = drawn_shape("gamma", shape, alpha=alpha, scale=scale)
    a, scale = spread_all(extents, alpha, scale)
    return cast(standard(key, a, extents) * scale, found)


def standard(key: Array, alpha: Array, shape: Shape) -> Array:
    """Gamma numbers of scale 1, f64[*shape]."""
    constant = stop_gradient(alpha)
    x, y = in_parts(checked(key), constant, shape)
    drawn = x * exp(y)
    return moving(drawn, alpha, lambda: drawn * log_slope(log_of_all(x) + y, constant))


def chi_square(key: Array, df: ArrayLike, shape: Any = None, *, dtype: Any = FLOAT32) -> Array:
    """The chi-square distribution of `df` > 0 degrees of freedom: twice a gamma number of shape df/2.

    Shape, derivative and errors as those of `gamma`.

    >>> import mapsto as mt
    >>> chi_square(mt.key(0), 3.0, (2,))
    array([1.6161945, 0.5709407], f32[2])
    """
    found = float_type("chi_square", dtype)
    df = parameter("chi_square", "df", df, POSITIVE)
    extents = drawn_shape("chi_square", shape, df=df)
    (df,) = spread_all(extents, df)
    return cast(2.0 * standard(key, df * 0.5, extents), found)


def student_t(key: Array, df: ArrayLike, shape: Any = None, *, dtype: Any = FLOAT32) -> Array:
    """Student's t of `df` > 0 degrees of freedom: z·√(df/2 / g), z normal, g a gamma number of shape df/2.

    Shape, derivative and errors as those of `gamma`.

    >>> import mapsto as mt
    >>> student_t(mt.key(0), 3.0, (2,))
    array([-0.13229828,  0.7231701 ], f32[2])
    """
    found = float_type("student_t", dtype)
    df = parameter("student_t", "df", df, POSITIVE)
    extents = drawn_shape("student_t", shape, df=df)
    (half,) = spread_all(extents, df * 0.5)
    first, second, third = split(checked(key), 3)
    z = normal_of(open_uniform(first, extents), open_uniform(second, extents))
    # √(half/g) by logarithms: for few degrees of freedom g is below the smallest float.
    return cast(z * exp((log_of_all(half) - logarithm(third, half, extents)) * 0.5), found)


def beta(key: Array, a: ArrayLike, b: ArrayLike, shape: Any = None, *, dtype: Any = FLOAT32) -> Array:
    """The beta distribution: density x^(a - 1)·(1 - x)^(b - 1), up to a factor; g/(g + h) of two gamma numbers.

    By their logarithms, so that small a and b, whose gamma numbers are all 0, give 0 and 1 in the right proportion.
    Shape, derivative and errors as those of `gamma`.

    >>> import mapsto as mt
    >>> beta(mt.key(0), 2.0, 3.0, (2,))
    array([0.51184595, 0.40349084], f32[2])
    """
    found = float_type("beta", dtype)
    a, b = parameter("beta", "a", a, POSITIVE), parameter("beta", "b", b, POSITIVE)
    extents = drawn_shape("beta", shape, a=a, b=b)
    a, b = spread_all(extents, a, b)
    first, second = split(checked(key))
    g, h = logarithm(first, a, extents), logarithm(second, b, extents)
    most = stop_gradient(maximum(g, h))
    g, h = exp(g - most), exp(h - most)
    return cast(g / (g + h), found)


def dirichlet(key: Array, alpha: ArrayLike, shape: Any = None, *, dtype: Any = FLOAT32) -> Array:
    """The Dirichlet distribution of α, [..., k]: rows of k numbers from 0 to 1 whose sum is 1, by k gamma numbers.

    `shape` is that of the rows, without k; α's own unless given. Derivative and errors as those of `gamma`; raises
    ShapeError for an α without axes.

    >>> import mapsto as mt
    >>> dirichlet(mt.key(0), [1.0, 2.0, 3.0])
    array([0.49724197, 0.10451641, 0.3982416 ], f32[3])
    """
    found = float_type("dirichlet", dtype)
    alpha = parameter("dirichlet", "alpha", alpha, POSITIVE)
    check_classes("dirichlet", "alpha", alpha, -1)
    wanted = None if shape is None else (*as_shape(shape), alpha.shape[-1])
    extents = drawn_shape("dirichlet", wanted, alpha=alpha)
    (alpha,) = spread_all(extents, alpha)
    g = logarithm(checked(key), alpha, extents)
    g = exp(g - stop_gradient(max(g, axis=-1, keepdims=True)))
    return cast(g / sum(g, axis=-1, keepdims=True, dtype=FLOAT64), found)
