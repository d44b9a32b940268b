"""Errors of predicted numbers: mean absolute and squared errors, their root, and the share of variance explained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import abs, divide, multiply, square, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater, where
from mapsto.array.convert import cast, promote
from mapsto.array.indexing import take
from mapsto.array.manipulate import broadcast_to, concat, expand_dims, reshape, stack, zeros
from mapsto.array.reduction import argmax, mean, sum
from mapsto.core.errors import ShapeError
from mapsto.core.spec import FLOAT32, FLOAT64
from mapsto.metrics.classes import weights
from mapsto.metrics.metric import Metric

Numbers = np.ndarray[Any, Any]


def columns(metric: str, prediction: ArrayLike, target: ArrayLike, weight: Any) -> tuple[Array, Array, Array]:
    """Predictions and targets [n, …] ↦ both as [n, d], and the weights [n, 1], in float64 if they are, else float32.

    Where the weight is 0 both are 0, whatever stood there. Raises ShapeError unless the shapes are equal.
    """
    found, goal = promote(metric, prediction, target, floats=True)
    if found.shape != goal.shape:
        rows = (("prediction", found.spec, ""), ("target", goal.spec, ""))
        fix = "give both one shape"
        if goal.shape == (*found.shape, 1):
            fix = "squeeze the target: y.reshape(-1)"
        elif found.shape == (*goal.shape, 1):
            fix = "make the target a column, y.reshape(-1, 1), or end the net with mt.fn(lambda p: p[:, 0])"
        raise ShapeError("SHAPE-08", function=metric, left="prediction", right="target", operands=rows, fix=fix)
    if not found.ndim:
        raise ShapeError("BATCH-01", function=metric, found=found.spec, fix="give a batch: [n, …]")
    dtype = FLOAT64 if found.dtype == FLOAT64 else FLOAT32
    n = found.shape[0]
    own = expand_dims(weights(metric, weight, n, dtype), axis=1)
    flat = (reshape(cast(one, dtype), (n, math.prod(one.shape[1:]))) for one in (found, goal))
    p, t = (where(greater(own, 0.0), one, 0.0) for one in flat)
    return p, t, own


def mean_error(errors: Array, weight: Array) -> Array:
    """Errors [n, d] and weights [n, 1] ↦ [2]: the sum of the examples' mean errors by weight, and of the weights."""
    return stack([sum(multiply(mean(errors, axis=1, keepdims=True), weight)), sum(weight)])


def quotient(statistics: Numbers) -> float:
    """[sum, weight] ↦ sum / weight, NaN if there was no example."""
    total, weight = (float(number) for number in np.asarray(statistics))
    return total / weight if weight else math.nan


class MeanAbsoluteError(Metric):
    """f32[n, …], f32[n, …], f32[n] ↦ f32[2]: the mean of |prediction − target|, in the target's unit.

    The statistics are float64 if the numbers are. Raises ShapeError unless the shapes are equal.

    >>> mae.value(np.asarray(mae([1.0, 2.0, 6.0], [1.0, 4.0, 5.0])))
    1.0
    """

    @property
    def name(self) -> str:
        return "mae"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        p, t, own = columns("mae", prediction, target, weight)
        return mean_error(abs(subtract(p, t)), own)

    def value(self, statistics: Numbers) -> float:
        """[Σ |error|, Σ weight] ↦ their quotient."""
        return quotient(statistics)


class MeanSquaredError(Metric):
    """f32[n, …], f32[n, …], f32[n] ↦ f32[2]: the mean of (prediction − target)², in the target's unit squared.

    The statistics are float64 if the numbers are. Raises ShapeError unless the shapes are equal.

    >>> mse.value(np.asarray(mse([1.0, 2.0, 6.0, 0.0], [1.0, 4.0, 4.0, 0.0])))
    2.0
    """

    @property
    def name(self) -> str:
        return "mse"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        p, t, own = columns("mse", prediction, target, weight)
        return mean_error(square(subtract(p, t)), own)

    def value(self, statistics: Numbers) -> float:
        """[Σ error², Σ weight] ↦ their quotient."""
        return quotient(statistics)


