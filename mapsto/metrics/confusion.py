"""The confusion matrix."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.array.array import Array, ArrayLike
from mapsto.array.functions import one_hot
from mapsto.array.linear import matmul
from mapsto.array.manipulate import expand_dims, matrix_transpose
from mapsto.core.check import whole_number
from mapsto.core.errors import ShapeError
from mapsto.metrics.classes import class_count, judged
from mapsto.metrics.metric import Metric


class Confusion(Metric):
    """f32[n, k], i64[n], f32[n] ↦ f32[k, k]: how many examples of class i (row) were given class j (column).

    Predictions and targets as for `accuracy`. An example whose label is no class, outside of 0 … k − 1,
    counts nowhere, and is missing from the total. The figure is the matrix of counts, i64[k, k].

    Raises ShapeError if the scores are not of k classes or the shapes do not fit, DTypeError if the prediction is not
    floating-point.

    >>> count = Confusion(2)
    >>> count.value(np.asarray(count([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]], [0, 1, 1])))
    array([[1, 0],
           [1, 1]])
    """

    takes_classes: ClassVar[bool] = True
    classes: int

    @property
    def name(self) -> str:
        return "confusion_matrix"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        scores, chosen, true, weight = judged("confusion_matrix", prediction, target, weight)
        if class_count(scores) != self.classes:
            facts = {"scores": scores.spec, "found": class_count(scores), "classes": self.classes}
            fix = f"metrics.confusion_matrix({class_count(scores)})"
            raise ShapeError("METRIC-05", function="confusion_matrix", **facts, fix=fix)
        rows = one_hot(true, self.classes) * expand_dims(weight, axis=1)
        return matmul(matrix_transpose(rows), one_hot(chosen, self.classes))

    def value(self, statistics: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Sum of the counts ↦ the counts as integers."""
        return np.rint(np.asarray(statistics)).astype(np.int64)


def confusion_matrix(classes: int) -> Confusion:
    """A number of classes ↦ the metric that counts which are taken for which: rows true, columns predicted.

    Raises UsageError (ARG-01) unless there are two classes or more: `len(train.classes)`.

    >>> confusion_matrix(10).name
    'confusion_matrix'
    """
    return Confusion(whole_number("confusion_matrix", "classes", classes, 2, "len(train.classes) counts them"))
