"""What losses ask of their two inputs."""

from __future__ import annotations

from mapsto.array.array import Array
from mapsto.core.errors import ShapeError


def same_shape(loss: str, prediction: Array, target: Array) -> None:
    """Prediction and target have one shape; (n, 1) beside (n,) is refused, not broadcast to (n, n)."""
    if prediction.shape != target.shape:
        rows = (("prediction", prediction.spec, ""), ("target", target.spec, ""))
        fix = "give both one shape"
        if target.shape == (*prediction.shape, 1):
            fix = "squeeze the target: y.reshape(-1)"
        elif prediction.shape == (*target.shape, 1):
            fix = "make the target a column, y.reshape(-1, 1), or end the net with mt.fn(lambda p: p[:, 0])"
        raise ShapeError("SHAPE-08", function=loss, left="prediction", right="target", operands=rows, fix=fix)


def has_batch(loss: str, prediction: Array) -> None:
    if not prediction.ndim:
        raise ShapeError("SHAPE-07", function=loss, problem="the prediction has no batch axis", fix="give [n, …]")