class RootMeanSquaredError(Metric):
    """f32[n, …], f32[n, …], f32[n] ↦ f32[d + 1]: the root of the mean of (prediction − target)².

    In the target's unit. Of several outputs d an example, the mean over the outputs of the root of each, like
    scikit-learn's; √mse, where all outputs are counted together, is larger. Raises ShapeError unless the shapes are
    equal.

    >>> rmse.value(np.asarray(rmse([1.0, 2.0, 6.0, 0.0], [1.0, 4.0, 8.0, 2.8284271]))) ** 2
    4.0
    """

    @property
    def name(self) -> str:
        return "rmse"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        p, t, own = columns("rmse", prediction, target, weight)
        return concat([sum(multiply(square(subtract(p, t)), own), axis=0), expand_dims(sum(own))])

    def value(self, statistics: Numbers) -> float:
        """[Σ error² of every output, Σ weight] ↦ the mean of the roots of their quotients."""
        *squares, weight = np.asarray(statistics)
        return float(np.mean(np.sqrt(np.asarray(squares) / weight))) if weight else math.nan


class R2(Metric):
    """f32[n, …], f32[n, …], f32[n] ↦ f32[5, d]: the share of the targets' variance that is explained.

    R² = 1 − Σ (t − p)² / Σ (t − t̄)², 1 at best, 0 for always saying the mean t̄, negative for worse (Wright, 1921). Of
    several outputs d an example, the mean of the R² of each. Where all targets are equal it is 1 if all are predicted,
    else 0, like scikit-learn's.

    A batch yields for every output its weight, a target c, the mean of t − c, the sum of squares about the mean, and
    the sum of the squared errors; `merge` joins them (Chan, Golub and LeVeque, 1979), so that targets such as 10⁶ ± 1
    lose nothing. Raises ShapeError unless the shapes are equal.

    >>> r2.value(np.asarray(r2([0.0, 2.0, 2.0, 4.0], [1.0, 1.0, 3.0, 3.0])))
    0.0
    >>> r2.value(np.asarray(r2([1.0, 1.0, 3.0, 2.0], [1.0, 1.0, 3.0, 3.0])))
    0.75
    """

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        p, t, own = columns("r2", prediction, target, weight)
        if not t.shape[0]:
            return zeros((5, t.shape[1]), dtype=t.dtype)
        total = sum(own)
        # A target among those that count: the differences from it are exact where the targets lie close together.
        some = take(t, argmax(own[:, 0]), axis=0)
        away = subtract(t, some)
        beyond = divide(sum(multiply(away, own), axis=0), where(greater(total, 0.0), total, 1.0))
        about = sum(multiply(square(subtract(away, beyond)), own), axis=0)
        errors = sum(multiply(square(subtract(p, t)), own), axis=0)
        return stack([broadcast_to(total, some.shape), some, beyond, about, errors])

    def merge(self, total: Numbers, statistics: Numbers) -> Numbers:
        """The statistics so far and those of one more batch ↦ those of both together."""
        weight, some, beyond, about, errors = total
        more, other, further, around, misses = statistics
        both = weight + more
        share = np.divide(more, both, out=np.zeros_like(both), where=both > 0)
        apart = (other - some) + (further - beyond)
        about = about + around + apart**2 * weight * share
        return np.stack([both, some, beyond + apart * share, about, errors + misses])

    def value(self, statistics: Numbers) -> float:
        """The statistics of all batches ↦ the mean of 1 − errors / squares about the mean."""
        weight, _, _, about, errors = np.asarray(statistics)
        if not weight.all():
            return math.nan
        left = np.divide(errors, about, out=(errors > 0).astype(np.float64), where=about > 0)
        return float(np.mean(1.0 - left))


mae = MeanAbsoluteError()
"""The mean of |prediction − target|."""

mse = MeanSquaredError()
"""The mean of (prediction − target)²."""

rmse = RootMeanSquaredError()
"""The root of the mean of (prediction − target)²."""

r2 = R2()
"""The share of the targets' variance that is explained: 1 at best, 0 for always saying their mean."""
