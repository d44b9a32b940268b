"""Initialisers with settings: `nn.normal(0.02)` is one, a mapping (key, shape, dtype) ↦ array."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec

import numpy as np

from mapsto.array import manipulate, random
from mapsto.array.arithmetic import clip
from mapsto.array.array import Array
from mapsto.array.convert import asarray, cast
from mapsto.array.random import is_key
from mapsto.array.special import erfinv
from mapsto.compose.declare import Initialiser
from mapsto.core.check import real_number
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import FLOAT64, DType, Shape

P = ParamSpec("P")

# The deviation of a standard normal variable given that it lies within ±2: √(1 − 4φ(2) / (2Φ(2) − 1)), where φ and Φ
# are its density and distribution (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1, 1994, 13.10).
DEVIATION_WITHIN_2 = 0.87962566103423978


def maker(make: Callable[P, Initialiser]) -> Callable[P, Initialiser]:
    """A function from settings to an initialiser ↦ the same, with an error of its own where it is given uncalled."""

    @wraps(make)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Initialiser:
        if args and is_key(args[0]):
            name = make.__name__
            raise UsageError("WEIGHT-01", name=f"nn.{name}", fix=f"call it: init=nn.{name}({EXAMPLES[name]})")
        return make(*args, **kwargs)

    return checked


EXAMPLES = {
    "constant": "0.5",
    "identity": "",
    "normal": "0.02",
    "orthogonal": "",
    "truncated_normal": "0.02",
    "uniform": "-0.05, 0.05",
}


@maker
def constant(value: float) -> Initialiser:
    """A number ↦ the initialiser (key, shape, dtype) ↦ f32[shape] with that number everywhere.

    Raises UsageError for what is no finite number.

    >>> from mapsto import key, xp
    >>> constant(0.5)(key(0), (2,), xp.float32)
    array([0.5, 0.5], f32[2])
    """
    return partial(constant_values, real_number("constant", "value", value))


def constant_values(value: float, key: Array, shape: Shape, dtype: DType) -> Array:
    return manipulate.full(shape, value, dtype=dtype)


@maker
def normal(std: float, mean: float = 0.0) -> Initialiser:
    """A deviation and a mean ↦ the initialiser (key, shape, dtype) ↦ f32[shape] with that normal distribution.

    Raises UsageError for a negative deviation.

    >>> from mapsto import key, xp
    >>> round(float(xp.std(normal(0.5)(key(0), (100, 100), xp.float32))), 2)
    0.5
    """
    std, mean = real_number("normal", "std", std, least=0), real_number("normal", "mean", mean)
    return partial(normal_values, std, mean)


def normal_values(std: float, mean: float, key: Array, shape: Shape, dtype: DType) -> Array:
    return random.normal(key, shape, mean, std, dtype=dtype)


@maker
def truncated_normal(std: float, mean: float = 0.0) -> Initialiser:
    """A deviation and a mean ↦ the initialiser of a normal distribution cut off at two deviations.

    `std` is the deviation of what comes out. The normal distribution that is cut has σ = std / 0.8796, because cutting
    at ±2σ leaves 0.8796 of its deviation; so no number is further than 2σ = 2.2737·std from the mean. (Where `stddev`
    means σ, as in Keras, std = 0.8796·stddev.) By the inverse distribution: mean + σ·√2·erf⁻¹(u), u uniform within
    ±erf(√2). Raises UsageError for a negative deviation.

    >>> from mapsto import key, xp
    >>> w = truncated_normal(0.5)(key(0), (100, 100), xp.float32)
    >>> round(float(xp.std(w)), 2), round(float(xp.max(w)), 2)
    (0.5, 1.14)
    """
    std, mean = real_number("truncated_normal", "std", std, least=0), real_number("truncated_normal", "mean", mean)
    return partial(truncated_values, std, mean)


def truncated_values(std: float, mean: float, key: Array, shape: Shape, dtype: DType) -> Array:
    most = math.erf(math.sqrt(2.0))
    standard = clip(erfinv(random.uniform(key, shape, -most, most, dtype=dtype)) * math.sqrt(2.0), -2.0, 2.0)
    return standard * (std / DEVIATION_WITHIN_2) + mean


@maker
def uniform(low: float, high: float) -> Initialiser:
    """Two bounds ↦ the initialiser (key, shape, dtype) ↦ f32[shape], uniform from `low` to `high`.

    Raises UsageError unless low < high.

    >>> from mapsto import key, xp
    >>> w = uniform(-1.0, 3.0)(key(0), (100, 100), xp.float32)
    >>> round(float(xp.min(w)), 1), round(float(xp.max(w)), 1)
    (-1.0, 3.0)
    """
    low, high = real_number("uniform", "low", low), real_number("uniform", "high", high)
    if low >= high:
        raise UsageError("WEIGHT-03", low=low, high=high, fix="nn.uniform(-0.05, 0.05)")
    return partial(uniform_values, low, high)


def uniform_values(low: float, high: float, key: Array, shape: Shape, dtype: DType) -> Array:
    return random.uniform(key, shape, low, high, dtype=dtype)


@maker
def identity(gain: float = 1.0) -> Initialiser:
    """A gain ↦ the initialiser of weights that pass inputs on: gain where input and output have the same number.

    For a matrix `[in, out]` the identity, with zeros added where it is not square. For a kernel `[…, in, out]` it
    stands in the middle of the window, so that a convolution padded by "same" passes its input on. Raises UsageError
    for a gain that is no number; the initialiser, ShapeError for fewer than two axes.

    >>> from mapsto import key, xp
    >>> identity()(key(0), (2, 3), xp.float32)
    array([[1., 0., 0.],
           [0., 1., 0.]], f32[2,3])
    """
    return partial(identity_values, real_number("identity", "gain", gain))


def identity_values(gain: float, key: Array, shape: Shape, dtype: DType) -> Array:
    check_matrix("identity", shape)
    values = np.zeros(shape, dtype)
    middle = tuple((extent - 1) // 2 for extent in shape[:-2])  # where "same" puts no more zeros before than after
    if 0 not in shape:
        values[middle] = gain * np.eye(shape[-2], shape[-1])
    return asarray(values)


@maker
def orthogonal(gain: float = 1.0) -> Initialiser:
    """A gain ↦ the initialiser of orthogonal matrices times it: WᵀW = gain²·1, or WWᵀ where it has more columns.

    A kernel `[…, in, out]` counts as the matrix `[… · in, out]`. By the QR decomposition of normal numbers; the signs
    are those that make R's diagonal positive, so that every rotation is equally likely. Saxe et al., 2013,
    arXiv:1312.6120; Mezzadri, 2007, arXiv:math-ph/0609050. Raises UsageError for a gain that is no number; the
    initialiser, ShapeError for fewer than two axes.

    >>> from mapsto import key, xp
    >>> w = orthogonal()(key(0), (4, 2), xp.float64)
    >>> xp.abs(xp.round(w.T @ w * 1e6) / 1e6)
    array([[1., 0.],
           [0., 1.]], f64[2,2])
    """
    return partial(orthogonal_values, real_number("orthogonal", "gain", gain))


def orthogonal_values(gain: float, key: Array, shape: Shape, dtype: DType) -> Array:
    check_matrix("orthogonal", shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = np.asarray(random.normal(key, (max(rows, columns), min(rows, columns)), dtype=FLOAT64))
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    matrix = q if rows >= columns else q.T
    return cast(asarray(gain * matrix.reshape(shape)), dtype)


def check_matrix(name: str, shape: Shape) -> None:
    """Refuse the shape of a vector or a number."""
    if len(shape) < 2:
        raise ShapeError("WEIGHT-02", name=name, shape=shape, fix="use it for weights, and nn.zeros for biases")
