"""Scores and targets in any of the usual forms ↦ class indices, and the weights of the examples."""

from __future__ import annotations

from mapsto.array.arithmetic import multiply
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater, greater_equal, less, less_equal, logical_and, where
from mapsto.array.convert import asarray, cast
from mapsto.array.manipulate import ones, reshape
from mapsto.array.reduction import argmax
from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import BOOL, FLOAT32, INT64, DType, is_float


def class_count(scores: Array) -> int:
    """How many classes scores [n], [n, 1] or [n, k] tell apart; two in the first two cases."""
    return scores.shape[1] if scores.ndim == 2 and scores.shape[1] > 1 else 2


def chosen_and_true(metric: str, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array, Array]:
    """Scores and targets ↦ the scores as an array, the class each example is given, and its true one, both i64[n].

    With scores f32[n, k] the chosen class is the one of the largest score, the first of equals; targets are i64[n], or
    [n, k] with the largest number at the class (one-hot). With scores f32[n] or f32[n, 1] there are two classes, and it
    is class 1 where the score is above 0; targets are 0 and 1 (or probabilities, 1 above a half), [n] or [n, 1].

    Raises DTypeError if the prediction holds classes instead of scores, ShapeError if the shapes do not fit.
    """
    scores, goal = asarray(prediction), asarray(target)
    if not is_float(scores.dtype):
        fix = "give the scores the net yields, f32[n, k], not the classes chosen from them"
        raise DTypeError("DTYPE-04", function=metric, wanted="floating-point scores", found=scores.spec, fix=fix)
    if scores.ndim not in (1, 2) or 0 in scores.shape[1:]:
        fix = "give one row of scores for each example: [n, classes]"
        if scores.ndim > 2:
            fix = "give one row of scores for each example: nn.Flatten() >> nn.Dense(classes); for places, metrics.iou"
        raise ShapeError("METRIC-03", function=metric, found=scores.spec, fix=fix)
    n = scores.shape[0]
    if scores.ndim == 1 or scores.shape[1] == 1:
        if goal.shape not in ((n,), (n, 1)):
            raise mismatch(metric, scores, goal)
        return scores, cast(greater(reshape(scores, (n,)), 0.0), INT64), binary_target(reshape(goal, (n,)))
    if goal.shape == scores.shape:
        return scores, argmax(scores, axis=1), argmax(cast(goal, INT64) if goal.dtype == BOOL else goal, axis=1)
    if goal.shape != (n,) or is_float(goal.dtype):
        raise mismatch(metric, scores, goal)
    return scores, argmax(scores, axis=1), cast(goal, INT64)


def judged(
    metric: str, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    """Scores, targets, weights ↦ scores, chosen classes and true classes as above, and the weight of every example.

    An example whose label is no class, outside of 0 … k − 1, has the weight 0: a loss may ignore such labels, and what
    is not learnt is not judged. `fit` refuses labels that neither are classes nor are ignored.
    """
    scores, chosen, true = chosen_and_true(metric, prediction, target)
    own = weights(metric, weight, chosen.shape[0])
    return scores, chosen, true, multiply(own, cast(is_class(true, class_count(scores)), own.dtype))


def is_class(labels: Array, classes: int) -> Array:
    """i64[…] ↦ bool[…]: whether a label is one of 0 … k − 1."""
    return logical_and(greater_equal(labels, 0), less(labels, classes))


def binary_target(goal: Array) -> Array:
    """Targets of two classes ↦ i64[…]: of floats, 1 above a half, 0 up to it, and −1, no class, outside of 0 … 1."""
    if not is_float(goal.dtype):
        return cast(goal, INT64)
    inside = logical_and(greater_equal(goal, 0.0), less_equal(goal, 1.0))
    return where(inside, cast(greater(goal, 0.5), INT64), -1)


def mismatch(metric: str, scores: Array, goal: Array) -> ShapeError:
    fix = "labels are one integer per example, shape [n], or one-hot in the shape of the scores"
    if goal.shape == (scores.shape[0], 1):
        fix = "squeeze the labels: y[:, 0] or y.reshape(-1)"
    elif goal.shape == scores.shape[:1]:
        fix = "class labels are integers: xp.astype(y, xp.int64)"
    return ShapeError("METRIC-02", function=metric, scores=scores.spec, labels=goal.spec, fix=fix)


def weights(metric: str, weight: ArrayLike | None, n: int, dtype: DType = FLOAT32) -> Array:
    """The weights of n examples, [n], all 1 if none are given. Raises ShapeError for another shape."""
    if weight is None:
        return ones((n,), dtype=dtype)
    found = asarray(weight)
    if found.shape != (n,):
        fix = "1.0 for real examples, 0.0 for padding"
        raise ShapeError("METRIC-04", function=metric, found=found.spec, count=n, fix=fix)
    return cast(found, dtype)
