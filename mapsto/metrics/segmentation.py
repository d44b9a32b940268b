"""How well predicted regions fit the true ones: intersection over union, and Dice's coefficient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mapsto.array.arithmetic import multiply
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, greater, logical_and, not_equal
from mapsto.array.convert import asarray, cast
from mapsto.array.manipulate import arange, expand_dims, reshape, stack
from mapsto.array.reduction import argmax, sum
from mapsto.core.check import ignored_label
from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.spec import FLOAT64, INT64, is_float
from mapsto.metrics.averaged import Averaged
from mapsto.metrics.classes import binary_target, is_class, weights

Numbers = np.ndarray[Any, Any]


def places(metric: str, prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array, int]:
    """Scores and labels ↦ the class that every place is given and its true one, both i64[n, places]; how many classes.

    Raises DTypeError if the prediction holds classes instead of scores, ShapeError if the shapes do not fit.
    """
    scores, goal = asarray(prediction), asarray(target)
    if not is_float(scores.dtype):
        fix = "give the scores the net yields, not the classes chosen from them"
        raise DTypeError("DTYPE-04", function=metric, wanted="floating-point scores", found=scores.spec, fix=fix)
    if not scores.ndim or goal.shape not in (scores.shape, scores.shape[:-1]) or not goal.ndim:
        raise misfit(metric, scores, goal)
    one_score = goal.shape == scores.shape or scores.shape[-1] == 1
    if one_score:
        classes, chosen, true = 2, cast(greater(scores, 0.0), INT64), binary_target(goal)
    elif is_float(goal.dtype) or not scores.shape[-1]:
        raise misfit(metric, scores, goal)
    else:
        classes, chosen, true = scores.shape[-1], argmax(scores, axis=-1), cast(goal, INT64)
    shape = (scores.shape[0], math.prod(goal.shape[1:]))
    return reshape(chosen, shape), reshape(true, shape), classes


def misfit(metric: str, scores: Array, goal: Array) -> ShapeError:
    fix = "labels are integers in the shape of the scores without the class axis"
    if goal.shape == (*scores.shape[:-1], 1):
        fix = "squeeze the labels: y[..., 0]"
    elif goal.shape == scores.shape[:-1]:
        fix = "class labels are integers: xp.astype(y, xp.int64)"
    return ShapeError("METRIC-02", function=metric, scores=scores.spec, labels=goal.spec, fix=fix)


def areas(metric: str, prediction: ArrayLike, target: ArrayLike, weight: Any, ignore: int | None) -> Array:
    """Scores, labels, weights ↦ f64[3, k]: of every class, the area found rightly, the area chosen, the true area."""
    chosen, true, classes = places(metric, prediction, target)
    counted = is_class(true, classes)
    if ignore is not None:
        counted = logical_and(counted, not_equal(true, ignore))
    each = arange(classes)
    region, truth = (
        logical_and(equal(expand_dims(one, axis=-1), each), expand_dims(counted, axis=-1)) for one in (chosen, true)
    )
    # Places are counted as integers: a batch can well have more than 2²⁴ of them.
    own = expand_dims(weights(metric, weight, chosen.shape[0], FLOAT64), axis=1)
    counts = (cast(sum(one, axis=1), FLOAT64) for one in (logical_and(region, truth), region, truth))
    return stack([sum(multiply(count, own), axis=0) for count in counts])


def over_classes(average: str, part: Numbers, whole: Numbers, true: Numbers) -> Any:
    """Quotients part / whole of every class ↦ one figure, or an array of all; a class that is nowhere has NaN."""
    if average == "micro":
        part, whole = np.sum(part, keepdims=True), np.sum(whole, keepdims=True)
    shares = np.divide(part, whole, out=np.full(len(part), math.nan), where=whole > 0)
    if average == "none":
        return shares
    if average == "binary":
        return float(shares[1])
    there = ~np.isnan(shares)
    if average == "weighted":
        return float(shares[there] @ true[there] / true.sum()) if true.sum() else math.nan
    return float(shares[there].mean()) if there.any() else math.nan


class IoU(Averaged):
    """f32[n, …, k], i64[n, …], f32[n] ↦ f64[3, k]: the intersection of a predicted and a true region over their union.

    A place belongs to the class of its largest score. Scores in the shape of the target, or with one axis of 1 more,
    tell two classes apart, 1 where the score (before a sigmoid) is above 0. Regions are taken together over all
    examples; places whose label is `ignore`, or no class, count nowhere. `average` says of what the figure is, from 0
    to 1: "macro", the mean over the classes that there are in the prediction or the truth (mean IoU; Everingham et al.,
    2010); "micro"; "weighted" by the true area; "binary", class 1 alone; "none", an array f64[k], NaN for a class that
    is nowhere.

    Raises DTypeError if the prediction is not floating-point, ShapeError if the shapes do not fit, UsageError for
    another average.

    >>> scores, labels = [[[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]]], [[0, 0, 0, 1]]
    >>> metric = IoU("none")
    >>> metric.value(np.asarray(metric(scores, labels)))
    array([0.66666667, 0.5       ])
    """

    def __init__(self, average: str = "macro", *, ignore: int | None = None) -> None:
        super().__init__(average)
        self.ignore = ignored_label("IoU", ignore)

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return areas("iou", prediction, target, weight, self.ignore)

    def value(self, statistics: Numbers) -> Any:
        """Areas f64[3, k] ↦ both / (chosen + true − both)."""
        both, chosen, true = np.asarray(statistics)
        return over_classes(self.average, both, chosen + true - both, true)


class Dice(Averaged):
    """f32[n, …, k], i64[n, …], f32[n] ↦ f64[3, k]: twice the intersection over the sum of both regions (Dice, 1945).

    It is the F1 of the places. Predictions, targets, `ignore` and averages as for `IoU`. From 0 to 1.

    Raises DTypeError if the prediction is not floating-point, ShapeError if the shapes do not fit, UsageError for
    another average.

    >>> metric = Dice("binary")
    >>> metric.value(np.asarray(metric([[2.0, 1.0, -1.0]], [[1, 0, 0]]))) * 3
    2.0
    """

    def __init__(self, average: str = "macro", *, ignore: int | None = None) -> None:
        super().__init__(average)
        self.ignore = ignored_label("Dice", ignore)

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return areas("dice", prediction, target, weight, self.ignore)

    def value(self, statistics: Numbers) -> Any:
        """Areas f64[3, k] ↦ 2·both / (chosen + true)."""
        both, chosen, true = np.asarray(statistics)
        return over_classes(self.average, 2 * both, chosen + true, true)


iou = IoU()
"""The mean over the classes of intersection over union, from 0 to 1."""

dice = Dice()
"""The mean over the classes of twice the intersection over the sum of both regions, from 0 to 1."""
