"""The Learner: trains a net, or any tree by the user's own step; evaluates; predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.array.manipulate import concat
from mapsto.array.random import key
from mapsto.compose.declare import Declared, unmade
from mapsto.compose.edge import float_type
from mapsto.compose.mapping import Mapping
from mapsto.core.check import whole_number
from mapsto.core.errors import MapstoError, NonFiniteError, StateError, UsageError
from mapsto.core.names import missing
from mapsto.core.spec import FLOAT32
from mapsto.core.tree import Leaf, flatten, map_leaves, rebuild
from mapsto.data.dataset import Dataset, memory_mapped
from mapsto.data.samples import Samples
from mapsto.metrics import Confusion, Metric, confusion_matrix
from mapsto.optim import Optimizer
from mapsto.train import checks
from mapsto.train.interrupt import StepBoundary
from mapsto.train.last_batch import Batching, filled
from mapsto.train.programs import Programs, Step
from mapsto.train.progress import Quiet, figures_text, progress_for
from mapsto.train.results import Averages, Evaluation, Figures, History
from mapsto.train.samples import (
    as_dataset,
    batches,
    cast_samples,
    check_batch_size,
    first_inputs,
    first_of,
    given_inputs,
    input_batches,
    shuffled,
    spread,
)

USUAL_BATCH = 32
USUAL_JUDGED = 256  # samples at a time where nothing is learnt


class Learner:
    """Trains what it is given.

    `Learner(net, loss=…, optimizer=…, metrics=[…])` trains a net: the loss maps (prediction, target) to one value per
    example. `Learner(step=f, run=tree)` trains any tree by a step of your own, `f(run, (x, y), key) ↦ (run, figures)`.

    The net that was given stays as it is; the trained one is `learner.net`.

    Raises UsageError for combinations that cannot work, such as a softmax before a loss that takes scores.

    >>> from mapsto import data, image, losses, nn, optim
    >>> net = image.scale(1 / 16) >> nn.Flatten() >> nn.Dense(10)
    >>> learner = Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(1e-2))
    >>> samples = data.load("digits").take(64)
    >>> history = learner.fit(samples, epochs=3, progress=False)
    >>> history["loss"][-1] < history["loss"][0], learner.predict(samples).shape
    (True, (64, 10))
    """

    def __init__(
        self,
        net: Mapping | None = None,
        *,
        loss: Callable[..., Array] | None = None,
        optimizer: Optimizer | None = None,
        metrics: Sequence[Metric] = (),
        step: Step | None = None,
        run: Any = None,
    ) -> None:
        self.history = History()
        self.steps = 0
        self._programs = Programs(loss, checks.checked_metrics(metrics), step)
        self._optimizer = optimizer
        if step is not None:
            checks.check_own_step(step, run, (net, loss, optimizer))
            self._net, self._run = None, copied(run)
        else:
            checks.check_parts(net, loss, optimizer)
            self._net, self._run = net, None

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return missing(self, "Learner", name)

    def __repr__(self) -> str:
        """What it trains by, how far it has come, and the net."""
        taken = f"{self.steps:,} {words('step', self.steps)} in {len(self.history)} {words('epoch', len(self.history))}"
        if self.history.epochs:
            taken += f": {figures_text(self.history.epochs[-1])}"
        if self._net is None:
            return f"Learner(a step of its own)\n  {taken}"
        names = ", ".join(metric.name for metric in self.metrics)
        given = self._programs.loss
        loss = getattr(given, "name", getattr(given, "__name__", repr(given)))
        net = repr(self._net if self._run is None else self._run["net"]).replace("\n", "\n  ")
        return f"Learner(loss={loss}, optimizer={self._optimizer}, metrics=[{names}])\n  {taken}\n  {net}"

    # what is trained

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured besides the loss."""
        return self._programs.metrics

    @metrics.setter
    def metrics(self, metrics: Sequence[Metric]) -> None:
        self._programs.metrics = checks.checked_metrics(metrics)

    @property
    def run(self) -> Any:
        """A snapshot of the tree that is being trained."""
        if self._run is None:
            raise StateError("TRAIN-15", fix="call learner.fit first")
        return copied(self._run)

    @property
    def net(self) -> Any:
        """A snapshot of the net as it is trained so far."""
        if self._run is None and self._net is not None and not unmade(self._net):
            return self._net
        run = self.run
        if not (isinstance(run, dict) and "net" in run):
            raise UsageError("TRAIN-16", fix='name it: run={"net": net, …}')
        return run["net"]  # pyright: ignore[reportUnknownVariableType]

    # training

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: int | None = None,
        validation: Any = None,
        seed: int = 0,
        progress: bool | None = None,
    ) -> History:
        """Train on a data set, or on arrays x and y, for some epochs; calling it again goes on.

        Samples are pairs (x, y). Where x is a tuple of several inputs, the net is called with them one by one, as
        net(a, b); a dict is matched with the names of its arguments. A step of one's own takes samples of any kind.

        `validation` is a fraction of the data held out (seeded, stratified by class) or a data set of its own, judged
        after every epoch. A batch has 32 samples unless said otherwise. The same seed gives the same numbers. Progress
        is shown if a person is at the terminal, or as `progress` says.

        A last batch with fewer samples is filled up at no weight where it is proved that no operation crosses examples;
        else a second program is compiled for it before the first step.

        Raises DataError for data that cannot be trained on, ShapeError where it does not fit the net, NonFiniteError,
        with the last good parameters kept, if the loss or a gradient is not finite.
        """
        train, held_out = self._prepare(as_dataset(data, y), validation, seed)
        epochs = whole_number("fit", "epochs", epochs, least=0)
        batch_size = min(USUAL_BATCH, len(train)) if batch_size is None else batch_size
        check_batch_size("fit", batch_size, len(train))
        with progress_for(progress) as bar, StepBoundary() as boundary:
            batching = self._batching(train, batch_size, bar) if epochs else Batching(batch_size)
            boundary.check()
            for epoch in range(1, epochs + 1):
                bar.begin(epoch, epochs, -(-len(train) // batch_size))
                figures = self._epoch(train, batching, seed, bar, boundary)
                if held_out is not None:
                    judged = self._judged(held_out, USUAL_JUDGED)
                    figures.update({f"validation {name}": value for name, value in judged.figures.items()})
                self.history.epochs.append(figures)
                bar.end(figures)
                boundary.check()
        return self.history

    def _batching(self, train: Samples, size: int, bar: Quiet) -> Batching:
        """How a smaller last batch is taken: filled up, or by a program of its own, which is compiled now."""
        left = len(train) % size
        if not left:
            return Batching(size)
        samples = train.epoch(len(self.history))
        first, at = first_of(samples), np.array([self.steps, left])
        try:
            if self._programs.own_step is None:
                batching = self._programs.filling.batching(first, (self._run, key(0)), size, left)
                if batching.places is not None:
                    return batching
            bar.say(f"compiling for batches of {size}, and for the last one, of {left}")
            for count in (size, left):
                if (whole := in_memory(samples)) is not None:
                    self._programs.step_at.ready(self._run, *whole, np.zeros(count, np.int64), key(0), at)
                else:
                    self._programs.step.ready(self._run, filled(first, count), key(0), at)
        except MapstoError:
            self._forget_misfit()
            raise
        return Batching(size)

    def _epoch(self, train: Samples, batching: Batching, seed: int, bar: Quiet, boundary: StepBoundary) -> Figures:
        """Take a step for every batch, in the epoch's own order."""
        root, averages = key(seed), Averages(self.metrics)
        order = shuffled(len(train), seed, len(self.history))
        samples = train.epoch(len(self.history))
        whole = in_memory(samples)
        for begin in range(0, len(order), batching.size):
            rows = order[begin : begin + batching.size]
            averages.add(self._take_step(samples, whole, rows, batching, root), len(rows))
            bar.advance(len(rows), averages.figures)
            boundary.check()
        return averages.figures()

    def _prepare(self, samples: Samples, validation: Any, seed: int) -> tuple[Samples, Samples | None]:
        """The training and validation samples, with everything checked that can be before the first step."""
        held_out: Samples | None = None
        if isinstance(validation, (bool, int, float, np.number, str)):
            checks.check_fraction(validation)
            samples, held_out = samples.split(float(validation), seed=seed)
        elif validation is not None:
            held_out = as_dataset(validation)
        if self._net is None:
            if held_out is not None:
                fix = "leave validation out, and judge learner.run yourself"
                raise UsageError("TRAIN-17", verb="validate", fix=fix)
            own = float_type(self._run)
            return samples if own is None else cast_samples(samples, own), None
        dtype = float_type(self._net, also=(Declared,)) or FLOAT32
        samples = cast_samples(samples, dtype)
        held_out = None if held_out is None else cast_samples(held_out, dtype)
        if self._run is None:
            checks.check_channels(self._net, samples)
            # Parameters that are made already stay; their specs are recorded.
            net = self._net.init(key(seed), *map(asarray, spread(self._net, first_inputs(samples))))
            assert self._optimizer is not None
            self._run = copied({"net": net, "optimizer": self._optimizer.init(net)})
        net = self._run["net"]
        assert self._programs.loss is not None
        checks.note_unscaled(net, samples)
        samples = checks.check_targets(net, self._programs.loss, self.metrics, samples, "training data")
        if held_out is not None:
            held_out = checks.check_targets(net, self._programs.loss, self.metrics, held_out, "validation data")
        return samples, held_out

    def _take_step(
        self,
        train: Samples,
        whole: tuple[Array, Array] | None,
        rows: np.ndarray[Any, Any],
        batching: Batching,
        root: Array,
    ) -> dict[str, Array]:
        """One step on some samples. Of a set in memory the compiled step itself reads them, where it needs them."""
        count, at = len(rows), np.array([self.steps, len(rows)])
        taken = batching.taken(count)
        try:
            if whole is not None:
                made = self._programs.step_at(self._run, *whole, filled(rows, taken), root, at)
            else:
                made = self._programs.step(self._run, filled(train.gather(rows), taken), root, at)
            self._run, figures = batching.trimmed(made, count)
        except NonFiniteError as error:
            told = checks.not_finite_in(train, train.gather(rows))
            step = f" at step {self.steps}; nothing was updated"
            fix = "clean the data: np.isfinite finds where" if told else error.fix
            tensor = error.facts["tensor"]
            raise NonFiniteError("NAN-01", tensor=tensor, step=step, operands=told, fix=fix) from None
        except MapstoError:
            self._forget_misfit()
            raise
        self.steps += 1
        return figures

    def _forget_misfit(self) -> None:
        """Before the first step, the net was made for data that does not fit; the next fit makes it anew."""
        if not self.steps and self._net is not None:
            self._run = None

    # judging

    def evaluate(self, data: Any, y: Any = None, *, batch_size: int = USUAL_JUDGED) -> Evaluation:
        """The loss and metrics of the trained net on a data set, and a class report if it has class labels."""
        if self._programs.loss is None:
            raise UsageError("TRAIN-17", verb="evaluate", fix="use learner.run")
        check_batch_size("evaluate", batch_size)
        net = self.net
        samples = cast_samples(as_dataset(data, y), float_type(net) or FLOAT32)
        samples = checks.check_targets(net, self._programs.loss, self.metrics, samples, "data")
        return self._judged(samples, batch_size)

    def _judged(self, samples: Samples, batch_size: int) -> Evaluation:
        net = self.net
        metrics = (*self.metrics, *self._report_metrics(net, samples))
        averages = Averages(metrics)
        for statistics, count in self._programs.judge(batches(samples, batch_size), net, metrics):
            averages.add(statistics, count)
        return Evaluation(averages.values(), samples.classes)

    def _report_metrics(self, net: Mapping, samples: Samples) -> tuple[Metric, ...]:
        """What a class report needs besides the metrics asked for, where the labels are classes."""
        classes = checks.class_count(net, self._programs.loss, samples)
        asked = any(isinstance(metric, Confusion) for metric in self.metrics)
        return () if classes is None or asked else (confusion_matrix(classes),)

    def predict(self, data: Any, *, batch_size: int = USUAL_JUDGED) -> Any:
        """The trained net's output for inputs `[n, …]`, or for a data set's inputs.

        Several inputs come as a tuple or dict of arrays. Of a data set with samples (x, y) the x are taken.
        """
        net = self.net
        check_batch_size("predict", batch_size)
        dtype = float_type(net) or FLOAT32
        given = given_inputs(data, dtype)
        if isinstance(given, Array):
            checks.check_batch_axis(net, given)
        inputs = input_batches(given, batch_size, dtype)
        parts = [made for made, _ in self._programs.forward(inputs, net)]
        if len(parts) == 1:
            return parts[0]
        columns = zip(*([leaf.value for leaf in flatten(part)[0]] for part in parts), strict=True)
        return rebuild(flatten(parts[0])[1], [concat(column) for column in columns])


def in_memory(samples: Samples) -> tuple[Array, Array] | None:
    """The arrays x[n, …] and y[n, …] of a set that is in memory as a whole."""
    if not isinstance(samples, Dataset) or memory_mapped(samples.x) or memory_mapped(samples.y):
        return None
    return Array(samples.x), Array(samples.y)


def words(one: str, count: int) -> str:
    return one if count == 1 else f"{one}s"


def copied(tree: Any) -> Any:
    """The same tree in memory of its own, so that donating it takes nothing from the user."""

    def fresh(leaf: Leaf) -> Any:
        return Array(leaf.value.data.copy()) if isinstance(leaf.value, Array) else leaf.value

    return map_leaves(fresh, tree)
