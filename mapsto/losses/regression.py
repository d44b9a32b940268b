"""Losses of numbers."""

from __future__ import annotations

from mapsto.array.arithmetic import square, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.convert import promote
from mapsto.array.reduction import mean
from mapsto.losses.checks import has_batch, same_shape


def mse(prediction: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …], f32[n, …] ↦ f32[n]: the mean over each example of (prediction − target)².

    From 0 up, in the target's unit squared. Raises ShapeError unless the shapes are equal.

    >>> mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]])
    array([2., 0.], f32[2])
    """
    prediction, target = promote("mse", prediction, target, floats=True)
    has_batch("mse", prediction)
    same_shape("mse", prediction, target)
    return mean(square(subtract(prediction, target)), axis=tuple(range(1, prediction.ndim)))
