"""How well scores rank the examples of a class above the others: area under the ROC curve, average precision."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any, ClassVar

import numpy as np

from mapsto.array.arithmetic import multiply, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import cast
from mapsto.array.functions import log_softmax, one_hot
from mapsto.array.manipulate import concat, expand_dims, reshape
from mapsto.metrics.classes import judged
from mapsto.metrics.metric import Metric

Numbers = np.ndarray[Any, Any]


def ranked(metric: str, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None) -> Array:
    """Scores, targets, weights ↦ [n, 2k + 1]: by class the score that ranks the examples, whether true, the weight.

    Two classes have one score, that of class 1, k = 1; more have their log-probabilities, each against all others.
    """
    scores, _, true, weight = judged(metric, prediction, target, weight)
    n = scores.shape[0]
    if scores.ndim == 2 and scores.shape[1] > 2:
        scores, truth = log_softmax(scores), one_hot(true, scores.shape[1], dtype=scores.dtype)
    else:
        two = scores.ndim == 2 and scores.shape[1] == 2
        scores = subtract(scores[:, 1:], scores[:, :1]) if two else reshape(scores, (n, 1))
        truth = reshape(cast(true, scores.dtype), (n, 1))
    own = expand_dims(cast(weight, scores.dtype), axis=1)
    return concat([scores, multiply(truth, own), own], axis=1)


class Ranking(Metric):
    """The base of metrics that need all scores at once: the statistics are rows, one an example, and are kept."""

    takes_classes: ClassVar[bool] = True

    def merge(self, total: Any, statistics: Numbers) -> list[Numbers]:
        """The rows so far and those of one more batch ↦ a list of both: joined once, at the end."""
        return [*total, statistics] if isinstance(total, list) else [total, statistics]

    def over_classes(self, statistics: Any, figure: Callable[[Numbers, Numbers, Numbers], float]) -> float:
        """The mean over the classes of a figure of (scores, weights of the true, weights), best score first."""
        rows = np.asarray(np.concatenate(statistics) if isinstance(statistics, list) else statistics, np.float64)
        rows = rows[rows[:, -1] > 0]
        classes = rows.shape[1] // 2
        if not len(rows) or np.isnan(rows[:, :classes]).any():  # NaN has no place among other scores
            return nan
        figures: list[float] = []
        for c in range(classes):
            order = np.argsort(-rows[:, c], kind="stable")
            figures.append(figure(rows[order, c], rows[order, classes + c], rows[order, -1]))
        return float(np.mean(figures))


def steps(scores: Numbers, true: Numbers, weight: Numbers) -> tuple[Numbers, Numbers]:
    """Sorted scores ↦ the weight of the true and of the false examples at or above each different score."""
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    return np.cumsum(true)[last], np.cumsum(weight - true)[last]


def area(scores: Numbers, true: Numbers, weight: Numbers) -> float:
    """The area under (false positive rate, true positive rate), by trapezoids; NaN if one kind is missing."""
    hits, alarms = (np.concatenate([[0.0], sums]) for sums in steps(scores, true, weight))
    if not hits[-1] or not alarms[-1]:
        return nan
    return float(np.trapezoid(hits / hits[-1], alarms / alarms[-1]))


def mean_precision(scores: Numbers, true: Numbers, weight: Numbers) -> float:
    """Σ (rise of the recall) · precision over the different scores; NaN if no example is of the class."""
    hits, alarms = steps(scores, true, weight)
    if not hits[-1]:
        return nan
    return float(np.sum(np.diff(hits, prepend=0.0) / hits[-1] * hits / (hits + alarms)))


class Auc(Ranking):
    """f32[n, k], i64[n], f32[n] ↦ rows [n, 2k + 1]: the area under the ROC curve.

    It is the probability that an example of the class scores above one of another class, a tie counting half (Hanley
    and McNeil, 1982): 0.5 by chance, 1 at best. Predictions, targets and weights as for `accuracy`; with more than two
    classes, each stands against all others and the figure is the mean. NaN where a class has no examples or all of
    them, or a score is NaN. Every score is kept until the end: 24 bytes an example with two classes.

    >>> metric = Auc()
    >>> metric.value(np.asarray(metric([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])))
    0.75
    """

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return ranked("auc", prediction, target, weight)

    def value(self, statistics: Any) -> float:
        """All rows ↦ the area."""
        return self.over_classes(statistics, area)


class AveragePrecision(Ranking):
    """f32[n, k], i64[n], f32[n] ↦ rows [n, 2k + 1]: Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over falling thresholds.

    P and R are precision and recall of all examples that score at least the i-th highest score. From 0 to 1. With more
    than two classes, each stands against all others and the figure is the mean. NaN where a class has no examples, or
    a score is NaN.

    >>> metric = AveragePrecision()
    >>> round(metric.value(np.asarray(metric([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]))), 3)
    0.833
    """

    @property
    def name(self) -> str:
        return "average_precision"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        return ranked("average_precision", prediction, target, weight)

    def value(self, statistics: Any) -> float:
        """All rows ↦ the average precision."""
        return self.over_classes(statistics, mean_precision)


auc = Auc()
"""The area under the ROC curve: 0.5 by chance, 1 at best."""

average_precision = AveragePrecision()
"""The area under precision as a function of recall, by steps, from 0 to 1."""
