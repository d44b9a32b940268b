"""The confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array, ArrayLike
from mapsto.array.functions import one_hot
from mapsto.array.linear import matmul
from mapsto.array.manipulate import expand_dims, matrix_transpose
from mapsto.core.errors import ShapeError, UsageError
from mapsto.metrics.classes import chosen_and_true, class_count, weights
from mapsto.metrics.metric import Metric


class Confusion(Metric):
    """f32[n, k], i64[n], f32[n] ↦ f32[k, k]: how many examples of class i (row) were given class j (column).

    Predictions and targets as for `accuracy`. A label outside of 0 … k − 1 is in no row, so that such examples are
    missing from the total; `fit` refuses them. The figure is the matrix of counts, i64[k, k].

    Raises ShapeError if the scores are not of k classes or the shapes do not fit, DTypeError if the prediction is not
    floating-point.

    >>> count = Confusion(2)
    >>> count.value(np.asarray(count([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]], [0, 1, 1])))
    array([[1, 0],
           [1, 1]])
    """

    classes: int

    @property
    def name(self) -> str:
        return "confusion_matrix"

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        scores, chosen, true = chosen_and_true("confusion_matrix", prediction, target)
        if class_count(scores) != self.classes:
            facts = {"scores": scores.spec, "found": class_count(scores), "classes": self.classes}
            fix = f"metrics.confusion_matrix({class_count(scores)})"
            raise ShapeError("METRIC-05", function="confusion_matrix", **facts, fix=fix)
        weight = weights("confusion_matrix", weight, chosen.shape[0])
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
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 2:
        facts = {"function": "confusion_matrix", "name": "classes", "value": classes}
        raise UsageError("ARG-01", **facts, wanted="a whole number of 2 or more", fix="len(train.classes) counts them")
    return Confusion(int(classes))
