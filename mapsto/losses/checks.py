"""What losses ask of their two inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from mapsto.array.array import Array, ArrayLike, known
from mapsto.array.comparison import equal, not_equal, where
from mapsto.array.convert import cast, promote
from mapsto.array.manipulate import arange, expand_dims
from mapsto.array.trace import Traced
from mapsto.core.errors import DataError, DTypeError, ShapeError
from mapsto.core.spec import INT64, is_integer

ONE_SHAPE = "give both one shape"
ROUNDING = 1e-3  # of probabilities; twenty classes in float16 sum to 1 as nearly


def pair(loss: str, prediction: ArrayLike, target: ArrayLike, fix: str = ONE_SHAPE) -> tuple[Array, Array]:
    """Prediction and target as floats of one type and shape, [n, …]. Raises ShapeError for everything else."""
    left, right = promote(loss, prediction, target, floats=True)
    has_batch(loss, left)
    same_shape(loss, left, right, fix)
    return left, right


def same_shape(loss: str, prediction: Array, target: Array, fix: str = ONE_SHAPE) -> None:
    """Prediction and target have one shape; (n, 1) beside (n,) is refused, not broadcast to (n, n)."""
    if prediction.shape != target.shape:
        rows = (("prediction", prediction.spec, ""), ("target", target.spec, ""))
        if target.shape == (*prediction.shape, 1):
            fix = "squeeze the target: y.reshape(-1)"
        elif prediction.shape == (*target.shape, 1):
            fix = "make the target a column, y.reshape(-1, 1), or end the net with mt.fn(lambda p: p[:, 0])"
        raise ShapeError("SHAPE-08", function=loss, left="prediction", right="target", operands=rows, fix=fix)


def has_batch(loss: str, prediction: Array) -> None:
    if not prediction.ndim:
        raise ShapeError("BATCH-01", function=loss, found=prediction.spec, fix="give a batch: [n, …]")


def has_classes(loss: str, scores: Array, least: int = 1) -> None:
    """Scores [n, …, k] of some classes, `least` or more."""
    if scores.ndim < 2 or scores.shape[-1] < least:
        wanted = "[n, …, classes]" if least < 2 else f"[n, …, classes] with {least} classes or more"
        fix = "end the net with Dense(classes)"
        if least == 2:
            fix += f", or use losses.binary_{loss} for two classes told apart by one score"
        raise ShapeError("LOSS-01", function=loss, found=scores.spec, wanted=wanted, fix=fix)


def class_labels(loss: str, labels: Array, scores: Array, ignore: int | None) -> tuple[Array, Array | None]:
    """Labels as indices of classes, one a row of scores; and where they count, if a label is to be ignored.

    An ignored label becomes class 0, which is an index at least. Raises DTypeError for labels that are no integers,
    ShapeError where they do not fit the scores, DataError for one out of range.
    """
    if labels.shape == scores.shape:
        raise ShapeError("LOSS-05", function=loss, found=labels.spec, fix="give labels: y.argmax(-1)")
    if labels.shape != scores.shape[:-1]:
        rows = (("scores", scores.spec, ""), ("labels", labels.spec, ""))
        fix = "labels are one integer per example, shape [n]"
        if labels.shape == (*scores.shape[:-1], 1):
            fix = "squeeze the labels: y[:, 0] or y.reshape(-1)"
        elif scores.ndim > 2 and labels.shape == scores.shape[:1]:
            fix = "the scores have axes besides [n, classes]: nn.Flatten() >> nn.Dense(classes), or nn.GlobalAvgPool()"
        raise ShapeError("SHAPE-08", function=loss, left="scores", right="labels", operands=rows, fix=fix)
    if not is_integer(labels.dtype):
        fix = "class labels are integers: y.astype(np.int64)"
        raise DTypeError("DTYPE-04", function=loss, wanted="integer labels", found=labels.spec, fix=fix)
    labels = cast(labels, INT64)
    kept = None
    if ignore is not None:
        kept = not_equal(labels, ignore)
        labels = where(kept, labels, 0)
    check_range(loss, labels, scores.shape[-1])
    return labels, kept


def check_range(loss: str, labels: Array, classes: int) -> None:
    """Labels that are known are classes; of traced ones, taking the score will tell."""
    if isinstance(labels, Traced):
        return
    place = first_of((labels.data < 0) | (labels.data >= classes))
    if place is not None:
        facts = {"label": labels.data[place], "index": text_of(place), "classes": classes}
        raise DataError("LOSS-02", function=loss, **facts, fix=f"labels run 0 … {classes - 1}")


def check_unit(loss: str, target: Array, ignore: int | None = None) -> None:
    """Targets that are known lie in 0 … 1, but for the one that is ignored. Raises DataError (LOSS-06).

    Beyond, a cross-entropy has no least value: descent would make ever larger scores. NaN is found elsewhere.
    """
    numbers = known(target)
    if numbers is None:
        return
    outside = (numbers < -ROUNDING) | (numbers > 1 + ROUNDING)
    first = first_of(outside if ignore is None else outside & (numbers != ignore))
    if first is not None:
        fix = "targets are 0 and 1, or probabilities"
        if numbers[first] == -1 and not ((numbers != -1) & (numbers != 1)).any():
            fix = "for labels −1 and 1: (y + 1) / 2, or losses.binary_hinge"
        raise DataError("LOSS-06", function=loss, target=numbers[first], index=text_of(first), fix=fix)


def check_distributions(loss: str, target: Array) -> None:
    """Targets that are known are distributions along the last axis: from 0 to 1, and 1 in sum, but for rounding.

    Raises DataError, LOSS-06 or LOSS-07.
    """
    check_unit(loss, target)
    numbers = known(target)
    if numbers is None:
        return
    totals = np.asarray(np.sum(numbers, axis=-1, dtype=np.float64))
    first = first_of(np.abs(totals - 1.0) > ROUNDING)
    if first is not None:
        fix = "divide each row by its sum; where several classes are true at once: losses.binary_cross_entropy"
        raise DataError("LOSS-07", function=loss, index=text_of(first), total=f"{totals[first]:.6g}", fix=fix)


def first_of(found: np.ndarray[Any, Any]) -> tuple[int, ...] | None:
    """The first place where something was found."""
    return tuple(int(i) for i in np.argwhere(found)[0]) if found.any() else None


def text_of(place: tuple[int, ...]) -> str:
    return ", ".join(map(str, place))


def at_label(labels: Array, classes: int) -> Array:
    """i64[…] ↦ bool[…, k]: whether a class is the one of the label."""
    return equal(expand_dims(labels, axis=-1), arange(classes))
