"""Cross-entropy: how little a net's scores expected the true classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mapsto.array.arithmetic import add, divide, multiply, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, logical_and, not_equal, where
from mapsto.array.convert import asarray, cast, one_float
from mapsto.array.reduction import logsumexp, sum
from mapsto.array.trace import apply
from mapsto.core.check import ignored_label, real_number
from mapsto.core.errors import UsageError
from mapsto.core.spec import is_integer
from mapsto.losses.checks import check_distributions, class_labels, has_classes, same_shape
from mapsto.losses.loss import Loss
from mapsto.losses.options import weights_for, weights_of
from mapsto.losses.reduce import over_example
from mapsto.prims.index import Take


class CrossEntropy(Loss):
    """f32[n, k], i64[n] or f32[n, k] ↦ f32[n]: −Σ t·log p of p = softmax(scores), by scores and not probabilities.

    The target is a class index from 0 to k − 1, or a distribution t over the classes (one-hot). From 0 up, in nats:
    guessing costs log k (Bishop, 2006, eq. 4.108). A class of score −∞ is out of the question and takes no part.

    `smoothing` ε takes 1 − ε of t, and ε shared evenly by the classes (Szegedy et al., 2016, section 7).
    `weights`, one for each class, multiply the terms of the sum; they are not divided by their sum.
    `ignore` is a label that does not count: such an example has the loss 0, and is an example still, so that the mean
    over a batch is `loss.sum() / n`. With scores [n, …, k] and labels [n, …] the value of an example is the mean over
    those of its places that count, and 0 if none does.

    Raises ShapeError unless the shapes fit; for a label out of range DataError or, from within a compiled function,
    IndexRangeError; DataError for distributions with entries outside of 0 … 1 (LOSS-06) or whose sum is not 1 by more
    than 10⁻³ (LOSS-07), which `fit` looks for before it trains; UsageError for options out of range, and for `ignore`
    with distributions.

    >>> [round(float(one), 3) for one in cross_entropy([[0.0, 0.0], [50.0, 0.0]], [1, 0])]
    [0.693, 0.0]
    >>> [round(float(one), 3) for one in CrossEntropy(smoothing=0.1, ignore=-1)([[50.0, 0.0], [0.0, 0.0]], [0, -1])]
    [2.5, 0.0]
    """

    name: ClassVar[str] = "cross_entropy"
    takes_labels: ClassVar[bool] = True

    def __init__(self, *, smoothing: float = 0.0, weights: Any = None, ignore: int | None = None) -> None:
        self.smoothing = real_number("CrossEntropy", "smoothing", smoothing, least=0, most=1)
        self.weights = weights_of("CrossEntropy", "weights", weights)
        self.ignore = ignored_label("CrossEntropy", ignore)

    @property
    def takes_scores(self) -> bool:
        return True

    def check_target(self, target: Array) -> None:
        check_distributions(self.name, target)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores, goal = one_float(prediction), asarray(target)
        has_classes(self.name, scores)
        if goal.shape == scores.shape[:-1] or (is_integer(goal.dtype) and goal.shape != scores.shape):
            labels, kept = class_labels(self.name, goal, scores, self.ignore)
            return over_example(self.of_labels(scores, labels), kept)
        same_shape(self.name, scores, goal)
        self.check_target(goal)
        if self.ignore is not None:
            raise UsageError("LOSS-04", function=self.name, ignore=self.ignore, fix="give labels: y.argmax(-1)")
        return over_example(self.of_distributions(scores, cast(goal, scores.dtype)))

    def of_labels(self, scores: Array, labels: Array) -> Array:
        """−log p of the class of each label, by weight, and smoothed."""
        loss = subtract(logsumexp(scores, axis=-1), apply(Take(scores.ndim - 1), scores, labels))
        if self.weights is not None:
            loss = multiply(loss, apply(Take(0), weights_for(self.name, self.weights, scores), labels))
        return self.smoothed(loss, self.terms(scores), scores) if self.smoothing else loss

    def of_distributions(self, scores: Array, target: Array) -> Array:
        """−Σ t·log p over the classes, by weight, and smoothed."""
        terms = self.terms(scores)
        # A masked class, of score −∞ and probability 0, must not make 0·∞.
        masked = logical_and(equal(scores, -np.inf), equal(target, 0.0))
        loss = sum(multiply(target, where(masked, 0.0, terms)), axis=-1)
        return self.smoothed(loss, terms, scores) if self.smoothing else loss

    def terms(self, scores: Array) -> Array:
        """−log p of every class, by weight."""
        terms = subtract(logsumexp(scores, axis=-1, keepdims=True), scores)
        return terms if self.weights is None else multiply(terms, weights_for(self.name, self.weights, scores))

    def smoothed(self, loss: Array, terms: Array, scores: Array) -> Array:
        """(1 − ε) · loss + ε · the mean over the classes that are not masked."""
        possible = not_equal(scores, -np.inf)
        count = cast(sum(possible, axis=-1), scores.dtype)
        even = divide(sum(where(possible, terms, 0.0), axis=-1), count)
        return add(multiply(loss, 1.0 - self.smoothing), multiply(even, self.smoothing))


cross_entropy = CrossEntropy()
"""f32[n, k], i64[n] or f32[n, k] ↦ f32[n]: −log of the probability that the scores give the true class."""
