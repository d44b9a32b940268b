"""Losses of classes."""

from __future__ import annotations

from mapsto.array.arithmetic import (
    equal,
    isinf,
    logical_and,
    multiply,
    subtract,
    where,
)
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import asarray, cast, promote
from mapsto.array.functions import one_hot, softplus
from mapsto.array.reduction import logsumexp, mean, sum
from mapsto.core.errors import ShapeError
from mapsto.core.spec import INT64, is_integer
from mapsto.losses.checks import has_batch, same_shape


def cross_entropy(logits: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, k], i64[n] or f32[n, k] ↦ f32[n]: log Σ eˣ − Σ t·x, by scores rather than probabilities.

    The target is a class index from 0 to k − 1, or a distribution over the classes (one-hot). An index out of range
    gives the loss of no class here; `fit` refuses it. Raises ShapeError unless the shapes fit.
    """
    scores, goal = asarray(logits), asarray(target)
    if scores.ndim < 2:
        fix = "end the net with Dense(classes)"
        raise ShapeError("SHAPE-07", function="cross_entropy", problem=f"no class axis in {scores.spec}", fix=fix)
    if is_integer(goal.dtype) and goal.shape != scores.shape:
        if goal.shape != scores.shape[:-1]:
            rows = (("scores", scores.spec, ""), ("labels", goal.spec, ""))
            fix = "labels are one integer per example, shape [n]"
            if goal.shape == (*scores.shape[:-1], 1):
                fix = "squeeze the labels: y[:, 0] or y.reshape(-1)"
            raise ShapeError(
                "SHAPE-08", function="cross_entropy", left="scores", right="labels", operands=rows, fix=fix
            )
        goal = one_hot(cast(goal, INT64), scores.shape[-1], dtype=scores.dtype)
    same_shape("cross_entropy", scores, goal)
    # A masked class, of score -∞ and probability 0, must not make 0·∞.
    masked = logical_and(isinf(scores), equal(goal, 0))
    chosen = sum(multiply(where(masked, 0.0, scores), cast(goal, scores.dtype)), axis=-1)
    loss = subtract(logsumexp(scores, axis=-1), chosen)
    return mean(loss, axis=tuple(range(1, loss.ndim))) if loss.ndim > 1 else loss


def binary_cross_entropy(logits: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of log(1 + eˣ) − t·x, for targets from 0 to 1.

    Takes scores (before any sigmoid), finite at ±10⁴. Raises ShapeError unless the shapes are equal.
    """
    scores, goal = promote("binary_cross_entropy", logits, target, floats=True)
    has_batch("binary_cross_entropy", scores)
    same_shape("binary_cross_entropy", scores, goal)
    loss = subtract(softplus(scores), multiply(goal, scores))
    return mean(loss, axis=tuple(range(1, loss.ndim)))
