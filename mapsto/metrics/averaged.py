"""What metrics with one figure for each class have in common: the choice of how the classes are averaged."""

from __future__ import annotations

from typing import ClassVar

from mapsto.core.check import one_of
from mapsto.metrics.metric import Metric

AVERAGES = ("binary", "macro", "micro", "weighted", "none")


class Averaged(Metric):
    """A metric of classes; `average` says how its figures become one, and is a part of its name unless it is "macro".

    Raises UsageError for another average.
    """

    takes_classes: ClassVar[bool] = True

    def __init__(self, average: str = "macro") -> None:
        self.average = one_of(type(self).__name__, "average", average, AVERAGES)

    @property
    def name(self) -> str:
        return self.label if self.average == "macro" else f"{self.label}_{self.average}"
