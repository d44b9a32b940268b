"""Losses of distributions: of a categorical one, and of counts."""

from __future__ import annotations

import math
from typing import ClassVar

from mapsto.array.arithmetic import add, multiply, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, greater, where
from mapsto.array.convert import one_float
from mapsto.array.elementary import exp, log
from mapsto.array.functions import log_softmax
from mapsto.array.reduction import sum
from mapsto.core.check import one_of, truth
from mapsto.losses.checks import has_classes, pair
from mapsto.losses.loss import Loss
from mapsto.losses.reduce import over_example

LEAST_RATE = 1e-8


class KL(Loss):
    """f32[n, …, k], f32[n, …, k] ↦ f32[n]: the Kullback-Leibler divergence Σ t·(log t − log q) over the classes.

    q is softmax(prediction), or its exponential if `takes="log_probabilities"`; t is a distribution, and a class of
    t = 0 adds nothing. From 0 up, in nats; 0 where both distributions are equal (Kullback and Leibler, 1951). Of
    places [n, …] the mean is taken. Raises ShapeError unless the shapes are equal, UsageError for another `takes`.

    >>> [round(float(one), 3) for one in kl([[0.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]])]
    [0.0, 0.693]
    """

    name: ClassVar[str] = "kl"

    def __init__(self, *, takes: str = "scores") -> None:
        self.takes = one_of("KL", "takes", takes, ("scores", "log_probabilities"))

    @property
    def takes_scores(self) -> bool:
        return self.takes == "scores"

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        has_classes(self.name, one_float(prediction))
        fix = "targets are distributions over the classes; of labels there is losses.cross_entropy"
        found, goal = pair(self.name, prediction, target, fix)
        log_q = log_softmax(found) if self.takes_scores else found
        absent = equal(goal, 0.0)
        log_t = log(where(absent, 1.0, goal))
        return over_example(sum(where(absent, 0.0, multiply(goal, subtract(log_t, log_q))), axis=-1))


class Poisson(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of λ − t·log λ, for counts t ≥ 0 of rate λ.

    The prediction is log λ, any number, or λ itself if `takes="rate"`; then log(λ + 10⁻⁸) is taken. Log rates of 89 and
    more overflow in float32. `full` adds Stirling's approximation of log t!, t·log t − t + ½·log(2πt) for t > 1: it
    changes the value, from 0 up then, but no gradient. Raises ShapeError unless the shapes are equal, UsageError for
    options that there are not.

    >>> poisson([0.0, 0.0], [0.0, 3.0]), Poisson(takes="rate")([1.0], [3.0])
    (array([1., 1.], f32[2]), array([1.], f32[1]))
    """

    name: ClassVar[str] = "poisson"

    def __init__(self, *, takes: str = "log_rate", full: bool = False) -> None:
        self.takes = one_of("Poisson", "takes", takes, ("log_rate", "rate"))
        self.full = truth("Poisson", "full", full)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        found, goal = pair(self.name, prediction, target)
        if self.takes == "rate":
            loss = subtract(found, multiply(goal, log(add(found, LEAST_RATE))))
        else:
            loss = subtract(exp(found), multiply(goal, found))
        return over_example(add(loss, stirling(goal)) if self.full else loss)


def stirling(count: Array) -> Array:
    """t ↦ about log t!, by t·log t − t + ½·log(2πt); 0 up to 1, where it is exact."""
    several = greater(count, 1.0)
    t = where(several, count, 1.0)
    about = add(subtract(multiply(t, log(t)), t), multiply(log(multiply(t, 2 * math.pi)), 0.5))
    return where(several, about, 0.0)


kl = KL()
"""f32[n, …, k], f32[n, …, k] ↦ f32[n]: Σ t·(log t − log q), q = softmax(scores)."""

poisson = Poisson()
"""f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of λ − t·log λ, from log λ."""
