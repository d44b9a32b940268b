"""Beginners' traps, caught before training starts or when it fails, each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
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
from mapsto.core.spec import Spec, is_float, is_integer
from mapsto.core.tree import fields, meta_of
from mapsto.data.dataset import Dataset, memory_mapped
from mapsto.data.samples import Samples
from mapsto.data.stack import leaves_of
from mapsto.image.colour import Normalise
from mapsto.image.crop import RandomFlip
from mapsto.image.scale import Scale
from mapsto.losses import Loss
from mapsto.metrics import Metric
from mapsto.nn.activation import Activation
from mapsto.nn.conv import Conv2D
from mapsto.optim import Optimizer
from mapsto.train.samples import Fed, check_range, first_inputs, first_of, target_of

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
        raise UsageError("TRAIN-01", fix=fix)
    if isinstance(loss, type) and issubclass(loss, Loss):
        fix = f"make one of it: loss=losses.{loss.__name__}()"
    wanted = (("net", net, isinstance(net, Mapping)), ("loss", loss, callable(loss) and not isinstance(loss, type)))
    for name, value, right in (*wanted, ("optimizer", optimizer, isinstance(optimizer, Optimizer))):
        if not right:
            raise UsageError("TRAIN-02", name=name, value=described(value), fix=fix)
    check_last_mapping(net, loss)


def check_own_step(step: Any, run: Any, others: tuple[Any, ...]) -> None:
    """A step of one's own comes with a run, and with nothing that a Learner would make a step of."""
    if not callable(step) or run is None or any(other is not None for other in others):
        raise UsageError("TRAIN-03", fix="Learner(step=f, run=tree)")


def checked_metrics(metrics: Any) -> tuple[Metric, ...]:
    """The metrics as a tuple. Raises UsageError for anything else among them."""
    listed = tuple(metrics) if isinstance(metrics, (list, tuple)) else (metrics,)
    for metric in listed:
        if not isinstance(metric, Metric):
            raise UsageError("TRAIN-04", value=described(metric), fix="metrics=[metrics.accuracy]")
    names = [metric.name for metric in listed]
    for name in names:
        if names.count(name) > 1:
            fix = "leave one out, or give one of them another name: a property `name` of its class"
            raise UsageError("TRAIN-22", name=name, fix=fix)
    return listed


def described(value: Any) -> str:
    return getattr(value, "__name__", repr(value))


def check_last_mapping(net: Any, loss: Any) -> None:
    """A loss on scores must not be given probabilities: it would be taken of them once more."""
    last = list(steps_of(net))[-1:]
    if not isinstance(loss, Loss) or not loss.takes_scores or not last or not isinstance(last[0], Activation):
        return
    name = SQUASHED.get(last[0].function)
    if name is not None:
        fix = f"end the net before {name}, and add it after training: learner.net >> {name}"
        raise UsageError("TRAIN-05", last=name, loss=loss.name, fix=fix)


def check_channels(net: Any, samples: Samples) -> None:
    """Images with channels first in a net that begins with a convolution."""
    x = first_inputs(samples)
    if not isinstance(x, np.ndarray):
        return
    for step in steps_of(net):
        if isinstance(step, Conv2D) and x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[2] == x.shape[3] > 4:
            rows = (("x", Spec(x.dtype, (len(samples), *x.shape[1:])), ""),)
            raise ShapeError("TRAIN-06", operands=rows, fix="x.transpose(0, 2, 3, 1)")
        if not isinstance(step, Scale | Normalise | RandomFlip):
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


def note_unscaled(net: Mapping, samples: Samples) -> None:
    """Pixels from 0 to 255 that reach the weights as they are."""
    x = first_inputs(samples, 64)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8:
        return
    probe = RangeProbe()
    with calling(probe):
        net(asarray(x))
    if probe.largest is not None and probe.largest > LARGE:
        low, high = int(x.min()), int(x.max())
        note(
            f"the inputs are uint8 from {low} to {high} and reach {probe.layer} unscaled; training is slow and "
            "unsteady on such numbers. Begin the net with image.scale(1 / 255)."
        )


