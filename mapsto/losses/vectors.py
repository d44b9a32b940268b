"""Losses of vectors: of their angle, and of the distances between embeddings."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from mapsto.array.arithmetic import add, divide, maximum, multiply, square, subtract
from mapsto.array.array import Array, ArrayLike
from mapsto.array.comparison import equal, where
from mapsto.array.convert import asarray, cast, one_float, strong
from mapsto.array.elementary import sqrt
from mapsto.array.manipulate import reshape
from mapsto.array.reduction import sum
from mapsto.core.check import real_number, truth
from mapsto.core.errors import ShapeError
from mapsto.losses.checks import pair
from mapsto.losses.loss import Loss
from mapsto.losses.reduce import over_example

LEAST_LENGTH = 1e-8  # a shorter vector counts as this long


def cosine(prediction: ArrayLike, target: ArrayLike) -> Array:
    """f32[n, …, d], f32[n, …, d] ↦ f32[n]: 1 − the cosine of the angle between prediction and target.

    x·y / (‖x‖·‖y‖) along the last axis, lengths taken as 10⁻⁸ at least; of places [n, …] the mean. From 0 (same
    direction) to 2 (opposite); 1, with slope 0, if the prediction is 0. Raises ShapeError unless the shapes are equal.

    >>> cosine([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    array([0., 1., 2.], f32[3])
    """
    x, y = pair("cosine", prediction, target)
    if x.ndim < 2:
        raise ShapeError("LOSS-01", function="cosine", found=x.spec, wanted="[n, …, d]", fix="give one vector a row")
    lengths = [maximum(length(square(one)), LEAST_LENGTH) for one in (x, y)]
    return over_example(subtract(1.0, divide(sum(multiply(x, y), axis=-1), multiply(*lengths))))


def length(squares: Array) -> Array:
    """f32[…, d] ↦ f32[…]: √Σ over the last axis; its slope is 0 where the sum is."""
    total = sum(squares, axis=-1)
    zero = equal(total, 0.0)
    return where(zero, 0.0, sqrt(where(zero, 1.0, total)))


def members(loss: str, prediction: ArrayLike, count: int, names: str) -> list[Array]:
    """f32[n, count, …] ↦ its members, each f32[n, d]. Raises ShapeError for another shape."""
    fix, wanted = f"xp.stack({names}, axis=1) makes one array of them", f"[n, {count}, d]"
    if isinstance(prediction, tuple):
        found = f"of {len(prediction)} parts"
        raise ShapeError("LOSS-01", function=loss, found=found, wanted=wanted, fix=fix)
    x = strong(one_float(prediction))
    if x.ndim < 3 or x.shape[1] != count:
        raise ShapeError("LOSS-01", function=loss, found=x.spec, wanted=wanted, fix=fix)
    flat = reshape(x, (*x.shape[:2], math.prod(x.shape[2:])))
    return [flat[:, place] for place in range(count)]


class Triplet(Loss):
    """f32[n, 3, d] ↦ f32[n]: max(0, m + ‖a − p‖ − ‖a − n‖) of an anchor a, a positive p and a negative n, margin m.

    Row 0 of an example is the anchor, row 1 the positive, like the anchor, row 2 the negative, unlike it. The rows say
    it all: the target is not looked at, may be left out, and in `fit` is any array [n]. With `squared` the distances
    are squared (Schroff et al., 2015, section 3.1, where m = 0.2). From 0 up.

    Raises ShapeError for a prediction that is not of three, UsageError for options out of range.

    >>> triplet([[[0.0], [1.0], [5.0]], [[0.0], [2.0], [1.0]]])
    array([0., 2.], f32[2])
    """

    name: ClassVar[str] = "triplet"

    def __init__(self, *, margin: float = 1.0, squared: bool = False) -> None:
        self.margin = real_number("Triplet", "margin", margin, least=0)
        self.squared = truth("Triplet", "squared", squared)

    def __call__(self, prediction: ArrayLike, target: Any = None) -> Array:
        anchor, positive, negative = members(self.name, prediction, 3, "(anchor, positive, negative)")
        near, far = (square(subtract(anchor, other)) for other in (positive, negative))
        near, far = (sum(one, axis=-1) if self.squared else length(one) for one in (near, far))
        return maximum(0.0, add(subtract(near, far), self.margin))


class Contrastive(Loss):
    """f32[n, 2, d], f32[n] ↦ f32[n]: ½·t·D² + ½·(1 − t)·max(0, m − D)², D the distance of a pair, margin m.

    The target t is 1 for a pair that belongs together and 0 for one that does not (Hadsell et al., 2006, eq. 4, whose Y
    is 1 − t). From 0 up. Raises ShapeError unless the prediction is of pairs with one target each, UsageError unless
    the margin is above 0.

    >>> contrastive([[[0.0], [2.0]], [[0.0], [0.5]]], [1, 0])
    array([2.   , 0.125], f32[2])
    """

    name: ClassVar[str] = "contrastive"

    def __init__(self, *, margin: float = 1.0) -> None:
        self.margin = real_number("Contrastive", "margin", margin, above=0)

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        first, second = members(self.name, prediction, 2, "(first, second)")
        same = cast(strong(target), first.dtype)
        squares = square(subtract(first, second))
        if same.shape != first.shape[:1]:
            rows = (("pairs", asarray(prediction).spec, ""), ("target", same.spec, ""))
            fix = "give one target for each pair, shape [n]"
            raise ShapeError("SHAPE-08", function=self.name, left="pairs", right="target", operands=rows, fix=fix)
        apart = square(maximum(0.0, subtract(self.margin, length(squares))))
        loss = add(multiply(same, sum(squares, axis=-1)), multiply(subtract(1.0, same), apart))
        return multiply(loss, 0.5)


triplet = Triplet()
"""f32[n, 3, d] ↦ f32[n]: max(0, 1 + ‖a − p‖ − ‖a − n‖)."""

contrastive = Contrastive()
"""f32[n, 2, d], f32[n] ↦ f32[n]: ½·D² of pairs that belong together, ½·max(0, 1 − D)² of the others."""
