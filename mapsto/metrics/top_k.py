"""Whether the true class is among the best."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.array.arithmetic import multiply
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, greater, less, logical_and, logical_or, where
from mapsto.array.convert import cast
from mapsto.array.functions import one_hot
from mapsto.array.manipulate import arange, expand_dims, stack
from mapsto.array.reduction import sum
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError
from mapsto.core.spec import FLOAT32
from mapsto.metrics.classes import judged
from mapsto.metrics.metric import Metric


class TopK(Metric):
    """f32[n, classes], i64[n], f32[n] ↦ f32[2]: the weight of the examples whose true class is among the k best.

    Of equal scores the first class counts as the better one, as in `accuracy`, which is k = 1; a class whose score is
    NaN is never among the best. Labels that are no class count nowhere. The figure is the share from 0 to 1, NaN if
    there was no example. Raises UsageError
    unless k is 1 or more, ShapeError unless there are more than k classes.

    >>> statistics = TopK(2)([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [1, 0])
    >>> TopK(2).value(np.asarray(statistics))
    0.5
    """

    takes_classes: ClassVar[bool] = True

    def __init__(self, k: int) -> None:
        self.k = whole_number("TopK", "k", k)

    @property
    def name(self) -> str:
        return f"top_{self.k}"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        scores, _, true, weight = judged(self.name, prediction, target, weight)
        classes = scores.shape[1] if scores.ndim == 2 else 1
        if classes <= self.k:
            rows = (("scores", scores.spec, f"{classes} classes"),)
            fix = f"choose k below the number of classes, {classes}, or use accuracy"
            raise ShapeError("METRIC-01", k=self.k, operands=rows, fix=fix)
        own = expand_dims(sum(where(equal(one_hot(true, classes), 1.0), scores, 0.0), axis=1), axis=1)
        earlier = less(arange(classes), expand_dims(true, axis=1))
        better = logical_or(greater(scores, own), logical_and(equal(scores, own), earlier))
        # A score of NaN, below which no other one lies, is never among the best.
        known = equal(own[:, 0], own[:, 0])
        among = logical_and(less(sum(cast(better, FLOAT32), axis=1), float(self.k)), known)
        return stack([sum(multiply(cast(among, FLOAT32), weight)), sum(weight)])

    def value(self, statistics: np.ndarray[Any, Any]) -> float:
        """Sum of [among the best, all] ↦ their quotient."""
        among, everything = (float(number) for number in np.asarray(statistics))
        return among / everything if everything else float("nan")
