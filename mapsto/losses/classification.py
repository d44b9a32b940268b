"""Losses of classes."""

from __future__ import annotations

import numpy as np

from mapsto.array.arithmetic import equal, isinf, logical_and, multiply, subtract, where
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import asarray, cast, promote
from mapsto.array.functions import softplus
from mapsto.array.reduction import logsumexp, mean, sum
from mapsto.array.trace import Traced, apply
from mapsto.core.errors import DataError, DTypeError, ShapeError
from mapsto.core.spec import INT64, is_integer
from mapsto.losses.checks import has_batch, same_shape
from mapsto.prims.index import Take


def cross_entropy(logits: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, k], i64[n] or f32[n, k] ↦ f32[n]: log Σ eˣ − Σ t·x, by scores rather than probabilities.

    The target is a class index from 0 to k − 1, or a distribution over the classes (one-hot). From 0 up, in nats:
    guessing costs log k (Bishop, 2006, eq. 4.108). Raises ShapeError unless the shapes fit; for a label out of range
    DataError or, from within a compiled function, IndexRangeError.

    >>> [round(float(one), 3) for one in cross_entropy([[0.0, 0.0], [50.0, 0.0]], [1, 0])]
    [0.693, 0.0]
    """
    scores, goal = asarray(logits), asarray(target)
    if scores.ndim < 2:
        fix = "end the net with Dense(classes)"
        raise ShapeError("SHAPE-07", function="cross_entropy", problem=f"no class axis in {scores.spec}", fix=fix)
    if is_integer(goal.dtype) and goal.shape != scores.shape:
        chosen = apply(Take(scores.ndim - 1), scores, class_labels(goal, scores))
    else:
        if goal.shape == scores.shape[:-1]:
            fix = "class labels are integers: y.astype(np.int64)"
            raise DTypeError("DTYPE-04", function="cross_entropy", wanted="integer labels", found=goal.spec, fix=fix)
        same_shape("cross_entropy", scores, goal)
        # A masked class, of score -∞ and probability 0, must not make 0·∞.
        masked = logical_and(isinf(scores), equal(goal, 0))
        chosen = sum(multiply(where(masked, 0.0, scores), cast(goal, scores.dtype)), axis=-1)
    loss = subtract(logsumexp(scores, axis=-1), chosen)
    return mean(loss, axis=tuple(range(1, loss.ndim))) if loss.ndim > 1 else loss


def class_labels(labels: Array, scores: Array) -> Array:
    """Labels as indices of classes, one a row of scores. Raises ShapeError, or DataError for one out of range."""
    if labels.shape != scores.shape[:-1]:
        rows = (("scores", scores.spec, ""), ("labels", labels.spec, ""))
        fix = "labels are one integer per example, shape [n]"
        if labels.shape == (*scores.shape[:-1], 1):
            fix = "squeeze the labels: y[:, 0] or y.reshape(-1)"
        raise ShapeError("SHAPE-08", function="cross_entropy", left="scores", right="labels", operands=rows, fix=fix)
    classes = scores.shape[-1]
    if not isinstance(labels, Traced):
        outside = np.argwhere((labels.data < 0) | (labels.data >= classes))
        if len(outside):
            place = tuple(int(i) for i in outside[0])
            found = f"label {labels.data[place]} at index {', '.join(map(str, place))}"
            problem = f"{found}: the scores are of {classes} classes"
            raise DataError("DATA-01", problem=problem, fix=f"labels run 0 … {classes - 1}")
    return cast(labels, INT64)


def binary_cross_entropy(logits: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of log(1 + eˣ) − t·x, for targets from 0 to 1.

    Takes scores (before any sigmoid), finite at ±10⁴. From 0 up, in nats (Bishop, 2006, eq. 4.90). Raises ShapeError
    unless the shapes are equal.

    >>> [round(float(one), 3) for one in binary_cross_entropy([0.0, 50.0], [1.0, 1.0])]
    [0.693, 0.0]
    """
    scores, goal = promote("binary_cross_entropy", logits, target, floats=True)
    has_batch("binary_cross_entropy", scores)
    same_shape("binary_cross_entropy", scores, goal)
    loss = subtract(softplus(scores), multiply(goal, scores))
    return mean(loss, axis=tuple(range(1, loss.ndim)))
