"""Binary cross-entropy: every output is a yes or no of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from mapsto.array.arithmetic import add, maximum, multiply, negative, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import not_equal
from mapsto.array.elementary import exp, log1p
from mapsto.core.check import ignored_label, real_number
from mapsto.core.tree import is_number
from mapsto.losses.checks import check_unit, pair
from mapsto.losses.loss import Loss
from mapsto.losses.options import weights_for, weights_of
from mapsto.losses.reduce import over_example


class BinaryCrossEntropy(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of −t·log p − (1 − t)·log(1 − p), p = sigmoid(x).

    Takes scores x (before any sigmoid), finite at ±10⁴, and targets from 0 to 1. From 0 up, in nats (Bishop, 2006, eq.
    4.90).

    `smoothing` ε makes a target t into (1 − ε)·t + ε/2. `positive` multiplies −t·log p: a number, or one for each
    output along the last axis. `ignore` is a target that does not count: the mean is over the other places of an
    example, and 0 if there is none; the example still is one of the batch.

    Raises ShapeError unless the shapes are equal, DataError (LOSS-06) for targets outside of 0 … 1, UsageError for
    options out of range. `fit` looks for such targets before it trains; a compiled function does not see them.

    >>> [round(float(one), 3) for one in binary_cross_entropy([0.0, 50.0], [1.0, 1.0])]
    [0.693, 0.0]
    >>> [round(float(one), 3) for one in BinaryCrossEntropy(positive=3.0, ignore=-1)([0.0, 0.0], [1, -1])]
    [2.079, 0.0]
    """

    name: ClassVar[str] = "binary_cross_entropy"

    def __init__(self, *, smoothing: float = 0.0, positive: Any = 1.0, ignore: int | None = None) -> None:
        self.smoothing = real_number("BinaryCrossEntropy", "smoothing", smoothing, least=0, most=1)
        if is_number(positive):
            self.positive: Any = real_number("BinaryCrossEntropy", "positive", positive, least=0)
        else:
            self.positive = weights_of("BinaryCrossEntropy", "positive", positive)
        self.ignore = ignored_label("BinaryCrossEntropy", ignore)

    @property
    def takes_scores(self) -> bool:
        return True

    def check_target(self, target: Array) -> None:
        check_unit(self.name, target, self.ignore)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        scores, goal = pair(self.name, prediction, target)
        self.check_target(goal)
        kept = None if self.ignore is None else not_equal(goal, self.ignore)
        if self.smoothing:
            goal = add(multiply(goal, 1.0 - self.smoothing), self.smoothing / 2)
        no, yes = both_sides(scores)
        if self.positive != 1.0:
            many = isinstance(self.positive, tuple)
            yes = multiply(yes, weights_for(self.name, self.positive, scores) if many else self.positive)
        return over_example(add(multiply(goal, yes), multiply(subtract(1.0, goal), no)), kept)


def both_sides(x: Array) -> tuple[Array, Array]:
    """x ↦ log(1 + eˣ), log(1 + e⁻ˣ), which are −log(1 − p) and −log p of p = sigmoid(x); exact for large x as well."""
    # max(x, 0) + log(1 + e^-|x|), with |x| = max(x, 0) + max(-x, 0) so that all three take the same side at 0.
    above = maximum(x, 0.0)
    below = subtract(above, x)
    tail = log1p(exp(negative(add(above, below))))
    return add(above, tail), add(below, tail)


binary_cross_entropy = BinaryCrossEntropy()
"""f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of −log of the probability of the true answer."""
