"""Accuracy."""

from __future__ import annotations

from math import nan
from typing import Any, ClassVar

import numpy as np

from mapsto.array.arithmetic import multiply
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal
from mapsto.array.convert import cast
from mapsto.array.manipulate import stack
from mapsto.array.reduction import sum
from mapsto.core.spec import FLOAT32
from mapsto.metrics.classes import judged
from mapsto.metrics.metric import Metric


class Accuracy(Metric):
    """f32[n, k], i64[n], f32[n] ↦ f32[2]: the weight of the examples given their true class, and of all.

    The class an example is given is that of its largest score. Targets may be one-hot, f32[n, k]. Scores f32[n] or
    f32[n, 1] choose between class 0 and class 1, which begins above 0; they are scores before a sigmoid, not
    probabilities. An example whose label is no class, outside of 0 … k − 1, counts nowhere: a loss may ignore it, as
    `losses.CrossEntropy(ignore=-100)` does. The figure is the share from 0 to 1, NaN if there was no example.

    Raises DTypeError if the prediction is not floating-point, ShapeError if the shapes do not fit.

    >>> statistics = Accuracy()([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]], [0, 1, 1])
    >>> statistics
    array([2., 3.], f32[2])
    >>> round(Accuracy().value(np.asarray(statistics)), 3)
    0.667
    """

    takes_classes: ClassVar[bool] = True

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        _, chosen, true, weight = judged("accuracy", prediction, target, weight)
        right = cast(equal(chosen, true), FLOAT32)
        return stack([sum(multiply(right, weight)), sum(weight)])

    def value(self, statistics: np.ndarray[Any, Any]) -> float:
        """Sum of [right, all] ↦ right / all."""
        right, all_of_them = (float(number) for number in np.asarray(statistics))
        return right / all_of_them if all_of_them else nan


accuracy = Accuracy()
"""The share of examples that are given their true class, from 0 to 1."""
