"""Precision, recall and F1, of one class, of each, or on average."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.arithmetic import multiply
from mapsto.array.array import Array, ArrayLike
from mapsto.array.functions import one_hot
from mapsto.array.manipulate import expand_dims, stack
from mapsto.array.reduction import sum
from mapsto.metrics.averaged import Averaged
from mapsto.metrics.classes import class_count, judged


def counts(metric: str, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None) -> Array:
    """Scores, targets and weights ↦ f32[3, k]: of each class, how many were found, how many chosen, how many true.

    Predictions and targets as for `accuracy`. An example whose label is no class counts nowhere.
    """
    scores, chosen, true, weight = judged(metric, prediction, target, weight)
    classes = class_count(scores)
    weight = expand_dims(weight, axis=1)
    chosen_as, of_class = one_hot(chosen, classes), one_hot(true, classes)
    columns = (multiply(chosen_as, of_class), chosen_as, of_class)
    return stack([sum(multiply(column, weight), axis=0) for column in columns])


def averaged(average: str, top: np.ndarray[Any, Any], bottom: np.ndarray[Any, Any], chosen: Any, support: Any) -> Any:
    """Quotients top / bottom of each class ↦ one figure, or an array of all; a quotient by zero is 0.

    "binary" is class 1 alone; "macro" the mean over the classes that there are, in the truth or among those chosen;
    "weighted" the mean by the number of true examples; "micro" the quotient of the sums; "none" the array.
    """
    if average == "micro":
        return float(top.sum() / bottom.sum()) if bottom.sum() else 0.0
    shares = np.divide(top, bottom, out=np.zeros(len(top)), where=bottom != 0)
    if average == "none":
        return shares
    if average == "binary":
        return float(shares[1])
    if average == "weighted":
        return float(shares @ support / support.sum()) if support.sum() else 0.0
    there = chosen + support > 0
    return float(shares[there].mean()) if there.any() else 0.0


class Precision(Averaged):
    """f32[n, k], i64[n], f32[n] ↦ f32[3, k]: of the examples taken for a class, the share that is of it.

    Predictions, targets and weights as for `accuracy`. The figure is from 0 to 1; `average` says of what: "macro" (the
    mean over the classes that there are, in the truth or the prediction, as in scikit-learn), "micro" (all classes
    counted together, which is the accuracy), "weighted" (the mean by the number of examples), "binary" (of class 1
    alone), or "none", an array f64[k] with a figure for each class. A class that no example was taken for has 0.
    Raises UsageError for another average.

    >>> metric = Precision("none")
    >>> metric.value(np.asarray(metric([[2.0, 1.0], [0.0, 3.0], [0.0, 4.0], [5.0, 4.0]], [0, 1, 0, 1])))
    array([0.5, 0.5])
    """

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return counts("precision", prediction, target, weight)

    def value(self, statistics: np.ndarray[Any, Any]) -> Any:
        """Counts f64[3, k] ↦ found / chosen."""
        found, chosen, true = np.asarray(statistics)
        return averaged(self.average, found, chosen, chosen, true)


class Recall(Averaged):
    """f32[n, k], i64[n], f32[n] ↦ f32[3, k]: of the examples of a class, the share that was taken for it.

    The averages are those of `Precision`. A class without examples has 0. Raises UsageError for another average.

    >>> metric = Recall("binary")
    >>> metric.value(np.asarray(metric([1.0, -1.0, 2.0], [1, 1, 0])))
    0.5
    """

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return counts("recall", prediction, target, weight)

    def value(self, statistics: np.ndarray[Any, Any]) -> Any:
        """Counts f64[3, k] ↦ found / true."""
        found, chosen, true = np.asarray(statistics)
        return averaged(self.average, found, true, chosen, true)


class F1(Averaged):
    """f32[n, k], i64[n], f32[n] ↦ f32[3, k]: the harmonic mean of precision and recall, 2·found / (chosen + true).

    The averages are those of `Precision`. Raises UsageError for another average.

    >>> metric = F1("micro")
    >>> metric.value(np.asarray(metric([[2.0, 1.0], [0.0, 3.0]], [0, 0])))
    0.5
    """

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return counts("f1", prediction, target, weight)

    def value(self, statistics: np.ndarray[Any, Any]) -> Any:
        """Counts f64[3, k] ↦ 2·found / (chosen + true)."""
        found, chosen, true = np.asarray(statistics)
        return averaged(self.average, 2 * found, chosen + true, chosen, true)


precision = Precision()
"""Of the examples taken for a class, the share that is of it; the mean over the classes, from 0 to 1."""

recall = Recall()
"""Of the examples of a class, the share that was taken for it; the mean over the classes, from 0 to 1."""

f1 = F1()
"""The harmonic mean of precision and recall; the mean over the classes, from 0 to 1."""
