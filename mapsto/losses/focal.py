"""Focal losses: cross-entropy in which what is well classified already counts for little."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.array.arithmetic import add, multiply, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import not_equal, where
from mapsto.array.convert import asarray, one_float
from mapsto.array.elementary import exp
from mapsto.array.reduction import logsumexp
from mapsto.array.trace import apply
from mapsto.core.check import ignored_label, real_number
from mapsto.losses.binary import both_sides
from mapsto.losses.checks import at_label, check_unit, class_labels, has_classes, pair
from mapsto.losses.loss import Loss
from mapsto.losses.options import weights_for, weights_of
from mapsto.losses.reduce import over_example
from mapsto.prims.index import Take


class Focal(Loss):
    """f32[n, k], i64[n] ↦ f32[n]: −(1 − p)^γ · log p, where p = softmax(scores) of the true class.

    Lin et al., "Focal Loss for Dense Object Detection" (2017), eq. 4 and, with `weights` α for each class, eq. 5. From
    0 up; `gamma` = 0 is cross-entropy. `ignore` and places [n, …] as for `CrossEntropy`. Targets are labels only.

    Raises ShapeError unless the shapes fit; for a label out of range DataError or, compiled, IndexRangeError;
    UsageError for options out of range.

    >>> [round(float(one), 3) for one in focal([[0.0, 0.0], [3.0, 0.0]], [1, 0])]
    [0.173, 0.0]
    """

    name: ClassVar[str] = "focal"
    takes_labels: ClassVar[bool] = True

    def __init__(self, *, gamma: float = 2.0, weights: Any = None, ignore: int | None = None) -> None:
        self.gamma = real_number("Focal", "gamma", gamma, least=0)
        self.weights = weights_of("Focal", "weights", weights)
        self.ignore = ignored_label("Focal", ignore)

    @property
    def takes_scores(self) -> bool:
        return True

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores = one_float(prediction)
        has_classes(self.name, scores, least=2)
        labels, kept = class_labels(self.name, asarray(target), scores, self.ignore)
        total = logsumexp(scores, axis=-1)
        loss = subtract(total, apply(Take(scores.ndim - 1), scores, labels))
        if self.gamma:
            # (1 − p)^γ by the logarithm of what all other classes have: 1 − p itself is 0 for a p near 1, and its
            # power then has no derivative.
            others = where(at_label(labels, scores.shape[-1]), -np.inf, scores)
            loss = multiply(loss, exp(multiply(subtract(logsumexp(others, axis=-1), total), self.gamma)))
        if self.weights is not None:
            loss = multiply(loss, apply(Take(0), weights_for(self.name, self.weights, scores), labels))
        return over_example(loss, kept)


class BinaryFocal(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of −(1 − p)^γ · log p of the true answer's p.

    Scores x are taken before any sigmoid; targets are 0 and 1 (between them, the loss of both is mixed). With `alpha`
    the positive answers weigh α and the negative ones 1 − α (Lin et al., 2017, eq. 5, where α = 0.25 and γ = 2).
    `ignore` as for `BinaryCrossEntropy`. From 0 up.

    Raises ShapeError unless the shapes are equal, DataError (LOSS-06) for targets outside of 0 … 1, UsageError for
    options out of range.

    >>> [round(float(one), 3) for one in binary_focal([0.0, 3.0], [1, 1])]
    [0.173, 0.0]
    """

    name: ClassVar[str] = "binary_focal"

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = None, ignore: int | None = None) -> None:
        self.gamma = real_number("BinaryFocal", "gamma", gamma, least=0)
        self.alpha = None if alpha is None else real_number("BinaryFocal", "alpha", alpha, least=0, most=1)
        self.ignore = ignored_label("BinaryFocal", ignore)

    @property
    def takes_scores(self) -> bool:
        return True

    def check_target(self, target: Array) -> None:
        check_unit(self.name, target, self.ignore)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores, goal = pair(self.name, prediction, target)
        self.check_target(goal)
        kept = None if self.ignore is None else not_equal(goal, self.ignore)
        no, yes = both_sides(scores)  # −log(1 − p), −log p
        right = multiply(multiply(goal, yes), exp(multiply(no, -self.gamma)))
        wrong = multiply(multiply(subtract(1.0, goal), no), exp(multiply(yes, -self.gamma)))
        if self.alpha is not None:
            right, wrong = multiply(right, self.alpha), multiply(wrong, 1.0 - self.alpha)
        return over_example(add(right, wrong), kept)


focal = Focal()
"""f32[n, k], i64[n] ↦ f32[n]: −(1 − p)² · log p, where p = softmax(scores) of the true class."""

binary_focal = BinaryFocal()
"""f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of −(1 − p)² · log p of the true answer's p."""
