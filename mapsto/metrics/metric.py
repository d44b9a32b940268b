"""What every metric is."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.array.array import Array, ArrayLike
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError


class Metric(Mapping):
    """(prediction, target, weight) ↦ statistics, which merge over batches; `value` turns their total into a figure.

    A subclass says in `__call__` what it counts, written with functions of arrays, so that it can be part of a compiled
    step. `weight` is f32[n]: 1 for a real example, 0 for one that only fills up a batch; None counts every example.

    The statistics of one batch are float32 counts, exact up to 2²⁴ examples. Whoever adds them over batches does so on
    the host in float64, exact up to 2⁵³; then it makes no difference how the examples were cut into batches. Statistics
    that do not add say in `merge` how two of them become one.

    >>> from mapsto.metrics import accuracy
    >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], [1, 0, 1], [1.0, 1.0, 0.0])
    array([2., 2.], f32[2])
    """

    takes_classes: ClassVar[bool] = False  # whether its targets are classes, and not any numbers
    _root: ClassVar[str] = ""  # a metric is no part of a net: errors within it name no path

    @property
    def name(self) -> str:
        """What progress lines and results call it: the class in lower case, unless a subclass says otherwise."""
        return self.label

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> Array:
        raise UsageError("METRIC-06", name=type(self).__name__, fix="define __call__")

    def merge(self, total: Any, statistics: np.ndarray[Any, Any]) -> Any:
        """The total so far and the statistics of one more batch, both in float64 ↦ the new total: their sum."""
        return total + statistics

    def value(self, statistics: np.ndarray[Any, Any]) -> Any:
        """The total of the statistics over all batches ↦ the final figure."""
        raise UsageError("METRIC-07", name=type(self).__name__, fix="define value")
