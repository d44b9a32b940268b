"""One batch through net, loss, metrics and optimizer: a training step, judging, predicting.

The first examples of a batch are real; others may follow that only fill it up.

Each is a function of arrays that is part of a compiled program. No other place takes means and sums over examples, so
that this one says what an example counts that only fills up: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mapsto.array.arithmetic import divide
from mapsto.array.array import Array
from mapsto.array.comparison import less, where
from mapsto.array.convert import cast
from mapsto.array.manipulate import arange
from mapsto.array.reduction import sum, wide_floats
from mapsto.compose.mapping import Mapping
from mapsto.compose.modes import training
from mapsto.core.errors import ShapeError, UsageError
from mapsto.core.spec import FLOAT32
from mapsto.data.stack import count_of
from mapsto.metrics import Metric
from mapsto.train.samples import spread
from mapsto.transform.call import guard
from mapsto.transform.grad import value_and_grad

Loss = Callable[..., Any]


def real_rows(batch: Any, count: Array) -> Array:
    """A batch [n, …] and how many of its examples are real ↦ bool[n]: the first ones are."""
    return less(arange(count_of(batch)), count)


def mean_over(values: Array, real: Array, count: Array) -> Array:
    """f32[n], bool[n], i64[] ↦ f32[]: the mean of the values of the real examples, of which there are `count`.

    A select, not a product: what an example makes that only fills up is not looked at, be it infinite.
    """
    wide, found = wide_floats(values)
    return cast(divide(sum(where(real, wide, 0.0)), cast(count, wide.dtype)), found)


def one_value_each(loss: Loss, prediction: Any, y: Any) -> Array:
    """What a loss makes of a batch, f32[n]. Raises UsageError or ShapeError (TRAIN-13) for anything else."""
    values, count = loss(prediction, y), count_of(y)
    if not isinstance(values, Array):
        fix = "is a return missing at the end of the function?" if values is None else "return one array: [n]"
        found = "None" if values is None else f"a {type(values).__name__}"
        raise UsageError("TRAIN-13", found=found, count=count, fix=fix)
    if values.shape != (count,):
        fix = "a loss gives one value per example: [n]"
        raise ShapeError("TRAIN-13", found=values.spec, count=count, fix=fix)
    return values


def measured(metrics: Sequence[Metric], prediction: Any, y: Any, real: Array) -> dict[str, Array]:
    """What each metric adds up for a batch, by name."""
    weight = cast(real, FLOAT32)
    return {metric.name: metric(prediction, y, weight) for metric in metrics}


def one_step(loss: Loss, metrics: Sequence[Metric], run: Any, batch: Any, real: Array, count: Array, key: Array) -> Any:
    """The net and optimizer in `run`, a batch (x, y) and a key ↦ both after a step, and its figures by name."""
    x, y = batch

    def objective(net: Mapping) -> Any:
        prediction, net = training(net)(key, *spread(net, x))
        return mean_over(one_value_each(loss, prediction, y), real, count), (net, prediction)

    (value, (net, prediction)), gradient = value_and_grad(objective, aux=True)(run["net"])
    guard("the loss", value)
    net, optimizer = run["optimizer"].step(net, gradient)
    figures = {"loss": value, **measured(metrics, prediction, y, real), **optimizer.figures()}
    return {"net": net, "optimizer": optimizer}, figures


def judged(loss: Loss, batch: Any, real: Array, count: Array, net: Mapping, metrics: Sequence[Metric]) -> Any:
    """A batch (x, y) ↦ the loss of the net in evaluation mode, and what metrics add up, by name."""
    x, y = batch
    prediction = net(*spread(net, x))
    value = mean_over(one_value_each(loss, prediction, y), real, count)
    return {"loss": value, **measured(metrics, prediction, y, real)}


def predicted(batch: Any, real: Array, count: Array, net: Mapping) -> Any:
    """What a net makes of one input or several."""
    return net(*spread(net, batch))
