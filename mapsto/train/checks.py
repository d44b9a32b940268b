"""Beginners' traps, caught before training starts or when it fails, each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mapsto.array import functions
from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compose.combine import Chain
from mapsto.compose.frame import CallFrame, calling
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import DataError, ShapeError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import Spec, is_integer
from mapsto.core.tree import fields, meta_of
from mapsto.data.dataset import Dataset
from mapsto.image.scale import Scale
from mapsto.losses import binary_cross_entropy, cross_entropy
from mapsto.metrics import Metric
from mapsto.nn.activation import Activation
from mapsto.nn.conv import Conv2D
from mapsto.optim import Optimizer

SQUASHED = {functions.softmax: "nn.softmax", functions.sigmoid: "nn.sigmoid"}
LARGE = 16.0  # inputs beyond this at the first weights are pixels rather than numbers of order one


def steps_of(net: Any) -> Iterator[Any]:
    """The mappings of a chain in order, chains within it opened."""
    if isinstance(net, Chain):
        for step in net.steps:
            yield from steps_of(step)
    else:
        yield net


def check_parts(net: Any, loss: Any, optimizer: Any) -> None:
    """A net, a loss and an optimizer that can be trained together."""
    fix = "Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(1e-3))"
    if net is None or loss is None or optimizer is None:
        raise UsageError("USE-01", problem="a Learner needs a net, a loss and an optimizer", fix=fix)
    wanted = (("net", net, isinstance(net, Mapping)), ("loss", loss, callable(loss)))
    for name, value, right in (*wanted, ("optimizer", optimizer, isinstance(optimizer, Optimizer))):
        if not right:
            raise UsageError("USE-01", problem=f"Learner: {name}={described(value)} is no {name}", fix=fix)
    check_last_mapping(net, loss)


def check_own_step(step: Any, run: Any, others: tuple[Any, ...]) -> None:
    """A step of one's own comes with a run, and with nothing that a Learner would make a step of."""
    if not callable(step) or run is None or any(other is not None for other in others):
        problem = "a Learner has a step and a run, or a net, a loss and an optimizer"
        raise UsageError("USE-01", problem=problem, fix="Learner(step=f, run=tree)")


def checked_metrics(metrics: Any) -> tuple[Metric, ...]:
    """The metrics as a tuple. Raises UsageError for anything else among them."""
    listed = tuple(metrics) if isinstance(metrics, (list, tuple)) else (metrics,)
    for metric in listed:
        if not isinstance(metric, Metric):
            fix = "metrics=[metrics.accuracy]"
            raise UsageError("USE-01", problem=f"Learner: {described(metric)} is no metric", fix=fix)
    return listed


def described(value: Any) -> str:
    return getattr(value, "__name__", repr(value))


def check_last_mapping(net: Any, loss: Callable[..., Any]) -> None:
    """A loss on scores must not be given probabilities: it would be taken of them once more."""
    last = list(steps_of(net))[-1:]
    if loss not in (cross_entropy, binary_cross_entropy) or not last or not isinstance(last[0], Activation):
        return
    name = SQUASHED.get(last[0].function)
    if name is not None:
        problem = f"the net ends in {name}, and losses.{loss.__name__} takes scores: it would be applied twice"
        fix = f"end the net before {name}, and add it after training: learner.net >> {name}"
        raise UsageError("USE-01", problem=problem, fix=fix)


def check_channels(net: Any, x: np.ndarray[Any, Any]) -> None:
    """Images with channels first in a net that begins with a convolution."""
    for step in steps_of(net):
        if isinstance(step, Conv2D) and x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[2] == x.shape[3] > 4:
            problem = "looks like channels first; images here are [n, height, width, channels]"
            rows = (("x", Spec(x.dtype, x.shape), ""),)
            raise ShapeError("SHAPE-07", function="fit", problem=problem, operands=rows, fix="x.transpose(0, 2, 3, 1)")
        if not isinstance(step, Scale):
            return


class RangeProbe(CallFrame):
    """Remembers the largest number that reaches the first mapping with weights of its own."""

    def __init__(self) -> None:
        self.largest: float | None = None
        self.layer = ""

    def call(
        self, mapping: Mapping, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        weighted = any(isinstance(value, Array) for value in fields(mapping).values())
        if weighted and self.largest is None and args and isinstance(args[0], Array) and args[0].size:
            self.largest = float(np.abs(np.asarray(args[0]).astype(np.float64)).max())
            self.layer = type(mapping).__name__
        return function(mapping, *args, **kwargs)


def note_unscaled(net: Mapping, samples: Dataset) -> None:
    """Pixels from 0 to 255 that reach the weights as they are."""
    if samples.x.dtype != np.uint8:
        return
    probe = RangeProbe()
    with calling(probe):
        net(asarray(samples.x[:64]))
    if probe.largest is not None and probe.largest > LARGE:
        low, high = int(samples.x.min()), int(samples.x.max())
        note(
            f"the inputs are uint8 from {low} to {high} and reach {probe.layer} unscaled; training is slow and "
            "unsteady on such numbers. Begin the net with image.scale(1 / 255)."
        )


def class_count(net: Mapping, loss: Any, samples: Dataset) -> int | None:
    """How many classes the net tells apart, if the loss and the labels say that it does."""
    specs = meta_of(net).specs
    labelled = samples.y.ndim == 1 and is_integer(samples.y.dtype)
    if loss is not cross_entropy or not labelled or specs is None or len(specs[1].shape) != 1:
        return None
    return specs[1].shape[0]


def check_labels(net: Mapping, loss: Callable[..., Any], samples: Dataset, what: str) -> None:
    """Every class label is one of the net's outputs."""
    classes, y = class_count(net, loss, samples), samples.y
    outside = [] if classes is None else np.flatnonzero((y < 0) | (y >= classes))
    if classes is not None and len(outside):
        first = int(outside[0])
        found = f"label {int(y[first])} at index {first} of the {what}"
        problem = f"{found}: the net has {classes} outputs, 0 … {classes - 1}"
        raise DataError("DATA-01", problem=problem, fix="end the net with Dense(number of classes), or mend the labels")


def check_fraction(value: Any) -> None:
    """A validation fraction is a number between 0 and 1."""
    if isinstance(value, (bool, str)) or not 0 < value < 1:
        fix = "give a fraction such as 0.1, or a data set"
        raise DataError("DATA-01", problem=f"validation={value!r}", fix=fix)


def check_batch_axis(net: Mapping, x: Array) -> None:
    """One example in place of a batch of them."""
    specs = meta_of(net).specs
    if specs is not None and len(specs[0]) == 1 and x.shape == specs[0][0].shape:
        rows = (("x", x.spec, ""), ("one example", specs[0][0], ""))
        fix = "x[None] makes a batch of it"
        raise ShapeError(
            "SHAPE-07", function="predict", problem="this is one example, not a batch", operands=rows, fix=fix
        )


def not_finite_in(samples: Dataset) -> tuple[tuple[str, object, str], ...]:
    """Where the data itself is not finite, as a row of an error; nothing if it is."""
    for name, values in (("x", samples.x), ("y", samples.y)):
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            return (("data", f"{name}{list(place)} = {values[place]}", "the first of them"),)
    return ()
