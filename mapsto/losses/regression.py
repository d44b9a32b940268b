"""Losses of numbers."""

from __future__ import annotations

import math
from typing import ClassVar

from mapsto.array.arithmetic import abs, add, multiply, square, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import less, less_equal, where
from mapsto.array.elementary import exp, expm1, log1p
from mapsto.core.check import real_number
from mapsto.losses.checks import pair
from mapsto.losses.loss import Loss
from mapsto.losses.reduce import over_example


def mse(prediction: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of (prediction − target)².

    From 0 up, in the target's unit squared. Raises ShapeError unless the shapes are equal.

    >>> mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]])
    array([2., 0.], f32[2])
    """
    return over_example(square(subtract(*pair("mse", prediction, target))))


def mae(prediction: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of |prediction − target|.

    From 0 up, in the target's unit; the slope where both are equal is 0. Raises ShapeError unless the shapes are equal.

    >>> mae([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]])
    array([1., 0.], f32[2])
    """
    return over_example(abs(subtract(*pair("mae", prediction, target))))


def log_cosh(prediction: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of log cosh(prediction − target).

    About ½d² for small differences d, |d| − log 2 for large ones; finite for all, and exact for small ones. Raises
    ShapeError unless the shapes are equal.

    >>> [round(float(one), 4) for one in log_cosh([0.0, 1.0, 1e4], [0.0, 0.0, 0.0])]
    [0.0, 0.4338, 9999.3066]
    """
    away = subtract(*pair("log_cosh", prediction, target))
    small = less(abs(away), 1.0)
    # log cosh d = log(1 + 2·sinh²(d/2)), which loses nothing near 0, = |d| + log(1 + e^-2|d|) − log 2, which never
    # overflows. Each is given only differences that suit it, so that the other's slope is finite too.
    near = multiply(where(small, away, 0.0), 0.5)
    half_sinh = multiply(subtract(expm1(near), expm1(multiply(near, -1.0))), 0.5)
    far = abs(where(small, 1.0, away))
    tail = subtract(log1p(exp(multiply(far, -2.0))), math.log(2.0))
    return over_example(where(small, log1p(multiply(square(half_sinh), 2.0)), add(far, tail)))


class Huber(Loss):
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of ½d² where |d| ≤ δ, δ·(|d| − ½δ) beyond.

    d = prediction − target, and δ = `delta` in the target's unit: squares for small errors, absolute values for
    outliers (Huber, 1964). From 0 up. Raises ShapeError unless the shapes are equal, UsageError unless δ is above 0.

    >>> huber([0.5, 3.0], [0.0, 0.0]), Huber(delta=2.0)([3.0], [0.0])
    (array([0.125, 2.5  ], f32[2]), array([4.], f32[1]))
    """

    name: ClassVar[str] = "huber"

    def __init__(self, *, delta: float = 1.0) -> None:
        self.delta = real_number("Huber", "delta", delta, above=0)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        away = subtract(*pair(self.name, prediction, target))
        size = abs(away)
        beyond = multiply(subtract(size, self.delta / 2), self.delta)
        return over_example(where(less_equal(size, self.delta), multiply(square(away), 0.5), beyond))


huber = Huber()
"""f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of ½d² where |d| ≤ 1, |d| − ½ beyond."""
