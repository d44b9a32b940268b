"""Hinge losses: nothing to pay beyond a margin."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mapsto.array.arithmetic import add, divide, maximum, multiply, square, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import greater, where
from mapsto.array.convert import asarray, one_float
from mapsto.array.manipulate import expand_dims
from mapsto.array.reduction import max, sum
from mapsto.array.trace import apply
from mapsto.core.check import ignored_label, one_of, real_number, truth
from mapsto.losses.checks import at_label, class_labels, has_classes, pair
from mapsto.losses.loss import Loss
from mapsto.losses.reduce import over_example
from mapsto.prims.index import Take

OTHERS = ("largest", "all")


class Hinge(Loss):
    """f32[n, k], i64[n] ↦ f32[n]: max(0, m + max of the other scores − s) of the true class's score s, margin m.

    Crammer and Singer (2001). With `others="all"` it is Σ over the other classes c of max(0, m + s_c − s), divided by
    k (Weston and Watkins, 1999). `squared` squares each maximum. `ignore` and places [n, …] as for `CrossEntropy`.

    Raises ShapeError unless the shapes fit; for a label out of range DataError or, compiled, IndexRangeError;
    UsageError for options out of range.

    >>> hinge([[3.0, 1.0], [0.5, 0.0]], [0, 0])
    array([0. , 0.5], f32[2])
    """

    name: ClassVar[str] = "hinge"
    takes_labels: ClassVar[bool] = True

    def __init__(
        self, *, margin: float = 1.0, squared: bool = False, others: str = "largest", ignore: int | None = None
    ) -> None:
        self.margin = real_number("Hinge", "margin", margin, least=0)
        self.squared = truth("Hinge", "squared", squared)
        self.others = one_of("Hinge", "others", others, OTHERS)
        self.ignore = ignored_label("Hinge", ignore)

    @property
    def takes_scores(self) -> bool:
        return True

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores = one_float(prediction)
        has_classes(self.name, scores, least=2)
        classes = scores.shape[-1]
        labels, kept = class_labels(self.name, asarray(target), scores, self.ignore)
        own = apply(Take(scores.ndim - 1), scores, labels)
        others = where(at_label(labels, classes), -np.inf, scores)  # so far below that they cost nothing
        if self.others == "largest":
            return over_example(self.cost(subtract(max(others, axis=-1), own)), kept)
        costs = self.cost(subtract(others, expand_dims(own, axis=-1)))
        return over_example(divide(sum(costs, axis=-1), float(classes)), kept)

    def cost(self, lead: Array) -> Array:
        """How far another score leads the true one ↦ max(0, m + lead), squared if that is asked for."""
        short = maximum(0.0, add(lead, self.margin))
        return square(short) if self.squared else short


class BinaryHinge(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of max(0, m − t·x), where t is 1 or −1, margin m.

    A target above 0 counts as 1 and any other as −1, so that 0 and 1 do as well as −1 and 1. `squared` squares the
    maximum (Cortes and Vapnik, 1995).

    Raises ShapeError unless the shapes are equal, UsageError for options out of range.

    >>> binary_hinge([2.0, 0.25, 0.25], [1, 1, 0])
    array([0.  , 0.75, 1.25], f32[3])
    """

    name: ClassVar[str] = "binary_hinge"

    def __init__(self, *, margin: float = 1.0, squared: bool = False) -> None:
        self.margin = real_number("BinaryHinge", "margin", margin, least=0)
        self.squared = truth("BinaryHinge", "squared", squared)

    @property
    def takes_scores(self) -> bool:
        return True

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores, goal = pair(self.name, prediction, target)
        right = where(greater(goal, 0.0), scores, multiply(scores, -1.0))
        short = maximum(0.0, subtract(self.margin, right))
        return over_example(square(short) if self.squared else short)


hinge = Hinge()
"""f32[n, k], i64[n] ↦ f32[n]: how far the true class's score fails to lead all others by 1."""

binary_hinge = BinaryHinge()
"""f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of max(0, 1 − t·x), where t is 1 or −1."""