def class_count(net: Mapping, loss: Any, samples: Samples) -> int | None:
    """How many classes the net tells apart, if the loss and the labels say that it does."""
    specs = meta_of(net).specs
    takes_labels = isinstance(loss, Loss) and loss.takes_labels
    if not takes_labels or specs is None or len(specs[1].shape) != 1:
        return None
    y = samples.y if isinstance(samples, Dataset) else target_of(first_of(samples))
    labelled = isinstance(y, np.ndarray) and y.ndim == 1 and is_integer(y.dtype)
    return specs[1].shape[0] if labelled else None


def check_targets(net: Mapping, loss: Any, metrics: Sequence[Metric], samples: Samples, what: str) -> Samples:
    """Every target is one that the loss and the metrics are for. Those not known yet are checked batch by batch."""
    samples = check_labels(net, loss, samples, what)
    specs = meta_of(net).specs
    if specs is None or not isinstance(specs[1], Spec):
        return samples
    check = partial(check_target, loss, metrics, specs[1].shape)
    if isinstance(samples, Fed):
        return replace(samples, check=check)
    assert isinstance(samples, Dataset)  # as `cast_samples` makes them
    check(samples.y)
    return samples


def check_target(loss: Any, metrics: Sequence[Metric], output: tuple[int, ...], y: Any) -> None:
    """Targets in the shape of the outputs, as the loss and as metrics of classes take them. Raises DataError."""
    if not isinstance(y, np.ndarray):
        return
    if isinstance(loss, Loss) and y.shape[1:] == output:
        loss.check_target(asarray(y))
    judge = next((metric for metric in metrics if metric.takes_classes), None)
    # One score for each place tells two classes apart. Of several, the largest target is the class, whatever it is.
    one_score = output in ((), (1,)) or (len(output) > 1 and y.shape[1:] == output)
    if judge is None or not one_score or not (is_float(y.dtype) or is_integer(y.dtype)):
        return
    wrong = (y < 0) | (y > 1)
    ignored = getattr(loss, "ignore", None)
    if ignored is not None:
        wrong &= y != ignored
    elif not isinstance(loss, Loss) and is_integer(y.dtype):
        wrong &= y > 1  # a loss of one's own may ignore −1, and need not say so
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        fix = "judge numbers by metrics.mae, metrics.rmse or metrics.r2"
        if not ((y != -1) & (y != 1)).any():
            fix = "make labels −1 and 1 to 0 and 1: (y + 1) / 2; losses.binary_hinge takes them too"
        facts = {"metric": judge.name, "value": y[place], "index": ", ".join(map(str, place))}
        raise DataError("TRAIN-23", **facts, fix=fix)


def check_labels(net: Mapping, loss: Any, samples: Samples, what: str) -> Samples:
    """Every class label is one of the net's outputs. Labels that are not known yet are checked batch by batch."""
    outputs = class_count(net, loss, samples)
    if outputs is None:
        return samples
    ignored = getattr(loss, "ignore", None)
    if samples.labels is None and isinstance(samples, Fed):
        return replace(samples, outputs=outputs, ignored=ignored, part=what)
    if samples.labels is not None:
        check_range(samples.labels, np.arange(len(samples)), outputs, ignored, what)
    return samples


def check_fraction(value: Any) -> None:
    """A validation fraction is a number between 0 and 1."""
    if isinstance(value, (bool, str)) or not 0 < value < 1:
        wanted = "a fraction such as 0.1, or a data set"
        raise UsageError("ARG-01", function="fit", name="validation", value=value, wanted=wanted)


def check_batch_axis(net: Mapping, x: Array) -> None:
    """One example in place of a batch of them."""
    specs = meta_of(net).specs
    if specs is not None and len(specs[0]) == 1 and x.shape == specs[0][0].shape:
        rows = (("x", x.spec, ""), ("one example", specs[0][0], ""))
        raise ShapeError("TRAIN-12", operands=rows, fix="x[None] makes a batch of it")


def not_finite_in(samples: Samples, batch: Any) -> tuple[tuple[str, object, str], ...]:
    """Where the data itself is not finite, as a row of an error; nothing if it is. Lazy sets: in the batch alone."""
    if isinstance(samples, Dataset) and not memory_mapped(samples.x):
        parts, remark = (("x", samples.x), ("y", samples.y)), "the first of them"
    else:
        parts, remark = leaves_of(batch), "the first in the batch"
    for name, values in parts:
        if is_float(values.dtype) and not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            return (("data", f"{name}{list(place)} = {values[place]}", remark),)
    return ()
