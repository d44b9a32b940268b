"""Dice losses: how little a predicted region overlaps the true one."""

from __future__ import annotations

from typing import ClassVar

from mapsto.array.arithmetic import add, divide, multiply, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import not_equal, where
from mapsto.array.convert import asarray, cast, one_float
from mapsto.array.functions import sigmoid, softmax
from mapsto.array.manipulate import expand_dims
from mapsto.array.reduction import mean, sum
from mapsto.core.check import ignored_label, one_of, real_number
from mapsto.core.errors import UsageError
from mapsto.losses.checks import at_label, check_unit, class_labels, has_classes, pair
from mapsto.losses.loss import Loss

TAKES = ("scores", "probabilities")


def disagreement(p: Array, t: Array, axes: tuple[int, ...], smooth: float) -> Array:
    """1 − (2·Σ p·t + s) / (Σ p + Σ t + s), the sums over some axes."""
    both = sum(multiply(p, t), axis=axes)
    each = add(sum(p, axis=axes), sum(t, axis=axes))
    return subtract(1.0, divide(add(multiply(both, 2.0), smooth), add(each, smooth)))


class Dice(Loss):
    """f32[n, …, k], i64[n, …] or f32[n, …, k] ↦ f32[n]: 1 − the soft Dice coefficient, in the mean over the classes.

    Of each class, 1 − (2·Σ p·t + s) / (Σ p + Σ t + s) over the places of an example, with p = softmax(scores), or the
    prediction itself if `takes="probabilities"`; t is 1 where the label is the class. From 0 to 1 (Milletari et al.,
    2016, with plain sums below). `smooth` s keeps an empty class harmless. Places with the label
    `ignore` count nowhere.

    Raises ShapeError unless the shapes fit; for a label out of range DataError (compiled, it is of no class);
    DataError (LOSS-06) for shares outside of 0 … 1; UsageError for options out of range, and for `ignore` with targets
    that are no labels.

    >>> dice([[[50.0, 0.0], [0.0, 50.0]]], [[0, 1]])
    array([0.], f32[1])
    """

    name: ClassVar[str] = "dice"
    takes_labels: ClassVar[bool] = True

    def __init__(self, *, smooth: float = 1.0, takes: str = "scores", ignore: int | None = None) -> None:
        self.smooth = real_number("Dice", "smooth", smooth, above=0)
        self.takes = one_of("Dice", "takes", takes, TAKES)
        self.ignore = ignored_label("Dice", ignore)

    @property
    def takes_scores(self) -> bool:
        return self.takes == "scores"

    def check_target(self, target: Array) -> None:
        check_unit(self.name, target)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        found, goal = one_float(prediction), asarray(target)
        has_classes(self.name, found, least=2)
        p = softmax(found) if self.takes_scores else found
        if goal.shape == found.shape:
            if self.ignore is not None:
                raise UsageError("LOSS-04", function=self.name, ignore=self.ignore, fix="give labels: y.argmax(-1)")
            self.check_target(goal)
            t = cast(goal, p.dtype)
        else:
            labels, kept = class_labels(self.name, goal, found, self.ignore)
            t = cast(at_label(labels, found.shape[-1]), p.dtype)
            if kept is not None:
                count = expand_dims(kept, axis=-1)
                p, t = where(count, p, 0.0), where(count, t, 0.0)
        return mean(disagreement(p, t, tuple(range(1, p.ndim - 1)), self.smooth), axis=1)


class BinaryDice(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: 1 − the soft Dice coefficient (2·Σ p·t + s) / (Σ p + Σ t + s) of each example.

    p = sigmoid(scores), or the prediction itself if `takes="probabilities"`; t is 1 inside of the region, 0 outside.
    `smooth` and `ignore` as for `Dice`. From 0 to 1. Raises ShapeError unless the shapes are equal, DataError (LOSS-06)
    for targets outside of 0 … 1, UsageError for options out of range.

    >>> binary_dice([[50.0, -50.0, 50.0]], [[1, 0, 0]]), BinaryDice(takes="probabilities")([[1.0, 0.0]], [[0, 1]])
    (array([0.25], f32[1]), array([0.6666666], f32[1]))
    """

    name: ClassVar[str] = "binary_dice"

    def __init__(self, *, smooth: float = 1.0, takes: str = "scores", ignore: int | None = None) -> None:
        self.smooth = real_number("BinaryDice", "smooth", smooth, above=0)
        self.takes = one_of("BinaryDice", "takes", takes, TAKES)
        self.ignore = ignored_label("BinaryDice", ignore)

    @property
    def takes_scores(self) -> bool:
        return self.takes == "scores"

    def check_target(self, target: Array) -> None:
        check_unit(self.name, target, self.ignore)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        found, t = pair(self.name, prediction, target)
        self.check_target(t)
        p = sigmoid(found) if self.takes_scores else found
        if self.ignore is not None:
            kept = not_equal(t, self.ignore)
            p, t = where(kept, p, 0.0), where(kept, t, 0.0)
        return disagreement(p, t, tuple(range(1, p.ndim)), self.smooth)


dice = Dice()
"""f32[n, …, k], i64[n, …] ↦ f32[n]: 1 − the soft Dice coefficient, in the mean over the classes."""

binary_dice = BinaryDice()
"""f32[n, …], f32[n, …] ↦ f32[n]: 1 − the soft Dice coefficient of each example."""
